"""`asid replay`: one stage again, with another model or prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asid_hf.errors import InputError

if TYPE_CHECKING:
    from asid_hf.verify.config import VerifyConfig


def replay(
    stage: Annotated[str, typer.Argument(help="The stage: annotate, ensemble, review, judge, refine, fuse, ....")],
    against: Annotated[Path, typer.Option(help="Output of a run with --save-rows that named the stage.")] = ...,
    config: Annotated[
        Path | None, typer.Option(help="YAML to run the stage with; default: the configuration of the run.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="As of asid verify.")] = None,
    role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE", help="Whose model the next options change: judge, refiner, ..., or an annotator's name."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Another model id; its other settings stay.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Server of the stage's models, or of the one of --role; no run records it.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable with the key; no run records it.")
    ] = None,
    prompt: Annotated[Path | None, typer.Option(help="File with another task for the stage's prompt.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="File of the call ledger; default: that of the run.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no model: answer from the ledger alone.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Parquet file for the new rows.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Differences to print.")] = 20,
) -> None:
    """Run one stage again on the rows it had, and show what comes out otherwise. The run itself is left as it is."""
    from dataclasses import replace

    from asid_hf.verify.config import read_config
    from asid_hf.verify.config_prompts import prompt_file
    from asid_hf.verify.config_written import read_written
    from asid_hf.verify.replay import replay_stage, tell

    chosen = read_config(config, preset=preset) if config or preset else read_written(against)
    chosen = _with_models(chosen, stage, role, model, {"base_url": base_url, "api_key_env": api_key_env})
    if prompt:
        own = prompt_file(stage, prompt)
        chosen = replace(chosen, prompts=(*(other for other in chosen.prompts if other.name != stage), own))
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


def _with_models(
    config: VerifyConfig, stage: str, role: str | None, model: str | None, place: dict[str, str | None]
) -> VerifyConfig:
    """The configuration with what the options say of the models that the stage asks."""
    from asid_hf.verify.config_models import roles_of, with_model

    roles = [role] if role else roles_of(stage, config)
    if model and len(roles) > 1 and stage == "annotate":
        raise InputError(f"The stage annotate has several models: say --role with one of {', '.join(roles)}.")
    if place["base_url"]:
        place = {**place, "provider": ""}  # of Inference Providers, which this is not
    for name in roles if any(place.values()) else ():
        config = with_model(config, name, **place)
    return with_model(config, roles[0] if roles else stage, model=model) if model else config
