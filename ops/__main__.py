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
        typer.Option(help="The stack's outputs: a ready file of the local stack, or - for standard input."),
    ] = None,
    stack: Annotated[str | None, typer.Option(help="The Pulumi stack, instead of the selected one.")] = None,
) -> None:
    """Look after a webhook delivery stack: by default the one that `pulumi stack output --json` tells of."""
    read = partial(outputs_of_file, outputs) if outputs else partial(outputs_of_pulumi, stack)
    context.obj = Stack(read)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what goes wrong is told in one line on standard error.

    Raises:
        SystemExit: always, with 0, with 1 for what failed, or with 2 for what was given wrong.
    """
    try:
        app(args=arguments)
    except OpsError as error:
        typer.echo(f"ops: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
