"""Tries calls of AWS and reports the answer to each: `index.py` of a small function, also run here as root.

It imports nothing of this repository: in the function, this file is alone.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

DONE, NOT_SENT = "done", "not sent"
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1}, max_pool_connections=8)

_AT_A_TIME = 4


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """Try the calls of the event in the function's role; reports that role, too."""
    identity = boto3.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    return {"identity": identity, "answers": answers(event["calls"], partial(boto3.client, config=CONFIG))}


def answers(calls: Sequence[Mapping[str, Any]], client_of: Callable[[str], Any]) -> list[str]:
    """The answer to each call, in order: `DONE`, the code of the error, or why it was `NOT_SENT`.

    Args:
        calls: `service` and `operation` as boto3 names them, and `arguments`.
        client_of: returns a client of a service.
    """
    clients = cache(client_of)
    for service in {call["service"] for call in calls}:
        clients(service)  # one after the other: two must not be made at once
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(partial(_answer, clients), calls))


def _answer(clients: Callable[[str], Any], call: Mapping[str, Any]) -> str:
    try:
        getattr(clients(call["service"]), call["operation"])(**call["arguments"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    except BotoCoreError as error:
        return f"{NOT_SENT}: {error}"
    return DONE
