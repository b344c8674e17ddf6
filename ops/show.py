"""What commands print: one JSON document, or a table for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]

progress = Console(stderr=True)
"""Where progress and remarks go, so that standard output holds the result alone."""


def result(document: Any, *, as_json: bool, title: str) -> None:
    """Print a result: an object as rows of name and value, a list of objects as a table."""
    if as_json:
        typer.echo(json.dumps(document))
        return
    table = Table(title=title)
    if isinstance(document, Mapping):
        _rows_of_object(table, document)  # pyright: ignore[reportUnknownArgumentType] - JSON
    else:
        _rows_of_list(table, document)
    Console().print(table)


def results(documents: Sequence[Mapping[str, Any]], *, as_json: bool, title: str) -> None:
    """Print objects that are too wide for one table: one JSON list, or a table for each."""
    if as_json:
        typer.echo(json.dumps(documents))
        return
    for document in documents:
        result(document, as_json=False, title=title)


def _rows_of_object(table: Table, document: Mapping[str, Any]) -> None:
    table.add_column("name")
    # What is copied from here must come out whole.
    table.add_column("value", overflow="fold")
    for name, value in document.items():
        table.add_row(name, _text(value))


def _rows_of_list(table: Table, document: Sequence[Mapping[str, Any]]) -> None:
    for name in document[0] if document else ("nothing found",):
        table.add_column(name, overflow="fold")
    for row in document:
        table.add_row(*map(_text, row.values()))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
