"""A function's environment has exactly the variables that its code reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.python_function import PythonFunction, PythonFunctionArgs
from handlers.environment import FunctionEnvironment
from tests.support.recorder import Recording, record


class GreetEnvironment(FunctionEnvironment):
    name: str
    times: int
    pauses: tuple[int, ...]


def record_greet(code: Path, environment: Callable[[], dict[str, Any]]) -> Recording:
    def program() -> None:
        PythonFunction(
            "greet",
            PythonFunctionArgs(
                module="greet",
                code=pulumi.FileArchive(str(code)),
                environment_model=GreetEnvironment,
                environment=environment(),
                permissions=[],
                timeout_seconds=3,
                memory_mb=128,
                log_retention_days=1,
            ),
        )

    return record(program)


def test_a_function_reads_back_what_the_program_set(tmp_path: Path):
    recording = record_greet(
        tmp_path, lambda: {"name": pulumi.Output.from_input("Ada"), "times": 2, "pauses": (1, 2)}
    )
    variables = recording.one("aws:lambda/function:Function").inputs["environment"]["variables"]
    assert GreetEnvironment.load(variables) == GreetEnvironment(name="Ada", times=2, pauses=(1, 2))


def test_a_variable_that_the_code_reads_and_the_program_forgot_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="environment of greet lacks pauses, times: GreetEnvironment"):
        record_greet(tmp_path, lambda: {"name": "Ada"})


def test_a_variable_that_the_code_does_not_read_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="environment of greet has colour: declare it in GreetEnvironment"):
        record_greet(tmp_path, lambda: {"name": "Ada", "times": 2, "pauses": (), "colour": "red"})


def test_a_function_without_permissions_may_still_write_its_logs_and_nothing_else(tmp_path: Path):
    recording = record_greet(tmp_path, lambda: {"name": "Ada", "times": 2, "pauses": ()})
    policy = recording.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    assert policy.count('"Effect"') == 1
    assert "logGroup/greet-logs:*" in policy
