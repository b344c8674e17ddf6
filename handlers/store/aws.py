"""How the functions talk to AWS: clients with bounded waits, and the errors they raise."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient
    from types_boto3_sqs.client import SQSClient

AWS_ERRORS = (ClientError, BotoCoreError)
"""What a call to AWS raises once the SDK's own retries are used up."""

# A call ends within three tries of at most 1 + 3 seconds. Several calls that slow exceed the HTTP API's 30
# seconds, or the worker's 15 above the webhook timeout. The invocation is then cut off as by any crash, and
# nothing is lost. The pool is for ten deliveries that run, and write, at once.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=20,
)


def dynamodb() -> "DynamoDBClient":
    """A DynamoDB client, safe to share between threads."""
    return boto3.client("dynamodb", config=_CONFIG)  # pyright: ignore[reportUnknownMemberType] - stubs of two services


def sqs() -> "SQSClient":
    """An SQS client, safe to share between threads."""
    return boto3.client("sqs", config=_CONFIG)  # pyright: ignore[reportUnknownMemberType] - as above
