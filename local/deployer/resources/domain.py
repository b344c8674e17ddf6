"""Certificates and DNS records."""

from typing import Any, cast

from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws


def _certificate(aws: Aws, declared: Declared) -> Created:
    domain = declared.properties.take("domainName")
    arn = aws.acm.request_certificate(
        DomainName=domain, **declared.properties.renamed(validationMethod="ValidationMethod")
    )["CertificateArn"]
    options = aws.acm.describe_certificate(CertificateArn=arn)["Certificate"].get("DomainValidationOptions")
    return Created(
        id=arn,
        outputs={
            "arn": arn,
            "domainValidationOptions": [
                {
                    "domainName": option["DomainName"],
                    "resourceRecordName": record["Name"],
                    "resourceRecordType": record["Type"],
                    "resourceRecordValue": record["Value"],
                }
                for option in options or []
                if (record := option.get("ResourceRecord"))
            ],
        },
    )


def _certificate_validation(_aws: Aws, declared: Declared) -> Created:
    return Created(id=declared.properties.take("certificateArn"))


def _record(aws: Aws, declared: Declared) -> Created:
    properties = declared.properties
    name, kind = properties.take("name"), properties.take("type")
    record: dict[str, Any] = {"Name": name, "Type": kind} | properties.renamed(ttl="TTL")
    if values := properties.take("records"):
        record["ResourceRecords"] = [{"Value": value} for value in values]
    for alias in properties.each("aliases"):
        record["AliasTarget"] = alias.renamed(
            name="DNSName", zoneId="HostedZoneId", evaluateTargetHealth="EvaluateTargetHealth"
        )
    action = "UPSERT" if properties.take("allowOverwrite") else "CREATE"
    aws.route53.change_resource_record_sets(
        HostedZoneId=properties.take("zoneId"),
        ChangeBatch={"Changes": [{"Action": cast("Any", action), "ResourceRecordSet": cast("Any", record)}]},
    )
    return Created(id=f"{name}_{kind}", outputs={"fqdn": name.rstrip(".")})


KINDS = {
    "aws:acm/certificate:Certificate": Kind(create=_certificate),
    "aws:acm/certificateValidation:CertificateValidation": Kind(
        create=_certificate_validation,
        not_emulated={"validationRecordFqdns": "no certificate authority looks at the emulator's DNS"},
    ),
    "aws:route53/record:Record": Kind(create=_record),
}
