"""The command's frame: its sub-commands, its one-line errors and their exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from asid_hf.cli.build import build
from asid_hf.cli.caption import caption
from asid_hf.cli.describe import describe
from asid_hf.cli.export import export
from asid_hf.cli.ledger import app as ledger
from asid_hf.cli.plan import plan
from asid_hf.cli.printable import printable
from asid_hf.cli.replay import replay
from asid_hf.cli.verify import verify
from asid_hf.errors import (
    AsidError,
    CaptionFileError,
    EndpointError,
    InputError,
    MissingExtraError,
    OutputError,
)


class Stopped(AsidError):
    """A run that its user stopped."""


class _Commands(TyperGroup):
    """Commands that say how to go on when they are stopped: typer itself would end without a word."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped("stopped. Run the same command again to go on where it was.") from error


EXIT_CODES = {
    InputError: 2,
    CaptionFileError: 3,
    OutputError: 4,
    MissingExtraError: 5,
    EndpointError: 7,
    Stopped: 130,
}

app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    help="ASID for the Hugging Face ecosystem: verified attribute captions of videos.",
)
app.command()(verify)
app.command()(replay)
app.command()(build)
app.command()(describe)
app.command()(caption)
app.command()(export)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(plan)
app.add_typer(ledger, name="ledger")


def main() -> None:
    """Run the command line; every error of ours is one line on stderr and an exit code of its own.

    Example:
        >>> main  # doctest: +ELLIPSIS
        <function main at ...>
    """
    try:
        app()
    except AsidError as error:
        typer.secho(f"asid: {printable(error)}", err=True, fg="red")
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from asid_hf.version import __version__

        typer.echo(__version__)
        raise typer.Exit
