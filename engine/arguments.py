"""Check a resource's inputs against its argument types in pulumi_aws."""

import collections.abc
import enum
import functools
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_aws
from pulumi import _types as sdk  # pyright: ignore[reportPrivateUsage] - how the SDK itself reads these classes

from engine.values import UNKNOWN, is_archive

_PLAIN = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
# The engine adds these keys to a provider's configuration; they name the plugin.
_ENGINES_OWN = {"version", "pluginDownloadURL"}
# Packages whose names differ in Python: pulumi_aws.lambda_.
_PACKAGES = {"lambda": "lambda_"}


class UnknownTypeError(LookupError):
    """pulumi_aws has no resource of this type."""


@dataclass(frozen=True)
class Fault:
    """One property that the provider would refuse.

    Attributes:
        path: such as `attributes[0].type`.
        reason: the rest of a sentence that begins with the path.
    """

    path: str
    reason: str


def faults(type_token: str, inputs: Mapping[str, Any]) -> list[Fault]:
    """Find the faults in the inputs of a resource of this type; unknown values count as right.

    Raises:
        UnknownTypeError: there is no such type.
    """
    return list(_object_faults(_classes(type_token)[1], inputs, ""))


def config_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Find the faults in the configuration of the provider itself, where all values but text are JSON."""
    known = sdk.input_type_types(pulumi_aws.ProviderArgs)
    decoded: dict[str, Any] = {}
    for key, value in values.items():
        if key in _ENGINES_OWN:
            continue
        try:
            decoded[key] = value if known.get(key) is str else json.loads(value)
        except (TypeError, ValueError):
            decoded[key] = value
    return [*_object_faults(pulumi_aws.ProviderArgs, decoded, "")]


def output_names(type_token: str) -> set[str]:
    """The properties that AWS adds to a resource of this type, beyond those that can be set.

    Raises:
        UnknownTypeError: there is no such type.
    """
    resource, arguments = _classes(type_token)
    return set(sdk.resource_types(resource)) - set(sdk.input_type_types(arguments))


@functools.cache
def _classes(type_token: str) -> tuple[type, type]:
    """The classes of a resource and of its arguments, by a token such as `aws:sqs/queue:Queue`."""
    parts = re.fullmatch(r"aws:(\w+)/(\w+):(\w+)", type_token)
    package, file, name = parts.groups() if parts else ("", "", "")
    # Importing the module by its name would break pulumi_aws's own lazy loading of its packages.
    resource = getattr(getattr(pulumi_aws, _PACKAGES.get(package, package), None), name, None)
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", file).lower()
    if not isinstance(resource, type) or resource.__module__.rpartition(".")[2] != module:
        raise UnknownTypeError(f"{type_token} is not a resource of pulumi_aws")
    return resource, getattr(sys.modules[resource.__module__], f"{name}Args")


def _object_faults(arguments: type, values: Mapping[str, Any], path: str) -> Iterator[Fault]:
    known = sdk.input_type_types(arguments)
    for key, value in values.items():
        if key not in known:
            yield Fault(f"{path}{key}", "is not a property of this type")
        elif value is not None:
            yield from _value_faults(known[key], value, f"{path}{key}")
    for key in sorted(_required(arguments)):
        if values.get(key) is None:
            yield Fault(f"{path}{key}", "is missing")


def _value_faults(hint: Any, value: Any, path: str) -> Iterator[Fault]:
    if value == UNKNOWN:
        return
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        yield from _any_of(inner, value, path)
    elif origin in (list, collections.abc.Sequence):
        yield from _list_faults(inner[0], value, path)
    elif origin in (dict, collections.abc.Mapping):
        yield from _map_faults(inner[1], value, path)
    elif isinstance(hint, type) and sdk.is_input_type(hint):
        if isinstance(value, dict):
            yield from _object_faults(hint, cast("dict[str, Any]", value), f"{path}.")
        else:
            yield Fault(path, f"is {value!r}, but must be an object")
    elif not _is_plain(hint, value):
        yield Fault(path, f"is {value!r}, but must be {_called(hint)}")


def _any_of(hints: tuple[Any, ...], value: Any, path: str) -> Iterator[Fault]:
    """Faults by the first alternative, unless the value fits one; awaitables and outputs do not count."""
    promises = (collections.abc.Awaitable, pulumi.Output)
    found = [
        list(_value_faults(hint, value, path))
        for hint in hints
        if hint is not type(None) and typing.get_origin(hint) not in promises
    ]
    if all(found):
        yield from found[0]


def _list_faults(hint: Any, value: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield Fault(path, f"is {value!r}, but must be a list")
        return
    for number, element in enumerate(cast("list[Any]", value)):
        yield from _value_faults(hint, element, f"{path}[{number}]")


def _map_faults(hint: Any, value: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(path, f"is {value!r}, but must be an object")
        return
    for key, element in cast("dict[str, Any]", value).items():
        yield from _value_faults(hint, element, f"{path}[{key!r}]")


def _is_plain(hint: Any, value: Any) -> bool:
    if not isinstance(hint, type):
        return False
    if issubclass(hint, enum.Enum):
        return value in {member.value for member in hint}
    if issubclass(hint, pulumi.Archive):
        return is_archive(value)
    if hint in (int, float):
        # `engine.values.read` has turned every number without a fraction into an int.
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return hint in _PLAIN and isinstance(value, hint)


def _called(hint: Any) -> str:
    return _PLAIN.get(hint, f"of the type {getattr(hint, '__name__', hint)}")


@functools.cache
def _required(arguments: type) -> frozenset[str]:
    names = sdk.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    return frozenset(
        names[parameter.name]
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty and parameter.name in names
    )
