"""The processor of ASID-Captioner: conversations and clips in, model inputs out.

It is the processor of Qwen2.5-Omni where that is right, and otherwise where it goes wrong: one open a clip for picture
and sound, each clip's own rate on its own time axis, sound at its own length instead of 300 s, batches that mix clips
with and without sound, and clips that are fitted into a context instead of being dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature, Qwen2_5OmniProcessor

try:
    from asid_hf.errors import InputError
    from asid_hf.media import SAMPLE_RATE, Clip
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError
    from .media import SAMPLE_RATE, Clip

from .clips import as_clip
from .configuration_asid_captioner import MEDIA
from .pictures import Pictures, image_frames, patches_of
from .remote_code import AUTO_MAP, CarriesCode
from .rows import Row, collate, interleaved
from .sounds import mel_of, mel_tokens

_ENDS = ("<|im_start|>", "<|im_end|>")  # of turns; not every tokenizer counts them among its special tokens

_PART_KEYS = {  # type of a part of a message -> where it may lie in it
    "video": ("video", "path", "url", "bytes"),
    "audio": ("audio", "path", "url", "bytes"),
    "image": ("image", "path", "url", "bytes"),
}
_SETTLED = {
    **{"add_special_tokens": False, "do_sample_frames": False, "sampling_rate": SAMPLE_RATE, "truncation": False},
    **{"seconds_per_chunk": 2.0, "position_id_per_seconds": 25},
}
"""Arguments of other processors that have one meaning here."""


class AsidCaptionerProcessor(CarriesCode, Qwen2_5OmniProcessor):
    """Turns conversations and clips into what an ASID-Captioner takes.

    Args:
        image_processor, video_processor, feature_extractor, tokenizer, chat_template: as `Qwen2_5OmniProcessor`.
        media: the budget for clips, see `AsidCaptionerConfig`; what is left out is as there.

    Example:
        >>> processor = AsidCaptionerProcessor.from_pretrained("ASID-Captioner-3B")  # doctest: +SKIP
        >>> talk = [{"role": "user", "content": [{"type": "video", "video": "a.mp4"}]}]
        >>> inputs = processor.apply_chat_template(talk, tokenize=True, return_dict=True)  # doctest: +SKIP
    """

    takes_clips = True

    def __init__(
        self,
        image_processor: Any = None,
        video_processor: Any = None,
        feature_extractor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        media: dict | None = None,
    ) -> None:
        super().__init__(image_processor, video_processor, feature_extractor, tokenizer, chat_template=chat_template)
        self.media = {**MEDIA, **(media or {})}
        if unknown := self.media.keys() - MEDIA:
            raise InputError(f"Not of a media budget: {', '.join(sorted(unknown))}. Allowed: {', '.join(MEDIA)}.")
        self.auto_map = {"AutoProcessor": AUTO_MAP["AutoProcessor"]}

    def __call__(
        self,
        text: str | Sequence[str] | None = None,
        images: Any = None,
        videos: Any = None,
        audio: Any = None,
        *,
        load_audio_from_video: bool = True,
        fps: float | None = None,
        max_length: int | None = None,
        padding: bool | str = True,
        padding_side: str | None = None,
        return_metadata: bool = False,
        return_tensors: str | None = "pt",
        dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> BatchFeature:
        """Make model inputs of texts with places for media, and of the media.

        Args:
            text: one or several; each `<|VIDEO|>`, `<|AUDIO|>` and `<|IMAGE|>` in them takes the next of `videos`,
                `audio` and `images`.
            images: paths, PIL images or arrays; videos, audio: clips, see `clips.as_clip`. Flat, or a list a text.
            load_audio_from_video: whether a clip's sound is heard.
            fps: frames a second taken of a clip; of bare frames: at which they were sampled.
            max_length: most tokens a text may take with its media; clips are fitted into what the words leave, in
                equal shares, by lowering resolution, then rate (see `media_budget.fit_frames`).
            padding: True or "longest": to the longest row; False: refuse rows of several lengths.
            padding_side: "left" for generation, which is the default, "right" for training.
            return_metadata: add `metadata`: for each row how many tokens each modality took, and what was made of
                each clip.
            return_tensors: "pt".
            dtype: of pictures and sound.
            **options: of the media budget (max_frames, ...), or of `media.open_clip` (start, end, allow_remote).

        Returns:
            input_ids, attention_mask (rows, n); pixel_values_videos, video_grid_thw, video_second_per_grid (the true
            one of each clip); input_features, feature_attention_mask (as long as the longest sound); pixel_values,
            image_grid_thw. What no row has is left out.

        Raises:
            MediaError: a clip cannot be read, or cannot be fitted.
            InputError: texts and media that do not match, a text alone over `max_length`, an option that is none.

        Example:
            >>> processor("<|vision_bos|><|VIDEO|><|vision_eos|>Describe.", videos=["a.mp4"])  # doctest: +SKIP
        """
        nested: dict[str, Any] = {}  # as other processors of transformers take them
        for kind in ("text_kwargs", "images_kwargs", "videos_kwargs", "audio_kwargs", "common_kwargs"):
            nested |= options.pop(kind, None) or {}
        if nested:
            named = {"load_audio_from_video": load_audio_from_video, "fps": fps, "max_length": max_length}
            named |= {"padding": padding, "padding_side": padding_side, "return_metadata": return_metadata}
            named |= {"return_tensors": return_tensors, "dtype": dtype}
            return self(text, images, videos, audio, **{**named, **options, **nested})
        if return_tensors not in ("pt", None):
            raise InputError(f'return_tensors={return_tensors!r}: tensors of torch alone are made, "pt".')
        texts = [text] if isinstance(text, str) else list(text or [])
        if not texts:
            raise InputError("No text: give one with a place for each clip, as apply_chat_template writes it.")
        given = {kind: list(_flat(media)) for kind, media in (("image", images), ("video", videos), ("audio", audio))}
        self._check_places(texts, given)
        queues = {kind: iter(media) for kind, media in given.items()}
        hears = options.pop("use_audio_in_video", load_audio_from_video)
        options |= {"load_audio_from_video": hears, "fps": fps}
        rows = [self.row(one, queues, max_length=max_length, dtype=dtype, **options) for one in texts]
        return self.batch(rows, padding=padding, padding_side=padding_side, return_metadata=return_metadata)

    def row(
        self,
        text: str,
        media: dict[str, Iterator],
        max_length: int | None = None,
        dtype: Any = None,
        opener: Callable = as_clip,
        **options: Any,
    ) -> Row:
        """One text and its media, not yet in a batch: for those who prepare rows ahead.

        Args:
            text: with places for media.
            media: "image", "video" and "audio" -> iterators that give what fills them.
            max_length, dtype, **options: as in `__call__`.
            opener: opens clips, with the arguments of `clips.as_clip`: for those who keep opened ones.

        Returns:
            The row; `batch` puts several together.
        """
        budget, opening, hears = self._options(options)
        ids = np.array(self.tokenizer(text, add_special_tokens=False)["input_ids"], np.int64)
        places = np.flatnonzero(np.isin(ids, list(self._kinds)))
        row = Row(dtype or torch.float32)
        words = len(ids) - len(places)
        images = [
            self._image(next(media["image"]), budget, row) for place in places if self._kind(ids[place]) == "image"
        ]
        room = None
        clips = sum(self._kind(ids[place]) != "image" for place in places)
        if max_length is not None:
            left = max_length - words - sum(picture.tokens for picture in images)
            room = (left - 2 * clips) // clips if clips else None  # 2: a heard clip's own beginning and end
            if left < 0 or (room is not None and room < 1):
                raise InputError(f"The text takes {words} tokens; max_length={max_length} leaves none for its media.")
        done, shown = 0, iter(images)
        for place in places:
            kind = self._kind(ids[place])
            before, behind = ids[done:place], ids[place + 1 : place + 2]
            done = place + 1
            if kind == "image":
                row.add_text(before).add_image(next(shown), self.image_token_id)
                continue
            hearing = {"audio": hears if kind == "video" else True, "frames": kind == "video"}
            fill = opener(next(media[kind]), budget, options.get("fps"), room, **opening, **hearing)
            done += self._add_clip(row, before, behind, fill, kind == "video", hears or kind == "audio")
        return row.add_text(ids[done:])

    def batch(
        self,
        rows: list[Row],
        padding: bool | str = True,
        padding_side: str | None = None,
        return_metadata: bool = False,
    ) -> BatchFeature:
        """Put rows together; arguments and result as of `__call__`."""
        side = padding_side or "left"
        if padding not in (True, False, "longest"):
            raise InputError(f'padding={padding!r}. Allowed: True or "longest" (to the longest row), False.')
        if side not in ("left", "right"):
            raise InputError(f'padding_side={side!r}. Allowed: "left", "right".')
        if not padding and len({row.length for row in rows}) > 1:
            raise InputError("Rows of several lengths make no batch without padding: pass padding=True.")
        pad = self.tokenizer.pad_token_id
        return BatchFeature(collate(rows, pad, side == "left", return_metadata))

    def apply_chat_template(
        self,
        conversation: list,
        chat_template: str | None = None,
        *,
        tokenize: bool = False,
        return_dict: bool = False,
        return_tensors: str | None = "pt",
        processor_kwargs: dict | None = None,
        **kwargs: Any,
    ) -> Any:
        """Write conversations out with the chat template and, with `tokenize`, make model inputs of them.

        Args:
            conversation: messages {"role", "content"}, or several lists of them; content is a text, or parts of type
                "text", "video", "audio" or "image", whose media lie under their type, `path`, `url` or `bytes`.
            chat_template: instead of the tokenizer's.
            tokenize: make inputs; else the text is returned.
            return_dict: return all inputs; else `input_ids` alone.
            return_tensors: "pt".
            processor_kwargs: keyword arguments of `__call__`; they may also stand among `kwargs`.
            **kwargs: of the template, as add_generation_prompt.

        Raises:
            MediaError, InputError: as `__call__`; or a text that has a medium's token in it.
        """
        several = bool(conversation) and isinstance(conversation[0], list | tuple)
        talks = [list(talk) for talk in conversation] if several else [conversation]
        media: dict[str, list] = {"image": [], "video": [], "audio": []}
        talks = [[self._laid_out(turn, media, tokenize) for turn in talk] for talk in talks]
        own = {name: kwargs.pop(name) for name in list(kwargs) if name in _OWN or name in MEDIA}
        text = super().apply_chat_template(talks if several else talks[0], chat_template, tokenize=False, **kwargs)
        if not tokenize:
            return text
        asked = {**own, **(processor_kwargs or {})}
        inputs = self(text, media["image"], media["video"], media["audio"], return_tensors=return_tensors, **asked)
        return inputs if return_dict else inputs["input_ids"]

    def _laid_out(self, turn: dict, media: dict[str, list], needed: bool) -> dict:
        """A message for the template: its media, `needed` or not, are taken out, their places stay."""
        content = turn.get("content")
        if isinstance(content, str) or content is None:
            self._check_words(content or "")
            return turn
        parts = []
        for part in content:
            kind = part.get("type", "text") if isinstance(part, dict) else "text"
            if kind not in _PART_KEYS:
                self._check_words(part["text"] if isinstance(part, dict) else part)
                parts.append(part if isinstance(part, dict) else {"type": "text", "text": part})
                continue
            found = next((part[key] for key in _PART_KEYS[kind] if part.get(key) is not None), None)
            if found is None and needed:
                raise InputError(f'A part of type "{kind}" without a medium: give it as {", ".join(_PART_KEYS[kind])}.')
            media[kind].append(found)
            parts.append({"type": kind, kind: ""})
        return {**turn, "content": parts}

    def _check_words(self, text: str) -> None:
        """Refuse words that would end their turn, or stand for a medium."""
        for token in {*self.tokenizer.all_special_tokens, *_ENDS}:
            if token in text:
                raise InputError(f"A message has {token} in its text, which is no word to the model. Take it out.")

    def _check_places(self, texts: list[str], given: dict[str, list]) -> None:
        for kind, token in (("image", self.image_token), ("video", self.video_token), ("audio", self.audio_token)):
            places = sum(one.count(token) for one in texts)
            if places != len(given[kind]):
                raise InputError(f"The text has {places} places {token}, and {len(given[kind])} are given for them.")

    @property
    def _kinds(self) -> dict[int, str]:
        return {self.image_token_id: "image", self.video_token_id: "video", self.audio_token_id: "audio"}

    def _kind(self, token: int) -> str:
        return self._kinds[int(token)]

    def _options(self, options: dict) -> tuple[dict, dict, bool]:
        """Budget, what else `open_clip` is told, and whether clips are heard."""
        left = {name: value for name, value in options.items() if value is not None}
        for name, settled in _SETTLED.items():
            if left.pop(name, settled) != settled:
                raise InputError(f"{name}={options[name]!r}: here it is {settled!r}. Leave it out.")
        hears = bool(left.pop("load_audio_from_video", True))
        budget = {name: left.pop(name, default) for name, default in self.media.items()}
        if unknown := left.keys() - _OPENING:
            allowed = ", ".join([*MEDIA, *sorted(_OPENING)])
            raise InputError(f"No options of the processor: {', '.join(sorted(unknown))}. Allowed: {allowed}.")
        return budget, left, hears

    def _image(self, image: Any, budget: dict, row: Row) -> Pictures:
        frames = image_frames(image, budget["min_pixels"], budget["frame_pixels"])
        part = self.image_processor
        return Pictures(*patches_of(frames, part.image_mean, part.image_std, part.rescale_factor, row.dtype))

    def _add_clip(self, row: Row, before: Any, behind: Any, clip: Clip, seen: bool, heard: bool) -> int:
        """Add a clip to a row, behind the tokens `before` it; return how many of the tokens `behind` it are used up."""
        frames = clip.frames if seen else None
        mel = mel_of(clip.audio, self.feature_extractor) if heard and clip.audio is not None else None
        row.note(clip, frames, mel)
        bos, eos = (self.tokenizer.convert_tokens_to_ids(t) for t in (self.audio_bos_token, self.audio_eos_token))
        if frames is None:
            if mel is None:
                raise InputError("A clip without pictures is not heard: pass load_audio_from_video=True.")
            framed = seen and len(before) and len(behind)  # the place was a film's: its ends become a sound's
            row.add_text(np.append(before[:-1], bos) if framed else before)
            row.add_sound(mel, np.full(mel_tokens(mel.shape[1]), self.audio_token_id))
            row.add_text(np.array([eos] if framed else [], np.int64))
            return int(bool(framed))
        part = self.video_processor
        patches, grid = patches_of(frames, part.image_mean, part.image_std, part.rescale_factor, row.dtype)
        pictures = Pictures(patches, grid, 2 / clip.fps)
        row.add_text(before)
        if mel is None:
            row.add_film(pictures, np.full(pictures.tokens, self.video_token_id))
            return 0
        tokens = interleaved(pictures, mel_tokens(mel.shape[1]), self.video_token_id, self.audio_token_id)
        row.add_text(np.array([bos])).add_film(pictures, tokens, mel).add_text(np.array([eos]))
        return 0


_OPENING = {"start", "end", "allow_remote", "max_duration", "timeout"}
_OWN = {"load_audio_from_video", "max_length", "padding", "padding_side", "return_metadata", "dtype", *_OPENING}


def _flat(media: Any) -> Iterator:
    """Media one by one, out of one, a list, or a list a text."""
    if media is None:
        return
    for item in media if isinstance(media, list | tuple) else [media]:
        if isinstance(item, list | tuple):
            yield from (one for one in item if one is not None)
        elif item is not None:
            yield item
