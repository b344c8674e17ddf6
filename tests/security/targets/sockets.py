"""Sees at the socket where this process connects, whatever library asks, and whatever it was told."""

import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Audit events of the module `socket` (Python documentation, "Audit events table").
_REACHING_OUT = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


@dataclass
class Watch:
    """The connections that are asked for while it lasts.

    Attributes:
        let_through: ports of this machine to which connections are really made; all others are refused, so
            that nothing leaves the machine.
        addresses: the IP addresses, in order, refused or not.
    """

    let_through: Collection[int] = ()
    addresses: list[str] = field(default_factory=list[str])


_watches: list[Watch] = []


@contextmanager
def watched_connections(*, let_through: Collection[int] = ()) -> Generator[Watch]:
    """Watch every connection of this process."""
    watch = Watch(let_through=let_through)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _REACHING_OUT or not _watches:
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return  # a socket of the file system
    for watch in _watches:
        watch.addresses.append(str(address[0]))
        if address[1] not in watch.let_through:
            raise ConnectionRefusedError(f"{address} is not connected to in a test")


sys.addaudithook(_heard)
