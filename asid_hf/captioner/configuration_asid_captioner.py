"""The configuration of an ASID-Captioner: the thinker of a Qwen2.5-Omni, and how it is shown clips and asked."""

from __future__ import annotations

from typing import Any

from transformers import Qwen2_5OmniThinkerConfig

try:
    from asid_hf.errors import InputError
    from asid_hf.instructions import SYSTEM_PROMPT
    from asid_hf.media_budget import FRAME_PIXELS, MIN_PIXELS, TOTAL_PIXELS, Budget
    from asid_hf.schema import ATTRIBUTES
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError
    from .instructions import SYSTEM_PROMPT
    from .media_budget import FRAME_PIXELS, MIN_PIXELS, TOTAL_PIXELS, Budget
    from .schema import ATTRIBUTES

from .remote_code import AUTO_MAP, CarriesCode

MEDIA = {
    "fps": 2.0,
    "min_frames": 4,
    "max_frames": 768,
    "min_pixels": MIN_PIXELS,
    "frame_pixels": FRAME_PIXELS,
    "total_pixels": TOTAL_PIXELS,
}
"""The media budget of the paper's first two stages, see `media.open_clip`."""

GENERATION = {"max_new_tokens": 4096, "do_sample": False, "repetition_penalty": 1.1}
"""How the paper (arXiv 2602.13013) decodes."""

_OMNI, _THINKER = "qwen2_5_omni", "qwen2_5_omni_thinker"


class AsidCaptionerConfig(CarriesCode, Qwen2_5OmniThinkerConfig):
    """The thinker's configuration, and what captioning needs beside it.

    `from_pretrained` also reads the configuration of a whole Qwen2.5-Omni (its talker is left out) and of a thinker.

    Args:
        attributes: what the captioner can be asked for, in order.
        media: the media budget: fps, min_frames, max_frames, min_pixels, frame_pixels, total_pixels of
            `media.open_clip`; what is left out is as in `MEDIA`.
        system_prompt: the system turn, the same in training and in use.
        generation: keyword arguments of `generate` that `caption` begins with, instead of `GENERATION`.
        **kwargs: of `Qwen2_5OmniThinkerConfig`.

    Raises:
        InputError: a budget that contradicts itself, or an attribute that is none; from `from_pretrained`, a model of
            another kind.

    Example:
        >>> AsidCaptionerConfig(media={"fps": 1.0}).media["max_frames"]
        768
    """

    model_type = "asid_captioner"

    attributes: list | tuple | None = None
    media: dict | None = None
    system_prompt: str = SYSTEM_PROMPT
    generation: dict | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.attributes = list(ATTRIBUTES if self.attributes is None else self.attributes)
        self.media = {**MEDIA, **(self.media or {})}
        self.generation = dict(GENERATION if self.generation is None else self.generation)
        if unknown := [name for name in self.attributes if name not in ATTRIBUTES]:
            raise InputError(f"No attributes: {', '.join(map(str, unknown))}. Allowed: {', '.join(ATTRIBUTES)}.")
        if unknown := [name for name in self.media if name not in MEDIA]:
            raise InputError(f"Not of a media budget: {', '.join(unknown)}. Allowed: {', '.join(MEDIA)}.")
        Budget(**self.media)
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)

    @classmethod
    def get_config_dict(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> tuple[dict, dict]:
        """The configuration as a dictionary, of a captioner, a thinker or a whole Omni; and the arguments left over."""
        told, left = super().get_config_dict(pretrained_model_name_or_path, **kwargs)
        if not told:  # transformers would take a default one, a model of billions
            raise InputError(f"No model lies with {pretrained_model_name_or_path}: there is no config.json.")
        return captioner_dict(told, str(pretrained_model_name_or_path)), left


def captioner_dict(told: dict, name: str) -> dict:
    """A configuration as read from a file, as one of a captioner.

    Args:
        told: of a captioner, of a thinker or of a whole Omni.
        name: of the model, for the message.

    Raises:
        InputError: it is of another kind of model.

    Example:
        >>> captioner_dict({"model_type": "qwen2_5_omni", "thinker_config": {"user_token_id": 1}}, "omni")
        {'user_token_id': 1, 'model_type': 'asid_captioner'}
    """
    kind = told.get("model_type")
    if kind in (None, AsidCaptionerConfig.model_type):
        return told
    if kind not in (_OMNI, _THINKER):
        raise InputError(f"{name} is a {kind} model. An ASID-Captioner is made of a Qwen2.5-Omni or of its thinker.")
    thinker = dict(told["thinker_config"] if kind == _OMNI else told)
    for key in ("dtype", "torch_dtype", "quantization_config"):  # where a whole Omni has them above its parts
        if key in told:
            thinker.setdefault(key, told[key])
    for key in ("architectures", "auto_map", "_name_or_path"):
        thinker.pop(key, None)
    return {**thinker, "model_type": AsidCaptionerConfig.model_type}
