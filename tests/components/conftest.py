"""The whole program, recorded once per configuration and session."""

from collections.abc import Mapping
from functools import cache

import pytest

from tests.components.recorder import Recording, record

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
def _recorded(label: str, *, preview: bool = False) -> Recording:
    stack = "prod" if label == "prod" else "dev"
    return record(config=CONFIGURATIONS[label], stack=stack, preview=preview)


@pytest.fixture(params=CONFIGURATIONS)
def recording(request: pytest.FixtureRequest) -> Recording:
    """The program in each configuration in turn."""
    return _recorded(request.param)


@pytest.fixture(params=CONFIGURATIONS)
def deployed_and_previewed(request: pytest.FixtureRequest) -> tuple[Recording, Recording]:
    return _recorded(request.param), _recorded(request.param, preview=True)


@pytest.fixture
def dev() -> Recording:
    return _recorded("dev")


@pytest.fixture
def prod() -> Recording:
    return _recorded("prod")


@pytest.fixture
def requeue_asked_for() -> Recording:
    return _recorded("requeue")


@pytest.fixture
def with_alarm_email() -> Recording:
    return _recorded("alarm e-mail")


@pytest.fixture
def other_values() -> Recording:
    return _recorded("other values")


@pytest.fixture(scope="session")
def every_recording() -> dict[str, Recording]:
    """The program in every configuration, by its label."""
    return {label: _recorded(label) for label in CONFIGURATIONS}
