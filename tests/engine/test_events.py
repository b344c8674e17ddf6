"""Changes are read from the engine's own log."""

import json
from typing import Any

import pytest

from engine.events import LogError, read_log

PARENTS = "webhooks:index:WebhookDelivery$webhooks:index:DeliveryQueue"


QUEUE = "aws:sqs/queue:Queue"


def urn(name: str, type_token: str = QUEUE) -> str:
    return f"urn:pulumi:dev::webhook-delivery::{PARENTS}${type_token}::{name}"


def event(kind: str, operation: str, name: str, *, planning: bool = False, type_token: str = "") -> str:
    type_token = type_token or QUEUE
    step: dict[str, Any] = {"metadata": {"op": operation, "urn": urn(name, type_token), "type": type_token}}
    return json.dumps({"sequence": 1, kind: step | ({"planning": True} if planning else {})})


def test_what_was_done_is_counted_by_its_kind():
    changes = read_log(
        [
            event("resOutputsEvent", "create", "a"),
            event("resOutputsEvent", "update", "b"),
            event("resOutputsEvent", "create-replacement", "c"),
            event("resOutputsEvent", "replace", "c"),
            event("resOutputsEvent", "delete-replaced", "c"),
            event("resOutputsEvent", "delete", "d"),
            event("resOutputsEvent", "same", "e"),
        ]
    )
    assert (changes.created, changes.updated, changes.replaced) == ({urn("a")}, {urn("b")}, {urn("c")})
    assert (changes.deleted, changes.same) == ({urn("d")}, {urn("e")})
    assert str(changes) == "1 created, 1 updated, 1 replaced, 1 deleted, 1 same"
    assert not changes.none


def test_what_began_and_did_not_end_is_not_counted_as_done():
    changes = read_log([event("resourcePreEvent", "create", "a"), event("resOpFailedEvent", "create", "a")])
    assert changes.none
    assert str(changes) == "nothing"


def test_a_preview_is_counted_by_what_it_plans():
    planned = [event("resourcePreEvent", "create", "a", planning=True)]
    assert read_log(planned, planned=True).created == {urn("a")}


def test_the_preview_before_an_operation_is_not_counted_as_done():
    planned = [event(kind, "delete", "a", planning=True) for kind in ("resourcePreEvent", "resOutputsEvent")]
    assert read_log(planned).none


def test_the_stack_itself_and_its_providers_do_not_count():
    lines = [
        event("resOutputsEvent", "create", "dev", type_token="pulumi:pulumi:Stack"),
        event("resOutputsEvent", "create", "default", type_token="pulumi:providers:aws"),
    ]
    assert read_log(lines).none


def test_types_are_those_of_resources_without_their_components():
    changes = read_log(
        [
            event("resOutputsEvent", "create", "b", type_token="aws:sqs/queue:Queue"),
            event("resOutputsEvent", "create", "c", type_token="webhooks:index:Tables"),
            event("resOutputsEvent", "create", "a", type_token="aws:iam/role:Role"),
        ]
    )
    assert changes.types("created") == ["aws:iam/role:Role", "aws:sqs/queue:Queue"]


def test_errors_are_kept_and_warnings_are_not():
    lines = [
        json.dumps({"diagnosticEvent": {"severity": "error", "message": "no such key\n"}}),
        json.dumps({"diagnosticEvent": {"severity": "warning", "message": "careful"}}),
        json.dumps({"summaryEvent": {"resourceChanges": {}}}),
        "",
    ]
    assert read_log(lines).errors == ["no such key"]


def test_an_operation_that_is_not_known_is_not_passed_over():
    with pytest.raises(LogError, match=r"the unknown operation 'import' at urn:.*::a: see engine/events\.py"):
        read_log([event("resOutputsEvent", "import", "a")])


def test_a_line_that_is_no_event_is_not_passed_over():
    with pytest.raises(LogError, match=r"a line that is not JSON: '\{\"sequence\":'"):
        read_log(['{"sequence":'])
