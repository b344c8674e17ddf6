"""The HTTP API, and a domain name for it."""

from typing import Any, cast

from local.constants import ACCOUNT_ID, REGION
from local.deployer.resources.declared import Created, Declared, Kind
from local.emulator.aws import Aws
from local.emulator.control import answer_with_api


def _api(aws: Aws, declared: Declared) -> Created:
    api = aws.apigateway.create_api(
        Name=declared.physical_name,
        **declared.properties.renamed(protocolType="ProtocolType"),
    )
    answer_with_api(aws.url, api["ApiId"])
    return Created(
        id=api["ApiId"],
        outputs={
            "apiEndpoint": aws.url,
            "name": declared.physical_name,
            "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api['ApiId']}",
            "arn": f"arn:aws:apigateway:{REGION}::/apis/{api['ApiId']}",
        },
    )


def _integration(aws: Aws, declared: Declared) -> Created:
    integration = aws.apigateway.create_integration(
        **declared.properties.renamed(
            apiId="ApiId",
            integrationType="IntegrationType",
            integrationUri="IntegrationUri",
            payloadFormatVersion="PayloadFormatVersion",
        )
    )
    return Created(id=integration["IntegrationId"])


def _route(aws: Aws, declared: Declared) -> Created:
    route = aws.apigateway.create_route(
        **declared.properties.renamed(apiId="ApiId", routeKey="RouteKey", target="Target")
    )
    return Created(id=route["RouteId"])


def _stage(aws: Aws, declared: Declared) -> Created:
    properties = declared.properties
    name = properties.take("name")
    aws.apigateway.create_stage(
        StageName=name,
        DefaultRouteSettings=cast(
            "Any",
            properties.nested("defaultRouteSettings").renamed(
                throttlingRateLimit="ThrottlingRateLimit", throttlingBurstLimit="ThrottlingBurstLimit"
            ),
        ),
        AccessLogSettings=cast(
            "Any",
            properties.nested("accessLogSettings").renamed(destinationArn="DestinationArn", format="Format"),
        ),
        **properties.renamed(apiId="ApiId", autoDeploy="AutoDeploy"),
    )
    return Created(id=name, outputs={"invokeUrl": aws.url})


def _domain_name(aws: Aws, declared: Declared) -> Created:
    name = declared.properties.take("domainName")
    configuration = declared.properties.nested("domainNameConfiguration")
    settings = configuration.renamed(
        certificateArn="CertificateArn", endpointType="EndpointType", securityPolicy="SecurityPolicy"
    )
    created = aws.apigateway.create_domain_name(
        DomainName=name, DomainNameConfigurations=[cast("Any", settings)]
    )
    answered = created["DomainNameConfigurations"][0]
    target = answered.get("ApiGatewayDomainName", f"{name}.local")
    return Created(
        id=name,
        outputs={
            "domainNameConfiguration": {
                "certificateArn": settings["CertificateArn"],
                "endpointType": settings["EndpointType"],
                "securityPolicy": settings["SecurityPolicy"],
                "targetDomainName": target,
                "hostedZoneId": answered.get("HostedZoneId", "Z000000000LOCAL"),
            }
        },
    )


def _api_mapping(aws: Aws, declared: Declared) -> Created:
    mapping = aws.apigateway.create_api_mapping(
        **declared.properties.renamed(apiId="ApiId", domainName="DomainName", stage="Stage")
    )
    return Created(id=mapping["ApiMappingId"])


KINDS = {
    "aws:apigatewayv2/api:Api": Kind(
        create=_api,
        not_emulated={
            "disableExecuteApiEndpoint": "the loopback address is the only one that can be reached here"
        },
    ),
    "aws:apigatewayv2/integration:Integration": Kind(create=_integration),
    "aws:apigatewayv2/route:Route": Kind(create=_route),
    "aws:apigatewayv2/stage:Stage": Kind(create=_stage),
    "aws:apigatewayv2/domainName:DomainName": Kind(create=_domain_name),
    "aws:apigatewayv2/apiMapping:ApiMapping": Kind(create=_api_mapping),
}
