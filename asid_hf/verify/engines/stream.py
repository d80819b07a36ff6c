"""Rows that never end, or do not fit: the same steps as maps of a stream, one batch in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asid_hf.verify.engines.tables import typed
from asid_hf.verify.stage import Batch
from asid_hf.verify.steps import Step

if TYPE_CHECKING:
    from datasets import Features, IterableDataset


def stream_steps(rows: IterableDataset, steps: Sequence[Step], features: Features) -> IterableDataset:
    """Put the steps behind a stream of rows; they run when it is read.

    A row comes out as soon as the largest batch it is part of is done: steps with a batch of one row give the first row
    out before the second is read. Nothing is kept but what the journal and the ledger hold, so a stream that is read
    again, or from its beginning after a stop, neither measures nor pays again.

    Args:
        rows: as `asid_hf.verify.inputs.new_rows` makes them.
        steps: see `asid_hf.verify.steps`; a batch's calls to models are under way together.
        features: of the rows.

    Returns:
        The stream of the rows after the last step.

    Example:
        >>> from datasets import Features, IterableDataset, Value
        >>> rows = IterableDataset.from_generator(lambda: ({"n": number} for number in range(10**9)))
        >>> step = Step("twice", lambda batch: {"n": [2 * number for number in batch["n"]]}, 2)
        >>> [row["n"] for row in stream_steps(rows, [step], Features({"n": Value("int64")})).take(3)]
        [0, 2, 4]
    """
    for step in steps:
        rows = rows.map(_Typed(step.call, features), batched=True, batch_size=step.batch_size, features=features)
    return rows


@dataclass(frozen=True)
class _Typed:
    """A step whose rows are as a table would give them back: a stream hands on whatever a step made."""

    call: Callable[[Batch], Batch]
    features: Features

    def __call__(self, batch: Batch) -> Batch:
        return typed(self.call(batch), self.features).to_pydict()
