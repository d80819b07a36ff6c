"""The order of rows: seeded, whole, and rows of like length together."""

from __future__ import annotations

import numpy as np
import pytest

from asid_hf.training.ordering import SeededOrder

LENGTHS = np.random.default_rng(0).integers(100, 16000, 3001)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_each_row_comes_once_and_seed_and_epoch_alone_decide(lengths: np.ndarray | None) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        made = SeededOrder(len(LENGTHS), seed, lengths, batch_size=8)
        made.set_epoch(epoch)
        return list(made)

    first = order(0, 0)
    assert sorted(first) == list(range(len(LENGTHS))) and first == order(0, 0)
    assert first != order(1, 0) and first != order(0, 1) and order(0, 1) == order(0, 1)


def test_little_of_a_batch_is_padding() -> None:
    def padded(places: list[int]) -> float:
        batches = [LENGTHS[places[start : start + 8]] for start in range(0, len(places), 8)]
        return sum(batch.max() * len(batch) for batch in batches) / LENGTHS.sum() - 1

    assert padded(list(SeededOrder(len(LENGTHS), 0, LENGTHS, 8))) < 0.06
    assert padded(list(SeededOrder(len(LENGTHS), 0))) > 0.4


def test_the_longest_batch_comes_first_and_the_short_one_last() -> None:
    places = list(SeededOrder(len(LENGTHS), 0, LENGTHS, 8))
    assert LENGTHS[places[:8]].max() == LENGTHS.max()
    lengths = [9, 1, 8]
    assert len(list(SeededOrder(3, 0, lengths, 2))) == 3 and list(SeededOrder(0, 0, [], 2)) == []
