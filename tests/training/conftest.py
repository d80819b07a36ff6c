"""Fixtures of the training tests: a small captioner, and clips of all kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from captioner_fixtures import one_thread  # noqa: F401
from media_files import make_clip, make_sound
from small_captioners import build_small_captioner, recipe_at

from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES

CLIPS = {"heard": 3.0, "silent": 2.0, "seen": 2.5, "short": 1.0, "sound": 2.0}


@pytest.fixture(scope="session")
def small(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Folder of a small captioner."""
    pytest.importorskip("trl", reason="the packages of training are not installed")
    return build_small_captioner(tmp_path_factory.mktemp("small") / "base")


@pytest.fixture(scope="session")
def processor(small: Path) -> Any:
    """Its processor."""
    from asid_hf.captioner import AsidCaptionerProcessor

    return AsidCaptionerProcessor.from_pretrained(small)


@pytest.fixture
def captioner(small: Path) -> Any:
    """The small captioner, new for each test."""
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    return AsidCaptionerForConditionalGeneration.from_pretrained(small)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of clips: with sound, with digital silence, without sound, of a second, and sound alone."""
    folder = tmp_path_factory.mktemp("clips")
    made = {name: make_clip(folder / f"{name}.mp4", CLIPS[name], tone=440) for name in ("heard", "short")}
    made["silent"] = make_clip(folder / "silent.mp4", CLIPS["silent"], tone=1e-9)
    made["seen"] = make_clip(folder / "seen.mp4", CLIPS["seen"])
    made["sound"] = make_sound(folder / "sound.wav", CLIPS["sound"])
    return {name: str(path) for name, path in made.items()}


@pytest.fixture(scope="session")
def training_row(clips: dict[str, str]) -> Any:
    """Make a training row that asks about one of the clips."""
    from asid_hf.training.formatting import Formatting

    def make(clip: str | None, caption: str = "A pattern drifts.", attributes: tuple[str, ...] = ("scene",)) -> dict:
        if clip is None:
            turns = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": caption}]
            return Formatting().row({"messages": turns})
        path = clips.get(clip, clip)
        return Formatting().row({"instruction": "?", "caption": caption, "attributes": list(attributes), "video": path})

    return make


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release in the published layout: clips of a second or two, every other one with sound; `videos` beside."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "videos").mkdir()
    lines: dict[str, list[dict]] = {"single_attribute": [], "all_attributes": []}
    for number in range(12):
        name = f"clip{number:02d}"
        seconds = 1.0 + number % 3 / 2
        make_clip(folder / "videos" / f"{name}.mp4", seconds, tone=300 + 50 * number if number % 2 else None)
        texts = {attribute: f"Of {attribute} {number}." for attribute in ATTRIBUTES}
        for attribute, text in texts.items():
            lines["single_attribute"].append(_line(name, f"Describe the {ATTRIBUTE_NAMES[attribute]}.", text))
        lines["all_attributes"].append(_line(name, f"Describe {', '.join(ATTRIBUTES)}.", " ".join(texts.values())))
    for group in ("0_30_s_youtube_v0_1", "1_2_m_youtube_v0_1", "finevideo"):
        for config, told in lines.items():
            path = folder / "annotations" / group / "train" / f"{config}_{group}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in told))
    return folder


def _line(name: str, question: str, answer: str) -> dict:
    turns = [{"role": "user", "content": f"<video>{question}"}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "videos": [f"videos/{name}.mp4"], "video_id": name}


@pytest.fixture
def write_recipe(small: Path, release: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe that trains the small captioner on the release for a few steps; the path of its YAML."""

    def write(name: str = "run", **more: Any) -> Path:
        place = {"path": "asid-1m", "data_dir": str(release), "videos": str(release / "videos")}
        rows = {**place, "groups": ["0_30_s_youtube_v0_1"], "name": "single_attribute"}
        return recipe_at(tmp_path, small, name, **{"datasets": [rows], **more})

    return write
