"""What every part of the local stack agrees on."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
