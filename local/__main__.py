"""`python -m local`: the stack on this machine, and a demonstration of it."""

from pathlib import Path
from typing import Annotated

import typer

from local.errors import LocalStackError, ProgramError
from local.signals import stopped_by_signals

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The whole system on this machine: the Pulumi program runs against an emulator of AWS.",
)

FAILED = 1
REFUSED = 2
INTERRUPTED = 130


def _parse_config(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for key, equals, value in pairs:
        if not (key and equals):
            raise typer.BadParameter(f"{key + equals + value!r} must have the form key=value")
    return {key.removeprefix("webhook-delivery:"): value for key, _, value in pairs}


@app.command()
def up(
    config: Annotated[
        list[str] | None,
        typer.Option(help="Stack configuration as key=value, lists as JSON; repeatable."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to answer on, on 127.0.0.1; 0 for a free one.")
    ] = 0,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Write the stack's outputs to this file, as JSON, once everything answers."),
    ] = None,
) -> None:
    """Run the stack in the foreground until Ctrl-C."""
    from local.up import up as run  # noqa: PLC0415 - help and refusals need no slow imports

    settings = _parse_config(config or [])
    try:
        run(config=settings, port=port, ready_file=ready_file)
    except LocalStackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED if isinstance(error, ProgramError) else FAILED) from error


@app.command()
def demo() -> None:
    """Show deliveries, retries, the dead-letter queue and a requeue; exits with 0 if every promise held."""
    from local.demo.demonstration import demonstrate  # noqa: PLC0415 - as above

    try:
        with stopped_by_signals():
            held = demonstrate()
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except LocalStackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FAILED) from error
    raise typer.Exit(0 if held else FAILED)


if __name__ == "__main__":
    app()
