"""Lines exactly as published, a block of them at once: the same rows as `sources` reads, several times as fast.

A block in which any line is otherwise is left to `sources`, which reads line by line and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

try:
    import msgspec
except ImportError:  # a loading script's environment: `sources` reads all
    msgspec = None

try:
    from asid_hf.errors import CaptionFileError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import CaptionFileError

from .sources import as_extra, clean_caption, named_attributes

_OPENS, _CLOSES = b"{}"


class Columns(NamedTuple):
    """The fields of several lines, each as `sources.Fields` has it."""

    given_ids: Sequence[str]
    videos: Sequence[str]
    instructions: Sequence[str]
    captions: Sequence[str]
    named: Sequence[tuple[str, ...]]
    extras: Sequence[str | None]


if msgspec is not None:
    # Without a look by the collector of garbage: they hold texts alone, and there are hundreds of thousands.
    class _Asked(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        role: Literal["user"]
        content: str

    class _Answered(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        role: Literal["assistant"]
        content: str

    class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        """As published, and with what `asid build` adds."""

        messages: tuple[_Asked, _Answered]
        videos: tuple[str]
        video_id: str = ""
        attributes: tuple[str, ...] = ()
        duration: int | float | None = None
        answer_form: str | None = None

    _decode_lines = msgspec.json.Decoder(_Line).decode_lines


def published_columns(lines: bytes | memoryview) -> Columns | None:
    """Read whole lines of the published shape.

    Args:
        lines: JSON lines, the last one with its end.

    Returns:
        Their fields; None where one line or more has another shape or holds no caption.

    Example:
        >>> turns = b'[{"role": "user", "content": "Tell."}, {"role": "assistant", "content": "A dog."}]'
        >>> published_columns(b'{"messages": %b, "videos": ["a.mp4"]}\\n' % turns).captions
        ['A dog.']
        >>> published_columns(b"nonsense") is None
        True
    """
    if msgspec is None or lines[-2:] != b"}\n":
        return None
    try:
        rows = _decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not _is_one_object_a_line(lines, len(rows)):
        return None
    captions = [row.messages[1].content.strip() for row in rows]
    if "<" in {text[:1] for text in captions}:
        captions = list(map(clean_caption, captions))
    videos = [row.videos[0] for row in rows]
    if not all(captions) or not all(videos):
        return None
    try:
        named = [named_attributes(list(row.attributes)) if row.attributes else () for row in rows]
    except CaptionFileError:
        return None
    ids, instructions = [row.video_id for row in rows], [row.messages[0].content for row in rows]
    told = any(row.duration is not None or row.answer_form is not None for row in rows)
    return Columns(
        ids, videos, instructions, captions, named, list(map(_extra_of, rows)) if told else [None] * len(rows)
    )


def _is_one_object_a_line(lines: bytes | memoryview, count: int) -> bool:
    """msgspec takes two objects on one line, and one on two lines, too."""
    data, at = memoryview(lines).obj, 0  # bytes, or the bytearray that a view shows the front of
    for _ in range(count):
        end = data.find(b"\n", at)
        if end <= at or data[at] != _OPENS or data[end - 1] != _CLOSES:
            return False
        at = end + 1
    return at == len(lines)


def _extra_of(row: _Line) -> str | None:
    told = {"duration": row.duration, "answer_form": row.answer_form}
    return as_extra({key: value for key, value in told.items() if value is not None})
