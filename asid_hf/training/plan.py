"""What a run will train on, told before its first step: tokens, what is lowered, what would be lost, how many steps."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from asid_hf.errors import InputError
from asid_hf.training.measuring import measured

if TYPE_CHECKING:
    from datasets import Dataset

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

__all__ = ["Plan", "check_plan", "keep", "make_plan", "measured"]

EXAMPLES = 5  # of each reason
MODALITIES = {"text": "text_tokens", "video": "video_tokens", "audio": "audio_tokens", "all": "length"}
ADVICE = {
    "too_long": "raise max_length, or leave out rows with such long texts",
    "too_large": "raise max_length, or leave out clips as long as that (max_duration of asid-1m)",
    "not_found": "check where the clips lie (`videos` or `data_dir` of the dataset)",
    "not_heard": "set load_audio_from_video: true",
}


@dataclass(frozen=True)
class Plan:
    """What a run will train on.

    Attributes:
        rows: looked at. fits: trained on as they are. fitted: with a clip that is lowered to fit into max_length;
            fitted_resolution, fitted_rate: which of the two, or both.
        reasons: of rows that cannot be trained on, why -> how many; examples: of each the first ones, {video_id,
            message}.
        tokens: "text", "video", "audio" and "all" -> mean, p50, p90, p99, max of a row, and the total of an epoch.
        samples_per_epoch: rows that are trained on; batch: rows of one step, on all processes. steps, epochs: of the
            run. sampled: the rows are the first of a stream, so that an epoch's length is not known.

    Example:
        >>> plan = Plan(3, 1, 1, 1, 0, {"not_found": 1}, {}, {}, samples_per_epoch=2, batch=2, steps=1, epochs=1.0)
        >>> plan.refused, round(plan.lost, 2)
        (1, 0.33)
    """

    rows: int
    fits: int
    fitted: int
    fitted_resolution: int
    fitted_rate: int
    reasons: dict[str, int]
    examples: dict[str, list[dict[str, str]]]
    tokens: dict[str, dict[str, int | float]]
    samples_per_epoch: int
    batch: int
    steps: int
    epochs: float
    sampled: bool = False

    @property
    def refused(self) -> int:
        """Rows that cannot be trained on."""
        return sum(self.reasons.values())

    @property
    def lost(self) -> float:
        """Their share."""
        return self.refused / max(self.rows, 1)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**asdict(self), "refused": self.refused}

    def render(self) -> str:
        """All of it, for people."""
        return "\n".join([*_rows_told(self), "", *_tokens_told(self), "", _steps_told(self)])

    __str__ = render


def make_plan(rows: Dataset, arguments: CaptionerArguments, training: CaptionerSFTConfig, world_size: int = 1) -> Plan:
    """What a run will train on.

    Args:
        rows: of `measured`.
        arguments, training: of the run.
        world_size: processes that train side by side.

    Example:
        >>> print(make_plan(rows, arguments, training, world_size=8))  # doctest: +SKIP
    """
    columns = ["video_id", "fitted", "refused", *MODALITIES.values()]
    table = rows.select_columns(columns).with_format("arrow")[:]
    refused = table["refused"].to_pylist()
    kept = np.array([reason is None for reason in refused], bool)
    fitted = [what for what, good in zip(table["fitted"].to_pylist(), kept, strict=True) if good]
    reasons, examples = _reasons(refused, table["video_id"].to_pylist())
    lowered = sum(map(bool, fitted))
    steps, epochs = _steps(int(kept.sum()), training, world_size)
    return Plan(
        rows=len(kept),
        fits=len(fitted) - lowered,
        fitted=lowered,
        fitted_resolution=sum("resolution" in what for what in fitted),
        fitted_rate=sum("rate" in what for what in fitted),
        reasons=reasons,
        examples=examples,
        tokens={name: _spread(table[column].to_numpy()[kept]) for name, column in MODALITIES.items()},
        samples_per_epoch=int(kept.sum()),
        batch=training.per_device_train_batch_size * training.gradient_accumulation_steps * world_size,
        steps=steps,
        epochs=epochs,
        sampled=arguments.streaming,
    )


def keep(rows: Dataset) -> Dataset:
    """The measured rows that can be trained on; nothing is copied.

    Example:
        >>> len(keep(rows)) == make_plan(rows, arguments, training).samples_per_epoch  # doctest: +SKIP
        True
    """
    good = rows.select_columns("refused").with_format("arrow")[:]["refused"].is_null().to_numpy()
    return rows if good.all() else rows.select(np.flatnonzero(good))


def check_plan(plan: Plan, max_lost: float) -> None:
    """Refuse a plan that loses more rows than was declared.

    Args:
        plan: of `make_plan`.
        max_lost: share of the rows that may be lost.

    Raises:
        InputError: more are, or none is left; it says how many, why, and what to do.

    Example:
        >>> check_plan(Plan(3, 2, 0, 0, 0, {"not_found": 1}, {}, {}, 2, 2, 1, 1.0), max_lost=0.01)
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: 1 of 3 rows (33.3 %) would be lost, over max_lost=0.01: 1 not_found. Check where ...
    """
    if plan.lost <= max_lost and plan.samples_per_epoch:
        return
    why = ", ".join(f"{count} {reason}{_first(plan, reason)}" for reason, count in plan.reasons.items())
    advice = "; ".join(ADVICE[reason] for reason in plan.reasons if reason in ADVICE) or "mend or leave out those rows"
    left = f"over max_lost={max_lost:g}" if plan.samples_per_epoch else "which leaves none"
    said = f"{plan.refused} of {plan.rows} rows ({100 * plan.lost:.1f} %) would be lost, {left}: {why}."
    raise InputError(f"{said} {advice[0].upper()}{advice[1:]}; or raise max_lost, if they may be missing.")


def _first(plan: Plan, reason: str) -> str:
    shown = plan.examples.get(reason)
    return f" (as {shown[0]['video_id']}: {shown[0]['message']})" if shown else ""


def _reasons(refused: list[str | None], names: list[str]) -> tuple[dict[str, int], dict[str, list[dict[str, str]]]]:
    """Why rows are refused, the commonest first, and examples of different clips."""
    counts: Counter[str] = Counter()
    examples: dict[str, dict[str, str]] = {}
    for said, name in zip(refused, names, strict=True):
        if said is not None:
            reason, _, message = said.partition(": ")
            counts[reason] += 1
            shown = examples.setdefault(reason, {})
            if len(shown) < EXAMPLES:
                shown.setdefault(name or "", message or said)
    listed = {
        reason: [{"video_id": name, "message": message} for name, message in examples[reason].items()]
        for reason, _ in counts.most_common()
    }
    return dict(counts.most_common()), listed


def _steps(count: int, training: CaptionerSFTConfig, world_size: int) -> tuple[int, float]:
    """Steps and epochs of a run, as the trainer counts them.

    Raises:
        InputError: what is dropped is all.
    """
    size, whole = training.per_device_train_batch_size, training.dataloader_drop_last
    batches = count // size if whole else math.ceil(count / size)
    own = batches // world_size if whole else math.ceil(batches / world_size)
    if whole and count and not own:
        each = f"{world_size} processes with {size} rows each"
        raise InputError(f"dataloader_drop_last: {count} rows are no whole step of {each}. Leave it out.")
    each = max(1, math.ceil(own / training.gradient_accumulation_steps))
    if training.max_steps > 0:
        return training.max_steps, training.max_steps / each
    return math.ceil(training.num_train_epochs * each), float(training.num_train_epochs)


def _spread(counts: np.ndarray) -> dict[str, int | float]:
    if not len(counts):
        return dict.fromkeys(("mean", "p50", "p90", "p99", "max", "total"), 0)
    middle = np.percentile(counts, (50, 90, 99), method="inverted_cdf").astype(int).tolist()
    told = dict(zip(("p50", "p90", "p99"), middle, strict=True))
    return {"mean": round(float(counts.mean()), 1), **told, "max": int(counts.max()), "total": int(counts.sum())}


def _rows_told(plan: Plan) -> list[str]:
    lines = [
        ("rows" + (", the first of a stream" if plan.sampled else ""), plan.rows),
        ("fit as they are", plan.fits),
        ("fitted", plan.fitted),
        ("  by a lower resolution", plan.fitted_resolution),
        ("  by a lower rate", plan.fitted_rate),
        ("refused", plan.refused),
    ]
    told = [f"{what:<28} {count:>14,} {100 * count / max(plan.rows, 1):>7.1f} %" for what, count in lines]
    for reason, count in plan.reasons.items():
        told.append(f"  {reason:<26} {count:>14,} {100 * count / max(plan.rows, 1):>7.1f} %")
        told += [f"    {one['video_id']}: {one['message']}" for one in plan.examples.get(reason, ())]
    return told


def _tokens_told(plan: Plan) -> list[str]:
    names = ("mean", "p50", "p90", "p99", "max")
    told = ["tokens of a row" + "".join(f"{name:>10}" for name in names) + f"{'total':>18}"]
    for kind, spread in plan.tokens.items():
        counts = "".join(f"{round(spread[name]):>10,}" for name in names)
        told.append(f"  {kind:<13}{counts}{spread['total']:>18,}")
    return told


def _steps_told(plan: Plan) -> str:
    told = f"{plan.steps:,} steps of {plan.batch:,} rows"
    return told if plan.sampled else f"{told}; {plan.epochs:g} epochs of {plan.samples_per_epoch:,} rows"
