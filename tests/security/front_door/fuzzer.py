"""The process in which atheris fuzzes the ingest function: `guided` starts it, and reads what it reports.

`python -m tests.security.front_door.fuzzer INPUTS REPORT [options of libFuzzer] CORPUS`
"""

import json
import os
import sys
from pathlib import Path

import atheris

# What is imported here is instrumented, so it must not have been imported before.
with atheris.instrument_imports(include=["handlers", "tests.security.front_door.raw"]):
    from tests.security.front_door.guided import try_input
    from tests.security.front_door.tally import Tally
    from tests.security.front_door.world import FrontDoor


def main(inputs: int, report: Path, options: list[str]) -> None:
    """Fuzz until so many inputs were tried, and end the process: atheris never gives control back."""
    door, tally = FrontDoor(), Tally()

    def one_input(data: bytes) -> None:
        try_input(data, door, tally)
        if tally.inputs >= inputs:
            report.write_text(json.dumps(tally.to_json()))
            os._exit(0)

    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
