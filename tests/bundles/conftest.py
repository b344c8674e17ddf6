"""A small project, and an installer that needs no index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundles.bytecode import find_compiler
from tests.support.small_project import FakeInstaller, write_files


@pytest.fixture
def installer() -> FakeInstaller:
    return FakeInstaller()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write_files(
        root,
        {
            "bundles/requirements/greet.in": b"library\n",
            "bundles/requirements/greet.txt": b"library==1.0 --hash=sha256:00\n",
            "handlers/__init__.py": b"",
            "handlers/greet.py": b"import library\n\n\ndef handler(*_):\n    return library.NAME\n",
        },
    )
    return root


@pytest.fixture
def forgotten_compilers() -> Iterator[None]:
    """A process looks for interpreters only once: let a test look again."""
    find_compiler.cache_clear()
    yield
    find_compiler.cache_clear()
