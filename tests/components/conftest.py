"""The whole program, recorded once per configuration and session."""

import pytest

from tests.support import configurations
from tests.support.configurations import CONFIGURATIONS, recorded
from tests.support.recorder import Recording


@pytest.fixture(params=CONFIGURATIONS)
def recording(request: pytest.FixtureRequest) -> Recording:
    """The program in each configuration in turn."""
    return recorded(request.param)


@pytest.fixture(params=CONFIGURATIONS)
def deployed_and_previewed(request: pytest.FixtureRequest) -> tuple[Recording, Recording]:
    return recorded(request.param), recorded(request.param, preview=True)


@pytest.fixture
def dev() -> Recording:
    return recorded("dev")


@pytest.fixture
def prod() -> Recording:
    return recorded("prod")


@pytest.fixture
def requeue_asked_for() -> Recording:
    return recorded("requeue")


@pytest.fixture
def with_alarm_email() -> Recording:
    return recorded("alarm e-mail")


@pytest.fixture
def other_values() -> Recording:
    return recorded("other values")


@pytest.fixture(scope="session")
def every_recording() -> dict[str, Recording]:
    return configurations.every_recording()
