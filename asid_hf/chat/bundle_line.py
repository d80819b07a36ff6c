"""One line of a replay bundle: written in one form only, and read as what it is, somebody else's file."""

from __future__ import annotations

import json
import math

from asid_hf.chat.ledger_file import ANSWER, FAILURE
from asid_hf.chat.messages import FAULTS
from asid_hf.version import __version__

FORMAT, VERSION = "asid-ledger-bundle", 1
MOST_BYTES = 2**24  # of a line
_COLUMNS = {"answer": ANSWER, "failure": FAILURE}
_MOST_CHARACTERS = {"key": 200, "stage": 200, "model": 1000, "prompt": 1000, "finish_reason": 1000}
_LARGEST = 2**63 - 1  # SQLite's

Record = tuple[str, tuple]
"""What a line holds, "answer" or "failure", and the values of its columns."""


def header_line(answers: int, failures: int) -> bytes:
    """The first line of a bundle.

    Example:
        >>> header_line(2, 0)
        b'{"format": "asid-ledger-bundle", "version": 1, "asid_hf": "...", "answers": 2, "failures": 0}\\n'
    """
    counts = {"answers": answers, "failures": failures}
    return _dump({"format": FORMAT, "version": VERSION, "asid_hf": __version__, **counts})


def record_line(kind: str, values: tuple) -> bytes:
    """A line for one row of a ledger.

    Args:
        kind: "answer" or "failure".
        values: of its columns, in their order.

    Example:
        >>> record_line("answer", ("k", "judge", "m", "judge@1", "stop", 9, 3, 0.5, 1.7e9, "fine"))[:44]
        b'{"type": "answer", "key": "k", "stage": "jud'
    """
    return _dump({"type": kind, **dict(zip(_COLUMNS[kind], values, strict=True))})


def read_header(line: bytes) -> tuple[int, int]:
    """Read the first line.

    Returns:
        How many answers and how many failures follow.

    Raises:
        ValueError: it is no bundle, or one of a newer version.

    Example:
        >>> read_header(header_line(2, 1))
        (2, 1)
    """
    header = _load(line)
    if header.get("format") != FORMAT:
        raise ValueError(f"its format is {_told(header.get('format'))}; {FORMAT!r} was looked for")
    if header.get("version") != VERSION:
        raise ValueError(f"its version is {_told(header.get('version'))}; {VERSION} can be read: update asid_hf")
    return _whole(header, "answers"), _whole(header, "failures")


def read_record(line: bytes) -> Record:
    """Read a line after the first.

    Raises:
        ValueError: it is none: what was found and what is allowed.

    Example:
        >>> values = ("k", "judge", "m", "judge@1", "timeout", None, None, 0.0, 1.7e9, "no reply")
        >>> read_record(record_line("failure", values)) == ("failure", values)
        True
        >>> read_record(b'{"type": "answer", "key": 3}')
        Traceback (most recent call last):
        ...
        ValueError: it has the fields key; key, stage, ... are wanted
    """
    row = _load(line)
    kind = row.pop("type", None)
    if not isinstance(kind, str) or kind not in _COLUMNS:
        raise ValueError(f"its type is {_told(kind)}; answer or failure is allowed")
    columns = _COLUMNS[kind]
    if set(row) != set(columns):
        raise ValueError(f"it has the fields {', '.join(row)[:200] or 'none'}; {', '.join(columns)} are wanted")
    for name in columns:
        _check(row, name)
    return kind, tuple(row[name] for name in columns)


def _check(row: dict, name: str) -> None:
    value = row[name]
    if name in ("input_tokens", "output_tokens"):
        if value is not None:
            _whole(row, name)
    elif name in ("latency", "time"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"its {name} is {_told(value)}; seconds are wanted")
        row[name] = float(value)
    elif not isinstance(value, str) or len(value) > _MOST_CHARACTERS.get(name, len(value)):
        raise ValueError(f"its {name} is {_told(value)}; text is wanted")
    elif not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
        raise ValueError(f"its {name} holds half a character")
    elif name == "key" and not value:
        raise ValueError("its key is empty")
    elif name == "kind" and value not in FAULTS:
        raise ValueError(f"its kind is {_told(value)}; one of {', '.join(FAULTS)} is allowed")


def _whole(row: dict, name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise ValueError(f"its {name} is {_told(value)}; a whole number is wanted")
    return value


def _load(line: bytes) -> dict:
    if len(line) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES} bytes")
    try:
        value = json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({' '.join(str(error).split())[:100]})") from error
    if not isinstance(value, dict):
        raise ValueError(f"it is {_told(value)}; a JSON object is wanted")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a field stands twice")
    return row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is none")


def _dump(row: dict) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _told(value: object) -> str:
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return shown if len(shown) <= 80 else f"{shown[:60]}..."
