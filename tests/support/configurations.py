"""The configurations in which the whole program is tested, each recorded once per session."""

from collections.abc import Mapping
from functools import cache

from tests.support.recorder import Recording, record

DEV: Mapping[str, str] = {"bundleTarget": "host"}
PROD: Mapping[str, str] = {
    **DEV,
    "domainName": "hooks.vincentchan.cloud",
    "hostedZoneName": "vincentchan.cloud",
    "protectData": "true",
}
REQUEUE: Mapping[str, str] = {**DEV, "requeue": '{"since": "2026-11-01T00:00:00Z"}'}
ALARM_EMAIL: Mapping[str, str] = {**DEV, "alarmEmail": "ops@vincentchan.cloud"}
# Everything away from its default, so that a value that is written down twice shows.
OTHER: Mapping[str, str] = {
    **PROD,
    "webhookTimeoutSeconds": "7",
    "retryDelaysSeconds": "[1, 2]",
    "eventRetentionDays": "3",
    "idempotencyHours": "48",
    "statusIndexShards": "4",
    "workerBatchSize": "5",
    "workerMaximumConcurrency": "6",
    "apiRequestsPerSecond": "50",
    "logRetentionDays": "14",
}

CONFIGURATIONS = {
    "dev": DEV,
    "prod": PROD,
    "requeue": REQUEUE,
    "alarm e-mail": ALARM_EMAIL,
    "other values": OTHER,
}


@cache
def recorded(label: str, *, preview: bool = False) -> Recording:
    """The program in one of these configurations."""
    stack = "prod" if label == "prod" else "dev"
    return record(config=CONFIGURATIONS[label], stack=stack, preview=preview)


def every_recording() -> dict[str, Recording]:
    """The program in every configuration, by its label."""
    return {label: recorded(label) for label in CONFIGURATIONS}
