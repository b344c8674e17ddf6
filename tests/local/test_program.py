"""Running a Pulumi program against the emulator."""

import os

import pulumi
import pulumi_aws as aws
import pytest

from local.deployer.program import deploy
from local.emulator.aws import Aws
from local.emulator.launcher import Emulator
from local.errors import LocalStackError, ProgramError

NOWHERE = Aws("http://127.0.0.1:9")


def test_a_type_that_the_local_stack_does_not_know_is_named():
    def program() -> None:
        aws.s3.Bucket("attic")

    with pytest.raises(LocalStackError, match=r"aws:s3/bucket:Bucket 'attic'.*does not know this type"):
        deploy(NOWHERE, {}, program)


def test_a_property_that_the_local_stack_does_not_know_is_named(emulator: Emulator):
    def program() -> None:
        aws.sqs.Queue("line", fifo_queue=True)

    with pytest.raises(LocalStackError, match=r"Queue 'line': the local stack does not know fifoQueue"):
        deploy(Aws(emulator.url), {}, program)


def test_a_lookup_that_the_local_stack_does_not_know_is_named():
    def program() -> None:
        pulumi.export("zones", aws.get_availability_zones_output().names)

    with pytest.raises(LocalStackError, match=r"getAvailabilityZones.*does not know this lookup"):
        deploy(NOWHERE, {}, program)


def test_what_one_resource_gives_flows_on_to_the_next(emulator: Emulator):
    def program() -> None:
        dlq = aws.sqs.Queue("flow-dlq")
        queue = aws.sqs.Queue(
            "flow-queue",
            visibility_timeout_seconds=90,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 6}),
        )
        pulumi.export("url", queue.url)
        pulumi.export("dlq_arn", dlq.arn)

    clients = Aws(emulator.url)

    outputs = deploy(clients, {}, program)

    answer = clients.sqs.get_queue_attributes(QueueUrl=outputs["url"], AttributeNames=["All"])
    assert answer["Attributes"]["VisibilityTimeout"] == "90"
    assert outputs["dlq_arn"] in answer["Attributes"]["RedrivePolicy"]


def test_secrets_reach_the_emulator_and_the_outputs_in_clear(emulator: Emulator):
    def program() -> None:
        name = pulumi.Output.secret("hidden")
        board = aws.cloudwatch.Dashboard("board", dashboard_name=name, dashboard_body='{"widgets": []}')
        pulumi.export("name", board.dashboard_name)

    clients = Aws(emulator.url)

    outputs = deploy(clients, {}, program)

    (board,) = clients.cloudwatch.list_dashboards()["DashboardEntries"]
    assert outputs == {"name": "hidden"}
    assert board["DashboardName"] == "hidden"


def test_configuration_is_text_or_whatever_json_can_hold():
    def program() -> None:
        config = pulumi.Config()
        pulumi.export("delays", config.require_object("delays"))
        pulumi.export("text", config.require("text"))

    outputs = deploy(NOWHERE, {"delays": [1, 2], "text": "plain"}, program)

    assert outputs == {"delays": [1, 2], "text": "plain"}


def test_a_program_that_refuses_its_configuration_says_so_in_its_own_words():
    def program() -> None:
        raise pulumi.RunError("colour is mauve, but must be red")

    with pytest.raises(ProgramError, match=r"^colour is mauve, but must be red$"):
        deploy(NOWHERE, {}, program)


def test_a_fault_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        deploy(NOWHERE, {}, lambda: pulumi.export("fault", 1 / 0))


def test_the_users_own_pulumi_settings_have_no_part_in_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_CONFIG", '{"webhook-delivery:colour": "mauve"}')

    def program() -> None:
        pulumi.export("colour", pulumi.Config().get("colour") or "none")
        pulumi.export("seen", [name for name in os.environ if name.startswith(("PULUMI_", "AWS_"))])

    assert deploy(NOWHERE, {}, program) == {"colour": "none", "seen": []}
