"""The messages for uv's failures. The real uv runs; a test says if it needs an index."""

import os
import re
import socket
from pathlib import Path

import pytest

from bundles import BundleError, Target
from bundles.builder import REPO
from bundles.wheels import explain, install_wheels

LOCK = REPO / "bundles" / "requirements" / "ingest.txt"


def failure(lock: Path, tmp_path: Path, *, target: Target = Target.LAMBDA, **environ: str) -> str:
    with pytest.raises(BundleError) as refused:
        install_wheels(
            function="ingest",
            lock=lock,
            target=target,
            into=tmp_path / "into",
            environ={**os.environ, **environ},
        )
    message = str(refused.value)
    assert message.startswith(f"The bundle of 'ingest' for {target} cannot be built: ")
    assert "\n" not in message
    return message


def test_an_index_that_does_not_answer_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{bound_but_not_listening.getsockname()[1]}/simple"

        said = failure(
            LOCK, tmp_path, UV_DEFAULT_INDEX=index, UV_CACHE_DIR=str(tmp_path / "uv"), UV_HTTP_RETRIES="0"
        )

    assert f"the package index does not answer (Failed to fetch: {index}/" in said
    assert "UV_DEFAULT_INDEX" in said


def test_an_uv_that_is_offline_and_has_nothing_cached_says_so(tmp_path: Path) -> None:
    said = failure(LOCK, tmp_path, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "uv"))

    assert "the network was disabled" in said


def test_a_requirement_without_a_wheel_for_the_target_is_named(tmp_path: Path) -> None:
    """Given an index; pydantic-core has no wheels for Python 3.99."""
    said = failure(LOCK, tmp_path, target=Target("3.99", "aarch64-manylinux2014"))

    assert re.search(r"no wheel of pydantic-core==\S+ that fits", said)
    assert "ingest.in and run `make lock`" in said


def test_a_release_that_is_gone_from_the_index_is_named(tmp_path: Path) -> None:
    """Given an index; six has no release 999."""
    lock = tmp_path / "ingest.txt"
    lock.write_text(f"six==999.0 --hash=sha256:{'0' * 64}\n")

    assert "no wheel of six==999.0 that fits" in failure(lock, tmp_path)


def test_a_wheel_that_is_not_the_one_that_was_locked_is_never_installed(tmp_path: Path) -> None:
    """Given an index; the lock asks for six with other contents."""
    lock = tmp_path / "ingest.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")

    said = failure(lock, tmp_path)

    assert "the index serves six==1.17.0 with other contents than ingest.txt locks" in said
    assert not (tmp_path / "into" / "six.py").exists()


def test_a_requirement_without_a_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "ingest.txt"
    lock.write_text("six==1.17.0\n")

    assert "none were provided for: six==1.17.0" in failure(lock, tmp_path)


def test_a_platform_that_uv_does_not_know_is_refused(tmp_path: Path) -> None:
    assert "invalid value 'pdp11-unix'" in failure(LOCK, tmp_path, target=Target("3.13", "pdp11-unix"))


def test_a_requirement_that_needs_a_later_python_is_named() -> None:
    output = (
        "error: No solution found when resolving dependencies\n"
        "  cause: Because the requested Python version (>=3.7) does not satisfy Python>=3.10 and "
        "annotated-types==0.8.0 depends on Python>=3.10, we can conclude that annotated-types==0.8.0 "
        "cannot be used."
    )

    said = str(explain(output, function="ingest", lock=LOCK, target=Target("3.7", "x86_64-manylinux2014")))

    assert "no wheel of annotated-types==0.8.0 that fits" in said
