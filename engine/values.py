"""Property values as the engine sends them: JSON, with signatures for values that JSON cannot hold."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

UNKNOWN = rpc.UNKNOWN
"""Stands for a value that becomes known only during a deployment."""

DEFAULTS = "__defaults"
"""The property in which a provider lists the inputs of a resource that it made up itself."""

# The engine's own marks (developer docs of Pulumi, "Property values").
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"


def read(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The properties of a message; whole numbers are floats on the wire and become ints here."""
    return _whole(json_format.MessageToDict(struct))


def write(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties for a message."""
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def is_archive(value: Any) -> bool:
    """Whether a value is an archive, of a file or a folder."""
    return isinstance(value, dict) and cast("dict[str, Any]", value).get(_SIGNATURE) == _ARCHIVE


def same(old: Any, new: Any) -> bool:
    """Whether nothing changed; archives are compared by their contents, not by their paths."""
    if is_archive(old) and is_archive(new):
        return old.get("hash") == new.get("hash")
    return old == new


def declared(value: Any) -> Any:
    """A value as the program set it, with archives as Pulumi's objects."""
    if is_archive(value):
        return pulumi.FileArchive(value["path"])
    match value:
        case dict():
            return {key: declared(inner) for key, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [declared(inner) for inner in cast("list[Any]", value)]
        case _:
            return value


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _whole(inner) for key, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [_whole(inner) for inner in cast("list[Any]", value)]
        case _:
            return value
