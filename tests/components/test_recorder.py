"""The recorder refuses the mistakes that an engine would refuse."""

import asyncio
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from tests.support.recorder import Recording, RecordingError, record


def queue(name: str) -> None:
    aws.sqs.Queue(name)


def test_two_resources_of_one_name_are_refused():
    def program() -> None:
        queue("twin")
        queue("twin")

    with pytest.raises(RecordingError, match="queue:Queue::twin is registered twice"):
        record(program)


def test_an_archive_that_is_not_there_is_refused(tmp_path: Path):
    def program() -> None:
        aws.lambda_.Function("f", role="role", code=pulumi.FileArchive(str(tmp_path / "missing")))

    with pytest.raises(RecordingError, match="missing, which is not a folder"):
        record(program)


def test_secrets_protection_and_exports_are_recorded():
    def program() -> None:
        aws.sqs.Queue(
            "q",
            tags={"token": pulumi.Output.secret("hush")},
            opts=pulumi.ResourceOptions(protect=True, retain_on_delete=True),
        )
        pulumi.export("answer", pulumi.Output.from_input(42))

    recording = record(program)
    recorded = recording.one("aws:sqs/queue:Queue", "q")
    assert recorded.secret_inputs == {"tags"}
    assert recorded.inputs["tags"] == {"token": "hush"}
    assert recorded.protect
    assert recorded.retain_on_delete
    assert recording.outputs == {"answer": 42}


def test_an_output_formatted_as_text_is_refused():
    def program() -> None:
        queue(f"{pulumi.Output.from_input('name')}")

    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        record(program)


def test_recordings_do_not_see_each_other():
    def program() -> None:
        queue("q")

    first, second = record(program), record(program, stack="prod")
    assert isinstance(first, Recording)
    assert set(first.resources) != set(second.resources)


def test_a_program_may_be_recorded_while_no_loop_runs():
    record(lambda: None)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
