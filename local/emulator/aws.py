"""Clients of the emulator, free of the user's own AWS settings, profiles and proxies."""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from handlers.environment import LONGEST_RUN_SECONDS
from local.constants import REGION

if TYPE_CHECKING:
    from types_boto3_acm.client import ACMClient
    from types_boto3_apigatewayv2.client import ApiGatewayV2Client
    from types_boto3_cloudwatch.client import CloudWatchClient
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_iam.client import IAMClient
    from types_boto3_lambda.client import LambdaClient
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_route53.client import Route53Client
    from types_boto3_sns.client import SNSClient
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sts.client import STSClient

# The emulator takes this key for the account's root and does not check signatures.
_KEY = "test"

_CONFIG = Config(
    proxies={},  # none; None would mean those of the environment
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 1},
    max_pool_connections=50,
)
_INVOKE_CONFIG = _CONFIG.merge(Config(read_timeout=LONGEST_RUN_SECONDS + 20))


class Aws:
    """One client per service, made when first asked for; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Clients of the emulator at `url`."""
        self.url = url
        # No environment variable names a profile, and no file of the user is read (botocore.configprovider).
        self._session = Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )

    @cached_property
    def acm(self) -> "ACMClient":
        """Certificates."""
        return self._client("acm")

    @cached_property
    def apigateway(self) -> "ApiGatewayV2Client":
        """HTTP APIs."""
        return self._client("apigatewayv2")

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """Alarms and dashboards."""
        return self._client("cloudwatch")

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """Tables."""
        return self._client("dynamodb")

    @cached_property
    def events(self) -> Any:
        """EventBridge rules; no stubs of this service are installed."""
        return self._client("events")

    @cached_property
    def iam(self) -> "IAMClient":
        """Roles and their policies."""
        return self._client("iam")

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Functions."""
        return self._client("lambda", _INVOKE_CONFIG)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """Log groups."""
        return self._client("logs")

    @cached_property
    def route53(self) -> "Route53Client":
        """DNS zones and records."""
        return self._client("route53")

    @cached_property
    def sns(self) -> "SNSClient":
        """Topics."""
        return self._client("sns")

    @cached_property
    def sqs(self) -> "SQSClient":
        """Queues."""
        return self._client("sqs")

    @cached_property
    def sts(self) -> "STSClient":
        """Who is calling."""
        return self._client("sts")

    def _client(self, service: str, config: Config = _CONFIG) -> Any:
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
            config=config,
        )
