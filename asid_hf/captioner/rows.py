"""A row of a batch: tokens, and the pictures and sounds that belong to them; and rows put together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

try:
    from asid_hf.media import Clip
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .media import Clip

from .pictures import Pictures
from .positions import time_steps

CHUNK = 50  # time steps: pictures and sound of 2 s at a time
RATE = 25  # time steps a second


class Row:
    """Tokens and media of one text, in order.

    Example:
        >>> row = Row(torch.float32).add_text(np.array([1, 2]))
        >>> row.length, row.tokens
        (2, {'text': 2, 'video': 0, 'audio': 0, 'image': 0})
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.parts: list[np.ndarray] = []
        self.films: list[Pictures] = []
        self.images: list[Pictures] = []
        self.sounds: list[torch.Tensor] = []  # (bands, L) each
        self.clips: list[dict] = []  # what was made of each clip
        self.tokens = {"text": 0, "video": 0, "audio": 0, "image": 0}

    @property
    def length(self) -> int:
        """Tokens in all."""
        return sum(map(len, self.parts))

    @property
    def ids(self) -> np.ndarray:
        """(n,) int64."""
        return np.concatenate(self.parts) if self.parts else np.zeros(0, np.int64)

    def add_text(self, ids: np.ndarray) -> Row:
        """Add tokens of words."""
        self.parts.append(np.asarray(ids, np.int64))
        self.tokens["text"] += len(ids)
        return self

    def extended(self, ids: Sequence[int]) -> Row:
        """The same row, and more words behind it."""
        longer = copy.copy(self)
        longer.parts, longer.tokens = [*self.parts, np.array(ids, np.int64)], dict(self.tokens)
        return longer

    def without_media(self) -> Row:
        """What the row says of itself, without the pixels and sounds, which take the memory."""
        lighter = copy.copy(self)
        lighter.films, lighter.images, lighter.sounds = [], [], []
        return lighter

    def add_image(self, picture: Pictures, token: int) -> Row:
        """Add an image."""
        self.parts.append(np.full(picture.tokens, token, np.int64))
        self.images.append(picture)
        self.tokens["image"] += picture.tokens
        return self

    def add_sound(self, mel: torch.Tensor, tokens: np.ndarray) -> Row:
        """Add a sound that stands alone."""
        self.parts.append(tokens)
        self.sounds.append(mel.to(self.dtype))
        self.tokens["audio"] += len(tokens)
        return self

    def add_film(self, pictures: Pictures, tokens: np.ndarray, mel: torch.Tensor | None = None) -> Row:
        """Add a film, with its sound among its pictures or without any."""
        self.parts.append(tokens)
        self.films.append(pictures)
        self.tokens["video"] += pictures.tokens
        if mel is not None:
            self.sounds.append(mel.to(self.dtype))
            self.tokens["audio"] += len(tokens) - pictures.tokens
        return self

    def note(self, clip: Clip, frames: np.ndarray | None, mel: torch.Tensor | None) -> Row:
        """Remember what was made of a clip."""
        size = (0, 0, 0) if frames is None else (frames.shape[0], *frames.shape[2:])
        told = {"duration": clip.duration, "offset": clip.offset, "fps": clip.fps if frames is not None else 0.0}
        told |= dict(zip(("frames", "height", "width"), size, strict=True))
        told["whole"] = clip.probe.duration
        self.clips.append({**told, "heard": mel is not None, "fitted": list(clip.fitted)})
        return self


def interleaved(pictures: Pictures, sounds: int, video: int, audio: int) -> np.ndarray:
    """The tokens of a film with sound: 2 s of pictures, 2 s of sound, and so on, as Qwen2.5-Omni was taught.

    Args:
        pictures: of the film, at its own rate.
        sounds: tokens of its sound, 25 a second.
        video, audio: the token ids.

    Returns:
        (n,) int64.

    Example:
        >>> film = Pictures(torch.zeros(8, 1176), (2, 2, 2), 2.0)  # two pairs of frames, 2 s apart
        >>> tokens = interleaved(film, sounds=75, video=1, audio=0)
        >>> np.flatnonzero(tokens).tolist(), len(tokens)
        ([0, 51], 77)
    """
    seen = np.repeat(time_steps(pictures.grid[0], pictures.second_per_grid, RATE), pictures.tokens // pictures.grid[0])
    heard = np.arange(sounds)
    times = np.concatenate([seen // CHUNK, heard // CHUNK])
    order = np.argsort(times, kind="stable")  # pictures come first in both
    return np.where(order < len(seen), video, audio).astype(np.int64)


def collate(rows: list[Row], pad: int, left: bool, metadata: bool) -> dict[str, Any]:
    """Put rows together.

    Args:
        rows: at least one.
        pad: token id that fills short rows; left: on which side.
        metadata: whether to add what each row says of itself.

    Returns:
        As `AsidCaptionerProcessor.__call__`.

    Example:
        >>> rows = [Row(torch.float32).add_text(np.array(ids)) for ids in ([1, 2], [3])]
        >>> collate(rows, pad=0, left=True, metadata=False)["input_ids"].tolist()
        [[1, 2], [0, 3]]
    """
    longest = max(row.length for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        part = slice(longest - row.length, None) if left else slice(row.length)
        ids[place, part] = torch.from_numpy(row.ids)
        mask[place, part] = 1
    batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    films, images = ([one for row in rows for one in getattr(row, name)] for name in ("films", "images"))
    if films:
        batch["pixel_values_videos"] = _joined([film.patches for film in films])
        batch["video_grid_thw"] = torch.tensor([film.grid for film in films])
        batch["video_second_per_grid"] = torch.tensor([film.second_per_grid for film in films], dtype=torch.float32)
    if images:
        batch["pixel_values"] = _joined([image.patches for image in images])
        batch["image_grid_thw"] = torch.tensor([image.grid for image in images])
    if sounds := [sound for row in rows for sound in row.sounds]:
        batch |= _padded(sounds)
    if metadata:
        batch["metadata"] = [{"tokens": row.tokens, "clips": row.clips} for row in rows]
    return batch


def _joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)  # a lone one is not copied


def _padded(sounds: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    lengths = torch.tensor([sound.shape[1] for sound in sounds])
    features = sounds[0].new_zeros(len(sounds), sounds[0].shape[0], int(lengths.max()))
    for target, sound in zip(features, sounds, strict=True):
        target[:, : sound.shape[1]] = sound
    mask = (torch.arange(features.shape[2]) < lengths[:, None]).long()
    return {"input_features": features, "feature_attention_mask": mask}
