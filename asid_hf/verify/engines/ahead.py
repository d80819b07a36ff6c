"""Rows of a dataset through a stage that asks models, the next ones under way while the last are written.

`Dataset.map` hands over one batch at a time and waits for it, so at the end of each batch the endpoint would stand
still. Here the calls of the following batches are made meanwhile; a row that takes long holds up its own batch alone.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from asid_hf.chat import loop
from asid_hf.verify.model_stage import ModelStage
from asid_hf.verify.stage import Batch

if TYPE_CHECKING:
    from datasets import Dataset

CHUNK, AHEAD = 250, 2000  # rows handed over together; rows under way, which are in memory
COLLECT = 10_000  # rows between two looks of the garbage collector
STEPS = 100  # of the progress bar, where there are few rows


def chunk_of(dataset: Dataset) -> int:
    """Rows that are handed over together: few where there are few, so that the bar moves.

    Example:
        >>> from datasets import Dataset
        >>> chunk_of(Dataset.from_dict({"a": [0] * 500}))
        5
    """
    return min(CHUNK, max(1, len(dataset) // STEPS))


def chunks_ahead(dataset: Dataset, stage: ModelStage) -> Iterator[tuple[list[str], Batch]]:
    """Run a stage over a dataset in chunks, `AHEAD` rows under way.

    Args:
        dataset: the rows.
        stage: asks models.

    Yields:
        The ids of a chunk's rows and the stage's columns, chunk by chunk in the dataset's order.

    Raises:
        EndpointError: an endpoint answers nobody; what was under way elsewhere is awaited, so that it is kept.

    Example:
        >>> from datasets import Dataset
        >>> from asid_hf.verify.ensemble import Ensemble
        >>> list(chunks_ahead(Dataset.from_dict({"candidates": []}), Ensemble()))
        []
    """
    # Thousands of small tasks make the collector look over and over at all there is: a quarter of the time. So what was
    # imported is left out, and it looks now and then: hardly anything of a row waits for it.
    collecting, written = gc.isenabled(), 0
    gc.freeze()
    gc.disable()
    waiting: deque[tuple[list[str], Future]] = deque()
    chunk = chunk_of(dataset)
    starts = iter(range(0, len(dataset), chunk))
    try:
        while True:
            while len(waiting) * chunk < AHEAD and (start := next(starts, None)) is not None:
                rows = dataset[start : start + chunk]
                waiting.append((rows["video_id"], loop.start(stage.together(rows))))
            if not waiting:
                return
            video_ids, future = waiting.popleft()
            yield video_ids, future.result()
            written += len(video_ids)
            if written >= COLLECT:
                gc.collect()
                written = 0
    except Exception:
        for _, future in waiting:
            future.exception()
        raise
    finally:  # of a run that was stopped, nothing is under way any more
        gc.unfreeze()
        if collecting:
            gc.enable()
        for _, future in waiting:
            future.cancel()
