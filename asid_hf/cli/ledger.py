"""`asid ledger ...`: what the model calls of a run cost, and the ledger as a file to share, merge and thin out."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asid_hf.errors import InputError

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="The call ledger: every answer of a language model that was paid for.")

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
Ledger = Annotated[Path, typer.Argument(metavar="PATH", help="A ledger's file, or the output folder of `asid verify`.")]
Stage = Annotated[str | None, typer.Option(help="Only calls of this stage, as judge.")]
Model = Annotated[str | None, typer.Option(help="Only calls of this model.")]
Prompt = Annotated[str | None, typer.Option(help="Only calls of this prompt: judge@1, or judge for every version.")]


@app.command()
def stats(path: Ledger, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print calls, hits, failures, tokens and seconds, by stage, model and prompt.

    Example: asid ledger stats verified/

    Exit codes: 0 done; 4 no ledger there.
    """
    from asid_hf.chat.ledger_stats import ledger_stats

    counts = ledger_stats(_file(path))
    if as_json:
        typer.echo(json.dumps(counts, indent=2, ensure_ascii=False))
    else:
        _show(counts)


@app.command()
def export(
    path: Ledger,
    bundle: Annotated[Path, typer.Argument(help="File to write: .jsonl, .jsonl.gz or .jsonl.zst.")],
    stage: Stage = None,
    model: Model = None,
    prompt: Prompt = None,
) -> None:
    """Write a replay bundle, from which every stage and score can be computed again without a model.

    Example: asid ledger export verified/ run.jsonl.gz

    Exit codes: 0 done; 2 another ending; 4 no ledger there, or the bundle cannot be written.
    """
    from asid_hf.chat.ledger_bundle import export_bundle
    from asid_hf.chat.ledger_stats import Selection

    answers, failures = export_bundle(_file(path), bundle, Selection(stage, model, prompt))
    typer.echo(f"{answers} answers and {failures} failures written to {bundle}")


@app.command("import")
def import_(
    path: Ledger,
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="What `asid ledger export` wrote.")],
    overwrite: Annotated[
        bool, typer.Option(help="Where the ledger holds another answer to a call, take the bundle's.")
    ] = False,
) -> None:
    """Merge replay bundles into a ledger, which is made where it is not there yet. Twice is the same as once.

    Example: asid ledger import verified/ run.jsonl.gz

    Exit codes: 0 done; 2 a line that cannot be taken: nothing of its bundle is; 4 the ledger cannot be written.
    """
    from asid_hf.chat.ledger_bundle import import_bundle

    for bundle in bundles:
        done = import_bundle(_file(path), bundle, overwrite)
        typer.echo(f"{bundle}: {done.answers} new answers, {done.failures} new failures, {done.known} known")
        if done.conflicts:
            kept = "replaced by the bundle's" if overwrite else "kept; --overwrite takes the bundle's"
            typer.secho(
                f"{bundle}: answers that differ from the ledger's: {done.conflicts} ({kept})", err=True, fg="yellow"
            )


@app.command()
def prune(
    path: Ledger,
    older_than: Annotated[str | None, typer.Option(metavar="AGE", help="Only calls older than 12h, 30d, 8w.")] = None,
    stage: Stage = None,
    model: Model = None,
    prompt: Prompt = None,
    failures: Annotated[bool, typer.Option("--failures", help="Only failed attempts; answers stay.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take it out.")] = False,
) -> None:
    """Take out calls that meet every condition given, and give their room back to the disk. Asks for --yes.

    Example: asid ledger prune verified/ --prompt judge@1 --dry-run

    Exit codes: 0 done; 2 no condition, or no --yes; 4 no ledger there, or it is in use.
    """
    from asid_hf.chat.ledger_stats import Selection, file_bytes, ledger_stats, prune_ledger

    file = _file(path)
    before = None if older_than is None else time.time() - seconds(older_than)
    selection = Selection(stage, model, prompt, before)
    if selection == Selection() and not failures:
        raise InputError("Say which calls to take out: --older-than, --stage, --model, --prompt or --failures.")
    told = _told(ledger_stats(file, selection), failures)
    if dry_run:
        typer.echo(f"{told} would be taken out")
    elif not yes:
        raise InputError(f"This would take out {told}, and what is asked again is paid again. Say --yes to do it.")
    else:
        size = _size(file_bytes(file))
        prune_ledger(file, selection, failures)
        typer.echo(f"{told} taken out; {size} -> {_size(file_bytes(file))}")


def seconds(age: str) -> float:
    """Read an age.

    Args:
        age: a number and s, m, h, d or w.

    Raises:
        InputError: it is none.

    Example:
        >>> seconds("30d"), seconds("1.5h")
        (2592000.0, 5400.0)
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])", age.strip())
    if not match:
        raise InputError(f"The age {age!r} is none: write a number and s, m, h, d or w, as 30d.")
    return float(match[1]) * _SECONDS[match[2]]


def _file(path: Path) -> Path:
    from asid_hf.verify.earlier import WORK
    from asid_hf.verify.output import LEDGER

    if path.is_file() or (path.suffix and not path.is_dir()):
        return path
    if path.is_dir() and any(path.iterdir()) and not (path / WORK).is_dir():
        raise InputError(f"{path} is no output of asid verify. Name one, or a ledger's file.")
    return path / WORK / LEDGER


def _told(counts: dict, only_failures: bool) -> str:
    """What a prune takes out; each group on a line of its own is printed, the sum returned."""
    lines = []
    for group in [*counts["groups"], counts]:
        parts = [] if only_failures else [f"{group['answers']} answers"]
        lines.append(" and ".join([*parts, f"{sum(group['failures'].values())} failures"]))
    for group, line in zip(counts["groups"], lines, strict=False):
        typer.echo(f"  {group['stage']}, {group['model']}, {group['prompt']}: {line}")
    return lines[-1]


def _show(counts: dict) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a pipe has none, and would get 80
    console.print(escape(f"{counts['path']}: {_size(counts['bytes'])}"), soft_wrap=True)
    table = Table("stage", "model", "prompt")
    for name in ("answers", "hits", "failures", "tokens in", "tokens out", "seconds"):
        table.add_column(name, justify="right")
    for group in [*counts["groups"], {"stage": "all", "model": "", "prompt": "", **counts}]:
        failures = ", ".join(f"{kind} {count}" for kind, count in sorted(group["failures"].items()))
        numbers = (group["answers"], group["hits"], failures or 0, group["input_tokens"], group["output_tokens"])
        names = (escape(group[name]) for name in ("stage", "model", "prompt"))
        table.add_row(*names, *map(str, numbers), f"{group['seconds']:.1f}")
    console.print(table)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
