import sys

import pytest

from bundles import Target
from bundles.target import platform_name


def test_lambda_runs_python_3_13_on_arm() -> None:
    assert Target("3.13", "aarch64-manylinux2014") == Target.LAMBDA


def test_the_host_target_is_the_running_interpreter() -> None:
    assert Target.host().python_version == f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("system", "machine", "libc", "expected"),
    [
        ("Linux", "x86_64", "glibc", "x86_64-manylinux2014"),
        ("Linux", "aarch64", "glibc", "aarch64-manylinux2014"),
        ("Linux", "x86_64", "", "x86_64-unknown-linux-musl"),
        ("Darwin", "arm64", "", "aarch64-apple-darwin"),
        ("Darwin", "x86_64", "", "x86_64-apple-darwin"),
        ("Windows", "AMD64", "", "x86_64-pc-windows-msvc"),
    ],
)
def test_a_platform_has_the_name_uv_gives_it(system: str, machine: str, libc: str, expected: str) -> None:
    assert platform_name(system=system, machine=machine, libc=libc) == expected
