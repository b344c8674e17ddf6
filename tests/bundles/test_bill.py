"""The contents of a bill of materials, for packages that the tests install by hand."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bundles import Target, prepare
from bundles.bill import write_bill
from bundles.builder import REPO
from tests.support.small_project import FakeInstaller, dist_info, no_compiler, write_files


def bill_of(folder: Path, *packages: dict[str, bytes]) -> dict[str, Any]:
    for package in packages:
        write_files(folder / "packages", package)
    write_bill(folder / "bill.json", function="greet", packages=folder / "packages")
    return json.loads((folder / "bill.json").read_bytes())


def licences_of(folder: Path, *lines: str) -> list[dict[str, str]]:
    [component] = bill_of(folder, dist_info("six", "1.17.0", *lines))["components"]
    stated = [entry.get("license", entry) for entry in component.get("licenses", [])]
    assert all(entry.pop("acknowledgement") == "declared" for entry in stated)
    return stated


def test_every_package_is_named_with_its_version_and_purl(tmp_path: Path) -> None:
    bill = bill_of(tmp_path, dist_info("typing_extensions", "4.16.0"), dist_info("six", "1.17.0"))

    assert bill["metadata"]["component"]["name"] == "greet"
    assert [
        (component["name"], component["version"], component["purl"]) for component in bill["components"]
    ] == [
        ("six", "1.17.0", "pkg:pypi/six@1.17.0"),
        ("typing_extensions", "4.16.0", "pkg:pypi/typing-extensions@4.16.0"),
    ]


def test_only_what_is_known_of_dependencies_is_said(tmp_path: Path) -> None:
    bill = bill_of(tmp_path, dist_info("six", "1.17.0"))

    assert bill["dependencies"] == [{"ref": "greet", "dependsOn": ["pkg:pypi/six@1.17.0"]}]


@pytest.mark.parametrize(
    "packages", [[], [dist_info("six", "1.17.0", "License: A licence of our own")]], ids=["none", "one"]
)
def test_it_is_valid_cyclonedx(tmp_path: Path, packages: list[dict[str, bytes]]) -> None:
    (tmp_path / "packages").mkdir()
    bill_of(tmp_path, *packages)

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str((tmp_path / "bill.json").read_text()) is None


@pytest.mark.parametrize(
    ("lines", "stated"),
    [
        (["License-Expression: MIT", "Classifier: License :: OSI Approved :: MIT License"], [{"id": "MIT"}]),
        (["License-Expression: MIT OR Apache-2.0"], [{"expression": "MIT OR Apache-2.0"}]),
        (["License: apache-2.0"], [{"id": "Apache-2.0"}]),
        (
            ["License: Dual License", "Classifier: License :: OSI Approved :: BSD License"],
            [{"name": "BSD License"}, {"name": "Dual License"}],
        ),
        (
            ["License: MIT OR Apache-2.0", "Classifier: License :: DFSG approved"],
            [{"name": "DFSG approved"}, {"name": "MIT OR Apache-2.0"}],
        ),
        (["License: The whole licence", "        in many lines"], [{"name": "The whole licence"}]),
        (["Classifier: Programming Language :: Python"], []),
    ],
)
def test_licences_are_those_that_the_package_declares(
    tmp_path: Path, lines: list[str], stated: list[dict[str, str]]
) -> None:
    assert licences_of(tmp_path, *lines) == stated


def test_equal_packages_have_equal_bills_wherever_and_whenever_they_are_installed(tmp_path: Path) -> None:
    packages = dist_info("six", "1.17.0"), dist_info("boto3", "1.43.106", "License: Apache-2.0")

    bill_of(tmp_path / "here", *packages)
    bill_of(tmp_path / "there", *reversed(packages))

    assert (tmp_path / "here" / "bill.json").read_bytes() == (tmp_path / "there" / "bill.json").read_bytes()


def test_another_version_is_another_bill_with_another_serial_number(tmp_path: Path) -> None:
    before = bill_of(tmp_path / "before", dist_info("six", "1.16.0"))
    after = bill_of(tmp_path / "after", dist_info("six", "1.17.0"))

    assert before["components"][0]["version"] == "1.16.0"
    assert after["components"][0]["version"] == "1.17.0"
    assert before["serialNumber"] != after["serialNumber"]


def test_a_bundle_carries_the_bill_of_its_packages(project: Path, installer: FakeInstaller) -> None:
    installer.files |= dist_info("library", "1.0")

    bundle = prepare("greet", Target.LAMBDA, root=project, install=installer, compiler_for=no_compiler)

    bill = json.loads(bundle.bill.read_bytes())
    assert bundle.bill == bundle.path / "sbom.cdx.json"
    assert [component["name"] for component in bill["components"]] == ["library"]


def test_a_bundle_that_is_cached_is_found_without_importing_the_library(tmp_path: Path) -> None:
    """Importing it takes longer than all other bundle work of a preview with finished bundles."""
    write_files(
        tmp_path,
        {
            "bundles/requirements/greet.in": b"",
            "bundles/requirements/greet.txt": b"",
            "handlers/greet.py": b"",
        },
    )
    code = (
        "import sys; from pathlib import Path; from bundles import Target, prepare; "
        "print(prepare('greet', Target.host(), root=Path(sys.argv[1])).cached, 'cyclonedx' in sys.modules)"
    )

    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=REPO, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]

    assert said == [["False", "True"], ["True", "False"]]
