"""Shared by the benchmarks: a producer that keeps its connections, and the figures."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import requests
from requests.adapters import HTTPAdapter

from local.receiver import Delivery


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An accepted event: when its 202 came, and how many seconds that took."""

    event_id: str
    at: float
    took: float


class Producer:
    """Sends events over connections that it keeps, one per thread."""

    def __init__(self, events_url: str, api_key: str, parallel: int) -> None:
        self._url = events_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {api_key}"
        self._session.mount("http://", HTTPAdapter(pool_maxsize=parallel))

    def send(self, number: int) -> Accepted:
        """Send one event.

        Raises:
            RuntimeError: it was not accepted.
        """
        began = time.time()
        event = {"type": "order.created", "data": {"orderId": number}}
        answer = self._session.post(self._url, json=event, timeout=35)
        ended = time.time()
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise RuntimeError(f"event {number} was answered {answer.status_code}: {answer.text}")
        return Accepted(event_id=answer.json()["id"], at=ended, took=ended - began)


def delays(accepted: Sequence[Accepted], deliveries: Sequence[Delivery]) -> list[float]:
    """Seconds from acceptance to first receipt, for every event that was received."""
    first = {delivery.event_id: delivery.at for delivery in reversed(deliveries)}
    # A delivery may arrive before the producer has read its 202.
    return [max(0.0, first[event.event_id] - event.at) for event in accepted if event.event_id in first]


def p99(seconds: Sequence[float]) -> float:
    """The 99th percentile of at least two values."""
    return statistics.quantiles(seconds, n=100)[98]


def ms(seconds: float) -> str:
    """A duration for a table."""
    return f"{seconds * 1000:.0f} ms"
