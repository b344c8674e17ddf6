"""Host name lookups: one that hangs in the system's resolver holds up nobody else.

A thread that hangs in `getaddrinfo` cannot be ended. So each lookup has its own thread, which ends when the
resolver gives up. Its callers stop waiting long before that.
"""

import errno
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from handlers.delivery.deadline import Deadline
from handlers.delivery.targets import Resolve

LOOKUP_SECONDS = 5.0
MAX_LOOKUPS = 200
"""How many may run at once. Ten deliveries that give up after five seconds leave forty lookups behind if the
resolver gives up after twenty. A Lambda function has 1,024 threads and file descriptors."""


@dataclass(frozen=True)
class _Lookup:
    started_at: float
    addresses: Future[Sequence[str]] = field(default_factory=Future[Sequence[str]])


class Lookups:
    """Looks host names up; each name has at most one lookup at a time."""

    def __init__(
        self, resolve: Resolve, *, max_lookups: int = MAX_LOOKUPS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look names up with `resolve`.

        Args:
            resolve: looks a host name up; it may hang.
            max_lookups: how many may run at once, including those that nobody waits for any more.
            clock: seconds of the monotonic clock.
        """
        self._resolve = resolve
        self._clock = clock
        self._lock = threading.Lock()
        self._free_slots = threading.BoundedSemaphore(max_lookups)
        self._running: dict[str, _Lookup] = {}

    def addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        """The addresses of a host, within five seconds or a third of the time left, whichever is less.

        If a lookup of the same host is running, this waits for that one; the time then counts from its start.

        Raises:
            TimeoutError: the lookup took longer.
            OSError: the host has no address, or the resolver failed.
        """
        limit = min(LOOKUP_SECONDS, deadline.remaining() / 3)
        give_up_at = self._clock() + limit
        lookup = self._running_or_new(host, port, limit)
        give_up_at = min(give_up_at, lookup.started_at + limit)
        return lookup.addresses.result(timeout=max(give_up_at - self._clock(), 0))

    def _running_or_new(self, host: str, port: int, limit: float) -> _Lookup:
        with self._lock:
            if (lookup := self._running.get(host)) is not None:
                return lookup
        if not self._free_slots.acquire(timeout=limit):
            raise TimeoutError("too many lookups of other hosts are running")
        with self._lock:
            if (lookup := self._running.get(host)) is not None:
                self._free_slots.release()
                return lookup
            lookup = self._running[host] = _Lookup(self._clock())
        # A daemon, so that a hanging lookup does not keep the process alive.
        thread = threading.Thread(target=self._look_up, args=(lookup, host, port), daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._finish(host)
            lookup.addresses.set_exception(OSError(errno.EAGAIN, f"no thread for a lookup: {error}"))
        return lookup

    def _look_up(self, lookup: _Lookup, host: str, port: int) -> None:
        try:
            addresses = self._resolve(host, port)
        except Exception as error:  # noqa: BLE001 - the waiting callers get it
            self._finish(host)
            lookup.addresses.set_exception(error)
        else:
            self._finish(host)
            lookup.addresses.set_result(addresses)

    def _finish(self, host: str) -> None:
        with self._lock:
            del self._running[host]
        self._free_slots.release()
