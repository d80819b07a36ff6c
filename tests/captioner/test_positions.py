"""Positions: the reference's where that is right, each row's own where a batch mixes what the reference cannot."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch

from asid_hf.captioner.pictures import Pictures
from asid_hf.captioner.positions import Marks, rope_index
from asid_hf.captioner.rows import interleaved
from asid_hf.captioner.sounds import mel_tokens

CONFIG = SimpleNamespace(
    image_token_id=1,
    video_token_id=2,
    audio_token_id=3,
    vision_start_token_id=4,
    audio_start_token_id=5,
    position_id_per_seconds=25,
    seconds_per_chunk=2,
    vision_config=SimpleNamespace(spatial_merge_size=2),
)
MARKS = Marks.of(CONFIG)


class Row:
    """Tokens of a random row, and the media in it."""

    def __init__(self, draw: random.Random, kinds: str) -> None:
        self.draw = draw
        self.ids: list[int] = [9] * draw.randint(1, 5)
        self.images: list = []
        self.videos: list = []
        self.seconds: list[float] = []
        self.sounds: list[int] = []
        for _ in range(draw.randint(0, 2)):
            getattr(self, f"add_{draw.choice(kinds)}")()
            self.ids += [9] * draw.randint(1, 4)

    def add_i(self) -> None:
        high, wide = 2 * self.draw.randint(1, 4), 2 * self.draw.randint(1, 4)
        self.images.append([1, high, wide])
        self.ids += [4, *[1] * (high * wide // 4), 6]

    def add_v(self) -> None:
        film = self.film()
        self.ids += [4, *[2] * film.tokens, 6]

    def add_a(self) -> None:
        self.sounds.append(self.draw.randint(3, 900))
        self.ids += [5, *[3] * mel_tokens(self.sounds[-1]), 7]

    def add_x(self) -> None:
        film = self.film()
        self.sounds.append(self.draw.randint(3, 900))
        self.ids += [4, 5, *interleaved(film, mel_tokens(self.sounds[-1]), video=2, audio=3).tolist(), 7, 6]

    def film(self) -> Pictures:
        grid = (self.draw.randint(1, 6), 2 * self.draw.randint(1, 3), 2 * self.draw.randint(1, 3))
        self.seconds.append(self.draw.choice([1.0, 0.98, 2 / 3.3, 2.0, 1.1556]))
        self.videos.append(list(grid))
        return Pictures(torch.zeros(0), grid, self.seconds[-1])


def tensors(rows: list[Row], left: bool) -> dict[str, Any]:
    longest = max(len(row.ids) for row in rows)
    padded = []
    for row in rows:
        fill = [0] * (longest - len(row.ids))
        padded.append(fill + row.ids if left else row.ids + fill)

    def joined(name: str) -> Any:
        values = [value for row in rows for value in getattr(row, name)]
        return torch.tensor(values) if values else None

    ids = torch.tensor(padded)
    return {
        "input_ids": ids,
        "image_grid_thw": joined("images"),
        "video_grid_thw": joined("videos"),
        "attention_mask": (ids != 0).long(),
        "second_per_grids": joined("seconds"),
        "sounds": joined("sounds"),
    }


def reference(batch: dict[str, Any], heard: bool) -> Any:
    from transformers.models.qwen2_5_omni import modeling_qwen2_5_omni as omni

    model = omni.Qwen2_5OmniPreTrainedModelForConditionalGeneration.__new__(
        omni.Qwen2_5OmniPreTrainedModelForConditionalGeneration
    )
    torch.nn.Module.__init__(model)
    model.config, model.spatial_merge_size = CONFIG, 2
    batch = dict(batch)
    return model.get_rope_index(**{"audio_seqlens": batch.pop("sounds"), "use_audio_in_video": heard, **batch})


@pytest.mark.parametrize("kinds", ["vai", "xai"], ids=["films without sound", "films with sound"])
def test_batches_of_one_kind_have_the_reference_positions(kinds: str) -> None:
    draw = random.Random(7)
    for _ in range(150):
        rows = [Row(draw, kinds) for _ in range(draw.randint(1, 3))]
        batch = tensors(rows, left=draw.random() < 0.5)
        if batch["image_grid_thw"] is None and batch["video_grid_thw"] is None:
            continue
        expected = reference(batch, heard="x" in kinds)
        batch.pop("sounds")
        for own, theirs in zip(rope_index(MARKS, **batch), expected, strict=True):
            assert torch.equal(own, theirs), [row.ids for row in rows]


def test_a_row_has_the_positions_that_it_has_alone_whatever_lies_beside_it() -> None:
    draw = random.Random(11)
    for _ in range(100):
        rows = [Row(draw, "vaix") for _ in range(4)]
        left = draw.random() < 0.5
        batch = tensors(rows, left)
        batch.pop("sounds")
        together, beyond = rope_index(MARKS, **batch)
        for place, row in enumerate(rows):
            lone = tensors([row], left)
            lone.pop("sounds")
            own, own_beyond = rope_index(MARKS, **lone)
            part = slice(-len(row.ids), None) if left else slice(len(row.ids))
            assert torch.equal(together[:, place, part], own[:, 0])
            assert torch.equal(beyond[place], own_beyond[0])


def test_the_reference_gets_silent_clips_beside_audible_ones_wrong() -> None:
    """The fault that `rope_index` is for: where transformers mends it, this test says so."""
    draw = random.Random(0)
    rows = [Row(draw, "v"), Row(draw, "x")]
    while not (rows[0].videos and rows[1].videos):
        rows = [Row(draw, "v"), Row(draw, "x")]
    batch = tensors(rows, left=True)
    own = rope_index(MARKS, **{name: value for name, value in batch.items() if name != "sounds"})[0]
    try:
        theirs = reference(batch, heard=True)[0]
    except (RuntimeError, ValueError, IndexError):
        return
    assert not torch.equal(own, theirs)


def test_text_alone_stands_in_order() -> None:
    ids = torch.tensor([[0, 9, 9], [9, 9, 9]])
    positions, beyond = rope_index(MARKS, ids, attention_mask=(ids != 0).long())
    assert positions[:, 0].tolist() == [[1, 0, 1]] * 3
    assert positions[:, 1].tolist() == [[0, 1, 2]] * 3
    assert beyond.tolist() == [[0], [0]]
    assert rope_index(MARKS, ids)[0][:, 0].tolist() == [[0, 1, 2]] * 3
