"""Lookups of host names, which the system's resolver may hang in, without anybody else waiting for it.

A thread that hangs in `getaddrinfo` cannot be ended. So each lookup has one of its own, which it leaves when
the resolver gives up; whoever waits for it goes away long before that.
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
"""Under way at once. Ten deliveries that give up after five seconds leave forty behind where the resolver
gives up after twenty. A function on Lambda has 1,024 threads and file descriptors."""


@dataclass(frozen=True)
class _Lookup:
    began: float
    addresses: Future[Sequence[str]] = field(default_factory=Future[Sequence[str]])


class Lookups:
    """Looks host names up, each once at a time."""

    def __init__(
        self, resolve: Resolve, *, most: int = MAX_LOOKUPS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask `resolve`.

        Args:
            resolve: looks a host name up; it may hang.
            most: lookups under way at once, those that nobody waits for any more included.
            clock: seconds, of the monotonic clock.
        """
        self._resolve = resolve
        self._clock = clock
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(most)
        self._under_way: dict[str, _Lookup] = {}

    def addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[str]:
        """The addresses of a host, within five seconds, or a third of the time left if that is less.

        A lookup of the same host that is under way is waited for instead of a second one, counted from when
        it began.

        Raises:
            TimeoutError: it took longer.
            OSError: the host has no address, or the resolver failed.
        """
        patience = min(LOOKUP_SECONDS, deadline.remaining() / 3)
        give_up_at = self._clock() + patience
        lookup = self._begun(host, port, patience)
        give_up_at = min(give_up_at, lookup.began + patience)
        return lookup.addresses.result(timeout=max(give_up_at - self._clock(), 0))

    def _begun(self, host: str, port: int, patience: float) -> _Lookup:
        with self._lock:
            if (lookup := self._under_way.get(host)) is not None:
                return lookup
        if not self._free.acquire(timeout=patience):
            raise TimeoutError("too many lookups of other hosts are under way")
        with self._lock:
            if (lookup := self._under_way.get(host)) is not None:
                self._free.release()
                return lookup
            lookup = self._under_way[host] = _Lookup(self._clock())
        # A daemon: what hangs must not keep the process from ending.
        thread = threading.Thread(target=self._look_up, args=(lookup, host, port), daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._end(host)
            lookup.addresses.set_exception(OSError(errno.EAGAIN, f"no thread for a lookup: {error}"))
        return lookup

    def _look_up(self, lookup: _Lookup, host: str, port: int) -> None:
        try:
            addresses = self._resolve(host, port)
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            self._end(host)
            lookup.addresses.set_exception(error)
        else:
            self._end(host)
            lookup.addresses.set_result(addresses)

    def _end(self, host: str) -> None:
        with self._lock:
            del self._under_way[host]
        self._free.release()
