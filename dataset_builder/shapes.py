"""Instruction rows as trainers read them: ms-swift's `messages` (the published shape), ShareGPT's `conversations`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from asid_hf.dataset_builder.sources import path_of

VIDEO_TAG = "<video>"
# JSON may hold these as they are, but some readers take them for the end of a line.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u2028\u2029\x85"}


def to_messages(row: Mapping) -> dict:
    """The published shape of a row, as ms-swift trains on it; for `dataset.map(to_messages)`, too.

    Args:
        row: an instruction row; `video` may be a path or a Video value.

    Returns:
        `messages` of one question, which leads with the tag of its video, and one answer; `videos`, the path.

    Example:
        >>> to_messages({"instruction": "Describe it.", "caption": "A dog.", "video": "a.mp4"})["messages"][0]
        {'role': 'user', 'content': '<video>Describe it.'}
    """
    return {
        "messages": [
            {"role": "user", "content": VIDEO_TAG + row["instruction"]},
            {"role": "assistant", "content": row["caption"]},
        ],
        "videos": [path_of(row["video"])],
    }


def to_conversations(row: Mapping) -> dict:
    """The ShareGPT shape of a row, as LLaMA-Factory trains on it.

    Args:
        row: see `to_messages`.

    Example:
        >>> to_conversations({"instruction": "Describe it.", "caption": "A dog.", "video": "a.mp4"})["conversations"][1]
        {'from': 'gpt', 'value': 'A dog.'}
    """
    return {
        "conversations": [
            {"from": "human", "value": VIDEO_TAG + row["instruction"]},
            {"from": "gpt", "value": row["caption"]},
        ],
        "videos": [path_of(row["video"])],
    }


def as_line(shape: dict, row: Mapping) -> str:
    """A row's shape as a JSON line, with its id, its duration and what else its `extra` tells.

    All lines of a file have the same keys, for readers that take those of the first ones for all.

    Args:
        shape: from `to_messages` or `to_conversations`.
        row: the row.

    Example:
        >>> row = {"instruction": "Tell.", "caption": "A dog.", "video": "a.mp4", "video_id": "a", "extra": None}
        >>> as_line(to_messages(row), row).endswith('"videos": ["a.mp4"], "video_id": "a", "duration": null}\\n')
        True
    """
    told = {"video_id": row["video_id"], "duration": None, **(json.loads(row["extra"]) if row["extra"] else {})}
    return json.dumps({**shape, **told}, ensure_ascii=False).translate(_LINE_ENDS) + "\n"
