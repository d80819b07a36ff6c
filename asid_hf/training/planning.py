"""A whole run told before it starts: its rows, what is trained, its memory. What `asid plan` prints."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from datasets import Dataset

from asid_hf.training.arguments import read_recipe
from asid_hf.training.formatting import training_features
from asid_hf.training.freezing import PartCount, check_frozen, count_parts, table
from asid_hf.training.held_out import check_held_out, held_out_rows, render_held_out
from asid_hf.training.machines import Machines, read_machines
from asid_hf.training.memory import MemoryEstimate, estimate_memory, planned_model
from asid_hf.training.memory_activations import Batch
from asid_hf.training.mixing import load_rows
from asid_hf.training.plan import Plan, check_plan, make_plan, measured


@dataclass(frozen=True)
class RunPlan:
    """What a run will do.

    Attributes:
        plan: of its rows; parts: what is trained; memory: of each process; max_lost: share of rows that may be lost.
        held_out: held-out rows, by what they ask for; left_out: of those that cannot be read, why and how many.

    Example:
        >>> print(plan_run("recipes/tiny/stage1.yaml").render())  # doctest: +SKIP
    """

    plan: Plan
    parts: list[PartCount]
    memory: MemoryEstimate
    max_lost: float
    held_out: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def render(self) -> str:
        """All of it, for people."""
        held_out = [render_held_out(self.held_out, self.left_out)] if self.held_out or self.left_out else []
        return "\n\n".join((self.plan.render(), *held_out, table(self.parts), self.memory.render()))

    def to_json(self) -> str:
        """All of it, for programs."""
        parts = {part.part: {"parameters": part.parameters, "trained": part.trained} for part in self.parts}
        held_out = {"rows": self.held_out, "left_out": self.left_out}
        told = {"plan": self.plan.to_dict(), "held_out": held_out, "parts": parts, "memory": self.memory.to_dict()}
        return json.dumps(told, indent=1)

    def check(self) -> None:
        """Refuse a run that loses more rows than it declares.

        Raises:
            InputError: see `plan.check_plan`.
        """
        check_plan(self.plan, self.max_lost)


def plan_run(
    recipe: str | os.PathLike,
    overrides: Sequence[str] = (),
    accelerate_config: str | os.PathLike | None = None,
    processes: int | None = None,
    stream_rows: int = 1000,
) -> RunPlan:
    """Plan the run of a recipe: all of its rows are looked at, none is decoded.

    Args:
        recipe: the YAML.
        overrides: of the command line, see `read_recipe`.
        accelerate_config: how it is spread over processes; None: one process.
        processes: how many, instead of what the configuration says.
        stream_rows: rows of a stream that are looked at.

    Raises:
        InputError: a recipe or a configuration that cannot be carried out.

    Example:
        >>> plan_run("recipes/tiny/stage1.yaml").plan.steps  # doctest: +SKIP
        500
    """
    # The precision is the GPUs' own, which need not be here.
    data, training, model = read_recipe(Path(recipe), [*overrides, "--use_cpu", "true"])
    machines = read_machines(accelerate_config) if accelerate_config is not None else Machines()
    machines = replace(machines, processes=processes or machines.processes)
    rows = load_rows(data, training.seed)
    if not isinstance(rows, Dataset):
        rows = Dataset.from_list(list(islice(rows, stream_rows)), features=training_features())
    plan = make_plan(
        measured(rows, data, training, model.model_name_or_path, model.model_revision),
        data,
        training,
        machines.processes,
    )
    held_out, left_out = held_out_rows(data, training, model)
    check_held_out(held_out, training)
    captioner = planned_model(data, model)
    parts = count_parts(captioner)
    check_frozen(parts, model.use_peft, data.trainable)
    memory = estimate_memory(captioner, training, model, machines, Batch.of(plan, training))
    counts = {kind: len(own) for kind, own in held_out.items()}
    return RunPlan(plan, parts, memory, data.max_lost, counts, dict(left_out))
