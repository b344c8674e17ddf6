"""The stack's configuration: read once, validated, and passed down as one frozen object."""

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from handlers.delivery.retry import JITTER, MAX_RETRY_AFTER_SECONDS
from handlers.recovery.requeue_request import RequeueInputError, RequeueRequest

BundleTarget = Literal["lambda", "host"]

LOCAL = "WEBHOOK_DELIVERY_LOCAL"
"""Set to "1", this environment variable allows local-only settings under a real Pulumi engine."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The values that CloudWatch Logs allows (API reference of PutRetentionPolicy)."""

# Beyond the webhook timeout, the worker needs time to read its events and to record the outcomes.
_WORKER_RESERVE_SECONDS = 15
_HOUR_SECONDS = 60 * 60
_DAY_SECONDS = 24 * _HOUR_SECONDS

_DNS_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class SettingsError(pulumi.RunError):
    """The configuration is wrong. Pulumi shows the message without a traceback; it lists every fault."""


def _key(default: Any, must_be: str, **limits: Any) -> Any:
    return Field(default=default, description=must_be, **limits)


def _whole(default: int, lowest: int, highest: int, what: str) -> Any:
    return _key(default, f"a whole number from {lowest} to {highest}: {what}", ge=lowest, le=highest)


def _matches(pattern: re.Pattern[str]) -> AfterValidator:
    def check(text: str) -> str:
        if text and not pattern.fullmatch(text):
            raise ValueError
        return text

    return AfterValidator(check)


def _one_of_retention_days(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError
    return days


def _requeue_input(text: str) -> str:
    if text:
        RequeueRequest.parse(json.loads(text))
    return text


class Settings(BaseModel):
    """Every configuration key with its default; a field's key is its name in camel case.

    Descriptions say what the value must be; `Pulumi.yaml` and error messages repeat them. Empty text means
    unset, because Pulumi requires every key that `Pulumi.yaml` declares without a default. `Pulumi.yaml`
    declares a list as text: `pulumi config set` stores text, and the engine refuses text for an array key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    domain_name: Annotated[str, _matches(_DNS_NAME)] = _key(
        "", "a lower-case host name: where the API answers; if empty, it answers at its AWS address"
    )
    hosted_zone_name: Annotated[str, _matches(_DNS_NAME)] = _key(
        "", "a lower-case host name: this account's public Route 53 zone that contains domainName"
    )
    # The contract with receivers ends an attempt within 30 seconds.
    webhook_timeout_seconds: int = _whole(30, 1, 30, "total time for one delivery attempt")
    # SQS hides a message for at most 12 hours: 10 hours, a tenth of jitter and the attempt fit into that.
    retry_delays_seconds: Annotated[
        tuple[Annotated[int, Strict(), Field(ge=1, le=36_000)], ...], BeforeValidator(json.loads)
    ] = _key(
        (60, 120, 240, 480, 960),
        "a list of 1 to 20 whole numbers from 1 to 36000: the waits before an event's retries",
        min_length=1,
        max_length=20,
    )
    event_retention_days: int = _whole(30, 1, 3650, "how long an event is kept")
    idempotency_hours: int = _whole(24, 1, 168, "how long an idempotency key is remembered")
    status_index_shards: int = _whole(
        8, 1, 100, "partitions of the index of owed and failed events; may be raised later, never lowered"
    )
    # A million requests cost about $1.75, even refused ones: API Gateway, Lambda, a DynamoDB read.
    api_requests_per_second: int = _whole(
        200,
        1,
        10_000,
        "limit for all producers together; 200 all day long cost about $30 a day, even if all are refused",
    )
    worker_batch_size: int = _whole(10, 1, 10, "events that one worker run delivers in parallel")
    worker_maximum_concurrency: int = _whole(50, 2, 1000, "worker runs at the same time")
    log_retention_days: Annotated[int, AfterValidator(_one_of_retention_days)] = _key(
        30, f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}: how long logs are kept"
    )
    alarm_email: Annotated[str, _matches(_EMAIL)] = _key(
        "", "an e-mail address: receives the alarms; if empty, alarms are not sent"
    )
    protect_data: bool = _key(
        False,
        "true or false: if true, Pulumi refuses to delete tables, queues, API and domain name, and AWS "
        "refuses to delete tables",
    )
    requeue: Annotated[str, AfterValidator(_requeue_input)] = _key(
        "",
        "a JSON object: input for the requeue function, which runs once per change of this text; an added "
        "space is a change",
    )
    allow_private_targets: bool = _key(
        False, "true or false: if true, also delivers to http and to private addresses; local stack only"
    )
    bundle_target: BundleTarget = _key(
        "lambda", "lambda or host: what the functions are built for; host is for the local stack only"
    )

    @classmethod
    def load(cls, config: pulumi.Config) -> Self:
        """Read the stack's configuration.

        Raises:
            SettingsError: a key is unknown, a value is wrong, or values conflict; it names each of them.
        """
        prefix = f"{config.name}:"
        # The SDK reads only the keys that the program asks for, so it would miss an unknown one. The engine
        # passes keys in the environment; the SDK's own setters put them into CONFIG.
        given = get_config_env().keys() | CONFIG.get().keys()
        keys = {key.removeprefix(prefix) for key in given if key.startswith(prefix)} | cls.all_keys()
        texts = {key: text for key in sorted(keys) if (text := config.get(key))}
        # Only the local stack runs the program under the SDK's mock monitor.
        local = isinstance(get_monitor(), MockMonitor) or os.environ.get(LOCAL) == "1"
        return cls.parse(texts, prefix=prefix, local=local)

    @classmethod
    def parse(
        cls, texts: Mapping[str, str], *, prefix: str = "webhook-delivery:", local: bool = True
    ) -> Self:
        """Validate configuration as Pulumi hands it over: text by key; lists as JSON.

        Args:
            texts: what is set, by key without its namespace.
            prefix: the namespace, for messages.
            local: whether local-only settings are allowed.

        Raises:
            SettingsError: as `load`.
        """
        unknown = [key for key in texts if key not in cls.all_keys()]
        faults = [_unknown(prefix, key, cls.all_keys()) for key in unknown]
        try:
            settings = cls.model_validate({key: texts[key] for key in texts if key not in unknown})
        except ValidationError as error:
            wrong = {str(fault["loc"][0]): _reason(fault) for fault in error.errors()}
            faults += [_wrong(prefix, key, texts[key], cls.must_be(key), why) for key, why in wrong.items()]
            raise SettingsError("\n".join(faults)) from error
        faults += _conflicts(prefix, settings)
        faults += [] if local else _local_only(prefix, settings)
        if faults:
            raise SettingsError("\n".join(faults))
        return settings

    @classmethod
    def all_keys(cls) -> set[str]:
        """Every configuration key, without its namespace."""
        return {to_camel(name) for name in cls.model_fields}

    @classmethod
    def must_be(cls, key: str) -> str:
        """Say which values a key takes, and what it is for."""
        return next(
            field.description or "" for name, field in cls.model_fields.items() if to_camel(name) == key
        )

    @property
    def worker_timeout_seconds(self) -> int:
        """The longest time of one worker run."""
        return self.webhook_timeout_seconds + _WORKER_RESERVE_SECONDS

    @property
    def max_attempts(self) -> int:
        """The first attempt and its retries."""
        return len(self.retry_delays_seconds) + 1

    @property
    def retry_span_seconds(self) -> int:
        """The longest time that all attempts at one event take, unless its receiver asks for longer waits."""
        waits = round(sum(self.retry_delays_seconds) * (1 + JITTER))
        return waits + self.max_attempts * self.worker_timeout_seconds

    @property
    def stalled_after_seconds(self) -> int:
        """How long an owed event may stay unchanged before its message counts as lost.

        An event whose message is in the queue never rests that long: it rests for one wait of the schedule,
        or for the hour that a receiver may ask for by `Retry-After`. Queueing an event too early only adds
        a message.
        """
        return self.retry_span_seconds + MAX_RETRY_AFTER_SECONDS


def _unknown(prefix: str, key: str, keys: set[str]) -> str:
    nearest = difflib.get_close_matches(key, sorted(keys), n=1, cutoff=0.5)
    hint = f"Did you mean {prefix}{nearest[0]}?" if nearest else "README.md lists all keys."
    return f"Unknown configuration key {prefix}{key}. {hint} Run `pulumi config rm {prefix}{key}`."


def _reason(fault: ErrorDetails) -> str:
    """Say what is wrong inside a requeue input; for other values, the description says enough."""
    error = fault.get("ctx", {}).get("error")
    return f" ({error.faults})" if isinstance(error, RequeueInputError) else ""


def _wrong(prefix: str, key: str, text: str, must_be: str, why: str) -> str:
    return (
        f"{prefix}{key} is {text!r}, but must be {must_be}{why}. "
        f"Run `pulumi config set {prefix}{key} VALUE`, or `pulumi config rm {prefix}{key}` for the default."
    )


def _local_only(prefix: str, settings: Settings) -> Iterator[str]:
    for key, value, is_set in (
        ("bundleTarget", "host", settings.bundle_target == "host"),
        ("allowPrivateTargets", "true", settings.allow_private_targets),
    ):
        if is_set:
            yield (
                f"{prefix}{key} is {value!r}, but only the local stack (`make run`) may have that. "
                f"Run `pulumi config rm {prefix}{key}`."
            )


def _conflicts(prefix: str, settings: Settings) -> Iterator[str]:
    domain, zone = settings.domain_name, settings.hosted_zone_name
    if bool(domain) != bool(zone):
        given, missing = ("domainName", "hostedZoneName") if domain else ("hostedZoneName", "domainName")
        yield (
            f"{prefix}{given} is {domain or zone!r}, but {prefix}{missing} is not set. "
            f"Run `pulumi config set {prefix}{missing} NAME`, or `pulumi config rm {prefix}{given}`."
        )
    elif domain != zone and not domain.endswith(f".{zone}"):
        yield (
            f"{prefix}domainName is {domain!r}, but {prefix}hostedZoneName is {zone!r}. "
            f"Set the zone that contains the name, or a name that ends in .{zone}."
        )
    if settings.allow_private_targets and settings.protect_data:
        yield (
            f"{prefix}allowPrivateTargets is 'true', but so is {prefix}protectData; private targets are for "
            f"local runs. Run `pulumi config rm {prefix}allowPrivateTargets`."
        )
    remembered = settings.idempotency_hours * _HOUR_SECONDS
    if remembered + settings.retry_span_seconds >= settings.event_retention_days * _DAY_SECONDS:
        # A repeated request may store an event only now, but its retention starts at the first request.
        yield (
            f"{prefix}idempotencyHours is {settings.idempotency_hours}, but {prefix}eventRetentionDays is "
            f"{settings.event_retention_days}. An event must be kept longer than its idempotency key and its "
            "retries last together: raise eventRetentionDays or lower idempotencyHours."
        )
    if settings.retry_span_seconds >= settings.event_retention_days * _DAY_SECONDS:
        yield (
            f"{prefix}retryDelaysSeconds is {list(settings.retry_delays_seconds)}, up to "
            f"{settings.retry_span_seconds} seconds in all, but {prefix}eventRetentionDays is "
            f"{settings.event_retention_days}. Raise eventRetentionDays or shorten the delays."
        )
