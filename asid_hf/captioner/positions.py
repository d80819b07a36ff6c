"""Where each token stands in time, height and width: the positions of Qwen2.5-Omni, row by row.

The reference decides once a batch whether sound lies among the pictures, so silent clips beside audible ones get wrong
positions; and it lays chunks out a second time, in other arithmetic than the processor's. Here each clip's own tokens
say what it is and in which order they stand. Otherwise the positions are the reference's (`get_rope_index` of
transformers' Qwen2.5-Omni).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

SECOND_PER_GRID = 1.0  # s that a pair of frames covers where nobody says: 2 frames a second


def time_steps(grids: int, second_per_grid: float, rate: int = 25) -> np.ndarray:
    """The time steps of a clip's pairs of frames, (grids,) int64, in 32-bit floats as the reference has them.

    Args:
        grids: pairs of frames.
        second_per_grid: s from one to the next.
        rate: time steps a second.

    Example:
        >>> time_steps(3, 1.0).tolist()
        [0, 25, 50]
    """
    return (np.arange(grids, dtype=np.float32) * np.float32(second_per_grid) * np.float32(rate)).astype(np.int64)


@dataclass(frozen=True)
class Marks:
    """The token ids that say where media stand, and how finely time is cut.

    Example:
        >>> Marks(image=1, video=2, audio=3, vision_start=4, audio_start=5).rate
        25
    """

    image: int
    video: int
    audio: int
    vision_start: int
    audio_start: int
    merge: int = 2  # patches that make one token, a side
    rate: int = 25  # time steps a second

    @classmethod
    def of(cls, config: Any) -> Marks:
        """Those of a thinker's configuration."""
        return cls(
            config.image_token_id,
            config.video_token_id,
            config.audio_token_id,
            config.vision_start_token_id,
            config.audio_start_token_id,
            config.vision_config.spatial_merge_size,
            config.position_id_per_seconds,
        )


class Grids:
    """The sizes of a batch's pictures, handed out in the order in which their tokens come.

    Example:
        >>> grids = Grids(images=[], videos=[[2, 4, 4]], seconds=[1.0])
        >>> grids.video()
        ([2, 4, 4], 1.0)
    """

    def __init__(self, images: list, videos: list, seconds: list | None) -> None:
        self.images = iter(images)
        self.videos = iter(videos)
        self.seconds = iter(seconds if seconds is not None else [SECOND_PER_GRID] * len(videos))

    def image(self) -> tuple[list, float]:
        """Grid (t, h, w) of the next image, and the s that a step of it takes."""
        return next(self.images), SECOND_PER_GRID

    def video(self) -> tuple[list, float]:
        """Grid (t, h, w) of the next clip, and the s from one pair of its frames to the next."""
        return next(self.videos), next(self.seconds)


def rope_index(
    marks: Marks,
    input_ids: torch.Tensor,
    image_grid_thw: torch.Tensor | None = None,
    video_grid_thw: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    second_per_grids: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The positions of a batch, each row by its own tokens.

    Args:
        marks: token ids.
        input_ids: (rows, n).
        image_grid_thw, video_grid_thw: (images, 3), (videos, 3), in the order in which they stand.
        attention_mask: (rows, n), 0 where a token is padding, on either side.
        second_per_grids: (videos,) s that a pair of frames of each clip covers: its own, for clips differ.

    Returns:
        (3, rows, n) int64, 1 where there is padding; (rows, 1) int64: how far the next position lies beyond the number
        of tokens.

    Example:
        >>> import torch
        >>> marks = Marks(image=1, video=2, audio=3, vision_start=4, audio_start=5)
        >>> ids = torch.tensor([[9, 4, 2, 2, 8, 9]])  # text, a clip of two pairs of frames of one token each, text
        >>> rope_index(marks, ids, video_grid_thw=torch.tensor([[2, 2, 2]]))[0][0].tolist()
        [[0, 1, 2, 27, 28, 29]]
    """
    import torch

    rows = input_ids.cpu().numpy()
    seen = np.ones_like(rows, bool) if attention_mask is None else attention_mask.cpu().numpy() == 1
    grids = Grids(
        [] if image_grid_thw is None else image_grid_thw.tolist(),
        [] if video_grid_thw is None else video_grid_thw.tolist(),
        None if second_per_grids is None else torch.as_tensor(second_per_grids).tolist(),
    )
    positions = np.ones((3, *rows.shape), np.int64)
    beyond = np.zeros((len(rows), 1), np.int64)
    for row, (ids, mask) in enumerate(zip(rows, seen, strict=True)):
        own = row_positions(marks, ids[mask], grids)
        positions[:, row, mask] = own
        beyond[row] = own.max(initial=-1) + 1 - own.shape[1]
    return torch.from_numpy(positions).to(input_ids.device), torch.from_numpy(beyond).to(input_ids.device)


def row_positions(marks: Marks, ids: np.ndarray, grids: Grids) -> np.ndarray:
    """The positions of one row without padding, (3, n) int64; takes its media off `grids`.

    Example:
        >>> marks = Marks(image=1, video=2, audio=3, vision_start=4, audio_start=5)
        >>> row_positions(marks, np.array([9, 9]), Grids([], [], None)).tolist()
        [[0, 1], [0, 1], [0, 1]]
    """
    parts: list[np.ndarray] = []
    place = following = 0
    for start in np.flatnonzero(ids == marks.vision_start):
        first = ids[start + 1] if start + 1 < len(ids) else None
        if start < place or first not in (marks.image, marks.video, marks.audio_start):
            continue
        parts.append(_text(following, start - place + 1))
        following += start - place + 1
        place = start + 1
        if first == marks.audio_start:  # both beginnings stand at one place
            parts.append(_text(following - 1, 1))
            place += 1
        seen = _seen(marks, *(grids.image() if first == marks.image else grids.video()))
        own = (_with_sound(marks, ids[place:], seen) if first == marks.audio_start else seen) + following
        parts.append(own)
        following = _end(ids[place : place + own.shape[1]], own) + 1
        place += own.shape[1]
        if first == marks.audio_start:  # and so do both ends
            parts.append(_text(following, 1))
            place += 1
    parts.append(_text(following, len(ids) - place))
    return np.concatenate(parts, axis=1)


def _text(start: int, count: int) -> np.ndarray:
    return np.broadcast_to(np.arange(start, start + count), (3, count))


def _seen(marks: Marks, grid: list, second_per_grid: float) -> np.ndarray:
    """Positions of a clip's pictures, (3, n), from 0."""
    high, wide = grid[1] // marks.merge, grid[2] // marks.merge
    steps = time_steps(grid[0], second_per_grid, marks.rate)
    return np.stack(np.meshgrid(steps, np.arange(high), np.arange(wide), indexing="ij")).reshape(3, -1)


def _with_sound(marks: Marks, ids: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Positions of pictures and the sound among them, in the order in which the row has their tokens, from 0."""
    heard = ids == marks.audio
    inside = heard | (ids == marks.video)
    count = len(ids) if inside.all() else int(np.argmin(inside))
    heard = heard[:count]
    own = np.empty((3, count), np.int64)
    own[:, heard] = np.arange(heard.sum())
    own[:, ~heard] = seen
    return own


def _end(ids: np.ndarray, own: np.ndarray) -> int:
    """Where media end: the farthest place of the kind that stands last, as the reference has it."""
    last = ids == ids[-1]
    run = len(ids) - (int(np.argmin(last[::-1])) if not last.all() else len(ids))
    return int(own[:, run:].max())
