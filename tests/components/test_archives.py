"""The program asks for bundles that fit the stack's platform."""

from pathlib import Path

import pulumi
import pytest

from bundles import BundleError, Target
from components.archives import archives


class RecordingBuild:
    """Builds nothing and records the calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, Target]] = []

    def __call__(self, function: str, target: Target, /) -> Path:
        self.asked.append((function, target))
        return self.folder


def test_a_stack_is_deployed_with_bundles_for_lambda(tmp_path: Path):
    build = RecordingBuild(tmp_path)
    archive = archives("lambda", build)("ingest")
    assert isinstance(archive, pulumi.FileArchive)
    assert archive.path == str(tmp_path)
    assert build.asked == [("ingest", Target.LAMBDA)]


def test_the_local_stack_runs_bundles_for_this_machine(tmp_path: Path):
    build = RecordingBuild(tmp_path)
    archives("host", build)("worker")
    assert build.asked == [("worker", Target.host())]


def test_a_bundle_that_cannot_be_built_ends_the_program_with_its_one_message():
    def unreachable(function: str, target: Target, /) -> Path:
        raise BundleError(f"no index answers for {function}: connect and try again")

    with pytest.raises(pulumi.RunError, match=r"^no index answers for requeue: connect and try again$"):
        archives("lambda", unreachable)("requeue")
