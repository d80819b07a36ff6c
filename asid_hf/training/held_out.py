"""The held-out rows of a run: those that can be read, how many cannot and why, and what an evaluation needs of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from asid_hf.errors import InputError
from asid_hf.training.measuring import measured
from asid_hf.training.mixing import load_held_out
from asid_hf.training.plan import keep

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig


def held_out_rows(
    data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig
) -> tuple[dict[str, Dataset], Counter[str]]:
    """The held-out rows that can be read, by what they ask for; and why others cannot, with how many.

    Example:
        >>> sorted(held_out_rows(data, training, model)[0])  # doctest: +SKIP
        ['camera', 'speech']
    """
    made = {}
    loaded, left_out = load_held_out(data)
    for kind, rows in loaded.items():
        told = measured(rows, data, training, model.model_name_or_path, model.model_revision)
        left_out.update(reason.partition(": ")[0] for reason in told["refused"] if reason is not None)
        good = keep(told)
        if len(good):
            made[kind] = good
    return made, left_out


def render_held_out(counts: Mapping[str, int], left_out: Mapping[str, int]) -> str:
    """How many held-out rows there are, and how many are left out, for people.

    Example:
        >>> render_held_out({"scene": 2}, {"not_found": 1})
        'Held out: 2 rows (2 scene). Left out, for they cannot be read: 1 not_found.'
    """
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    why = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    rows = f"Held out: {sum(counts.values())} rows" + (f" ({kinds})." if kinds else ".")
    return f"{rows} Left out, for they cannot be read: {why}." if left_out else rows


def check_held_out(held_out: Mapping[str, Dataset], training: CaptionerSFTConfig) -> None:
    """Refuse a run that would evaluate on nothing, or look for its best model by a figure that there is not.

    Raises:
        InputError: it says which there are.

    Example:
        >>> check_held_out({"scene": rows}, training)  # doctest: +SKIP
    """
    if training.eval_strategy != "no" and not held_out:
        raise InputError(
            "No held-out row can be read: see eval_datasets, or set eval_strategy: no. (`asid plan` tells why.)"
        )
    known = [f"eval_{kind}_loss" for kind in held_out]
    best = training.metric_for_best_model
    looks_for_it = training.load_best_model_at_end or training.save_strategy == "best"
    if looks_for_it and f"eval_{str(best).removeprefix('eval_')}" not in known:
        raise InputError(f"metric_for_best_model={best}: give one of {', '.join(known)}.")
