"""What each function reads from its environment.

Typed once, for the program that sets it and the code that reads it. A field `events_table_name` is the
environment variable `EVENTS_TABLE_NAME`. Values that are not strings are written as JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

LONGEST_RUN_SECONDS = 900
"""How long one invocation may take (Lambda quotas, "Function timeout")."""


class FunctionEnvironment(BaseModel):
    """The environment of one function: `load` reads it, `variable_name` tells how to set it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @staticmethod
    def variable_name(field: str) -> str:
        """The environment variable that carries `field`."""
        return field.upper()

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment of this function.

        Raises:
            pydantic.ValidationError: a variable is missing or not of its type; it names the field.
        """
        found: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            raw = environ.get(cls.variable_name(name))
            if raw is not None:
                found[name] = raw if field.annotation is str else json.loads(raw)
        return cls.model_validate(found)


class IngestEnvironment(FunctionEnvironment):
    """What the ingest function needs to store an event and to queue it."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    event_retention_days: PositiveInt
    idempotency_hours: PositiveInt
    status_index_shards: PositiveInt


class WorkerEnvironment(FunctionEnvironment):
    """What the worker function needs to deliver an event."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    webhook_timeout_seconds: PositiveFloat
    retry_delays_seconds: tuple[PositiveInt, ...]
    allow_private_targets: bool


class RequeueEnvironment(FunctionEnvironment):
    """What the requeue function needs to send failed events again."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    dlq_url: str
    status_index_shards: PositiveInt


class ReconcilerEnvironment(FunctionEnvironment):
    """What the reconciler function needs to find events that nothing happens to, and to queue them again."""

    events_table_name: str
    queue_url: str
    status_index_shards: PositiveInt
    stalled_after_seconds: PositiveInt
