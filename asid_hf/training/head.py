"""TRL's head of the language model, where it computes more than it has to, or less than it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from peft import PeftModel
from torch.distributed.tensor import DTensor, Partial
from trl.trainer import utils as trl_utils


@contextmanager
def labelled_positions() -> Iterator[None]:
    """On processors, let the language model's head score only the positions that have a label, as on GPUs.

    TRL's fused head (1.16) scores every position wherever it has no Triton kernel, so that devices which compile for
    each shape do not compile anew for each batch. Processors do not; of a row that asks for one attribute one position
    in twenty has a label.

    Example:
        >>> with labelled_positions(): loss = model(**batch, fused_lm_head=True).loss  # doctest: +SKIP
    """
    has_kernel = trl_utils._use_triton
    trl_utils._use_triton = lambda device: device.type == "cpu" or has_kernel(device)
    try:
        yield
    finally:
        trl_utils._use_triton = has_kernel


@contextmanager
def averaged_head(model: Any) -> Iterator[None]:
    """Under FSDP2, let the gradient of the language model's head be the mean over all processes, as all others are.

    TRL's fused head (1.16) gathers the head's weight by itself, and what flows back into it stays in the process: each
    keeps its own rows' gradient for its own part of the weight. Everywhere else this does nothing.

    Example:
        >>> with averaged_head(model): loss = model(**batch, fused_lm_head=True).loss  # doctest: +SKIP
    """
    head = None if isinstance(model, PeftModel) else model.get_output_embeddings()  # which LoRA does not train
    weight = getattr(head, "weight", None)
    if not isinstance(weight, DTensor) or not weight.requires_grad:
        yield
        return
    gathered = weight.full_tensor(grad_placements=[Partial("avg")] * weight.device_mesh.ndim)
    model.get_output_embeddings = lambda: SimpleNamespace(weight=gathered, bias=None)
    try:
        yield
    finally:
        del model.get_output_embeddings
