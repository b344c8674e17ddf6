"""Where a bundle runs."""

import platform
import sys
from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True)
class Target:
    """An interpreter on a platform.

    Attributes:
        python_version: Major and minor version, such as `3.13`.
        platform: A name that `uv pip install --python-platform` knows, such as `aarch64-manylinux2014`.
    """

    LAMBDA: ClassVar["Target"]

    python_version: str
    platform: str

    @classmethod
    def host(cls) -> Self:
        """The interpreter that runs now, on this machine; the local stack uses it."""
        return cls(
            f"{sys.version_info.major}.{sys.version_info.minor}",
            platform_name(system=platform.system(), machine=platform.machine(), libc=platform.libc_ver()[0]),
        )

    def __str__(self) -> str:
        return f"Python {self.python_version} on {self.platform}"


# The runtime python3.13 on Graviton. Amazon Linux 2023 has glibc 2.34, so manylinux2014 wheels run on it.
Target.LAMBDA = Target("3.13", "aarch64-manylinux2014")


def platform_name(*, system: str, machine: str, libc: str) -> str:
    """Return uv's name for a platform, given what the module `platform` reports."""
    architecture = {"arm64": "aarch64", "amd64": "x86_64"}.get(machine.lower(), machine.lower())
    if system == "Darwin":
        return f"{architecture}-apple-darwin"
    if system == "Windows":
        return f"{architecture}-pc-windows-msvc"
    return f"{architecture}-manylinux2014" if libc == "glibc" else f"{architecture}-unknown-linux-musl"
