"""The order in which rows come: drawn anew each epoch from a seed, so that a run that goes on knows where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

MEGABATCH = 50  # batches within which rows are sorted by length


class SeededOrder(Sampler[int]):
    """Places of rows in the order of an epoch; what it is depends on the seed and the epoch alone.

    With lengths, rows of like length come together, so that little of a batch is padding: the drawn order is cut into
    stretches of `MEGABATCH` batches, each sorted by length, and then whole batches are drawn once more.

    Args:
        count: of rows.
        seed: of the order.
        lengths: tokens of each row; None: a plain draw.
        batch_size: rows that are trained on together, on all processes.

    Example:
        >>> order = SeededOrder(6, seed=0, lengths=[9, 1, 8, 2, 7, 3], batch_size=2)
        >>> sorted(order) == list(range(6)), list(order) == list(order)
        (True, True)
    """

    def __init__(self, count: int, seed: int, lengths: Sequence[int] | None = None, batch_size: int = 1) -> None:
        self.count, self.seed, self.batch_size, self.epoch = count, seed, batch_size, 0
        self.lengths = None if lengths is None else np.asarray(lengths)

    def set_epoch(self, epoch: int) -> None:
        """Draw for another epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        drawn = np.random.default_rng((self.seed, self.epoch))
        places = drawn.permutation(self.count)
        if self.lengths is None:
            return iter(places.tolist())
        stretch = self.batch_size * MEGABATCH
        parts = [places[start : start + stretch] for start in range(0, self.count, stretch)]
        places = np.concatenate([part[np.argsort(-self.lengths[part], kind="stable")] for part in parts] or [places])
        batches = [places[start : start + self.batch_size] for start in range(0, self.count, self.batch_size)]
        whole = len(batches) - (self.count % self.batch_size != 0)  # a short batch stays last
        order = [*drawn.permutation(whole), *range(whole, len(batches))]
        longest = max(order, key=lambda place: self.lengths[batches[place]].max(), default=None)
        if longest is not None and longest < whole:  # first, so that what does not fit into memory shows at once
            order.remove(longest)
            order.insert(0, longest)
        return iter(np.concatenate([batches[place] for place in order] or [places]).tolist())
