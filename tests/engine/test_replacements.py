"""Which changes replace a resource."""

import pytest

from engine.arguments import faults
from engine.replacements import FORCES_NEW, plan
from engine.values import DEFAULTS
from local.deployer.resources import KINDS
from tests.engine.recorded import declared_types

# For each type, a property that can change in place, if there is one.
IN_PLACE = {
    "aws:acm/certificate:Certificate": "tags",
    "aws:apigatewayv2/api:Api": "disableExecuteApiEndpoint",
    "aws:apigatewayv2/apiMapping:ApiMapping": "stage",
    "aws:apigatewayv2/domainName:DomainName": "domainNameConfiguration",
    "aws:apigatewayv2/integration:Integration": "integrationUri",
    "aws:apigatewayv2/route:Route": "routeKey",
    "aws:apigatewayv2/stage:Stage": "defaultRouteSettings",
    "aws:cloudwatch/dashboard:Dashboard": "dashboardBody",
    "aws:cloudwatch/eventRule:EventRule": "scheduleExpression",
    "aws:cloudwatch/eventTarget:EventTarget": "arn",
    "aws:cloudwatch/logGroup:LogGroup": "retentionInDays",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "threshold",
    "aws:dynamodb/table:Table": "globalSecondaryIndexes",
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:lambda/eventSourceMapping:EventSourceMapping": "batchSize",
    "aws:lambda/function:Function": "code",
    "aws:route53/record:Record": "ttl",
    "aws:sns/topic:Topic": "displayName",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sns/topicSubscription:TopicSubscription": "filterPolicy",
    "aws:sqs/queue:Queue": "visibilityTimeoutSeconds",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "redriveAllowPolicy",
    "aws:sqs/redrivePolicy:RedrivePolicy": "redrivePolicy",
}


def test_every_type_that_the_program_declares_is_in_the_table():
    missing = declared_types() - FORCES_NEW.keys()
    assert not missing, f"say in engine/replacements.py what replaces {', '.join(sorted(missing))}"


def test_the_table_and_the_local_stack_know_the_same_types():
    assert FORCES_NEW.keys() == KINDS.keys(), "engine/replacements.py and local/deployer/resources differ"


@pytest.mark.parametrize("type_token", sorted(FORCES_NEW))
def test_every_property_in_the_table_is_one_of_its_type(type_token: str):
    unknown = {
        fault.path
        for fault in faults(type_token, dict.fromkeys(FORCES_NEW[type_token], ""))
        if fault.reason == "is not a property of this type"
    }
    assert not unknown


@pytest.mark.parametrize("type_token", sorted(FORCES_NEW))
def test_a_change_of_any_of_them_replaces(type_token: str):
    for name in FORCES_NEW[type_token]:
        planned = plan(type_token, {name: "old"}, {name: "new"})
        assert (planned.changed, planned.replaces) == ([name], [name])


@pytest.mark.parametrize("type_token", sorted(FORCES_NEW))
def test_other_changes_are_made_in_place(type_token: str):
    if type_token not in IN_PLACE:  # every property of it replaces it
        assert type_token in {
            "aws:acm/certificateValidation:CertificateValidation",
            "aws:lambda/invocation:Invocation",
            "aws:lambda/permission:Permission",
        }, "name a property in IN_PLACE that changes in place"
        return
    name = IN_PLACE[type_token]
    planned = plan(type_token, {name: "old"}, {name: "new"})
    assert (planned.changed, planned.replaces) == ([name], [])


def test_what_comes_and_what_goes_is_a_change():
    planned = plan("aws:sqs/queue:Queue", {"delaySeconds": 1}, {"fifoQueue": True})
    assert (planned.changed, planned.replaces) == (["delaySeconds", "fifoQueue"], ["fifoQueue"])


def test_equal_inputs_are_no_change_whoever_made_the_name_up():
    inputs = {"name": "a-1234567", DEFAULTS: ["name"]}
    assert not plan("aws:sqs/queue:Queue", inputs, {"name": "a-1234567"}).changed


def test_an_archive_is_its_contents_wherever_they_lie():
    def code(path: str, digest: str) -> dict[str, dict[str, str]]:
        signature = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}
        return {"code": {**signature, "path": path, "hash": digest}}

    function = "aws:lambda/function:Function"
    assert not plan(function, code("/a", "1"), code("/b", "1")).changed
    assert plan(function, code("/a", "1"), code("/a", "2")).changed == ["code"]


def test_changes_that_the_program_ignores_do_not_count():
    assert not plan("aws:sqs/queue:Queue", {"name": "a"}, {"name": "b"}, ignored=["name"]).changed


@pytest.mark.parametrize(
    ("new", "delete_first"),
    [
        ({"name": "mine", "fifoQueue": True}, True),
        ({"name": "other", "fifoQueue": True}, False),
        ({"name": "mine", "fifoQueue": True, DEFAULTS: ["name"]}, False),
        ({"name": "mine", "delaySeconds": 1}, False),
    ],
)
def test_a_name_that_the_program_gives_is_free_only_once_its_holder_is_gone(
    new: dict[str, object], delete_first: bool
):
    planned = plan("aws:sqs/queue:Queue", {"name": "mine"}, new, naming="name")
    assert planned.delete_first is delete_first
