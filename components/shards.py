"""The number of the status index's shards, which may only grow."""

import pulumi

from handlers.environment import IngestEnvironment

_VARIABLE = IngestEnvironment.variable_name("status_index_shards")


def never_fewer(args: pulumi.ResourceHookArgs) -> None:
    """Refuse to deploy an ingest function that writes to fewer shards than the one before it.

    What lies in the others would be read by nobody any more: neither requeue nor the reconciler knows of more
    shards than there are.

    Raises:
        pulumi.RunError: naming both numbers and the way out.
    """
    before, after = (
        int((inputs or {})["environment"]["variables"][_VARIABLE])
        for inputs in (args.old_inputs, args.new_inputs)
    )
    if after < before:
        raise pulumi.RunError(
            f"webhook-delivery:statusIndexShards is {after}, but this stack has had {before}: events in the "
            f"others would be lost from sight. Set {before} or more by `pulumi config set statusIndexShards`."
        )


def shards_never_fewer() -> pulumi.ResourceHookBinding:
    """The hook that holds an update of the ingest function against the one before, in a preview as well."""
    hook = pulumi.ResourceHook(
        "status-index-shards-never-fewer", never_fewer, pulumi.ResourceHookOptions(on_dry_run=True)
    )
    return pulumi.ResourceHookBinding(before_update=[hook])
