"""`python -m bundles`: build every bundle for AWS Lambda and print its size."""

import json
import logging
import sys
import time
from pathlib import Path

from bundles import BundleError, Target, functions, prepare
from bundles.builder import REPO
from bundles.size import measure

_ROW = "{:<10}{:>10}{:>7}{:>10}{:>8}{:>9}  {}\n"


def main(root: Path = REPO) -> int:
    """Build all bundles and print a line for each, sizes in MB; return 1 if one cannot be built."""
    sys.stdout.write(f"Bundles for {Target.LAMBDA}, sizes in MB\n")
    sys.stdout.write(_ROW.format("function", "packages", "files", "unzipped", "zipped", "seconds", "cache"))
    for function in functions(root):
        started = time.perf_counter()
        try:
            bundle = prepare(function, Target.LAMBDA, root=root)
        except BundleError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        seconds = f"{time.perf_counter() - started:.2f}"
        size = measure(bundle.path)
        unzipped, zipped = (f"{size_in_bytes / 1e6:.1f}" for size_in_bytes in (size.unzipped, size.zipped))
        packages = len(json.loads(bundle.bill.read_bytes()).get("components", []))
        cache = "hit" if bundle.cached else "miss"
        sys.stdout.write(_ROW.format(function, packages, size.files, unzipped, zipped, seconds, cache))
    return 0


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    sys.exit(main())
