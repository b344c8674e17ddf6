"""The HTTP API in front of a function that answers every request itself."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from handlers.intake.routes import ROUTES

# The function also answers requests to unknown routes, so that 404 and 405 are problem documents too.
_ROUTE_KEYS = {route.name: route.key for route in ROUTES} | {"default": "$default"}

# For a log group with any other name, API Gateway adds a statement to an account-wide policy that takes 5,120
# characters (API Gateway developer guide, "Logging considerations").
_ACCESS_LOG_PREFIX = "/aws/vendedlogs/webhooks-access-"
# Headers stay out, because they carry API keys.
_ACCESS_LOG = {
    field: f"$context.{variable}"
    for field, variable in {
        "requestId": "requestId",
        "time": "requestTime",
        "ip": "identity.sourceIp",
        "method": "httpMethod",
        "routeKey": "routeKey",
        "status": "status",
        "responseBytes": "responseLength",
        "latencyMs": "responseLatency",
        "integrationError": "integrationErrorMessage",
    }.items()
}


@dataclass(frozen=True, kw_only=True)
class HttpApiArgs:
    """How the API answers requests.

    Attributes:
        function: answers every request; it is invoked with payload format 2.0.
        log_retention_days: how long the access log keeps its lines.
        requests_per_second: the limit for all producers together; requests above it are answered 429. An
            account allows 10,000 by default.
        protect_data: Pulumi refuses to delete the API, because producers use its address.
    """

    function: aws.lambda_.Function
    log_retention_days: int
    requests_per_second: int
    protect_data: bool


class HttpApi(pulumi.ComponentResource):
    """An API with its integration, routes, stage, access log and the permission to invoke the function."""

    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage

    def __init__(self, name: str, args: HttpApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:HttpApi", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.api = aws.apigatewayv2.Api(
            f"{name}-api",
            protocol_type="HTTP",
            # The AWS address keeps working beside a custom domain, so producers can move over at any time.
            disable_execute_api_endpoint=False,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect_data),
        )
        self._route_to(name, args.function, child)
        access_log = aws.cloudwatch.LogGroup(
            f"{name}-access-logs",
            name_prefix=_ACCESS_LOG_PREFIX,
            retention_in_days=args.log_retention_days,
            opts=child,
        )
        self.stage = aws.apigatewayv2.Stage(
            f"{name}-stage",
            api_id=self.api.id,
            name="$default",
            auto_deploy=True,
            # If either limit is missing, the stage is deployed with 0 and answers 429 to every request.
            default_route_settings={
                "throttling_rate_limit": args.requests_per_second,
                "throttling_burst_limit": args.requests_per_second,
            },
            access_log_settings={"destination_arn": access_log.arn, "format": json.dumps(_ACCESS_LOG)},
            opts=child,
        )
        self.register_outputs({"endpoint": self.api.api_endpoint})

    def _route_to(self, name: str, function: aws.lambda_.Function, child: pulumi.ResourceOptions) -> None:
        integration = aws.apigatewayv2.Integration(
            f"{name}-integration",
            api_id=self.api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.invoke_arn,
            payload_format_version="2.0",
            opts=child,
        )
        for label, route_key in _ROUTE_KEYS.items():
            aws.apigatewayv2.Route(
                f"{name}-{label}-route",
                api_id=self.api.id,
                route_key=route_key,
                target=pulumi.Output.concat("integrations/", integration.id),
                opts=child,
            )
        aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(self.api.execution_arn, "/*"),
            opts=child,
        )
