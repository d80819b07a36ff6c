"""The command `asid`: parsing, messages and exit codes; the work is imported inside the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from asid_hf.errors import AsidError, CaptionFileError, InputError, MissingExtraError, OutputError

NOTHING_KEPT = 6


class Stopped(AsidError):
    """A run that its user stopped."""


class _Commands(TyperGroup):
    """Commands that say how to go on when they are stopped: typer itself would end without a word."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped("stopped. Run the same command again to go on where it was.") from error


EXIT_CODES = {InputError: 2, CaptionFileError: 3, OutputError: 4, MissingExtraError: 5, Stopped: 130}

app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    help="ASID for the Hugging Face ecosystem: verified attribute captions of videos.",
)


def main() -> None:
    """Run the command line; every error of ours is one line on stderr and an exit code of its own.

    Example:
        >>> main  # doctest: +ELLIPSIS
        <function main at ...>
    """
    try:
        app()
    except AsidError as error:
        typer.secho(f"asid: {error}", err=True, fg="red")
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from asid_hf.version import __version__

        typer.echo(__version__)
        raise typer.Exit


def _folder(name: str) -> Path:
    if not name:
        raise InputError("The output has no name. Name a folder.")
    return Path(name)


@app.command()
def verify(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...", help="Video files, folders, patterns, or a saved dataset with a video column."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=_folder, metavar="PATH", help="Folder for the verified dataset."),
    ] = ...,
    captions: Annotated[
        Path | None,
        typer.Option(help="JSON lines with captions to verify: ASID-1M's shapes, or {video_id, caption}."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Verify a clip made here, with three planted faults.")] = False,
    embed_videos: Annotated[bool, typer.Option(help="Store the videos' bytes instead of relative paths.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Start an earlier run's output afresh.")] = False,
    recogniser: Annotated[
        str,
        typer.Option(
            help="Speech recogniser: moonshine-tiny, or moonshine-base, which needs "
            "`pip install --no-deps moonshine-cpp==0.1.4`."
        ),
    ] = "moonshine-tiny",
    screen_text: Annotated[bool, typer.Option(help="Read text on screen (the dearest sensor).")] = True,
    refine: Annotated[bool, typer.Option(help="Repair what has findings; off: only judge.")] = True,
    allow_remote: Annotated[bool, typer.Option(help="Let http(s) addresses be fetched.")] = False,
    num_proc: Annotated[int, typer.Option(min=1, help="Processes that measure clips.")] = 1,
    video_root: Annotated[
        Path | None, typer.Option(help="Folder that a saved dataset's video paths may lie in; default: its own.")
    ] = None,
) -> None:
    """Verify videos: transcript, measured evidence, findings on given captions, repaired attribute captions.

    Exit codes: 0 done; 2 nothing to verify or unusable arguments; 3 captions file; 4 output; 5 packages missing;
    6 no clip could be read; 130 stopped.
    """
    from asid_hf.verify.inputs import collect
    from asid_hf.verify.output import hold_output
    from asid_hf.verify.config import VerifyConfig
    from asid_hf.verify.pipeline import require_embedded
    from asid_hf.verify.pipeline import verify as run

    require_embedded()
    config = VerifyConfig(recogniser, screen_text, refine, embed_videos, allow_remote)
    if demo:
        if inputs or captions:
            raise InputError("--demo brings its own clip and caption: leave out INPUT and --captions.")
        from asid_hf.demo.clip import write_demo

        with hold_output(output) as work:
            if not overwrite and (work / "run.json").is_file() and not (output / "demo").is_dir():
                raise OutputError(f"The output {output} holds another run. Name a new folder for the demo.")
            clip, captions = write_demo(output / "demo")
        inputs = [str(clip)]
    videos = collect(inputs or [], video_root)
    report = run(videos, output, captions=captions, config=config, overwrite=overwrite, num_proc=num_proc)
    from asid_hf.verify.show import show_findings, show_report

    show_report(report, output)
    if demo:
        show_findings(output)
    if not report["kept"]:
        typer.secho(f"asid: no clip could be read; see {output / 'rejects.jsonl'}.", err=True, fg="red")
        raise typer.Exit(NOTHING_KEPT)
