import logging
import marshal
import os
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest

from bundles import BundleError, Target
from bundles.bytecode import Compiler, find_compiler, first_working
from tests.support.small_project import write_files

HOST_VERSION = Target.host().python_version


@pytest.fixture
def compiler() -> Compiler:
    found = find_compiler(HOST_VERSION)
    assert found is not None
    return found


def shim(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_running_interpreter_compiles_for_itself(compiler: Compiler) -> None:
    assert compiler.executable == sys.executable
    assert compiler.version == ".".join(map(str, sys.version_info[:3]))


def test_interpreters_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    candidates = [
        str(tmp_path / "missing"),
        shim(tmp_path / "shim", 'echo "command not found" >&2; exit 127'),
        shim(tmp_path / "liar", "echo hello"),
        sys.executable,
    ]

    found = first_working(candidates, HOST_VERSION)

    assert found is not None
    assert found.executable == sys.executable


@pytest.mark.parametrize(
    "probe", ["cpython-313 candidate 3.13.0", "pypy313 final 3.13.0", "cpython-312 final 3.12.1"]
)
def test_only_a_release_of_that_very_version_of_cpython_compiles(tmp_path: Path, probe: str) -> None:
    assert first_working([shim(tmp_path / "python3.13", f"echo {probe}")], "3.13") is None
    assert first_working([shim(tmp_path / "good", "echo cpython-313 final 3.13.7")], "3.13") == Compiler(
        executable=str(tmp_path / "good"), version="3.13.7"
    )


@pytest.mark.usefixtures("forgotten_compilers")
def test_it_is_said_once_and_with_a_remedy_when_there_is_no_interpreter(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="bundles"):
        assert find_compiler("3.99") is None
        assert find_compiler("3.99") is None

    assert [record.getMessage() for record in caplog.records] == [
        "No Python 3.99 here, so bundles lack bytecode and start slower: run `uv python install 3.99`."
    ]


def test_bytecode_is_never_checked_and_names_the_files_as_lambda_has_them(
    tmp_path: Path, compiler: Compiler
) -> None:
    write_files(tmp_path, {"handlers/greet.py": b"x = 1\n"})

    compiler.compile(tmp_path / "handlers", within=tmp_path)

    [compiled] = (tmp_path / "handlers" / "__pycache__").iterdir()
    content = compiled.read_bytes()
    unchecked_hash = 0b01  # PEP 552: hash-based, and not to be checked
    assert int.from_bytes(content[4:8], "little") == unchecked_hash
    code = marshal.loads(content[16:])  # noqa: S302 - we wrote it
    assert isinstance(code, CodeType)
    assert code.co_filename == "/var/task/handlers/greet.py"


def test_importing_from_a_compiled_tree_writes_nothing(tmp_path: Path, compiler: Compiler) -> None:
    write_files(tmp_path, {"greet.py": b"x = 1\n"})
    compiler.compile(tmp_path, within=tmp_path)
    [compiled] = (tmp_path / "__pycache__").iterdir()
    before = compiled.read_bytes()
    os.utime(tmp_path / "greet.py", (0, 0))

    subprocess.run([sys.executable, "-c", "import greet"], cwd=tmp_path, check=True)

    assert compiled.read_bytes() == before


def test_a_module_that_does_not_compile_is_named(tmp_path: Path, compiler: Compiler) -> None:
    write_files(tmp_path, {"handlers/broken.py": b"def f(:\n"})

    with pytest.raises(BundleError, match=r"handlers/broken\.py") as refused:
        compiler.compile(tmp_path / "handlers", within=tmp_path)
    assert str(tmp_path) not in str(refused.value)
    assert compiler.version in str(refused.value)
