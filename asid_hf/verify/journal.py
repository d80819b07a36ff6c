"""Finished rows kept at once: a run that is killed at any moment goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from asid_hf.chat.messages import FAULTS
from asid_hf.chat.retry import PASSING
from asid_hf.errors import OutputError
from asid_hf.media_archive import clip_identity
from asid_hf.verify.ensemble import UNTRACEABLE
from asid_hf.verify.model_judge import NOT_IN_CAPTION
from asid_hf.verify.stage import Batch, Chain, versions
from asid_hf.verify.transcribe import UNDECODABLE

_STAY = frozenset({UNDECODABLE, UNTRACEABLE, NOT_IN_CAPTION, *FAULTS}) - PASSING - {"replay"}
_AGAIN = frozenset({"not_found", "unreadable", "stalled"})  # reasons that another day may not hold


class Journal:
    """The rows of one SQLite file, by key, as JSON. Processes of one machine may share it.

    Args:
        path: the file, made where it is not there yet; its folder must exist.

    Raises:
        OutputError: it is no journal, or cannot be written.

    Example:
        >>> import tempfile
        >>> journal = Journal(tempfile.mkdtemp() + "/journal.sqlite")
        >>> journal.keep("a", "{}")
        >>> journal.find("a"), journal.find("b")
        ('{}', None)
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with self._usable():
            self._file = sqlite3.connect(path, timeout=60)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, result TEXT NOT NULL) WITHOUT ROWID"
            )

    def find(self, key: str) -> str | None:
        """A row that was kept, or None."""
        with self._usable():
            known = self._file.execute("SELECT result FROM rows WHERE key = ?", (key,)).fetchone()
        return known and known[0]

    def keep(self, key: str, result: str) -> None:
        """Keep a row; it is on the disk when this returns."""
        with self._usable(), self._file:
            self._file.execute("INSERT OR REPLACE INTO rows VALUES (?, ?)", (key, result))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise OutputError(
                f"The journal of measured clips {self.path} cannot be used: {error}. Make it writable, or start afresh "
                "with --overwrite."
            ) from error


@dataclass(frozen=True)
class Remember:
    """Run a chain of stages on the rows that are not in the journal, and note each row the moment it is done.

    A row is known by its video's id, size and modification time and by the stages' configuration: another file or
    another configuration is measured anew. Rows with a failed sensor or a passing trouble are not noted.

    Args:
        chain: the stages.
        path: of the journal's file.
        opened: opens the journal; an engine whose workers cannot reach the file gives its own.

    Raises:
        OutputError: when called, where the file is no journal or cannot be written.

    Example:
        >>> import tempfile
        >>> from asid_hf.verify.probe import Probe
        >>> step = Remember(Chain((Probe(),)), tempfile.mkdtemp() + "/journal.sqlite")
        >>> step({"video_id": ["a"], "video": ["no-such-clip.mp4"], "errors": [[]]})["status"]
        ['dropped']
    """

    chain: Chain
    path: str
    opened: Callable[[str], Journal] = field(default=Journal, repr=False)

    def __call__(self, batch: Batch) -> Batch:
        """Return the chain's columns for each row, from the journal or fresh."""
        count = len(next(iter(batch.values()), []))
        configuration = json.dumps(versions(self.chain.stages))
        with closing(self.opened(self.path)) as journal:
            rows = [self._row(journal, configuration, {c: [v[i]] for c, v in batch.items()}) for i in range(count)]
        return {column: [row[column] for row in rows] for column in (rows[0] if rows else {})}

    def _row(self, journal: Journal, configuration: str, single: Batch) -> dict:
        key = _key(single, configuration)
        known = journal.find(key)
        if known:
            return json.loads(known)
        inputs = {"video", "video_id", "candidates"}
        row = {column: values[0] for column, values in self.chain(single).items() if column not in inputs}
        if lasting(row):
            journal.keep(key, json.dumps(row))
        return row


def _key(single: Batch, configuration: str) -> str:
    video = single["video"][0]
    path, data = (video.get("path"), video.get("bytes")) if isinstance(video, dict) else (video, None)
    if data is not None:
        identity = hashlib.sha256(data).hexdigest()
    else:
        try:
            identity = clip_identity(path)
        except (OSError, TypeError, ValueError):
            identity = f"absent:{path}"
    return hashlib.sha256(json.dumps([single["video_id"][0], identity, configuration]).encode()).hexdigest()


def lasting(row: dict) -> bool:
    """Whether a row would be the same if it were made again: no sensor failed, and no trouble may pass.

    What a model refused, or answered with something unusable twice, it will most likely answer again; an endpoint that
    was overloaded will not be for ever.

    Example:
        >>> lasting({"status": "dropped", "drop_reason": "not_media"}), lasting({"errors": [{"stage": "transcribe"}]})
        (True, False)
        >>> [lasting({"errors": [{"stage": "annotate", "kind": kind}]}) for kind in ("refused", "timeout")]
        [True, False]
    """
    dropped = row.get("drop_reason") if row.get("status") == "dropped" else None
    if dropped in _AGAIN:
        return False
    kinds = {error.get("kind") for error in row.get("errors") or []}
    return kinds - ({dropped} if dropped else set()) <= _STAY
