"""The HTTP API in front of one function."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PAYLOAD_FORMAT = "2.0"
# Both limits must be set: a stage with only one deploys the other as 0 and answers 429 to everything.
RATE_LIMIT_PER_SECOND = 1000
BURST_LIMIT = 2000

# Without headers: they carry API keys.
_ACCESS_LOG_FORMAT = json.dumps(
    {
        "requestId": "$context.requestId",
        "requestTime": "$context.requestTime",
        "sourceIp": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "responseLatencyMs": "$context.responseLatency",
        "responseLength": "$context.responseLength",
        "integrationError": "$context.integrationErrorMessage",
    }
)


@dataclass(frozen=True, kw_only=True)
class HttpApiArgs:
    """Settings of the API.

    Attributes:
        function: answers every request.
        routes: the routes that the API knows; whatever matches none goes to the function as well, so that
            404 and 405 are answered in its words.
        default_endpoint: whether the API can be reached by the name that AWS gives it.
    """

    function: aws.lambda_.Function
    routes: tuple[str, ...]
    default_endpoint: bool
    log_retention_days: int


class HttpApi(pulumi.ComponentResource):
    """Produces an HTTP API, its routes and stage with throttling and an access log, and the right to invoke."""

    api: aws.apigatewayv2.Api
    stage: aws.apigatewayv2.Stage

    def __init__(self, name: str, args: HttpApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("webhooks:index:HttpApi", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.api = aws.apigatewayv2.Api(
            f"{name}-api",
            protocol_type="HTTP",
            disable_execute_api_endpoint=not args.default_endpoint,
            opts=child,
        )
        integration = aws.apigatewayv2.Integration(
            f"{name}-integration",
            api_id=self.api.id,
            integration_type="AWS_PROXY",
            integration_uri=args.function.invoke_arn,
            payload_format_version=PAYLOAD_FORMAT,
            opts=child,
        )
        target = pulumi.Output.concat("integrations/", integration.id)
        routes = [
            aws.apigatewayv2.Route(
                f"{name}-route-{_slug(route)}",
                api_id=self.api.id,
                route_key=route,
                target=target,
                opts=child,
            )
            for route in (*args.routes, "$default")
        ]
        access_log = aws.cloudwatch.LogGroup(
            f"{name}-access", retention_in_days=args.log_retention_days, opts=child
        )
        self.stage = aws.apigatewayv2.Stage(
            f"{name}-stage",
            api_id=self.api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings={
                "throttling_rate_limit": RATE_LIMIT_PER_SECOND,
                "throttling_burst_limit": BURST_LIMIT,
            },
            access_log_settings={"destination_arn": access_log.arn, "format": _ACCESS_LOG_FORMAT},
            opts=pulumi.ResourceOptions(parent=self, depends_on=routes),
        )
        aws.lambda_.Permission(
            f"{name}-may-invoke",
            action="lambda:InvokeFunction",
            function=args.function.name,
            principal="apigateway.amazonaws.com",
            # Any route of any stage of this API, and of no other.
            source_arn=pulumi.Output.concat(self.api.execution_arn, "/*/*"),
            opts=child,
        )
        self.register_outputs({"endpoint": self.api.api_endpoint})


def _slug(route: str) -> str:
    """`POST /v1/events` as `post-v1-events`, for names of resources."""
    return "-".join(part for part in route.lower().replace("$", "").replace("/", " ").split())
