"""The status index may gain shards, never lose any."""

from typing import Any

import pulumi
import pytest

from components.shards import never_fewer
from tests.support.recorder import Recording


def an_update(before: int, after: int) -> pulumi.ResourceHookArgs:
    def inputs(shards: int) -> dict[str, Any]:
        return {"environment": {"variables": {"STATUS_INDEX_SHARDS": str(shards), "QUEUE_URL": "https://q"}}}

    return pulumi.ResourceHookArgs(
        urn="urn",
        id="id",
        name="webhooks-ingest-function",
        type="aws:lambda/function:Function",
        old_inputs=inputs(before),
        new_inputs=inputs(after),
    )


@pytest.mark.parametrize(("before", "after"), [(8, 8), (8, 9), (1, 100)])
def test_as_many_shards_or_more_are_deployed(before: int, after: int):
    never_fewer(an_update(before, after))


@pytest.mark.parametrize(("before", "after"), [(8, 7), (100, 1), (16, 8)])
def test_fewer_shards_are_refused_with_both_numbers_and_the_remedy(before: int, after: int):
    with pytest.raises(pulumi.RunError) as refused:
        never_fewer(an_update(before, after))

    assert f"webhook-delivery:statusIndexShards is {after}, but this stack has had {before}" in str(
        refused.value
    )
    assert f"`pulumi config set statusIndexShards {before}`" in str(refused.value)


@pytest.mark.parametrize("inputs", [None, {}, {"environment": {}}, {"environment": {"variables": {}}}])
def test_a_state_that_does_not_tell_how_many_there_were_stops_no_deployment(inputs: dict[str, Any] | None):
    update = an_update(8, 8)
    update.old_inputs = inputs

    never_fewer(update)


def test_the_function_that_writes_to_the_shards_is_watched(dev: Recording):
    ingest = dev.one("aws:lambda/function:Function", "-ingest-function")

    assert ingest.hooks_before_update == ("status-index-shards-never-fewer",)
    assert ingest.inputs["environment"]["variables"]["STATUS_INDEX_SHARDS"] == "8"
