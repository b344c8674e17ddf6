"""Fuzzing of all that the ingest function does with a request, guided by coverage where atheris can be had.

What is measured, and followed into its branches, is this repository's Python: pydantic's JSON parser is
compiled, so of that only the answers guide. `request_of` makes a request of what libFuzzer has for one input.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.security.front_door.promises import broken_promise
from tests.security.front_door.raw import SEEDS, TOKENS, minimal, mutated, request_of
from tests.security.front_door.tally import Tally, in_base64
from tests.security.front_door.world import FrontDoor

_REPOSITORY = Path(__file__).parents[3]
_SECONDS_TO_START, _SECONDS_PER_INPUT = 120, 0.1
_OPTIONS = ("-max_len=1024", "-rss_limit_mb=2048", "-timeout=60")


def can_be_guided() -> bool:
    """Whether atheris is here: it has wheels for Linux on x86-64 only, and not for every Python."""
    return importlib.util.find_spec("atheris") is not None


def guided(inputs: int, seed: int) -> Tally:
    """Try so many inputs, following the coverage; a fuzzer that ends before is a fault."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        report, corpus = folder / "report", folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate(SEEDS):
            (corpus / str(number)).write_bytes(data)
        (folder / "tokens").write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS))
        options = [f"-seed={seed}", f"-dict={folder}/tokens", f"-artifact_prefix={folder}/found-"]
        program = [sys.executable, "-m", "tests.security.front_door.fuzzer", str(inputs), str(report)]
        ended = subprocess.run(
            [*program, *_OPTIONS, *options, str(corpus)],
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS_TO_START + inputs * _SECONDS_PER_INPUT,
            check=False,
        )
        if report.exists():
            return Tally.from_json(json.loads(report.read_text()))
        last = [in_base64(found.read_bytes()) for found in folder.glob("found-*")]
        fault = f"the fuzzer ended before its end, with code {ended.returncode}: {ended.stderr[-1000:]}"
        return Tally(faults={fault: ", ".join(last) or "it kept no input"})


def unguided(inputs: int, seed: int) -> Tally:
    """Try so many mutations of the seeds, blindly: where atheris cannot be had."""
    random, door, tally = Random(seed), FrontDoor(), Tally()  # noqa: S311 - the same on every run
    while tally.inputs < inputs:
        try_input(mutated(random), door, tally)
    return tally


def try_input(data: bytes, door: FrontDoor, tally: Tally) -> None:
    """Ask one input, and keep a minimal one for each promise that is broken."""
    broken = tally.add(door.ask(request_of(data)))
    if broken is not None and broken not in tally.faults:
        smallest = minimal(data, lambda shorter: broken_promise(door.ask(request_of(shorter))) == broken)
        tally.faults[broken] = in_base64(smallest)


def _escaped(token: bytes) -> str:
    """A token as libFuzzer's dictionaries have them."""
    return "".join(f"\\x{byte:02x}" for byte in token)
