"""The stack's configuration: read once, checked, and passed down as one frozen object."""

import difflib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

NAMESPACE = "webhook-delivery"

# CloudWatch Logs: the values that PutRetentionPolicy takes, in days.
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
MAX_VISIBILITY_SECONDS = 43_200  # SQS: 12 hours
WORKER_RESERVE_SECONDS = 15  # above the webhook timeout, for reading, recording and the SDK's retries


class BundleTarget(StrEnum):
    """What the functions' bundles are built for."""

    LAMBDA = "lambda"
    HOST = "host"


class ConfigurationError(ValueError):
    """A setting that the program cannot work with; the message names the key, the value and the remedy."""


class Settings(BaseModel):
    """The stack's configuration; every field is the key of the same name in camel case."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    domain_name: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,63}\.)+[a-z]{2,63}$")] | None = None
    hosted_zone_name: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,63}\.)+[a-z]{2,63}$")] | None = None
    webhook_timeout_seconds: Annotated[int, Field(ge=1, le=30)] = 30
    retry_delays_seconds: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MAX_VISIBILITY_SECONDS // 2)], ...],
        Field(min_length=1, max_length=20),
    ] = (60, 120, 240, 480, 960)
    event_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    idempotency_hours: Annotated[int, Field(ge=1, le=720)] = 24
    status_index_shards: Annotated[int, Field(ge=1, le=256)] = 8
    worker_batch_size: Annotated[int, Field(ge=1, le=10)] = 10
    worker_maximum_concurrency: Annotated[int, Field(ge=2, le=1000)] = 50
    log_retention_days: int = 30
    alarm_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    protect_data: bool = False
    requeue: dict[str, Any] | None = None
    allow_private_targets: bool = False
    bundle_target: BundleTarget = BundleTarget.LAMBDA

    @field_validator("log_retention_days")
    @classmethod
    def _retention_that_cloudwatch_knows(cls, days: int) -> int:
        if days not in LOG_RETENTION_DAYS:
            raise _fault(f"use one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
        return days

    @model_validator(mode="after")
    def _keys_that_go_together(self) -> Self:
        domain, zone = self.domain_name, self.hosted_zone_name
        if domain and not zone:
            raise _fault("domainName needs hostedZoneName: set it to the Route 53 zone that holds the domain")
        if zone and not domain:
            raise _fault("hostedZoneName is set without domainName: set both or neither")
        if domain and zone and domain != zone and not domain.endswith(f".{zone}"):
            raise _fault(f"domainName {domain!r} is not within hostedZoneName {zone!r}: change one of them")
        if self.allow_private_targets and self.protect_data:
            raise _fault(
                "allowPrivateTargets is for local runs only: remove it from a stack with protectData"
            )
        return self

    @property
    def worker_timeout_seconds(self) -> int:
        """The worker function's timeout: a whole attempt and what surrounds it."""
        return self.webhook_timeout_seconds + WORKER_RESERVE_SECONDS

    @property
    def max_receive_count(self) -> int:
        """The receives of one message: the first attempt and its retries."""
        return len(self.retry_delays_seconds) + 1

    @classmethod
    def load(cls, config: Mapping[str, str]) -> Self:
        """Read the configuration of a stack.

        Args:
            config: the stack's configuration as Pulumi has it, `namespace:key` to text. Keys of other
                namespaces are left alone.

        Raises:
            ConfigurationError: naming every key that is unknown or wrong, its value and what would be right.
        """
        prefix = f"{NAMESPACE}:"
        own = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        try:
            return cls.model_validate({key: _parsed(key, text) for key, text in own.items() if text != ""})
        except ValidationError as error:
            faults = (_explain(fault, own) for fault in error.errors(include_url=False))
            raise ConfigurationError("\n".join(faults)) from error

    @classmethod
    def keys(cls) -> list[str]:
        """Every configuration key, without its namespace."""
        return [to_camel(name) for name in cls.model_fields]


def _fault(message: str) -> PydanticCustomError:
    # The text may hold braces, which would be taken for placeholders.
    return PydanticCustomError("setting", "{message}", {"message": message})


def _parsed(key: str, text: str) -> Any:
    """Lists and objects are JSON in Pulumi's configuration; everything else is converted from text."""
    if key not in (to_camel("retry_delays_seconds"), "requeue"):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # refused by its type, with the text as the value


def _explain(fault: ErrorDetails, own: Mapping[str, str]) -> str:
    if not fault["loc"]:
        return f"{NAMESPACE}: {fault['msg']}"
    key = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"{NAMESPACE}:{key} is not a setting{_nearest(key)}. Known: {', '.join(Settings.keys())}"
    return f"{NAMESPACE}:{key} = {own[key]!r}: {fault['msg']}. Correct it: pulumi config set {key} VALUE"


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, Settings.keys(), n=1)
    return f", did you mean {near[0]}?" if near else ""
