"""Loading a model of transformers: the right class, all its weights, on the machine's accelerator."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from asid_hf.chat.local_model import LocalModel
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, MissingExtraError

FEATURE, EXTRA = "an in-process model", "captioner"
OMNIS = ("qwen2_5_omni_thinker", "asid_captioner")  # which our own class reads, where transformers' goes wrong


def load_model(name: str) -> LocalModel:
    """Load a model for generating text, with all its weights, on the machine's accelerator if it has one.

    Args:
        name: Hub id or folder. Code that comes with it is not run.

    Raises:
        MissingExtraError: packages it needs are not installed.
        EndpointError: it cannot be had, is no model for text, or lacks weights.

    Example:
        >>> load_model("Qwen/Qwen2.5-Omni-7B").sound_in_film  # doctest: +SKIP
        True
    """
    try:
        import torch

        kind, processor = _parts(name)
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        spread = accelerator is not None and find_spec("accelerate") is not None
        model, told = kind.from_pretrained(
            name, dtype="auto", device_map="auto" if spread else None, output_loading_info=True
        )
        if not spread:
            model.to(accelerator or "cpu")
    except ImportError as error:
        raise MissingExtraError(FEATURE, EXTRA) from error
    except Exception as error:  # of whatever the Hub, a folder and a library come up with
        raise EndpointError(f"The model {name} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    if told["missing_keys"]:  # which would be random
        lacking = ", ".join(sorted(told["missing_keys"])[:3])
        raise EndpointError(f"The model {name} lacks weights: {len(told['missing_keys'])}, as {lacking}.")
    loaded = LocalModel(ModelSpec(name).name, model.eval(), processor)
    if not (getattr(processor, "chat_template", None) or getattr(loaded.tokenizer, "chat_template", None)):
        raise EndpointError(f"The model {name} has no chat template: name one that was taught to follow instructions.")
    if hasattr(getattr(processor, "video_processor", None), "cap_pixels_per_frame"):
        processor.video_processor.cap_pixels_per_frame = True  # as the reference has it
    return loaded


def _parts(name: str) -> tuple[Any, Any]:
    """The class to load a model with, and its processor; of a model that also speaks, the part that thinks."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMultimodalLM, AutoProcessor

    import asid_hf.captioner as own  # which makes its kind known, too
    from asid_hf.captioner.checkpoints import adapter_base, has_processor

    base = adapter_base(name) or name
    config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    thinker = getattr(config, "thinker_config", None) or config
    if thinker.model_type in OMNIS:
        lies_at = name if has_processor(name) else base
        return own.AsidCaptionerForConditionalGeneration, own.AsidCaptionerProcessor.from_pretrained(lies_at)
    several = AutoModelForMultimodalLM._model_mapping
    kind = several[type(thinker)] if type(thinker) in several else AutoModelForCausalLM
    return kind, AutoProcessor.from_pretrained(name, trust_remote_code=False)
