"""The operator's command line: `python -m ops`."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ops import policies, tenants
from ops.errors import OpsError
from ops.requeue import requeue
from ops.seed import seed
from ops.stack import Stack, outputs_of_file, outputs_of_pulumi

app = typer.Typer(
    name="ops",
    no_args_is_help=True,
    add_completion=False,
    # Local variables hold API keys and secrets.
    pretty_exceptions_show_locals=False,
)
app.add_typer(tenants.app, name="tenants")
app.add_typer(policies.app, name="policies")
app.command()(seed)
app.command()(requeue)


@app.callback()
def choose_stack(
    context: typer.Context,
    outputs: Annotated[
        Path | None,
        typer.Option(
            help="A file with the stack's outputs, such as a local stack's ready file; - for standard input."
        ),
    ] = None,
    stack: Annotated[
        str | None, typer.Option(help="The Pulumi stack; the selected one unless given.")
    ] = None,
) -> None:
    """Operate a webhook delivery stack: by default the one that `pulumi stack output --json` describes."""
    read = partial(outputs_of_file, outputs) if outputs else partial(outputs_of_pulumi, stack)
    context.obj = Stack(read)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error is one line on standard error.

    Raises:
        SystemExit: always: with 0, with 1 if the command failed, or with 2 if its input was wrong.
    """
    try:
        app(args=arguments)
    except OpsError as error:
        typer.echo(f"ops: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
