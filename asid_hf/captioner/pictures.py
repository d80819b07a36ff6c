"""Pictures as Qwen2.5-Omni's vision tower takes them: patches of 14 x 14 pixels of two frames, normalised."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
import torch

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_budget import smart_resize
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError
    from .media_budget import smart_resize

PATCH, PAIR, MERGE = 14, 2, 2


class Pictures(NamedTuple):
    """The patches of a clip or an image.

    Attributes:
        patches: (t * h * w, 1176) float, in the order in which the vision tower reads them.
        grid: (t, h, w): pairs of frames, patches high and wide.
        second_per_grid: s from one pair to the next; None of an image.

    Example:
        >>> Pictures(torch.zeros(16, 1176), (2, 2, 4)).tokens
        4
    """

    patches: torch.Tensor
    grid: tuple[int, int, int]
    second_per_grid: float | None = None

    @property
    def tokens(self) -> int:
        """How many tokens they take: four patches make one."""
        return self.grid[0] * self.grid[1] * self.grid[2] // MERGE**2


def patches_of(
    frames: np.ndarray | torch.Tensor,
    mean: list[float],
    std: list[float],
    rescale: float = 1 / 255,
    dtype: torch.dtype = torch.float32,
) -> tuple[torch.Tensor, tuple[int, int, int]]:
    """Cut frames into normalised patches, one pair after the other, so that little more than the result is in memory.

    Args:
        frames: (T, 3, H, W) uint8, T even, H and W multiples of 28.
        mean, std: of each channel, as shares of full brightness.
        rescale: what full brightness is divided by, as its inverse.
        dtype: of the result.

    Returns:
        (t * h * w, 1176) patches and their grid (t, h, w).

    Example:
        >>> patches, grid = patches_of(np.zeros((4, 3, 56, 84), np.uint8), [0.5] * 3, [0.5] * 3)
        >>> tuple(patches.shape), grid
        ((48, 1176), (2, 4, 6))
    """
    frames = torch.as_tensor(frames)
    count, channels, height, width = frames.shape
    grid = count // PAIR, height // PATCH, width // PATCH
    tiles = frames.reshape(grid[0], PAIR, channels, grid[1] // MERGE, MERGE, PATCH, grid[2] // MERGE, MERGE, PATCH)
    low, spread = (
        (torch.tensor(values) / rescale).repeat_interleave(PAIR * PATCH**2).to(torch.float32) for values in (mean, std)
    )
    patches = torch.empty(grid[0], grid[1] * grid[2], len(low), dtype=dtype)
    for target, pair in zip(patches, tiles.permute(0, 3, 6, 4, 7, 2, 1, 5, 8), strict=True):
        # Sorted while they are bytes: a quarter of the memory to walk through.
        target.copy_(pair.reshape(target.shape).to(torch.float32).sub_(low).div_(spread))
    return patches.flatten(0, 1), grid


def image_frames(image: Any, min_pixels: int, max_pixels: int) -> torch.Tensor:
    """An image as a pair of equal frames, scaled as Qwen2.5-Omni's image processor does.

    Args:
        image: path, PIL image, array (H, W, 3) or (3, H, W), or a tensor.
        min_pixels, max_pixels: limits of its area.

    Returns:
        (2, 3, H, W) uint8, sides multiples of 28.

    Raises:
        MediaError: it cannot be read.

    Example:
        >>> tuple(image_frames(np.zeros((100, 200, 3), np.uint8), 56 * 56, 112 * 112).shape)
        (2, 3, 56, 140)
    """
    from torchvision.transforms.v2 import functional as vision

    picture = _as_tensor(image)
    size = smart_resize(*picture.shape[-2:], min_pixels=min_pixels, max_pixels=max_pixels)
    if size != tuple(picture.shape[-2:]):
        picture = vision.resize(picture, list(size), vision.InterpolationMode.BICUBIC, antialias=True)
    return picture.expand(PAIR, -1, -1, -1)


def resized(frames: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Frames (T, 3, H, W) uint8 at another (height, width).

    Example:
        >>> tuple(resized(torch.zeros(2, 3, 40, 40, dtype=torch.uint8), (28, 56)).shape)
        (2, 3, 28, 56)
    """
    from torchvision.transforms.v2 import functional as vision

    if tuple(frames.shape[-2:]) == size:
        return frames
    return vision.resize(frames, list(size), vision.InterpolationMode.BICUBIC, antialias=True)


def _as_tensor(image: Any) -> torch.Tensor:
    from PIL import Image, UnidentifiedImageError

    if isinstance(image, dict):
        image = image.get("path") if image.get("bytes") is None else image["bytes"]
    if isinstance(image, bytes):
        image = io.BytesIO(image)
    if not isinstance(image, np.ndarray | torch.Tensor):
        try:
            opened = image if isinstance(image, Image.Image) else Image.open(image)
            image = np.array(opened.convert("RGB"))  # a copy, which may be written to
        except (OSError, UnidentifiedImageError, AttributeError, ValueError) as error:
            raise MediaError("not_media", f"The image cannot be read: {error}. Give a path, or a PIL image.") from error
    picture = torch.as_tensor(image)
    if picture.ndim != 3 or 3 not in (picture.shape[0], picture.shape[-1]) or picture.dtype != torch.uint8:
        given = f"{picture.dtype} of {tuple(picture.shape)}"
        raise MediaError("unsupported_source", f"An image is (H, W, 3) or (3, H, W) of uint8, not {given}.")
    return picture.permute(2, 0, 1) if picture.shape[-1] == 3 else picture
