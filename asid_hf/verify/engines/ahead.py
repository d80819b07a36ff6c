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

CHUNK, AHEAD = 250, 8  # rows; chunks under way: at most 2,000 rows are in memory


def chunks_ahead(dataset: Dataset, stage: ModelStage) -> Iterator[Batch]:
    """Run a stage over a dataset in chunks of `CHUNK` rows, `AHEAD` of them under way.

    Args:
        dataset: the rows.
        stage: asks models.

    Yields:
        The stage's columns, chunk by chunk in the dataset's order.

    Raises:
        EndpointError: an endpoint answers nobody; what was under way elsewhere is awaited, so that it is kept.

    Example:
        >>> from datasets import Dataset
        >>> from asid_hf.verify.ensemble import Ensemble
        >>> list(chunks_ahead(Dataset.from_dict({"candidates": []}), Ensemble()))
        []
    """
    # Thousands of small tasks make the collector look over and over at all that was imported: a quarter of the time.
    gc.freeze()
    waiting: deque[Future] = deque()
    starts = iter(range(0, len(dataset), CHUNK))
    try:
        while True:
            while len(waiting) < AHEAD and (start := next(starts, None)) is not None:
                waiting.append(loop.start(stage.together(dataset[start : start + CHUNK])))
            if not waiting:
                return
            yield waiting.popleft().result()
    except Exception:
        for future in waiting:
            future.exception()
        raise
    finally:  # of a run that was stopped, nothing is under way any more
        gc.unfreeze()
        for future in waiting:
            future.cancel()
