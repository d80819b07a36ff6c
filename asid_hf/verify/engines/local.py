"""This machine: each step is a `Dataset.map`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.verify.engines.ahead import chunk_of, chunks_ahead
from asid_hf.verify.model_stage import ModelStage
from asid_hf.verify.stage import Batch
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


def _collected(chunks: Iterator[tuple[list[str], Batch]]) -> Callable[[list[str]], Batch]:
    def call(video_ids: list[str]) -> Batch:
        worked_on, columns = next(chunks)
        if worked_on != video_ids:
            raise AssertionError("the rows that are written are not those that were worked on")
        return columns

    return call


def _map(dataset: Dataset, step: Step, features: Features, cache: Path) -> Dataset:
    if not (isinstance(step.call, ModelStage) and step.call.models):
        return _written(dataset, step.call, step, step.batch_size, features, cache)
    # The rows themselves are read by `chunks_ahead`: here one short column stands for them.
    ahead = {"input_columns": "video_id", "new_fingerprint": cache.stem}
    with closing(chunks_ahead(dataset, step.call)) as chunks:  # it has the collector of garbage off until it ends
        return _written(dataset, _collected(chunks), step, chunk_of(dataset), features, cache, **ahead)


def _written(
    dataset: Dataset,
    call: Callable[..., Batch],
    step: Step,
    size: int,
    features: Features,
    cache: Path,
    **ahead: str,
) -> Dataset:
    from multiprocess import TimeoutError as Unready

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
