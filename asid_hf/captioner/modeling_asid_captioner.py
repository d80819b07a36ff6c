"""ASID-Captioner: the thinker of Qwen2.5-Omni, with true positions in mixed batches, that captions clips."""

from __future__ import annotations

import inspect
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from transformers import Qwen2_5OmniThinkerForConditionalGeneration, Qwen2_5OmniThinkerModel
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
from transformers.modeling_outputs import CausalLMOutputWithPast

try:
    from asid_hf.errors import CheckpointError, InputError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import CheckpointError, InputError

from .caption_request import CaptionRequest
from .checkpoints import adapter_base, check_loaded, has_processor, load_adapter, save_adapter
from .configuration_asid_captioner import AsidCaptionerConfig
from .exporting import export_omni
from .generating import caption_clips, stream_clip
from .positions import Marks, rope_index
from .processing_asid_captioner import AsidCaptionerProcessor
from .remote_code import CarriesCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .captions import Caption

_THINKER = "Qwen2_5OmniThinkerForConditionalGeneration"


def _with_parameter(function: Any, name: str, default: Any) -> inspect.Signature:
    """The signature of a function with one more keyword argument."""
    told = inspect.signature(function)
    more = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
    *first, rest = told.parameters.values()
    return told.replace(parameters=[*first, more, rest])


class AsidCaptionerModel(Qwen2_5OmniThinkerModel):
    """The thinker without its head; see `AsidCaptionerForConditionalGeneration`.

    Example:
        >>> AsidCaptionerModel.config_class.model_type
        'asid_captioner'
    """

    config: AsidCaptionerConfig
    config_class = AsidCaptionerConfig

    def get_rope_index(
        self,
        input_ids: torch.Tensor | None = None,
        image_grid_thw: torch.Tensor | None = None,
        video_grid_thw: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        use_audio_in_video: bool = False,
        audio_seqlens: torch.Tensor | None = None,
        second_per_grids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (3, rows, n) and deltas (rows, 1), each row by its own tokens: see `positions.rope_index`.

        `use_audio_in_video` and `audio_seqlens` change nothing: the tokens say what lies in a clip.
        """
        marks = Marks.of(self.config)
        return rope_index(marks, input_ids, image_grid_thw, video_grid_thw, attention_mask, second_per_grids)


class AsidCaptionerForConditionalGeneration(CarriesCode, Qwen2_5OmniThinkerForConditionalGeneration):
    """Captions clips from picture and sound.

    Its state dict has the keys of the thinker of Qwen2.5-Omni. `from_pretrained` takes checkpoints of its own, whole
    Qwen2.5-Omni checkpoints (the talker is not read), thinkers, and LoRA adapters over any of them.

    Example:
        >>> model = AsidCaptionerForConditionalGeneration.from_pretrained("ASID-Captioner-3B")  # doctest: +SKIP
        >>> print(model.caption("clip.mp4", ["speech", "camera"])[0].text)  # doctest: +SKIP
    """

    config: AsidCaptionerConfig
    config_class = AsidCaptionerConfig
    _keys_to_ignore_on_load_unexpected = [r"^talker\.", r"^token2wav\."]  # noqa: RUF012  (transformers has it so)

    def __init__(self, config: AsidCaptionerConfig) -> None:
        super().__init__(config)
        self.model.__class__ = AsidCaptionerModel  # the same module, its positions row by row
        self._processor: AsidCaptionerProcessor | None = None
        self._origin: str | None = None  # where its processor lies
        self._hub: dict[str, Any] = {}  # revision, token, ... to load it with

    get_rope_index = AsidCaptionerModel.get_rope_index

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        *,
        labels: torch.Tensor | None = None,
        logits_to_keep: int = 0,
        **inputs: Any,
    ) -> Any:
        """As the thinker's; with `logits_to_keep` only the last logits are worked out.

        `generate` asks for the last one alone: of a prompt of 16,000 tokens all would take 5 to 10 GB.
        """
        if not logits_to_keep or labels is not None:
            return super().forward(input_ids, labels=labels, **inputs)
        inputs["return_dict"] = True
        told = self.model(input_ids, **inputs)
        logits = self.lm_head(told.last_hidden_state[:, -logits_to_keep:])
        kept = {one.name for one in fields(CausalLMOutputWithPast)}
        return CausalLMOutputWithPast(logits=logits, **{name: told[name] for name in told if name in kept})

    # `generate` reads in it which inputs are known.
    forward.__signature__ = _with_parameter(Qwen2_5OmniThinkerForConditionalGeneration.forward, "logits_to_keep", 0)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike,
        *model_args: Any,
        base: str | os.PathLike | None = None,
        merge_adapter: bool = False,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Load a captioner with every one of its weights.

        Args:
            pretrained_model_name_or_path: Hub id or folder of a captioner, a whole Qwen2.5-Omni, a thinker, or of a
                LoRA adapter over one.
            base: what an adapter is put over, instead of the `base_model_name_or_path` that it names.
            merge_adapter: add an adapter to the weights, instead of keeping it apart.
            output_loading_info: return what was loaded, too.
            **kwargs: as in transformers: dtype, device_map, attn_implementation, quantization_config, revision, token,
                config, ...

        Returns:
            The model, in evaluation mode; or the model and a dictionary.

        Raises:
            CheckpointError: weights are missing, unexpected or of another size.
            InputError: a model of another kind.
            MissingExtraError: an adapter, and peft is not installed.
        """
        hub = {name: kwargs[name] for name in ("revision", "token", "cache_dir", "local_files_only") if name in kwargs}
        below = adapter_base(pretrained_model_name_or_path, base, **hub)
        if below is not None:
            kwargs.pop("revision", None)  # of the adapter
            # An adapter below is merged: of two kept apart one would take the other's place.
            kwargs |= {"merge_adapter": True, "output_loading_info": True}
            model, told = cls.from_pretrained(below, *model_args, **kwargs)
            model = load_adapter(model, pretrained_model_name_or_path, below, merge_adapter, **hub)
            if has_processor(pretrained_model_name_or_path, **hub):
                model._origin, model._hub = str(pretrained_model_name_or_path), hub
            return (model, told) if output_loading_info else model
        model, told = super().from_pretrained(
            pretrained_model_name_or_path, *model_args, output_loading_info=True, **kwargs
        )
        model._origin, model._hub = str(pretrained_model_name_or_path), hub
        check_loaded(told, str(pretrained_model_name_or_path), kwargs.get("ignore_mismatched_sizes", False))
        if getattr(model, "hf_quantizer", None) is None:
            model.__dict__.pop("_weight_conversions", None)  # saved in one layout, wherever it came from
        return (model, told) if output_loading_info else model

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """Save weights, configuration, and the code that `trust_remote_code=True` runs where asid_hf is not installed.

        Of a model with an adapter that is kept apart, the adapter alone is saved, as in transformers. The processor is
        saved by its own `save_pretrained`.

        Raises:
            InputError: an adapter, and `push_to_hub=True`.
        """
        if not getattr(self, "_hf_peft_config_loaded", False):
            super().save_pretrained(save_directory, *args, **kwargs)
        elif kwargs.get("push_to_hub"):
            raise InputError("An adapter is saved by itself: leave push_to_hub out, and call model.push_to_hub().")
        elif kwargs.get("is_main_process", True):
            save_adapter(self, save_directory, kwargs.get("state_dict"))

    def enable_input_require_grads(self) -> None:
        """Let gradients reach what gradient checkpointing needs them at: the inputs of the parts that are trained.

        transformers (5.24) asks for them at the inputs of both encoders, too, so that frozen ones keep the states of
        all their layers, run twice, and are gone back through for nothing.
        """

        def ask(module: Any, inputs: Any, output: torch.Tensor) -> None:
            output.requires_grad_(True)

        parts: list[Any] = [self.model.language_model]
        for tower, projector in ((self.model.visual, "merger."), (self.model.audio_tower, "proj.")):
            inner = [weight for name, weight in tower.named_parameters() if not name.startswith(projector)]
            if any(weight.requires_grad for weight in inner):
                parts.append(tower)
        self._require_grads_hooks = [part.get_input_embeddings().register_forward_hook(ask) for part in parts]
        self._require_grads_hook = self._require_grads_hooks[0]

    @property
    def processor(self) -> AsidCaptionerProcessor:
        """The processor that lies with the checkpoint, loaded when it is first wanted; it can be set, too.

        An adapter's own one, where it has one; else that of the model that it lies over.

        Raises:
            CheckpointError: there is none.
        """
        if self._processor is None:
            ours = __name__.startswith("asid_hf.")  # else this code came with the checkpoint, and is trusted already
            more = {**self._hub, **({} if ours else {"trust_remote_code": True})}
            origin = self._origin or self.config._name_or_path
            try:
                self._processor = AsidCaptionerProcessor.from_pretrained(origin, **more)
            except OSError as error:
                raise CheckpointError(
                    f"No processor lies with {origin or 'a model made here'}: save one there "
                    f"(processor.save_pretrained), or set model.processor. {str(error)[:200]}"
                ) from error
        return self._processor

    @processor.setter
    def processor(self, processor: AsidCaptionerProcessor) -> None:
        self._processor = processor

    def caption(
        self, clips: Any, attributes: Sequence[str] | None = None, format: str = "text", **options: Any
    ) -> list[Caption]:
        """Caption clips.

        Args:
            clips: one clip or several: paths, bytes, `datasets` Video values, `media.Clip`s, or dictionaries of frames
                and sound, see `AsidCaptionerProcessor`.
            attributes: what to describe, of the eight; None: all that the configuration names.
            format: "text", or "json" (one string an attribute).
            **options: the fields of `caption_request.CaptionRequest`: max_new_tokens, seed, batch_size, window, ...

        Returns:
            A caption a clip, in the order given. A clip that cannot be read gives one with `error` and without text.

        Raises:
            InputError: no such attribute, format or option.

        Example:
            >>> model.caption(["a.mp4", "b.mp4"], format="json")[0].attributes["speech"]  # doctest: +SKIP
        """
        request = CaptionRequest.of(self.config, attributes=attributes, format=format, **options)
        return caption_clips(self, self.processor, clips, request)

    def stream_caption(
        self, clip: Any, attributes: Sequence[str] | None = None, format: str = "text", **options: Any
    ) -> Iterator[str]:
        """Caption one clip, piece by piece as the words come; arguments as `caption`.

        Example:
            >>> for piece in model.stream_caption("a.mp4"): print(piece, end="")  # doctest: +SKIP
        """
        request = CaptionRequest.of(self.config, attributes=attributes, format=format, **options)
        return stream_clip(self, self.processor, clip, request)

    def export_omni(self, path: str | os.PathLike, base: str | os.PathLike, **kwargs: Any) -> None:
        """Write a whole Qwen2.5-Omni checkpoint: this thinker, the talker of `base`; see `exporting.export_omni`."""
        export_omni(self, self.processor, path, base, **kwargs)


# transformers finds the names that weights have on the disk by the class: ours are the thinker's.
register_checkpoint_conversion_mapping(
    AsidCaptionerForConditionalGeneration.__name__, get_checkpoint_conversion_mapping(_THINKER), overwrite=True
)
