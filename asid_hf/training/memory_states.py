"""Weights, gradients and optimizer states in bytes: what lies on each process whatever the batch is.

T and F below are trained and frozen numbers, N the processes. The optimizer is AdamW: two states a trained number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asid_hf.training.freezing import count_parts
from asid_hf.training.machines import Machines

if TYPE_CHECKING:
    from torch import nn

ZERO_BUCKET, ZERO_LIVE = 500_000_000, 1_000_000_000  # DeepSpeed's own reduce_bucket_size, stage3_max_live_parameters
_LAYER = re.compile(r"(.+\.(?:layers|blocks)\.\d+)\.")


def state_bytes(captioner: nn.Module, width: int, machines: Machines, adapters: bool = False) -> dict[str, int]:
    """Bytes of `weights`, `gradients`, `optimizer`, `buffers` on a GPU, and in main memory (`host`).

    One process, and DDP: all of it is on each. Gradients and AdamW's states are as wide as the trained weights
    (torch makes them like the parameters), so of 16-bit weights there are no 32-bit copies. PEFT makes adapters of
    32 bits over weights of 16. DDP holds the gradients a second time, in its buckets (gradient_as_bucket_view=False).

    DeepSpeed and FSDP: see `_zero` and `_fsdp`.

    Args:
        captioner: whose parameters are counted.
        width: bytes of a weight as it is loaded.
        machines: how a run is spread.
        adapters: whether what is trained are LoRA's.

    Example:
        >>> import torch
        >>> state_bytes(torch.nn.Linear(2, 3), 4, Machines())
        {'weights': 36, 'gradients': 36, 'optimizer': 72, 'buffers': 0, 'host': 0}
    """
    trained = trained_numbers(captioner)
    frozen = sum(part.parameters for part in count_parts(captioner)) - trained
    if machines.kind == "zero":
        return _zero(trained, frozen, 2 if machines.halved else width, machines)
    if machines.kind == "fsdp":
        return _fsdp(captioner, trained, frozen, width, machines)
    own = 4 if adapters else width
    told = {"weights": trained * own + frozen * width, "gradients": trained * own, "optimizer": 2 * trained * own}
    return {**told, "buffers": trained * own if machines.processes > 1 else 0, "host": 0}


def trained_numbers(captioner: nn.Module) -> int:
    """How many numbers are trained.

    Example:
        >>> import torch
        >>> trained_numbers(torch.nn.Linear(2, 3))
        9
    """
    return sum(part.trained for part in count_parts(captioner))


def _zero(trained: int, frozen: int, width: int, machines: Machines) -> dict[str, int]:
    """DeepSpeed: Rajbhandari et al., arXiv 1910.02054, section 3; its own `estimate_zero*_model_states_mem_needs`.

    Weights and gradients of 16 bits, 12 bytes a trained number for the optimizer: a 32-bit copy and two states.
    Stage 1 shares out the optimizer, stage 2 gradients too, stage 3 weights too. An offloaded optimizer has its
    gradients of 32 bits beside it in main memory: 16 bytes. Buffers: a bucket of gradients; in stage 3 as many gathered
    weights as may live, too.
    """
    processes, stage = machines.processes, machines.stage
    weights = (trained + frozen) * width // (processes if stage == 3 else 1)
    gradients = trained * width // (processes if stage >= 2 else 1)
    optimizer = trained * (12 if machines.halved else 8) // processes
    buffers = ZERO_BUCKET * width + (min(ZERO_LIVE, trained + frozen) * width if stage == 3 else 0)
    host = 0
    if machines.offload_optimizer:
        host, gradients, optimizer = optimizer + 4 * trained // processes, 0, 0
    if machines.offload_weights:
        host, weights = host + weights, 0
    told = {"weights": weights, "gradients": gradients, "optimizer": optimizer, "buffers": buffers}
    return {**told, "host": host}


def _fsdp(captioner: nn.Module, trained: int, frozen: int, width: int, machines: Machines) -> dict[str, int]:
    """FSDP, as accelerate 1.15 prepares it: with mixed precision trained weights are of 32 bits (they are the copies).

    All is shared out. Buffers: weights gathered in the width that is computed with; those that lie in no layer (the
    embedding, the head, projectors) and of layers the one computed and the next; without resharding all of them.
    """
    own, inner = (4, 2) if machines.halved else (width, width)
    processes = machines.processes
    weights = (trained * own + frozen * width) // processes
    gradients, optimizer = trained * own // processes, 2 * trained * own // processes
    outside, largest = _groups(captioner)
    gathered = (outside + 2 * largest if machines.reshard else trained + frozen) * inner
    if machines.offload_weights:
        told = {"weights": 0, "gradients": 0, "optimizer": 0, "buffers": gathered}
        return {**told, "host": weights + gradients + optimizer}
    told = {"weights": weights, "gradients": gradients, "optimizer": optimizer, "buffers": gathered}
    return {**told, "host": 0}


def _groups(captioner: nn.Module) -> tuple[int, int]:
    """Numbers that lie in no layer, and those of the largest layer."""
    sizes: dict[str, int] = {}
    for name, parameter in captioner.named_parameters():
        match = _LAYER.match(name)
        layer = match[1] if match else ""
        sizes[layer] = sizes.get(layer, 0) + parameter.numel()
    return sizes.pop("", 0), max(sizes.values(), default=0)
