"""Ray Data, on this machine or a cluster: the same steps, on shards of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.verify.steps import Step

if TYPE_CHECKING:
    from datasets import Dataset, Features


def run_ray(
    dataset: Dataset, steps: Sequence[Step], features: Features, work: Path, address: str | None = None
) -> Dataset:
    """Run the steps in Ray."""
    raise NotImplementedError
