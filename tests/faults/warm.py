"""Imported once by the server that forks every invocation, so that each finds the code and the SDK loaded."""

import os

from local.constants import REGION

# Set before anything reads them, so that the user's own AWS settings have no effect.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)

import boto3  # noqa: E402

from handlers import ingest, reconciler, requeue, worker  # noqa: E402

__all__ = ["ingest", "reconciler", "requeue", "worker"]

for service in ("dynamodb", "sqs"):
    boto3.client(service)  # reads the service's description, which takes longest
