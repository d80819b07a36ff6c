"""Caption lines, in every published shape, into one row type; what does not fit is named by file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

try:
    from asid_hf.errors import CaptionFileError
    from asid_hf.instructions import asked_attributes, single_asked
    from asid_hf.schema import ATTRIBUTES, canonical_attribute
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import CaptionFileError
    from .instructions import asked_attributes, single_asked
    from .schema import ATTRIBUTES, canonical_attribute

ACCEPTED = (
    'a JSON object a line, with "messages" (or "conversations", or "query" and "response") of one question and one '
    'answer, and one video; or {"video_id": ..., "caption": ...}'
)
MAX_LINE_BYTES = 16 * 1024 * 1024  # a caption line of more is an attack or another file
MAX_DEPTH = 256  # objects and lists within each other; what Python can read depends on how deep its caller stands
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(rb"[{}\[\]]")
_SHAPES = (  # key of the turns, and of a turn's role and text
    ("messages", "role", "content"),
    ("conversations", "from", "value"),
)
_ASKS, _ANSWERS = ("user", "human"), ("assistant", "gpt")
_ALWAYS_USED = {"video_id", "attributes", "attribute"}
MEDIA_TAG = re.compile(r"<(?:video|image|audio)>\s*")
_LEADING_TAGS = re.compile(r"\s*(?:<(?:video|image|audio)>\s*)*")


class CaptionRow(TypedDict):
    """One caption of one video.

    `attributes`: what it covers, as the line says, else its instruction; all eight where neither names any. `video`:
    the path as the line gives it, "" where it only has an id. `extra`: the line's other keys as JSON, None without any.
    """

    video_id: str
    group: str
    attributes: list[str]
    instruction: str
    caption: str
    video: str
    extra: str | None


class BadLine(NamedTuple):
    """A line that has none of the accepted shapes: where it is and what was found.

    Example:
        >>> BadLine("a.jsonl", 3, "The line is not UTF-8.").text
        'a.jsonl, line 3: The line is not UTF-8.'
    """

    file: str
    line: int
    message: str

    @property
    def text(self) -> str:
        """All of it in one sentence."""
        return f"{self.file}, line {self.line}: {self.message}"


class Fields(NamedTuple):
    """What a line holds, before its instruction is interpreted.

    `given_id`: the video's id, "" where its path has to tell; `named`: the attributes that the line itself names.
    """

    given_id: str
    video: str
    instruction: str
    caption: str
    named: tuple[str, ...]
    extra: str | None


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
            f"The captions file {path} cannot be read ({error.strerror}). Give a file of JSON lines, {ACCEPTED}."
        ) from error
    group = group_of(path.parts)
    with stream:
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b""), start=1):
            if len(line) > MAX_LINE_BYTES:
                skip_line(stream)
            if line.strip():
                try:
                    yield as_row(fields_of(line), group)
                except CaptionFileError as error:
                    yield BadLine(path.name, number, str(error))


def group_of(parts: tuple[str, ...]) -> str:
    """The group of a file of the published layout (annotations/<group>/train/...); elsewhere the folder it lies in.

    Example:
        >>> group_of(("annotations", "finevideo", "train", "raw_finevideo.jsonl"))
        'finevideo'
    """
    folders = [part for part in parts[:-1] if part not in ("train", "validation")]
    return folders[-1] if folders else ""


def skip_line(stream: Any) -> int:
    """Read on to the end of a line; returns how many bytes that were.

    Example:
        >>> import io
        >>> skip_line(io.BytesIO(b"rest\\nnext"))
        5
    """
    skipped = 0
    while rest := stream.readline(MAX_LINE_BYTES):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def fields_of(line: bytes) -> Fields:
    """What one line holds.

    Raises:
        CaptionFileError: it has none of the accepted shapes; the message says what was found and what is accepted.

    Example:
        >>> fields_of(b'{"query": "<video>Describe it.", "response": "It pans.", "videos": ["x/a.mp4"], "id": 7}')
        Fields(given_id='', video='x/a.mp4', instruction='<video>Describe it.', caption='It pans.', named=(), extra=...
    """
    try:
        return _fields(_decode(line))
    except CaptionFileError as error:
        raise CaptionFileError(f"{error} Found: {_shorten(line)}; accepted: {ACCEPTED}.") from None


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
    return as_row(_fields(record), group)


def as_row(fields: Fields, group: str) -> CaptionRow:
    """The row of a line's fields.

    Example:
        >>> as_row(Fields("", "a.mp4", "<video>Describe the speech.", "He sings.", (), None), "clips")["attributes"]
        ['speech']
    """
    instruction = clean_instruction(fields.instruction)
    return CaptionRow(
        video_id=fields.given_id or stem_of(fields.video),
        group=group,
        attributes=list(fields.named) or asked_of(instruction, "raw"),
        instruction=instruction,
        caption=fields.caption,
        video=fields.video,
        extra=fields.extra,
    )


def clean_caption(text: str) -> str:
    """A caption without the media tags that it leads with, and white space around it; all else is its text.

    Example:
        >>> clean_caption("<video> A dog runs past a sign: <image>.\\n")
        'A dog runs past a sign: <image>.'
    """
    return text[_LEADING_TAGS.match(text).end() :].strip()


def clean_instruction(text: str) -> str:
    """An instruction without its media tags, wherever they stand in it.

    Example:
        >>> clean_instruction("<video>\\nDescribe it.")
        'Describe it.'
    """
    return MEDIA_TAG.sub("", text).strip()


def asked_of(instruction: str, holds: str) -> list[str]:
    """The attributes that an instruction asks for. The file knows, too: of all, or of a single one.

    Args:
        instruction: without media tags.
        holds: the configuration whose rows the file holds.

    Returns:
        Canonical names; of a "single_attribute" one, or none where nobody can tell which; else those that are named,
        all eight where none is.

    Example:
        >>> asked_of("Describe the music.", "single_attribute"), len(asked_of("Describe the music.", "raw"))
        (['speech'], 8)
    """
    if holds == "single_attribute":
        return single_asked(instruction)
    return (holds != "all_attributes" and asked_attributes(instruction)) or list(ATTRIBUTES)


def _decode(line: bytes) -> object:
    """Python's own reader takes what Python writes: a mark at the start of a file, and NaN, which is no JSON: null."""
    if len(line) > MAX_LINE_BYTES:
        raise CaptionFileError(f"The line is longer than {MAX_LINE_BYTES // 2**20} MiB.")
    try:
        text = line.decode("utf-8-sig")
        if _is_too_deep(line):
            raise RecursionError
        record = json.loads(text, parse_constant=lambda name: None)
        if b"\\u" in line:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise CaptionFileError("The line is not UTF-8.") from None
    except UnicodeEncodeError:
        raise CaptionFileError("A text holds half a character (a lone surrogate), which no file can store.") from None
    except RecursionError:
        raise CaptionFileError("The line is nested too deep.") from None
    except ValueError as error:  # JSONDecodeError, and a number of thousands of digits
        raise CaptionFileError(f"The line is no JSON ({getattr(error, 'msg', 'a number is too long')}).") from None
    return record


def _fields(record: object) -> Fields:
    if type(record) is not dict:
        raise CaptionFileError(f"The line is no JSON object but {type(record).__name__}.")
    used, told, instruction, caption = _turns_of(record)
    key, video = _video_of(record)
    given_id = record.get("video_id") or ""
    if type(given_id) is not str or not (given_id or video):
        raise CaptionFileError("The line names no video.")
    if type(caption) is not str or type(instruction) is not str:
        raise CaptionFileError("A turn's text is no string.")
    caption = clean_caption(caption)
    if not caption:
        raise CaptionFileError("The caption is empty.")
    named = record.get("attributes") or record.get("attribute")
    extra = _extra_of(record, {*used, key, *_ALWAYS_USED}, told)
    return Fields(given_id, video, instruction, caption, named_attributes(named) if named else (), extra)


def _turns_of(record: dict) -> tuple[tuple[str, ...], dict, object, object]:
    """The keys that hold the turns, what else the turns tell, the question and the answer."""
    for key, role, text in _SHAPES:
        turns = record.get(key)
        if turns is not None:
            return (key,), *_question_and_answer(turns, key, role, text)
    if "response" in record:
        return ("query", "response"), {}, record.get("query", ""), record["response"]
    if "caption" in record:
        return ("instruction", "caption"), {}, record.get("instruction", ""), record["caption"]
    raise CaptionFileError(f"The keys are {', '.join(map(str, list(record)[:8]))[:200] or 'none'}.")


def _question_and_answer(turns: object, key: str, role: str, text: str) -> tuple[dict, object, object]:
    if type(turns) is not list or not all(type(turn) is dict for turn in turns):
        raise CaptionFileError(f'"{key}" is no list of turns.')
    told = {}
    if turns and turns[0].get(role) == "system":
        told["system"], turns = turns[0].get(text), turns[1:]
    if turns and turns[0].get(role) in _ANSWERS:  # an answer to no question
        turns = [{role: "user", text: ""}, *turns]
    if len(turns) != 2 or turns[0].get(role) not in _ASKS or turns[1].get(role) not in _ANSWERS:
        roles = ", ".join(str(turn.get(role))[:20] for turn in turns[:6]) or "none"
        raise CaptionFileError(f'"{key}" is not one question and one answer (the turns are: {roles}).')
    for name, turn in zip(("question", "answer"), turns, strict=True):
        if others := {key: value for key, value in turn.items() if key not in (role, text)}:
            told[name] = others
    return told, turns[0].get(text), turns[1].get(text)


def _video_of(record: dict) -> tuple[str | None, str]:
    """The key that names the video, and its path."""
    for key in ("videos", "video"):
        video = record.get(key)
        if not video:
            continue
        if type(video) is list:
            if len(video) != 1:
                raise CaptionFileError(f"The line has {len(video)} videos; a caption is of one.")
            video = video[0]
        if type(video) is dict:  # a datasets Video value
            video = video.get("path")
        if type(video) is not str:
            raise CaptionFileError(f"The video is no path but {type(video).__name__}.")
        return key, video
    return None, ""


def named_attributes(named: object) -> tuple[str, ...]:
    """The attributes that a line names itself, in canonical order.

    Raises:
        CaptionFileError: one of them is no attribute, or they are no text.

    Example:
        >>> named_attributes(["Camera", "scene"])
        ('scene', 'camera')
    """
    names = named if type(named) is list else [named]
    if not all(type(name) is str for name in names):
        raise CaptionFileError("The attributes are no text.")
    try:
        chosen = {canonical_attribute(name) for name in names}
    except ValueError as error:
        raise CaptionFileError(str(error)) from None
    return tuple(name for name in ATTRIBUTES if name in chosen)


def stem_of(video: str) -> str:
    """A video's name without folders and ending; the id of a line that gives none.

    Example:
        >>> [stem_of(path) for path in ("videos/ytb_-7B.q.mp4", "v\\\\a.mkv", ".hidden", "clip")]
        ['ytb_-7B.q', 'a', '.hidden', 'clip']
    """
    if "\\" in video or video.endswith("/"):
        video = video.replace("\\", "/").rstrip("/")
    name = video[video.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name


def path_of(video: str | dict | None) -> str:
    """The path of a row's video, be it one or a Video value; "" without any.

    Example:
        >>> path_of("a.mp4"), path_of({"path": "b.mp4", "bytes": None}), path_of(None)
        ('a.mp4', 'b.mp4', '')
    """
    return (video.get("path") if isinstance(video, dict) else video) or ""


def _extra_of(record: dict, used: set, told: dict) -> str | None:
    extra = {key: value for key, value in record.items() if key not in used}
    if extra.get("duration", 0) is None:  # as `asid build` writes what nobody knows
        del extra["duration"]
    return as_extra({**told, **extra, **({"turns": told} if told.keys() & extra.keys() else {})})


def as_extra(told: dict) -> str | None:
    """A line's other keys, as a row keeps them: JSON in the order of the keys, None without any.

    Example:
        >>> as_extra({"duration": 3.5, "answer_form": "text"}), as_extra({})
        ('{"answer_form": "text", "duration": 3.5}', None)
    """
    try:
        return json.dumps(told, ensure_ascii=False, sort_keys=True, allow_nan=False) if told else None
    except ValueError:  # a number beyond all numbers, which JSON has no word for
        return as_extra(json.loads(json.dumps(told), parse_constant=lambda name: None))


def _is_too_deep(line: bytes) -> bool:
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", line)):
        depth += 1 if bracket[0] in b"{[" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def told_duration(extra: str | None) -> float | None:
    """The seconds that a row's `extra` tells; None where it tells none.

    Example:
        >>> told_duration('{"duration": 3}'), told_duration("[]"), told_duration('{"duration": "long"}')
        (3.0, None, None)
    """
    try:
        told = json.loads(extra) if extra else None
    except (ValueError, RecursionError):
        return None
    duration = told.get("duration") if isinstance(told, dict) else None
    return float(duration) if isinstance(duration, int | float) and not isinstance(duration, bool) else None


def _shorten(line: bytes, limit: int = 80) -> str:
    text = line[: 8 * limit].decode("utf-8", "replace").strip()
    return repr(text if len(text) <= limit else text[:limit] + "...")
