"""One pass over batches, as all parts of the tiny base are trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm


def ahead(batches: Dataset) -> DataLoader:
    """Batches as a process of its own makes them, while this one trains.

    Example:
        >>> len(ahead(torch.utils.data.TensorDataset(torch.zeros(3))))
        3
    """
    return DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4, worker_init_fn=_one_thread)


def train(
    batches: DataLoader, loss_of: Callable[[dict], torch.Tensor], weights: list, rate: float, title: str
) -> float:
    """Train weights by AdamW, one step a batch; the rate rises for a tenth of the steps, then falls to nothing.

    Args:
        batches: of `ahead`.
        loss_of: batch -> loss.
        weights: to train.
        rate: the highest.
        title: of the progress bar.

    Returns:
        The mean loss of the last tenth of the steps.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> data = DataLoader(torch.zeros(50, 1), batch_size=None)
        >>> train(data, lambda batch: (weight - batch).pow(2).sum(), [weight], 0.1, "to zero") < 0.1
        True
    """
    steps = len(batches)
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, pct_start=0.1)
    losses, bar = [], tqdm(batches, desc=title, mininterval=1)
    for batch in bar:
        loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
    return float(np.mean(losses[-max(1, steps // 10) :]))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
