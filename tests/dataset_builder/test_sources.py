"""Caption files in every published shape, and lines that have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from asid_hf.dataset_builder.sources import BadLine, caption_row, read_captions

from asid_hf.errors import CaptionFileError
from asid_hf.schema import ATTRIBUTES

SHAPES = {
    "messages": {
        "messages": [
            {"role": "system", "content": "You see and hear."},
            {"role": "user", "content": "<video>Describe the speech in the video."},
            {"role": "assistant", "content": "A man speaks."},
        ],
        "videos": ["v/ytb_-7BrqZqkRZM.mp4"],
    },
    "conversations": {
        "conversations": [
            {"from": "human", "value": "<video>\nDescribe the speech in the video."},
            {"from": "gpt", "value": "A man speaks."},
        ],
        "video": "v/ytb_-7BrqZqkRZM.mp4",
        "extra": 1,
    },
    "query": {
        "query": "<video>Describe the speech in the video.",
        "response": "A man speaks.",
        "videos": ["v\\ytb_-7BrqZqkRZM.mp4"],
    },
    "plain": {"video_id": "ytb_-7BrqZqkRZM", "caption": "A man speaks.", "attribute": "Speech"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_the_same_caption(shape: str) -> None:
    row = caption_row(SHAPES[shape])
    assert (row["video_id"], row["caption"]) == ("ytb_-7BrqZqkRZM", "A man speaks.")
    assert row["attributes"] == ["speech"]


def test_a_prompt_that_names_no_attribute_asks_for_all() -> None:
    assert caption_row({"query": "Describe it.", "response": "A dog.", "video": "a.mp4"})["attributes"] == [*ATTRIBUTES]


BAD = {
    "no json": b"{not json",
    "a lone surrogate": b'{"video_id": "a", "caption": "A \\ud800 dog."}',
    "a lone surrogate as key": b'{"\\ud800": 1, "video_id": "a"}',
    "attributes is a number": b'{"video_id": "a", "caption": "A dog.", "attributes": 5}',
    "a list": b"[1, 2]",
    "a number": b"7",
    "not utf-8": b'{"video_id": "\xff\xfe"}',
    "no caption": b'{"video_id": "a"}',
    "empty caption": b'{"video_id": "a", "caption": "  "}',
    "caption is a number": b'{"video_id": "a", "caption": 3}',
    "no video": b'{"caption": "A dog."}',
    "no assistant": b'{"messages": [{"role": "user", "content": "hi"}], "videos": ["a.mp4"]}',
    "turns are text": b'{"messages": "hello", "videos": ["a.mp4"]}',
    "video is a number": b'{"caption": "A dog.", "video": 3}',
    "unknown attribute": b'{"video_id": "a", "caption": "A dog.", "attribute": "smell"}',
    "deeply nested": b"[" * 100_000,
    "nul bytes": b"\x00\x00\x00",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named_and_the_rest_goes_on(name: str, tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    good = json.dumps({"video_id": "b", "caption": "A cat."}).encode()
    file.write_bytes(BAD[name] + b"\n\n" + good + b"\n")
    bad, row = read_captions(file)
    assert isinstance(bad, BadLine)
    assert (bad.file, bad.line) == ("captions.jsonl", 1)
    assert "accepted" in bad.message
    assert row["caption"] == "A cat."


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asid_hf.dataset_builder.sources.MAX_LINE_BYTES", 1000)
    file = tmp_path / "captions.jsonl"
    file.write_bytes(b'{"video_id": "a", "caption": "' + b"x" * 5000 + b'"}\n{"video_id": "b", "caption": "A cat."}')
    bad, row = read_captions(file)
    assert isinstance(bad, BadLine) and bad.line == 1
    assert row["video_id"] == "b"


def test_a_file_that_is_not_there_is_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(CaptionFileError, match=r"none.jsonl cannot be read.*JSON lines"):
        next(read_captions(tmp_path / "none.jsonl"))
