"""Imported once by the server that every invocation is forked from: for the emulator, never for AWS."""

import os

from local.constants import REGION

# Before anything reads them: the user's own AWS settings have no part in it.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)

from handlers import ingest, reconciler, requeue, worker  # noqa: E402
from handlers.store import aws  # noqa: E402

__all__ = ["ingest", "reconciler", "requeue", "worker"]

for client in (aws.dynamodb, aws.sqs):
    client()  # reads the service's description, which takes longest
