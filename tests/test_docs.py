"""The documents: every link has a target, and a shell can read every command."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.configurations import DEV
from tests.support.recorder import record

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def links(document: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a document: path and anchor, each of which may be empty."""
    for target in _LINK.findall(_FENCED.sub("", document.read_text())):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings: it keeps only words, hyphens and spaces."""
    found: set[str] = set()
    seen = Counter[str]()
    for heading in _HEADING.findall(_FENCED.sub("", document.read_text())):
        text = _LINK.sub(lambda link: link.group(0)[1:].partition("]")[0], heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(document: Path) -> None:
    astray: list[str] = []
    for path, anchor in links(document):
        target = (document.parent / path).resolve() if path else document
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors(target)):
            astray.append(f"{path}#{anchor}")

    assert astray == []


def test_the_links_are_seen_and_the_anchors_are_githubs() -> None:
    assert ("docs/deploying.md", "") in set(links(ROOT / "README.md"))
    assert {"pulumis-state", "what-it-costs"} <= anchors(ROOT / "docs" / "deploying.md")
    assert "-a-deploy-goes-wrong" in anchors(ROOT / "docs" / "reliability.md")


def test_the_guide_asks_for_the_pulumi_that_the_program_requires() -> None:
    required = re.search(r'requiredPulumiVersion: ">=(\d+\.\d+)', (ROOT / "Pulumi.yaml").read_text())

    assert required
    assert f"{required[1]} or later" in (ROOT / "docs" / "deploying.md").read_text()


def test_operators_are_told_of_every_alarm_and_what_they_cost() -> None:
    alarms = record(config=DEV).of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    guide = (ROOT / "docs" / "operating.md").read_text()
    labels = {alarm.name.removeprefix("webhooks-monitoring-") for alarm in alarms}

    assert {label for label in labels if f"`{label}`" not in guide} == set()
    assert f"{len(alarms)} alarms \u00d7 $0.10" in (ROOT / "docs" / "deploying.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_is_one_that_a_shell_can_read(document: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    for language, block in _FENCED.findall(document.read_text()):
        if language == "bash":
            read = subprocess.run([bash, "-n"], input=block, capture_output=True, text=True, check=False)
            assert (read.returncode, read.stderr) == (0, ""), block
