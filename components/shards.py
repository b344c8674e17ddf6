"""The number of shards of the status index may only grow."""

from collections.abc import Mapping
from typing import Any

import pulumi

from handlers.environment import IngestEnvironment

_VARIABLE = IngestEnvironment.variable_name("status_index_shards")


def never_fewer(args: pulumi.ResourceHookArgs) -> None:
    """Refuse an update of the ingest function that makes it write to fewer shards.

    Nothing would read the events in the dropped shards any more: requeue and the reconciler read only the
    configured number. If the state does not record the earlier number, the update is allowed.

    Raises:
        pulumi.RunError: the number shrinks; the message gives both numbers and the remedy.
    """
    before, after = _shards(args.old_inputs), _shards(args.new_inputs)
    if before is not None and after is not None and after < before:
        raise pulumi.RunError(
            f"webhook-delivery:statusIndexShards is {after}, but this stack has had {before}: nothing would "
            f"find the events in the dropped shards. Run `pulumi config set statusIndexShards {before}`, or "
            "set more."
        )


def _shards(inputs: Mapping[str, Any] | None) -> int | None:
    variables: Mapping[str, Any] = (inputs or {}).get("environment", {}).get("variables", {})
    recorded = variables.get(_VARIABLE)
    return int(recorded) if isinstance(recorded, str) and recorded.isdecimal() else None


def shards_never_fewer() -> pulumi.ResourceHookBinding:
    """The hook that runs `never_fewer` before every update of the ingest function, in a preview too."""
    hook = pulumi.ResourceHook(
        "status-index-shards-never-fewer", never_fewer, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])
