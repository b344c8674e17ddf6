"""The environment variables of each function.

The program that sets them and the code that reads them share these types. The field `events_table_name` is
the environment variable `EVENTS_TABLE_NAME`. Values other than strings are JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

LONGEST_RUN_SECONDS = 900
"""The longest that one invocation may take (Lambda quotas, "Function timeout")."""


class FunctionEnvironment(BaseModel):
    """The environment of one function: `load` reads it, `variable_name` names the variable of a field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @staticmethod
    def variable_name(field: str) -> str:
        """The environment variable that carries `field`."""
        return field.upper()

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment of this function.

        Raises:
            pydantic.ValidationError: a variable is missing or has the wrong type; the error names the field.
        """
        found: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            raw = environ.get(cls.variable_name(name))
            if raw is not None:
                found[name] = raw if field.annotation is str else json.loads(raw)
        return cls.model_validate(found)


class IngestEnvironment(FunctionEnvironment):
    """The variables that ingest needs to store and queue an event."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    event_retention_days: PositiveInt
    idempotency_hours: PositiveInt
    status_index_shards: PositiveInt


class WorkerEnvironment(FunctionEnvironment):
    """The variables that the worker needs to deliver an event."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    webhook_timeout_seconds: PositiveFloat
    retry_delays_seconds: tuple[PositiveInt, ...]
    allow_private_targets: bool


class RequeueEnvironment(FunctionEnvironment):
    """The variables that requeue needs to send failed events again."""

    tenant_table_name: str
    events_table_name: str
    queue_url: str
    dlq_url: str
    status_index_shards: PositiveInt


class ReconcilerEnvironment(FunctionEnvironment):
    """The variables that the reconciler needs to find stalled events and queue lost ones again."""

    events_table_name: str
    queue_url: str
    status_index_shards: PositiveInt
    stalled_after_seconds: PositiveInt
