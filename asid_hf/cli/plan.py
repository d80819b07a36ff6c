"""`asid plan`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", help="A recipe, the YAML that recipes/sft.py takes.")] = ...,
    accelerate_config: Annotated[
        Path | None,
        typer.Option(help="The YAML that accelerate launch takes: how the run is spread, for the memory estimate."),
    ] = None,
    num_processes: Annotated[
        int | None, typer.Option(min=1, help="Processes in all, instead of the configuration's.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Of streams, how many rows are looked at.")] = 1000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a training run will do, before a GPU is rented: tokens, rows fitted and lost, steps, memory.

    Nothing is decoded and no weights are loaded. What the recipe says can be said otherwise, as for recipes/sft.py.
    Example: asid plan --config recipes/asid_captioner_3b/stage1.yaml --accelerate-config
    recipes/accelerate_configs/zero2.yaml --max_length 8192

    Exit codes: 0 the run would start; 2 it would lose more rows than max_lost allows, or the recipe is wrong; 5
    packages missing.
    """
    from asid_hf.errors import MissingExtraError

    try:
        import trl  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("planning a training run", "train") from error
    from asid_hf.training.planning import plan_run

    told = plan_run(config, context.args, accelerate_config, num_processes, rows)
    typer.echo(told.to_json() if json else told.render())
    told.check()
