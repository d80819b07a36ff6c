"""This machine: each step is a `Dataset.map`."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.verify.engines.ahead import CHUNK, chunks_ahead
from asid_hf.verify.model_stage import ModelStage
from asid_hf.verify.steps import Step, rows_path
from asid_hf.verify.workers import workers_end_with_this_process

if TYPE_CHECKING:
    from datasets import Dataset, Features


def run_local(
    dataset: Dataset, steps: Sequence[Step], features: Features, work: Path, saved: Container[str] = ()
) -> Dataset:
    """Run the steps one after the other.

    Args:
        dataset: the rows.
        steps: see `asid_hf.verify.steps`.
        features: of the rows.
        work: folder for the steps' tables.
        saved: names of steps whose rows before and after are kept, see `rows_path`.

    Returns:
        The rows after the last step.

    Example:
        >>> from datasets import Dataset
        >>> run_local(Dataset.from_dict({"a": [1]}), [], None, Path()).num_rows
        1
    """
    for step in steps:
        if step.name in saved:
            _save(dataset, rows_path(work, step.name, "before"))
        dataset = _map(dataset, step, features, work / f"{step.name}.arrow")
        if step.name in saved:
            _save(dataset, rows_path(work, step.name, "after"))
    return dataset


def _save(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    dataset.to_parquet(path, batch_size=min(max(1, len(dataset)), 1000))


def _map(dataset: Dataset, step: Step, features: Features, cache: Path) -> Dataset:
    from multiprocess import TimeoutError as Unready

    call, size, ahead = step.call, step.batch_size, {}
    if isinstance(call, ModelStage) and call.models:
        results = chunks_ahead(dataset, call)
        # The rows themselves are read by `chunks_ahead`: here one short column stands for them.
        call, size, ahead = (
            (lambda ids: next(results)),
            CHUNK,
            {"input_columns": "video_id", "new_fingerprint": cache.stem},
        )
    try:
        with workers_end_with_this_process():
            return dataset.map(
                call,
                batched=True,
                batch_size=size,
                features=features,
                cache_file_name=str(cache),
                load_from_cache_file=False,
                num_proc=min(step.processes, len(dataset)) if step.processes else None,
                desc=step.name,
                **ahead,
            )
    except Unready as error:  # `datasets` asks stopped processes for their results, which hides the stop
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
