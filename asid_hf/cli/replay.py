"""`asid replay`: one stage again, with another model or prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asid_hf.errors import InputError


def replay(
    stage: Annotated[str, typer.Argument(help="The stage: annotate, ensemble, review, judge, refine, fuse, ....")],
    against: Annotated[Path, typer.Option(help="Output of a run with --save-rows that named the stage.")] = ...,
    config: Annotated[Path | None, typer.Option(help="YAML to run the stage with.")] = None,
    preset: Annotated[str | None, typer.Option(help="As of asid verify.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model id for the stage, on the address the configuration names.")
    ] = None,
    prompt: Annotated[Path | None, typer.Option(help="File with another task for the stage's prompt.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="File of the call ledger; default: that of the run.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no model: answer from the ledger alone.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Parquet file for the new rows.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Differences to print.")] = 20,
) -> None:
    """Run one stage again on the rows it had, and show what comes out otherwise. The run itself is left as it is."""
    from dataclasses import replace

    from asid_hf.prompts import PROMPTS
    from asid_hf.verify.config import read_config
    from asid_hf.verify.config_models import with_model
    from asid_hf.verify.replay import replay_stage, tell

    chosen = read_config(config, preset=preset)
    role = {
        "ensemble": "integrator",
        "review": "reviewer",
        "decompose": "decomposer",
        "refine": "refiner",
        "fuse": "fuser",
    }
    if model:
        chosen = with_model(chosen, role.get(stage, stage), model=model)
    if prompt:
        if stage not in PROMPTS:
            raise InputError(f"The stage {stage!r} has no prompt. Those with one: {', '.join(PROMPTS)}.")
        task = prompt.read_text(encoding="utf-8").strip()
        others = tuple(own for own in chosen.prompts if own.name != stage)
        chosen = replace(chosen, prompts=(*others, replace(PROMPTS[stage], task=task)))
    found, rows = replay_stage(stage, against, chosen, ledger=ledger, offline=offline)
    for difference in found[:limit]:
        typer.secho(f"{difference.video_id} {difference.column}", bold=True)
        for line in tell(difference):
            typer.secho(f"  {line[:300]}", fg="red" if line.startswith("-") else "green")
    if len(found) > limit:
        typer.echo(f"... and {len(found) - limit} more")
    changed = len({difference.video_id for difference in found})
    typer.echo(f"{changed} of {len(rows)} rows differ after {stage}")
    if output:
        rows.to_parquet(output)
