"""Facts that all parts of the local stack share."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
