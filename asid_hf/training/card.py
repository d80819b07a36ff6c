"""The model card of a trained captioner, rendered from what the run recorded and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

CARD, FACTS = "README.md", "training.json"


def write_card(folder: Path, facts: dict[str, Any], log: Sequence[dict]) -> None:
    """Write `README.md` and `training.json` into the folder of a captioner.

    Args:
        folder: of the run.
        facts: see `render_card`.
        log: what the trainer logged.

    Example:
        >>> write_card(Path("out"), facts, trainer.state.log_history)  # doctest: +SKIP
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).write_text(json.dumps({**facts, "log": list(log)}, indent=1, default=str), encoding="utf-8")
    (folder / CARD).write_text(render_card(facts, log), encoding="utf-8")


def render_card(facts: dict[str, Any], log: Sequence[dict]) -> str:
    """Render the card; a fact that is missing is an error, never an empty place.

    Args:
        facts: `name`, `base_model` (id, or None where it is a folder of somebody's machine), `datasets` [{path, name,
            hub (id, or None), weight}], `arguments` (what the recipe says), `parts` [[part, parameters, trained]],
            `lora` (rank, alpha or None), `plan` (see `plan.Plan.to_dict`, or None), `versions`.
        log: what the trainer logged.

    Example:
        >>> render_card(facts, [])  # doctest: +SKIP
    """
    from jinja2 import Environment, StrictUndefined

    template = files("asid_hf.model_card").joinpath("captioner.md.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    losses = {key: entry[key] for entry in log for key in entry if key.startswith("eval_") and key.endswith("_loss")}
    steps = max((entry.get("step", 0) for entry in log), default=0)
    return environment.from_string(template).render(facts=facts, losses=losses, steps=steps)
