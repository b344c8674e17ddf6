"""Running a Pulumi program against the emulator."""

from pathlib import Path
from textwrap import dedent

import pytest

from local.aws import Aws
from local.errors import LocalStackError, ProgramError
from local.launcher import Emulator
from local.program import deploy

NOWHERE = Aws("http://127.0.0.1:9")


@pytest.fixture
def program(tmp_path: Path):
    def write(source: str) -> Path:
        (tmp_path / "__main__.py").write_text("import pulumi\nimport pulumi_aws as aws\n" + dedent(source))
        return tmp_path

    return write


def test_a_type_that_the_local_stack_does_not_know_is_named(program):
    root = program('aws.s3.Bucket("attic")')

    with pytest.raises(LocalStackError, match=r"aws:s3/bucket:Bucket 'attic'.*does not know this type"):
        deploy(NOWHERE, {}, root=root)


def test_a_property_that_the_local_stack_does_not_know_is_named(program, emulator: Emulator):
    root = program('aws.sqs.Queue("line", fifo_queue=True)')

    with pytest.raises(LocalStackError, match=r"Queue 'line': the local stack does not know fifoQueue"):
        deploy(Aws(emulator.url), {}, root=root)


def test_a_lookup_that_the_local_stack_does_not_know_is_named(program):
    root = program('pulumi.export("zones", aws.get_availability_zones_output().names)')

    with pytest.raises(LocalStackError, match=r"getAvailabilityZones.*does not know this lookup"):
        deploy(NOWHERE, {}, root=root)


def test_what_one_resource_gives_flows_on_to_the_next(program, emulator: Emulator):
    root = program(
        """
        dlq = aws.sqs.Queue("flow-dlq")
        queue = aws.sqs.Queue(
            "flow-queue",
            visibility_timeout_seconds=90,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dlq.arn, "maxReceiveCount": 6}),
        )
        pulumi.export("url", queue.url)
        pulumi.export("dlq_arn", dlq.arn)
        """
    )
    aws = Aws(emulator.url)

    outputs = deploy(aws, {}, root=root)

    attributes = aws.sqs.get_queue_attributes(QueueUrl=outputs["url"], AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "90"
    assert outputs["dlq_arn"] in attributes["RedrivePolicy"]


def test_secrets_reach_the_emulator_and_the_outputs_in_clear(program, emulator: Emulator):
    root = program(
        """
        name = pulumi.Output.secret("hidden")
        board = aws.cloudwatch.Dashboard("board", dashboard_name=name, dashboard_body='{"widgets": []}')
        pulumi.export("name", board.dashboard_name)
        """
    )
    aws = Aws(emulator.url)

    assert deploy(aws, {}, root=root) == {"name": "hidden"}
    assert [found["DashboardName"] for found in aws.cloudwatch.list_dashboards()["DashboardEntries"]] == [
        "hidden"
    ]


def test_configuration_is_text_or_whatever_json_can_hold(program):
    root = program(
        """
        config = pulumi.Config()
        pulumi.export("delays", config.require_object("delays"))
        pulumi.export("text", config.require("text"))
        """
    )

    assert deploy(NOWHERE, {"delays": [1, 2], "text": "plain"}, root=root) == {
        "delays": [1, 2],
        "text": "plain",
    }


def test_a_program_that_refuses_its_configuration_says_so_in_its_own_words(program):
    root = program('raise pulumi.RunError("colour is mauve, but must be red")')

    with pytest.raises(ProgramError, match=r"^colour is mauve, but must be red$"):
        deploy(NOWHERE, {}, root=root)


def test_a_fault_of_the_program_is_not_hidden(program):
    with pytest.raises(ZeroDivisionError):
        deploy(NOWHERE, {}, root=program("1 / 0"))


def test_the_users_own_pulumi_settings_have_no_part_in_it(program, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_CONFIG", '{"webhook-delivery:colour": "mauve"}')
    root = program(
        """
        import os
        pulumi.export("colour", pulumi.Config().get("colour") or "none")
        pulumi.export("seen", [name for name in os.environ if name.startswith(("PULUMI_", "AWS_"))])
        """
    )

    assert deploy(NOWHERE, {}, root=root) == {"colour": "none", "seen": []}
