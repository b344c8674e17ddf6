"""Runs the marked system and reports which secrets came out where they do not belong."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.security.leaks.marks import leaks
from tests.security.leaks.story import run_marked_system
from tests.security.part import Part


def run_leaks() -> Part:
    """Run the whole system with marked secrets, and search everything that it wrote."""
    with TemporaryDirectory() as folder:
        system = run_marked_system(Path(folder))
    return Part(
        title="Secrets in what is written",
        counts={"secrets searched for": len(system.marks), "bytes searched": system.traces.size},
        details={"places searched": len(system.traces.written)},
        faults=leaks(system.traces, system.marks),
    )
