"""The number of the status index's shards, which may only grow."""

from collections.abc import Mapping
from typing import Any

import pulumi

from handlers.environment import IngestEnvironment

_VARIABLE = IngestEnvironment.variable_name("status_index_shards")


def never_fewer(args: pulumi.ResourceHookArgs) -> None:
    """Refuse an update of the ingest function that makes it write to fewer shards.

    What lies in the others would be read by nobody any more: neither requeue nor the reconciler knows of more
    shards than there are. Where the state does not tell how many there were, nothing is refused.

    Raises:
        pulumi.RunError: naming both numbers and the way out.
    """
    before, after = _shards(args.old_inputs), _shards(args.new_inputs)
    if before is not None and after is not None and after < before:
        raise pulumi.RunError(
            f"webhook-delivery:statusIndexShards is {after}, but this stack has had {before}: events in the "
            f"others would be lost from sight. Set {before} or more by `pulumi config set statusIndexShards`."
        )


def _shards(inputs: Mapping[str, Any] | None) -> int | None:
    variables: Mapping[str, Any] = (inputs or {}).get("environment", {}).get("variables", {})
    told = variables.get(_VARIABLE)
    return int(told) if isinstance(told, str) and told.isdecimal() else None


def shards_never_fewer() -> pulumi.ResourceHookBinding:
    """The hook that holds an update of the ingest function against the one before, in a preview as well."""
    hook = pulumi.ResourceHook(
        "status-index-shards-never-fewer", never_fewer, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])
