"""The command line against a stack in this process (moto), whose outputs are in a file."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import Done, Ops, run_ops
from tests.support.moto_aws import EVENTS_TABLE, TENANT_TABLE, Aws, aws, moto_clients

__all__ = ["aws", "moto_clients"]


@pytest.fixture
def outputs(tmp_path: Path, aws: Aws) -> dict[str, str]:
    """The outputs of a deployed stack."""
    return {
        "events_url": "http://127.0.0.1:1/v1/events",
        "tenant_table_name": TENANT_TABLE,
        "events_table_name": EVENTS_TABLE,
        "queue_url": aws.queue_url,
        "requeue_function_name": "requeue",
    }


@pytest.fixture
def ops(capsys: pytest.CaptureFixture[str], tmp_path: Path, outputs: dict[str, str]) -> Ops:
    def run(*arguments: str, outputs_file: Path | None = None) -> Done:
        file = outputs_file or tmp_path / "outputs.json"
        if outputs_file is None:
            file.write_text(json.dumps(outputs))
        return run_ops(capsys, ["--outputs", str(file), *arguments])

    return run
