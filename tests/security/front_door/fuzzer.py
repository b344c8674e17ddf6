"""The process in which atheris fuzzes the ingest function: `fuzzing.guided` starts it and reads its report.

`python -m tests.security.front_door.fuzzer INPUTS REPORT [options of libFuzzer] CORPUS`
"""

import json
import os
import sys
from pathlib import Path

import atheris

# What is imported here is instrumented, so nothing may have imported it before.
with atheris.instrument_imports(include=["handlers"]):
    from tests.security.front_door.fuzzing import bytes_taker
    from tests.security.front_door.tally import Tally
    from tests.support.front_door import FrontDoor


def main(inputs: int, report: Path, options: list[str]) -> None:
    """Fuzz until so many inputs were tried, and end the process: atheris never gives control back."""
    tally = Tally()
    take = bytes_taker(FrontDoor(), tally)

    def one_input(data: bytes) -> None:
        take(data)
        if tally.inputs >= inputs:
            report.write_text(json.dumps(vars(tally)))
            os._exit(0)

    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
