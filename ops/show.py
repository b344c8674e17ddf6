"""Prints results: one JSON document, or lines and tables for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]

progress = Console(stderr=True, markup=False)
"""For progress and remarks; standard output holds only the result."""


def result(document: Any, *, as_json: bool, title: str) -> None:
    """Print a result: an object as lines of name and value, a list of objects as a table."""
    if as_json:
        typer.echo(json.dumps(document))
    elif isinstance(document, Mapping):
        _print_object(title, document)  # pyright: ignore[reportUnknownArgumentType] - JSON
    else:
        _print_list(title, document)


def results(documents: Sequence[Mapping[str, Any]], *, as_json: bool, title: str) -> None:
    """Print objects that are too wide for one table: one JSON list, or lines for each."""
    if as_json:
        typer.echo(json.dumps(documents))
        return
    for document in documents:
        result(document, as_json=False, title=title)


def _print_object(title: str, document: Mapping[str, Any]) -> None:
    """Print each value whole on one line, however narrow the terminal: people copy some of them."""
    typer.echo(title)
    width = max(map(len, document))
    for name, value in document.items():
        for line in _lines(value):
            typer.echo(f"  {name:<{width}}  {line}")


def _print_list(title: str, document: Sequence[Mapping[str, Any]]) -> None:
    table = Table(title=Text(title))
    for name in document[0] if document else ("nothing found",):
        table.add_column(name, overflow="fold")
    for row in document:
        # As text, because what people chose may look like rich's markup.
        table.add_row(*(Text(_text(value)) for value in row.values()))
    Console().print(table)


def _lines(value: Any) -> list[str]:
    """A value as printed after its name; a list of objects takes one line for each."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        entries: list[Mapping[str, Any]] = value  # pyright: ignore[reportUnknownVariableType] - JSON
        return [", ".join(f"{name} {_text(part)}" for name, part in entry.items()) for entry in entries]
    return [_text(value)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
