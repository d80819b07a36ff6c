"""What is asked of clips: attributes, form, words, limits; and the turns that ask it, the same as in training."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

try:
    from asid_hf.errors import InputError
    from asid_hf.instructions import ANSWERS, clip_id, draw_instruction
    from asid_hf.schema import ATTRIBUTES, canonical_attributes
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError
    from .instructions import ANSWERS, clip_id, draw_instruction
    from .schema import ATTRIBUTES, canonical_attributes

from .configuration_asid_captioner import MEDIA

if TYPE_CHECKING:
    from .captions import Caption
    from .configuration_asid_captioner import AsidCaptionerConfig

OVERLAP = 5.0  # s
_IMAGE_BYTES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP|BM.{4}\0\0\0\0|II\*\0|MM\0\*", re.DOTALL)
_SPECIAL = re.compile(r"<\|\w{1,30}\|>")
_GENERATION = (
    *("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size"),
    *("num_beams", "length_penalty", "cache_implementation"),
)

_WHOLE = {"max_new_tokens": 1, "batch_size": 1, "num_workers": 1, "max_length": 1, "seed": 0}


@dataclass(frozen=True)
class CaptionRequest:
    """What is asked of clips, and how it is written.

    Args:
        attributes: what to describe, canonical names in order.
        format: "text" or "json".
        instruction: words of your own to ask with; drawn from the pools by clip and seed where it is None.
        system_prompt: the system turn.
        max_new_tokens: most tokens written a clip (a window, where there are several).
        seed: of the instruction and, where `do_sample` is set, of the words: a batch is drawn together.
        batch_size: rows written at a time.
        max_length: most tokens of a row with its media; a clip is fitted into it. None: what the model's positions
            leave beside `max_new_tokens`.
        window: s; a longer clip is captioned in windows of this length whose texts are merged. None: never. Clips that
            are decoded already are not cut.
        overlap: s by which windows overlap. None: 5, or a fourth of a window that is under 20 s.
        load_audio_from_video: whether clips are heard.
        allow_remote: whether http(s) addresses are opened.
        anchor_guard, loop_guard, json_guard: no times that the clip does not have; no repetition; JSON with all keys.
        num_workers: threads that open clips ahead.
        media: changes to the media budget.
        generation: further arguments of `generate`, as do_sample, temperature, repetition_penalty.
        on_caption: called with (place, caption) as soon as a clip is done; clips are not done in order.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> CaptionRequest(attributes=("speech",)).format
        'text'
    """

    attributes: tuple[str, ...] = ATTRIBUTES
    format: str = "text"
    instruction: str | None = None
    system_prompt: str = ""
    max_new_tokens: int = 4096
    seed: int = 0
    batch_size: int = 1
    max_length: int | None = None
    window: float | None = None
    overlap: float | None = None
    load_audio_from_video: bool = True
    allow_remote: bool = False
    anchor_guard: bool = True
    loop_guard: bool = True
    json_guard: bool = True
    num_workers: int = 1
    media: dict = field(default_factory=dict)
    generation: dict = field(default_factory=dict)
    on_caption: Callable[[int, Caption], None] | None = None

    def __post_init__(self) -> None:
        if self.format not in ANSWERS:
            raise InputError(f"format={self.format!r}. Allowed: {', '.join(ANSWERS)}.")
        if wrong := self.generation.keys() - set(_GENERATION):
            raise InputError(f"Not of generation: {', '.join(sorted(wrong))}. Allowed: {', '.join(_GENERATION)}.")
        for text in (self.instruction, self.system_prompt):
            if text is not None and (not isinstance(text, str) or _SPECIAL.search(text)):
                raise InputError(f"An instruction is words, without tokens of turns and media: {text!r} is not.")
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if value is None and name == "max_length":
                continue
            if not isinstance(value, Integral) or value < least:
                raise InputError(f"{name}={value!r}. It has to be a whole number, {least} or more.")
        for name in ("window", "overlap"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and math.isfinite(value)):
                raise InputError(f"{name}={value!r}. Give seconds, or None.")
        if self.window is None and self.overlap is not None:
            raise InputError(f"overlap={self.overlap} belongs to a window: give one, in seconds.")
        if wrong := self.media.keys() - MEDIA.keys():
            raise InputError(f"Not of a media budget: {', '.join(sorted(wrong))}. Allowed: {', '.join(MEDIA)}.")
        if self.window is not None and self.overlap is None:
            object.__setattr__(self, "overlap", min(OVERLAP, self.window / 4))
        if self.window is not None and not 0 <= self.overlap < self.window:
            raise InputError(f"window={self.window}, overlap={self.overlap}: 0 <= overlap < window, in seconds.")

    @classmethod
    def of(cls, config: AsidCaptionerConfig, attributes: Iterable[str] | None = None, **options: Any) -> CaptionRequest:
        """A request with a configuration's own attributes, system prompt, budget and generation where none are given.

        Arguments of `generate` and of the media budget may stand among the options.

        Raises:
            InputError: an option or an attribute that is none.
        """
        names = {one.name for one in fields(cls)}
        media = {name: options.pop(name) for name in list(options) if name in MEDIA}
        unknown = [name for name in options if name not in names and name not in _GENERATION]
        if unknown:
            raise InputError(f"No options of caption(): {', '.join(unknown)}. Allowed: {', '.join(sorted(names))}.")
        generation = {name: options.pop(name) for name in list(options) if name not in names}
        defaults = dict(config.generation)
        longest = defaults.pop("max_new_tokens", 4096)
        return cls(
            attributes=_canonical(config.attributes if attributes is None else attributes),
            system_prompt=options.pop("system_prompt", config.system_prompt),
            max_new_tokens=options.pop("max_new_tokens", longest),
            media={**config.media, **(options.pop("media", None) or {}), **media},
            generation={**defaults, **(options.pop("generation", None) or {}), **generation},
            **options,
        )

    def ask(self, clip: Any) -> str:
        """The instruction for a clip: the same clip and seed, the same words."""
        return self.instruction or draw_instruction(self.attributes, clip_id(clip), self.seed, self.format)


def conversation(clip: Any, request: CaptionRequest, kind: str = "video") -> list[dict]:
    """The turns that ask about a clip, as in training: the system turn; the clip, then the instruction.

    Example:
        >>> [turn["role"] for turn in conversation("a.mp4", CaptionRequest(system_prompt="You describe."))]
        ['system', 'user']
    """
    parts = [{"type": kind, kind: clip}, {"type": "text", "text": request.ask(clip)}]
    system = [{"role": "system", "content": [{"type": "text", "text": request.system_prompt}]}]
    return [*(system if request.system_prompt else []), {"role": "user", "content": parts}]


def is_file(clip: Any) -> bool:
    """Whether a clip is still to be opened: a path, a file's bytes or a Video value, not an image and not frames.

    Example:
        >>> is_file("a.mp4"), is_file({"path": "a.mp4", "bytes": None}), is_file({"frames": None}), is_file("a.png")
        (True, True, False, False)
    """
    video = isinstance(clip, dict) and bool(clip.keys() & {"path", "bytes"})
    return (video or isinstance(clip, str | os.PathLike | bytes)) and not is_image(clip)


def is_image(clip: Any) -> bool:
    r"""Whether a still image was given, not a clip: a PIL image, bytes that begin like one, or a file called like one.

    Example:
        >>> is_image("a.jpg"), is_image("a.mp4"), is_image({"bytes": b"\xff\xd8\xff", "path": None})
        (True, False, True)
    """
    data = clip.get("bytes") if isinstance(clip, dict) else clip
    if isinstance(data, bytes):
        return bool(_IMAGE_BYTES.match(data))
    path = clip.get("path") if isinstance(clip, dict) else clip
    if isinstance(path, str | os.PathLike):
        return os.fsdecode(path).lower().endswith((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
    return type(clip).__module__.split(".")[0] == "PIL"


def _canonical(attributes: Iterable[str]) -> tuple[str, ...]:
    try:
        return canonical_attributes([attributes] if isinstance(attributes, str) else attributes)
    except ValueError as error:
        raise InputError(str(error)) from error
