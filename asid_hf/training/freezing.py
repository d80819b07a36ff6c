"""Which parts of a captioner are trained: by name, printed, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from asid_hf.errors import InputError

if TYPE_CHECKING:
    from torch import nn

TRAINABLE = ("model.language_model", "lm_head", "model.audio_tower.proj", "model.visual.merger")
"""Of the paper's stages 1 and 2: the language model and both projectors; both encoders are frozen."""

ENCODERS = ("model.audio_tower", "model.visual")

LANGUAGE_MODEL = "model.language_model.layers"
"""Where LoRA lies in stage 3."""

PARTS = (
    "model.audio_tower.proj",
    "model.audio_tower",
    "model.visual.merger",
    "model.visual",
    "model.language_model",
    "lm_head",
)
"""How parameters are summed up, the longer name first."""


class PartCount(NamedTuple):
    """Parameters of one part of a model: in all, and trained."""

    part: str
    parameters: int
    trained: int


def freeze(model: nn.Module, trainable: Sequence[str]) -> list[PartCount]:
    """Train the parameters under some names, and no others.

    Args:
        model: the captioner.
        trainable: names of modules or parameters, whole ones: "model.visual.merger" is not in "model.visual.mer".

    Returns:
        What is trained, by part.

    Raises:
        InputError: a name that the model does not have.

    Example:
        >>> import torch
        >>> [tuple(count) for count in freeze(torch.nn.Sequential(torch.nn.Linear(2, 3)), ["0.bias"])]
        [('other', 9, 3)]
    """
    names = [name for name, _ in model.named_parameters()]
    for wanted in trainable:
        if not any(_lies_in(name, wanted) for name in names):
            modules = ", ".join(sorted({name.rpartition(".")[0].split(".layers.")[0] for name in names})[:20])
            raise InputError(f"trainable names {wanted!r}, which the model does not have. It has {modules}, ...")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(_lies_in(name, wanted) for wanted in trainable))
    return count_parts(model)


def count_parts(model: nn.Module) -> list[PartCount]:
    """Parameters by part, those with none left out; of a sharded model what it has in all.

    Example:
        >>> import torch
        >>> [tuple(count) for count in count_parts(torch.nn.ModuleDict({"lm_head": torch.nn.Linear(2, 3)}))]
        [('lm_head', 9, 9)]
    """
    counts = dict.fromkeys((*PARTS, "other"), (0, 0))
    for name, parameter in model.named_parameters():
        size = getattr(parameter, "ds_numel", parameter.numel())  # under ZeRO-3 a process holds none of it
        inner = name.removeprefix("base_model.model.")
        part = next((part for part in PARTS if _lies_in(inner, part)), "other")
        every, trained = counts[part]
        counts[part] = every + size, trained + size * parameter.requires_grad
    return [PartCount(part, *count) for part, count in counts.items() if count[0]]


def check_frozen(counts: Iterable[PartCount], lora: bool, named: Sequence[str] = ()) -> None:
    """Refuse a trainable set other than it is meant to be.

    Args:
        counts: of the model that will be trained.
        lora: whether adapters alone are.
        named: modules that the recipe names; an encoder is trained only where one of them is its own or lies in it.

    Raises:
        InputError: nothing is trained; with LoRA something outside of the language model; an encoder by a wider name.

    Example:
        >>> check_frozen([PartCount("lm_head", 9, 0)], lora=False)
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: Nothing is trained. Name modules in `trainable`, or set use_peft: true.
    """
    trained = {count.part: count.trained for count in counts if count.trained}
    if not trained:
        raise InputError("Nothing is trained. Name modules in `trainable`, or set use_peft: true.")
    for encoder in ENCODERS:
        if encoder in trained and not any(_lies_in(name, encoder) for name in named):
            raise InputError(f"The encoder {encoder} would be trained. Name what lies beside it, or {encoder} itself.")
    if lora and trained.keys() - {"model.language_model"}:
        raise InputError(f"LoRA lies outside of the language model, in {', '.join(trained)}: name lora_target_modules.")


def lora_targets(model: nn.Module, wanted: Sequence[str] | str | None = None) -> list[str]:
    """Whole names of the language model's linear layers, for LoRA.

    Args:
        model: the captioner.
        wanted: last parts of names, as "q_proj"; None, or "all-linear": all. The encoders have layers of the same
            names, so they are looked for in the language model alone.

    Raises:
        InputError: there is none of that name.

    Example:
        >>> lora_targets(model, ["q_proj"])[0]  # doctest: +SKIP
        'model.language_model.layers.0.self_attn.q_proj'
    """
    from torch import nn

    wanted = [wanted] if isinstance(wanted, str) else wanted  # TRL makes one name out of a list of one
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and _lies_in(name, LANGUAGE_MODEL)
    ]
    kinds = sorted({name.rpartition(".")[2] for name in layers})
    if unknown := set(wanted or ()) - set(kinds) - {"all-linear"}:
        raise InputError(f"lora_target_modules: no {', '.join(sorted(unknown))}. Linear layers: {', '.join(kinds)}.")
    if not wanted or "all-linear" in wanted:
        return layers
    return [name for name in layers if name.rpartition(".")[2] in wanted]


def table(counts: Sequence[PartCount]) -> str:
    """The counts for people.

    Example:
        >>> print(table([PartCount("lm_head", 1000, 0)]))
        part          parameters          trained
        lm_head            1,000                0
        all                1,000                0
    """
    rows = [("part", "parameters", "trained")]
    rows += [(count.part, f"{count.parameters:,}", f"{count.trained:,}") for count in counts]
    rows.append(("all", f"{sum(c.parameters for c in counts):,}", f"{sum(c.trained for c in counts):,}"))
    wide = max(len(row[0]) for row in rows)
    return "\n".join(f"{part:<{wide}} {every:>16} {own:>16}" for part, every, own in rows)


def _lies_in(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")
