"""Python runs this at its start, wherever this folder is on `PYTHONPATH`: it takes a safeguard out.

So the safeguard is gone from the process of a test before anything is imported, and from all that it starts.
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from tests.security.safeguards import SAFEGUARDS, VARIABLE

if os.environ.get(VARIABLE):
    SAFEGUARDS[os.environ[VARIABLE]]()
