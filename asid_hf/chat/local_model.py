"""A model of transformers and its processor: what they take, and one call answered."""

from __future__ import annotations

import copy
import inspect
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asid_hf.chat.messages import ChatError
from asid_hf.chat.shown_clip import Shown
from asid_hf.errors import EndpointError
from asid_hf.media import SAMPLE_RATE, Clip

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel, ProcessorMixin

MOST_TOKENS = 4096  # of a reply, where nobody says how many
_OWN = {"max_tokens": "max_new_tokens", "stop": "stop_strings"}
_PARTS = {"video": "video_processor", "frames": "image_processor", "audio": "feature_extractor"}


@dataclass(frozen=True, eq=False)
class LocalModel:
    """A loaded model. Get it from `local_loading.load_model`.

    Args:
        name: Hub id, or a folder's own name: it stands in messages.
        model: in evaluation mode, on its device.
        processor: a processor of several modalities, or a tokenizer.

    Example:
        >>> LocalModel("a-model", None, object()).sound_in_film
        False
    """

    name: str
    model: PreTrainedModel
    processor: ProcessorMixin

    @property
    def tokenizer(self) -> Any:
        """The processor's, or the processor itself where that is one."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def sound_in_film(self) -> bool:
        """Whether the processor puts a film's sound among its pictures."""
        return hasattr(self.processor, "load_audio_from_video")

    def check_takes(self, accepts: tuple[str, ...]) -> None:
        """Refuse what the processor has no part for.

        Raises:
            EndpointError: naming it; every call would meet it.
        """
        lacking = [name for name in accepts if getattr(self.processor, _PARTS[name], None) is None]
        if lacking:
            raise EndpointError(
                f"{self.name} takes no {', '.join(lacking)}: its processor {type(self.processor).__name__} has no part "
                "for it. Mend `accepts` of the model, or name another."
            )

    def answer(
        self, shown: Shown, parameters: dict, seconds: float, stop: threading.Event
    ) -> tuple[str, str, tuple[int, int]]:
        """Answer one call.

        Args:
            shown: turns and what fills their places.
            parameters: temperature, top_p, max_tokens, seed, stop, `chat_template_kwargs`, and whatever else a
                `GenerationConfig` has.
            seconds: for saying it.
            stop: set when nobody waits any more.

        Returns:
            The text, "stop" or "length", and the numbers of tokens in and out.

        Raises:
            ChatError: of kind rejected, media or timeout.
            Exception: whatever else goes wrong; see `fault`.
        """
        import torch

        parameters = dict(parameters)
        template = parameters.pop("chat_template_kwargs", {})
        seed = parameters.pop("seed", 0)
        settings = self._settings(parameters)
        inputs = self.inputs(shown, template, settings.max_new_tokens)
        given = inputs["input_ids"].shape[1]
        clock = _Clock(time.monotonic() + seconds, stop)
        with torch.random.fork_rng(devices=_cuda(self.model.device)), torch.inference_mode():
            torch.manual_seed(seed)
            whole = self.model.generate(
                **inputs, generation_config=settings, stopping_criteria=[clock], tokenizer=self.tokenizer
            )
        said = whole[0, given:].tolist()
        if clock.ran_out:
            raise ChatError(
                "timeout", f"{self.name} was not done within {seconds:g} s (timeout), at {len(said)} tokens."
            )
        ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
        full = len(said) >= settings.max_new_tokens and said[-1] not in ends
        text = self.tokenizer.decode(said, skip_special_tokens=True)
        return text, "length" if full else "stop", (given, len(said))

    def fault(self, error: Exception) -> ChatError:
        """What to call an error of the model or its processor."""
        import torch

        told = " ".join(str(error).split())[:200]
        no_memory = "out of memory" in told.lower() or "allocate memory" in told.lower()
        if no_memory or isinstance(error, MemoryError | torch.OutOfMemoryError):
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return ChatError(
                "overloaded", f"{self.name} ran out of memory: lower max_frames, max_pixels or max_tokens. {told}"
            )
        return ChatError("malformed", f"{self.name} failed at this call: {type(error).__name__}: {told}")

    def _settings(self, parameters: dict) -> Any:
        settings = copy.deepcopy(self.model.generation_config)
        given = {_OWN.get(name, name): value for name, value in parameters.items()}
        unknown = [name for name in given if callable(getattr(settings, name, callable))]
        if unknown:
            raise ChatError("rejected", f"transformers knows no parameter {', '.join(sorted(unknown))}.")
        drawn = bool(given.get("temperature"))
        if not drawn:  # what the model's own configuration has for drawing would be warned of
            given |= {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "min_p": None, "typical_p": 1.0}
        settings.update(**{"max_new_tokens": MOST_TOKENS, "max_length": None, **given, "do_sample": drawn})
        return settings

    def inputs(self, shown: Shown, template: dict | None = None, room: int = 0) -> Any:
        """What the model is given: tokens (1, n), and the tensors of what is shown, on its device.

        Args:
            shown: turns and what fills their places.
            template: more for the chat template.
            room: tokens that are to be left for the reply, where clips can be fitted into what is left.

        Raises:
            ChatError: of kind rejected or media: more than the model takes.
            MediaError, InputError: the same, of a processor of ours.
        """
        turns = shown.turns
        if self.processor is self.tokenizer:  # whose templates know text alone
            turns = [{**turn, "content": "\n".join(part["text"] for part in turn["content"])} for turn in turns]
        text = self.processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **(template or {}))
        most = _context(self.model)
        if getattr(self.processor, "takes_clips", False):
            inputs = self.processor(text, max_length=most and max(1, most - room), **_clips(shown))
        else:  # the template has written the special tokens
            inputs = self.processor(text=[text], return_tensors="pt", add_special_tokens=False, **self._media(shown))
        count = inputs["input_ids"].shape[1]
        if most is not None and count > most:
            raise ChatError(
                "rejected", f"The call has {count} tokens; {self.name} takes {most}. Lower max_frames or max_pixels."
            )
        inputs = inputs.to(self.model.device)
        for name, value in inputs.items():
            exact = name == "video_second_per_grid"  # a time axis does not bear 8 bits
            if not exact and hasattr(value, "is_floating_point") and value.is_floating_point():
                inputs[name] = value.to(self.model.dtype)
        if shown.in_film and "use_audio_in_video" in inspect.signature(self.model.forward).parameters:
            inputs["use_audio_in_video"] = True
        return inputs

    def _media(self, shown: Shown) -> dict:
        media: dict = {}
        if shown.images:
            media["images"] = shown.images
        if shown.film is not None:
            media |= {"videos": [shown.film.frames], "video_metadata": [_metadata(shown.film)]}
            media |= {"fps": shown.film.fps, "do_sample_frames": False}  # they are sampled, at their true rate
        if shown.sound is not None:
            self._check_length(shown.sound)
            media |= {"audio": [shown.sound], "sampling_rate": SAMPLE_RATE}
            if shown.in_film:
                media |= {"load_audio_from_video": True, "audio_from_video_indices": [0]}
        return media

    def _check_length(self, sound: np.ndarray) -> None:
        extractor = self.processor.feature_extractor
        if getattr(extractor, "sampling_rate", SAMPLE_RATE) != SAMPLE_RATE:
            raise ChatError(
                "media", f"{self.name} hears {extractor.sampling_rate} Hz; clips are read at {SAMPLE_RATE}."
            )
        most = getattr(extractor, "n_samples", None)
        if most is not None and len(sound) > most:
            raise ChatError(
                "media",
                f"The clip's sound lasts {len(sound) / SAMPLE_RATE:.1f} s; {self.name} hears "
                f"{most / SAMPLE_RATE:g} s. Say so as max_seconds.",
            )


def _clips(shown: Shown) -> dict:
    """What a processor that takes clips is given: films with their sound, and pictures as large as they are."""
    media: dict = {"images": shown.images, "videos": [shown.film] if shown.film is not None else []}
    if shown.sound is not None and not shown.in_film:
        media["audio"] = [{"audio": shown.sound}]
    return {**media, "min_pixels": 4 * 28 * 28, "frame_pixels": 16384 * 28 * 28}


class _Clock:
    """Ends a reply that takes too long, or that nobody waits for any more."""

    def __init__(self, end: float, stop: threading.Event) -> None:
        self.end, self.stop = end, stop
        self.ran_out = False

    def __call__(self, input_ids: torch.Tensor, scores: object, **more: object) -> torch.Tensor:
        import torch

        self.ran_out = self.stop.is_set() or time.monotonic() > self.end
        return torch.full((len(input_ids),), self.ran_out, device=input_ids.device)


def _metadata(clip: Clip) -> Any:
    from transformers.video_utils import VideoMetadata

    count = len(clip.frames)
    return VideoMetadata(
        total_num_frames=count,
        fps=clip.fps,
        frames_indices=list(range(count)),
        duration=clip.duration,
        height=clip.frames.shape[2],
        width=clip.frames.shape[3],
    )


def _context(model: PreTrainedModel) -> int | None:
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def _cuda(device: torch.device) -> list[int]:
    return [device.index or 0] if device.type == "cuda" else []
