"""Small releases in the published layout, and verified rows, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES, verified_features

GROUPS = ("0_30_s_youtube_v0_1", "finevideo")


def published_line(instruction: str, caption: str, video: str, **more: object) -> dict:
    turns = [{"role": "user", "content": f"<video>{instruction}"}, {"role": "assistant", "content": caption}]
    return {"messages": turns, "videos": [video], **more}


def caption_of(video: str, attribute: str) -> str:
    return f'At 1s, the {ATTRIBUTE_NAMES.get(attribute, "whole")} of {video}: a "quoted" ünïcode line.\nThen it ends.'


def lines_of(config: str, video: str) -> list[dict]:
    path = f"videos/{video}.mp4"
    if config == "single_attribute":
        return [
            published_line(f"Describe the {ATTRIBUTE_NAMES[a]} in the video in detail.", caption_of(video, a), path)
            for a in ATTRIBUTES
        ]
    return [published_line("Describe everything.", caption_of(video, config), path)]


def write_lines(path: Path, lines: Iterable[dict | str | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for line in lines:
            line = json.dumps(line) if isinstance(line, dict) else line
            stream.write((line.encode() if isinstance(line, str) else line) + b"\n")
    return path


def file_of(root: Path, config: str, group: str) -> Path:
    return root / "annotations" / group / "train" / f"{config}_{group}.jsonl"


def write_release(
    root: Path, videos: int = 3, groups: Iterable[str] = GROUPS, configs: Iterable[str] = ("all_attributes",)
) -> Path:
    """`videos` a group, named v0_<group> and so on."""
    for group in groups:
        for config in configs:
            lines = [line for n in range(videos) for line in lines_of(config, f"v{n}_{group}")]
            write_lines(file_of(root, config, group), lines)
    return root


def verified_row(video_id: str, **more: object) -> dict:
    """A kept verified row with a caption in every attribute."""
    empty = dict.fromkeys(verified_features())
    lists = "transcript candidates sources conflicts findings revisions errors"
    row = {
        "video_id": video_id,
        "video": {"path": f"../clips/{video_id}.mp4", "bytes": None},
        "source": "lmms-lab/LLaVA-Video-178K/0_30_s_youtube_v0_1",
        "duration": 4.5,
        "has_audio": True,
        "attributes": {name: caption_of(video_id, name) for name in ATTRIBUTES},
        "caption": caption_of(video_id, "all_attributes"),
        "status": "kept",
    }
    return {**empty, **{name: [] for name in lists.split()}, **row, **more}


def write_verified(folder: Path, rows: list[dict]) -> Path:
    """What `asid verify` leaves: data/train-....parquet."""
    from datasets import Dataset

    (folder / "data").mkdir(parents=True, exist_ok=True)
    shard = folder / "data" / "train-00000-of-00001.parquet"
    Dataset.from_list(rows, features=verified_features()).to_parquet(shard, batch_size=100)
    return folder
