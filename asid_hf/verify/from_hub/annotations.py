"""Annotation files beside videos: JSON arrays of any size, JSON lines and CSV, one row in memory at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from asid_hf.errors import MediaError

ANNOTATIONS = (".json", ".jsonl", ".ndjson", ".csv")
_ONE_VALUE = 2**24  # characters; an annotation longer than that is none
_BETWEEN = re.compile(r"[\s,\[\]]*")  # two rows, before the first and after the last


def read_annotations(file: Path) -> Iterator[dict]:
    """Read the rows of a JSON array, of JSON lines or of a CSV file, one in memory at a time.

    Yields:
        Rows; what is no object is left out.

    Raises:
        MediaError: the file holds no rows.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "a.json")
        >>> _ = file.write_text('[{"video": "a.mp4"},' + chr(10) + ' {"video": "b.mp4"}]')
        >>> [row["video"] for row in read_annotations(file)]
        ['a.mp4', 'b.mp4']
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream) if file.suffix == ".csv" else _json_values(stream)
            yield from (row for row in rows if isinstance(row, dict))
    except (ValueError, csv.Error, RecursionError) as error:
        raise MediaError("damaged", f"{file.name} cannot be read as rows ({type(error).__name__}).") from error


def _json_values(stream: io.TextIOBase) -> Iterator[object]:
    """The items of a JSON array, or values one after another, without holding the file."""
    decoder, text, at = json.JSONDecoder(), "", 0
    while True:
        at = _BETWEEN.match(text, at).end()
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            more = stream.read(2**20)
            text, at = text[at:] + more, 0
            if not text:
                return
            if not more or len(text) > _ONE_VALUE:
                raise
            continue
        yield value
