"""What a bundle contains and when it is built again; the wheels are fakes."""

import dataclasses
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from bundles import Bundle, BundleError, Target, prepare
from bundles.bytecode import Compiler, find_compiler
from tests.support.small_project import FakeInstaller, no_compiler, tree_of, write_files


def bundle_of(
    project: Path, installer: FakeInstaller, target: Target = Target.LAMBDA, compiler: Compiler | None = None
) -> Bundle:
    return prepare("greet", target, root=project, install=installer, compiler_for=lambda _: compiler)


def test_a_bundle_is_the_packages_their_bill_and_the_whole_handlers_package(
    project: Path, installer: FakeInstaller
) -> None:
    write_files(
        project / "handlers",
        {
            "store/events.py": b"",
            "openapi.json": b"{}",
            "__pycache__/greet.cpython-311.pyc": b"stale",
            "store/.DS_Store": b"junk",
        },
    )

    bundle = bundle_of(project, installer)

    assert {name for name in tree_of(bundle.path) if (bundle.path / name).is_file()} == {
        "library.py",
        "sbom.cdx.json",
        "handlers/__init__.py",
        "handlers/greet.py",
        "handlers/store/events.py",
        "handlers/openapi.json",
    }
    assert bundle.path.parent == project / ".cache" / "bundles"


def test_an_unchanged_project_is_not_built_again(project: Path, installer: FakeInstaller) -> None:
    first = bundle_of(project, installer)
    second = bundle_of(project, installer)

    assert (first.cached, second.cached) == (False, True)
    assert second.path == first.path
    assert installer.calls == 1


def test_changed_handlers_make_another_bundle_of_the_same_packages(
    project: Path, installer: FakeInstaller
) -> None:
    before = bundle_of(project, installer)
    (project / "handlers" / "greet.py").write_text("def handler(event, context): ...\n")

    after = bundle_of(project, installer)

    assert after.path != before.path
    assert not after.cached
    assert installer.calls == 1
    assert "import library" in (before.path / "handlers" / "greet.py").read_text()


def test_a_changed_lock_installs_again(project: Path, installer: FakeInstaller) -> None:
    bundle_of(project, installer)
    (project / "bundles" / "requirements" / "greet.txt").write_text("library==2.0 --hash=sha256:11\n")

    assert not bundle_of(project, installer).cached
    assert installer.calls == 2


def test_another_target_or_compiler_is_another_bundle(project: Path, installer: FakeInstaller) -> None:
    compiler = find_compiler(Target.host().python_version)
    assert compiler is not None
    older = dataclasses.replace(compiler, version="3.0.0")

    bundles = [
        bundle_of(project, installer),
        bundle_of(project, installer, Target("3.12", "aarch64-manylinux2014")),
        bundle_of(project, installer, Target("3.13", "x86_64-manylinux2014")),
        bundle_of(project, installer, compiler=compiler),
        bundle_of(project, installer, compiler=older),
    ]

    assert len({bundle.path for bundle in bundles}) == len(bundles)


def test_another_release_of_the_library_that_writes_the_bill_makes_another_bundle(
    project: Path, installer: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle_of(project, installer)
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"another release of {name}")

    assert not bundle_of(project, installer).cached
    assert bundle_of(project, installer).path != before.path


def test_packages_and_handlers_are_compiled_when_an_interpreter_is_there(
    project: Path, installer: FakeInstaller
) -> None:
    bundle = prepare("greet", Target.host(), root=project, install=installer)

    tag = sys.implementation.cache_tag
    assert (bundle.path / "__pycache__" / f"library.{tag}.pyc").is_file()
    assert (bundle.path / "handlers" / "__pycache__" / f"greet.{tag}.pyc").is_file()


def test_the_handler_runs_from_its_bundle(project: Path, installer: FakeInstaller) -> None:
    bundle = prepare("greet", Target.host(), root=project, install=installer)

    code = "import sys; sys.path.insert(0, sys.argv[1]); from handlers.greet import handler; print(handler())"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(bundle.path)], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "library\n"


def test_it_is_built_where_files_cannot_be_linked_too(
    project: Path, installer: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, destination: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    linked = tree_of(bundle_of(project, installer).path)
    monkeypatch.setattr("os.link", refuse)
    copied = prepare(
        "greet",
        Target.LAMBDA,
        root=project,
        cache=project / "elsewhere",
        install=installer,
        compiler_for=no_compiler,
    )

    assert tree_of(copied.path) == linked


def test_a_failed_install_is_told_and_tried_again_the_next_time(
    project: Path, installer: FakeInstaller
) -> None:
    def fail(*, function: str, lock: Path, target: Target, into: Path) -> None:
        write_files(into, {"half.py": b""})
        raise BundleError("the index does not answer")

    attempt = functools.partial(prepare, "greet", Target.LAMBDA, root=project, compiler_for=no_compiler)
    with pytest.raises(BundleError, match="does not answer"):
        attempt(install=fail)

    assert "half.py" not in tree_of(attempt(install=installer).path)


def test_a_handler_that_does_not_compile_is_named_and_not_cached(
    project: Path, installer: FakeInstaller
) -> None:
    (project / "handlers" / "greet.py").write_text("def handler(:\n")

    for _ in range(2):
        with pytest.raises(BundleError, match=r"handlers/greet\.py"):
            prepare("greet", Target.host(), root=project, install=installer)


def test_a_bundle_too_large_for_lambda_is_refused(project: Path) -> None:
    class HugeFiles(FakeInstaller):
        def __call__(self, *, function: str, lock: Path, target: Target, into: Path) -> None:
            with (into / "model.bin").open("wb") as sparse:
                sparse.truncate(251 * 1024 * 1024)

    with pytest.raises(BundleError, match="AWS Lambda takes 262,144,000 unzipped"):
        bundle_of(project, HugeFiles())


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("bundles/requirements/greet.in", "Unknown function 'greet'."),
        ("bundles/requirements/greet.txt", "run `make lock`"),
        ("handlers/greet.py", "put the handler of 'greet' there"),
    ],
)
def test_what_is_missing_is_named(project: Path, installer: FakeInstaller, missing: str, said: str) -> None:
    (project / missing).unlink()

    with pytest.raises(BundleError, match=said):
        bundle_of(project, installer)
    assert not (project / ".cache").exists()
