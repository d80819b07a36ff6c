"""The memory that a run will take on each GPU: worked out, not measured.

Of a model that is never made: its shapes on the meta device say how many numbers it has. What is counted is what each
formula below says; what is not: the CUDA context, NCCL's buffers, holes between tensors (add about a tenth), weights
in 4 or 8 bits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from asid_hf.errors import InputError
from asid_hf.training.machines import Machines
from asid_hf.training.memory_activations import Batch, activation_bytes
from asid_hf.training.memory_states import state_bytes, trained_numbers

if TYPE_CHECKING:
    from torch import nn
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

GIB = 2**30
PASSING = ("layer", "head", "encoders", "casts")


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes on each GPU, by part; an estimate, not measured.

    Attributes:
        weights, gradients, optimizer: what lies on the GPU between steps.
        buffers: gradients on their way to other processes, weights gathered from them.
        activations: what is kept from the forward pass for the backward pass.
        layer, head, encoders, casts: what comes and goes: one layer computed again; the head's tiles and gradients; one
            layer of an encoder; weights cast to 16 bits for a forward pass. They do not fall together: the largest one
            counts.
        host: in main memory, of each process.

    Example:
        >>> MemoryEstimate(4, 2, 8, 0, 3, layer=5, head=1, encoders=2, casts=0, host=0).total
        22
    """

    weights: int
    gradients: int
    optimizer: int
    buffers: int
    activations: int
    layer: int
    head: int
    encoders: int
    casts: int
    host: int

    @property
    def total(self) -> int:
        """The most that lies on a GPU at once."""
        held = self.weights + self.gradients + self.optimizer + self.buffers + self.activations
        return held + max(self.layer, self.head, self.encoders, self.casts)

    def to_dict(self) -> dict[str, int]:
        """All of it, for JSON."""
        return {**asdict(self), "total": self.total}

    def render(self) -> str:
        """All of it, for people."""
        largest = max(PASSING, key=lambda name: getattr(self, name))
        lines = [f"{'memory of each process':<28} {'GiB':>10}   estimated, not measured"]
        sizes = self.to_dict()
        sizes["in main memory"] = sizes.pop("host")
        for name, size in sizes.items():
            note = "" if name not in PASSING else "  comes and goes: the largest" if name == largest else "  not added"
            lines.append(f"  {name:<26} {size / GIB:>10.2f}{note}")
        return "\n".join(lines)


def planned_model(data: CaptionerArguments, model: ModelConfig) -> nn.Module:
    """The model of a run, without its numbers: on the meta device, frozen or with adapters as it will be.

    Raises:
        InputError: no configuration lies there, or the recipe names modules that it does not have.

    Example:
        >>> count_parts(planned_model(data, model))[0].parameters  # doctest: +SKIP
        2623488
    """
    import torch

    from asid_hf.captioner import AsidCaptionerConfig, AsidCaptionerForConditionalGeneration
    from asid_hf.captioner.checkpoints import adapter_base
    from asid_hf.training.freezing import freeze
    from asid_hf.training.sft import lora_config

    name = model.model_name_or_path
    try:
        name = adapter_base(name, revision=model.model_revision) or name
        told, _ = AsidCaptionerConfig.get_config_dict(name, revision=model.model_revision)
    except OSError as error:
        raise InputError(f"No model lies with {name}: {str(error)[:300]}") from error
    config = AsidCaptionerConfig.from_dict(told)
    with torch.device("meta"):
        captioner = AsidCaptionerForConditionalGeneration(config)
    lora = lora_config(captioner, model)
    if lora is None:
        freeze(captioner, data.trainable)
        return captioner
    from peft import inject_adapter_in_model

    return inject_adapter_in_model(lora, captioner, low_cpu_mem_usage=True)


def estimate_memory(
    captioner: nn.Module, training: CaptionerSFTConfig, model: ModelConfig, machines: Machines, batch: Batch
) -> MemoryEstimate:
    """The memory that a run will take on each GPU.

    Args:
        captioner: of `planned_model`, or a real one: which parameters it has, and which are trained.
        training, model: of the recipe: gradient checkpointing, precision; type of the weights, attention, LoRA.
        machines: how it is spread; its precision counts where the recipe says none, as in the trainer.
        batch: the largest one.

    Example:
        >>> estimate_memory(captioner, training, model, Machines(), batch).total  # doctest: +SKIP
        31415926535
    """
    precision = "bf16" if training.bf16 else "fp16" if training.fp16 else machines.precision
    machines = replace(machines, precision=precision)
    width = weight_width(captioner, model)
    # DeepSpeed and FSDP cast the weights themselves; autocast leaves what runs between layers as wide as they are.
    cast = machines.kind in ("zero", "fsdp") and machines.halved
    stream, inner = 2 if cast else width, 2 if machines.halved else width
    casts = 2 * trained_numbers(captioner) if machines.halved and width == 4 and not cast else 0
    return MemoryEstimate(
        **state_bytes(captioner, width, machines, adapters=model.use_peft),
        **activation_bytes(captioner, training, model, batch, stream, inner),
        casts=casts,
    )


def weight_width(captioner: nn.Module, model: ModelConfig) -> int:
    """Bytes of a weight as it is loaded: `dtype` of the recipe; of "auto" as the checkpoint says.

    Example:
        >>> from trl import ModelConfig
        >>> weight_width(None, ModelConfig(dtype="bfloat16"))
        2
    """
    named = model.dtype or "float32"
    if named == "auto":
        named = str(captioner.config.dtype or "float32").removeprefix("torch.")
    return 4 if named == "float32" else 2
