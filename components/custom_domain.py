"""A domain name of one's own for an HTTP API."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class CustomDomainArgs:
    """Settings of the domain.

    Attributes:
        domain_name: the name that clients use.
        hosted_zone_name: the Route 53 zone, there already, that the name lies in.
        stage: the stage of the API that answers at its root.
    """

    domain_name: str
    hosted_zone_name: str
    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage


class CustomDomain(pulumi.ComponentResource):
    """Produces a certificate validated by DNS, the domain with TLS 1.2, its mapping, and its alias record."""

    domain: aws.apigatewayv2.DomainName

    def __init__(self, name: str, args: CustomDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:CustomDomain", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone = aws.route53.get_zone_output(
            name=args.hosted_zone_name, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        certificate = aws.acm.Certificate(
            f"{name}-certificate", domain_name=args.domain_name, validation_method="DNS", opts=child
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=zone.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            opts=child,
        )
        validated = aws.acm.CertificateValidation(
            f"{name}-validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=child,
        )
        self.domain = aws.apigatewayv2.DomainName(
            f"{name}-domain",
            domain_name=args.domain_name,
            domain_name_configuration={
                "certificate_arn": validated.certificate_arn,
                "endpoint_type": "REGIONAL",
                "security_policy": "TLS_1_2",
            },
            opts=child,
        )
        aws.apigatewayv2.ApiMapping(
            f"{name}-mapping",
            api_id=args.api.id,
            domain_name=self.domain.id,
            stage=args.stage.id,
            opts=child,
        )
        configuration = self.domain.domain_name_configuration
        aws.route53.Record(
            f"{name}-alias",
            zone_id=zone.zone_id,
            name=args.domain_name,
            type="A",
            aliases=[
                {
                    "name": configuration.target_domain_name,
                    "zone_id": configuration.hosted_zone_id,
                    "evaluate_target_health": False,
                }
            ],
            opts=child,
        )
        self.register_outputs({"domain_name": self.domain.domain_name})
