"""Caption files, in every published shape, into one row type; what does not fit is named by file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypedDict

from asid_hf.errors import CaptionFileError
from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES, canonical_attribute

ACCEPTED = (
    'a JSON object with "messages" (or "conversations", or "query" and "response") and a video, '
    'or {"video_id": ..., "caption": ...}'
)
MAX_LINE_BYTES = 16 * 1024 * 1024  # a caption line of more is an attack or another file
_TAGS = re.compile(r"<(?:video|image|audio)>\s*")
_MENTIONS = {
    name: re.compile(rf"\b{ATTRIBUTE_NAMES[name].replace(' ', '[ _-]')}\b", re.IGNORECASE) for name in ATTRIBUTES
}


class CaptionRow(TypedDict):
    """One caption of one video. `attributes`: what it covers; all eight, unless the line or its instruction says."""

    video_id: str
    group: str
    attributes: list[str]
    instruction: str
    caption: str
    video: str


class BadLine(NamedTuple):
    """A line that has none of the accepted shapes: where it is and what was found."""

    file: str
    line: int
    message: str


def read_captions(path: str | Path) -> Iterator[CaptionRow | BadLine]:
    """Read a JSON-lines captions file; a bad line is returned as `BadLine` and the rest goes on.

    Accepted lines: ms-swift `messages` or `query`/`response` with `videos`, ShareGPT `conversations` with `video`,
    and `{"video_id": ..., "caption": ...}` with an optional `attribute` or `attributes`.

    Args:
        path: a UTF-8 file, one JSON object a line; empty lines are skipped.

    Yields:
        A `CaptionRow` for each caption, a `BadLine` for each line that is none, in file order.

    Raises:
        CaptionFileError: the file does not exist or cannot be read.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp(), "captions.jsonl")
        >>> _ = file.write_text('{"video_id": "a", "caption": "A dog runs."}\\nnonsense\\n')
        >>> [type(row).__name__ for row in read_captions(file)]
        ['dict', 'BadLine']
    """
    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise CaptionFileError(
            f"The captions file {path} cannot be read ({error.strerror}). Give a file of JSON lines, each {ACCEPTED}."
        ) from error
    with stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_LINE_BYTES)
                yield BadLine(path.name, number, f"longer than {MAX_LINE_BYTES // 2**20} MiB")
            elif line.strip():
                try:
                    yield caption_row(_decode(line), group=path.parent.name)
                except (CaptionFileError, ValueError, RecursionError) as error:
                    message = (str(error) or type(error).__name__).encode("utf-8", "replace").decode()
                    yield BadLine(path.name, number, f"{message} Found: {_shorten(line)}; accepted: {ACCEPTED}.")


def caption_row(record: object, group: str = "") -> CaptionRow:
    """Turn one parsed line into a `CaptionRow`.

    Args:
        record: the parsed JSON of a line.
        group: the group (source folder) to note in the row.

    Raises:
        CaptionFileError: the record has none of the accepted shapes; the message says what is missing.

    Example:
        >>> row = caption_row({"query": "<video>Describe the camera.", "response": "It pans.", "videos": ["x/a.mp4"]})
        >>> row["video_id"], row["attributes"], row["caption"]
        ('a', ['camera'], 'It pans.')
    """
    if not isinstance(record, dict):
        raise CaptionFileError(f"The line is no JSON object but {type(record).__name__}.")
    video = _video_of(record)
    instruction, caption = _turns_of(record)
    video_id = record.get("video_id") or PurePosixPath(video.replace("\\", "/")).stem
    if not isinstance(video_id, str) or not video_id:
        raise CaptionFileError("The line names no video.")
    if any(_is_broken(text) for text in (video_id, video, instruction, caption)):
        raise CaptionFileError("A text holds half a character (a lone surrogate), which no file can store.")
    named = record.get("attributes") or record.get("attribute")
    return CaptionRow(
        video_id=video_id,
        group=group,
        attributes=_attributes_of(named, instruction),
        instruction=instruction,
        caption=caption,
        video=video,
    )


def _is_broken(text: str) -> bool:
    """JSON can spell what UTF-8 cannot: "\\ud800"."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _decode(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CaptionFileError("The line is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise CaptionFileError(f"The line is no JSON ({error.msg}).") from None


def _video_of(record: dict) -> str:
    videos = record.get("videos") or record.get("video") or ""
    video = videos[0] if isinstance(videos, list) and videos else videos
    if isinstance(video, dict):  # a datasets Video value
        video = video.get("path") or ""
    if not isinstance(video, str):
        raise CaptionFileError(f"The video is no path but {type(video).__name__}.")
    return video


def _turns_of(record: dict) -> tuple[str, str]:
    """The instruction and the answer, with media tags taken out."""
    if "messages" in record:
        turns = [(turn.get("role"), turn.get("content")) for turn in _dicts(record["messages"], "messages")]
    elif "conversations" in record:
        turns = [(turn.get("from"), turn.get("value")) for turn in _dicts(record["conversations"], "conversations")]
    elif "response" in record:
        turns = [("user", record.get("query", "")), ("assistant", record["response"])]
    elif "caption" in record:
        turns = [("user", record.get("instruction", "")), ("assistant", record["caption"])]
    else:
        raise CaptionFileError(f"The keys are {', '.join(map(str, list(record)[:8])) or 'none'}.")
    asked = [text for role, text in turns if role in ("user", "human")]
    answered = [text for role, text in turns if role in ("assistant", "gpt")]
    if not answered:
        raise CaptionFileError("There is no assistant turn.")
    if not all(isinstance(text, str) for text in asked + answered):
        raise CaptionFileError("A turn's text is no string.")
    caption = _TAGS.sub("", answered[0]).strip()
    if not caption:
        raise CaptionFileError("The caption is empty.")
    return _TAGS.sub("", asked[0] if asked else "").strip(), caption


def _dicts(turns: object, key: str) -> list[dict]:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise CaptionFileError(f'"{key}" is no list of turns.')
    return turns


def _attributes_of(named: object, instruction: str) -> list[str]:
    if named:
        names = {canonical_attribute(name) for name in (named if isinstance(named, list) else [named])}
        return [name for name in ATTRIBUTES if name in names]
    mentioned = [name for name in ATTRIBUTES if _MENTIONS[name].search(instruction)]
    return mentioned or list(ATTRIBUTES)


def _shorten(line: bytes, limit: int = 80) -> str:
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= limit else text[:limit] + "...")
