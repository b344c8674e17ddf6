"""The project's own bundles, built with real wheels: these tests need a package index."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundles import Target, build, functions, prepare
from bundles.builder import REPO
from bundles.bytecode import find_compiler
from bundles.trim import SERVICES
from tests.support.small_project import tree_of

PREAMBLE = "import sys; sys.path.insert(0, sys.argv[1]); "
REQUIREMENTS = REPO / "bundles" / "requirements"
GRAVITON = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "aarch64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""PEP 508's environment of `Target.LAMBDA`."""


def run_isolated(bundle: Path, code: str, *arguments: str) -> None:
    """Run `code` with the bundle as the only packages, no environment and no site-packages."""
    subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", PREAMBLE + code, str(bundle), *arguments],
        env={},
        check=True,
        timeout=60,
    )


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", lock.read_text(), flags=re.MULTILINE))


def pins_that_apply(lock: Path, environment: dict[str, str]) -> set[tuple[str, str]]:
    """Name and version of the packages that the lock asks for on such a machine."""
    lines = re.findall(r"^([a-z0-9.-]+==[^\\]+)", lock.read_text(), flags=re.MULTILINE)
    return {
        (canonicalize_name(asked.name), str(asked.specifier).removeprefix("=="))
        for asked in map(Requirement, lines)
        if asked.marker is None or asked.marker.evaluate(environment)
    }


def copy_project(source: Path, folder: Path) -> Path:
    for part in ("handlers", "bundles"):
        shutil.copytree(source / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is now, with an empty cache that these tests share."""
    return copy_project(REPO, tmp_path_factory.mktemp("project"))


def test_there_is_a_bundle_for_each_function() -> None:
    assert functions() == ["ingest", "reconciler", "requeue", "worker"]


@pytest.mark.parametrize("function", functions())
def test_the_handler_imports_from_its_bundle_alone(function: str, project: Path) -> None:
    bundle = build(function, Target.host(), root=project)

    run_isolated(
        bundle, "import importlib; importlib.import_module('handlers.' + sys.argv[2]).handler", function
    )


def test_the_trimmed_boto3_makes_every_client_the_handlers_use(project: Path) -> None:
    bundle = build("requeue", Target.host(), root=project)
    code = (
        "import boto3; session = boto3.Session('id', 'secret', region_name='eu-central-1'); "
        "clients = [session.client(service) for service in sys.argv[2:]]; "
        "assert clients[0].get_paginator('query') and clients[0].get_waiter('table_exists')"
    )

    run_isolated(bundle, code, *sorted(SERVICES))


@pytest.mark.parametrize("target", [Target.LAMBDA, Target.host()], ids=["lambda", "host"])
def test_built_twice_from_scratch_a_bundle_is_the_same_to_the_byte(
    target: Target, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare("worker", target, root=project)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    before = os.umask(0o077)
    try:
        second = prepare("worker", target, root=copy_project(project, tmp_path / "somewhere" / "else"))
    finally:
        os.umask(before)

    assert not second.cached
    assert first.path.name == second.path.name
    tree = tree_of(first.path)
    assert tree == tree_of(second.path)
    compiled = any(name.endswith(".pyc") for name in tree)
    assert compiled == (find_compiler(target.python_version) is not None)


def test_a_bundle_for_lambda_holds_machine_code_for_arm_only(project: Path) -> None:
    bundle = build("worker", Target.LAMBDA, root=project)

    libraries = list(bundle.rglob("*.so"))

    aarch64 = 183  # e_machine of the ELF header
    assert libraries
    assert {int.from_bytes(library.read_bytes()[18:20], "little") for library in libraries} == {aarch64}
    assert any("cpython-313-aarch64" in library.name for library in libraries)


@pytest.mark.parametrize("function", functions())
def test_the_bill_lists_the_packages_of_the_bundle_and_no_others(function: str, project: Path) -> None:
    bundle = prepare(function, Target.LAMBDA, root=project)

    text = bundle.bill.read_text()
    billed = {
        (canonicalize_name(component["name"]), component["version"])
        for component in json.loads(text)["components"]
    }

    folders = [entry.name.removesuffix(".dist-info").split("-") for entry in bundle.path.glob("*.dist-info")]
    assert len(json.loads(text)["components"]) == len(folders)
    assert billed == {(canonicalize_name(name), version) for name, version in folders}
    assert billed == pins_that_apply(REQUIREMENTS / f"{function}.txt", GRAVITON)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_two_processes_that_build_at_once_both_succeed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bundles import Target, build; "
        "print(build('requeue', Target.host(), cache=Path(sys.argv[1])))"
    )

    builders = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    told = [builder.communicate(timeout=120) for builder in builders]

    assert [builder.returncode for builder in builders] == [0, 0], told
    assert told[0] == told[1]
    kept = sorted(entry.name for entry in tmp_path.iterdir())
    assert [name.split("-")[0] for name in kept] == ["packages", "requeue"]


@pytest.mark.parametrize("function", functions())
def test_the_locks_pin_what_the_tests_run_with(function: str) -> None:
    asked = (REQUIREMENTS / f"{function}.in").read_text().splitlines()
    locked = pins(REQUIREMENTS / f"{function}.txt")

    assert {line for line in asked if not line.startswith("#")} <= locked.keys()
    assert locked.items() <= pins(REPO / "requirements-dev.txt").items()
