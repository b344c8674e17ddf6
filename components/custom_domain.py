"""A custom domain for the HTTP API."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

_VALIDATION_TTL_SECONDS = 300
# ACM mostly validates a certificate within minutes. The provider's default is to wait for 75 minutes.
_VALIDATION_TIMEOUT = "15m"


@dataclass(frozen=True, kw_only=True)
class CustomDomainArgs:
    """Which name leads to which stage.

    Attributes:
        domain_name: the host name.
        hosted_zone_name: the public Route 53 zone that contains it.
        stage: the API stage that answers at this name.
        protect_data: Pulumi refuses to delete the domain name, because producers use it.
    """

    domain_name: str
    hosted_zone_name: str
    stage: aws.apigatewayv2.Stage
    protect_data: bool


class CustomDomain(pulumi.ComponentResource):
    """A certificate validated by DNS, the domain name with its mapping, and the record that leads to it."""

    domain_name: pulumi.Output[str]

    def __init__(self, name: str, args: CustomDomainArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:CustomDomain", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone = aws.route53.get_zone_output(
            name=args.hosted_zone_name, private_zone=False, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        domain = aws.apigatewayv2.DomainName(
            f"{name}-domain",
            domain_name=args.domain_name,
            domain_name_configuration={
                "certificate_arn": _validated_certificate(name, args.domain_name, zone.zone_id, child),
                "endpoint_type": "REGIONAL",
                "security_policy": "TLS_1_2",
            },
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect_data),
        )
        mapping = aws.apigatewayv2.ApiMapping(
            f"{name}-mapping",
            api_id=args.stage.api_id,
            domain_name=domain.domain_name,
            stage=args.stage.name,
            opts=child,
        )
        aws.route53.Record(
            f"{name}-alias",
            zone_id=zone.zone_id,
            name=args.domain_name,
            type="A",
            aliases=[
                {
                    "name": domain.domain_name_configuration.target_domain_name,
                    "zone_id": domain.domain_name_configuration.hosted_zone_id,
                    "evaluate_target_health": False,
                }
            ],
            opts=child,
        )
        self.domain_name = mapping.domain_name
        self.register_outputs({"domain_name": self.domain_name})


def _validated_certificate(
    name: str, domain_name: str, zone_id: pulumi.Input[str], child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    certificate = aws.acm.Certificate(
        f"{name}-certificate", domain_name=domain_name, validation_method="DNS", opts=child
    )
    proof = certificate.domain_validation_options[0]
    record = aws.route53.Record(
        f"{name}-validation-record",
        zone_id=zone_id,
        name=proof.resource_record_name,
        type=proof.resource_record_type,
        records=[proof.resource_record_value],
        ttl=_VALIDATION_TTL_SECONDS,
        # ACM uses the same record for every certificate of a name: an earlier one may have left it.
        allow_overwrite=True,
        opts=child,
    )
    validation = aws.acm.CertificateValidation(
        f"{name}-validation",
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn],
        opts=pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=_VALIDATION_TIMEOUT))
        ),
    )
    return validation.certificate_arn
