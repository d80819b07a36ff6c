"""The contract of a stage: a frozen dataclass for `Dataset.map(stage, batched=True)`; no row can stop another."""

from __future__ import annotations

import hashlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import urlsplit

from asid_hf.chat.messages import ChatError
from asid_hf.chat.usage import Usage
from asid_hf.errors import EndpointError, InputError, MediaError, MissingExtraError, OutputError
from asid_hf.media_archive import parse_member_address

_FOLDERS = re.compile(r"(?<=['\":])((?:/[^'\"/]+)*/)([^'\"/]+)(?=['\"])")  # of a model that lies here

Row = dict[str, object]
Batch = dict[str, list]

_LEDGER_COLUMNS = ("errors", "status", "drop_reason")


@dataclass(frozen=True)
class Stage(ABC):
    """One step of ASID-Verify.

    A subclass names itself, the columns it `reads` and `writes`, and implements `run` for one row. `version` is part of
    the fingerprint `datasets` computes: raise it when the stage's results change, and `.map` computes them anew.

    A row whose `status` is "dropped" passes through. An exception in `run` becomes an entry of the row's `errors`; a
    `MediaError` also drops the row with its reason.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Shout(Stage):
        ...     name, reads, writes = "shout", ("caption",), ("caption",)
        ...     def run(self, row):
        ...         return {"caption": row["caption"].upper()}
        >>> Shout()({"caption": ["a dog", None]})["errors"][1][0]["kind"]
        'AttributeError'
    """

    version: str = "1"

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]
    writes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def run(self, row: Row) -> Row:
        """Compute this stage's columns of one row.

        Args:
            row: the row's columns, `reads` among them.

        Returns:
            New values for columns in `writes`; a column left out keeps its value.

        Raises:
            MediaError: the clip cannot be read; the row is dropped.
            Exception: anything else is recorded in the row's `errors`.
        """

    def __call__(self, batch: Batch) -> Batch:
        """Run the stage on a batch of rows, as `Dataset.map(..., batched=True)` passes it.

        Args:
            batch: column name -> one value a row.

        Returns:
            The columns this stage writes and the row's own `errors`, `status` and `drop_reason`.

        Raises:
            InputError: a column the stage reads is not there.
        """
        rows = self._rows(batch)
        self._steps(rows)
        return self._columns(rows, batch)

    def _rows(self, batch: Batch) -> list[Row]:
        absent = [column for column in self.reads if column not in batch]
        if absent:
            raise InputError(
                f"The stage {self.name!r} reads the column(s) {', '.join(absent)}, which the dataset does not have "
                f"(it has {', '.join(batch)}). Start from asid_hf.verify.inputs.new_rows, or run the stages before it."
            )
        names = tuple(batch)
        return [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]

    def _columns(self, rows: list[Row], batch: Batch) -> Batch:
        columns = [column for column in (*self.writes, *_LEDGER_COLUMNS) if column in batch or column in self.writes]
        columns = list(dict.fromkeys([*columns, *_LEDGER_COLUMNS, *(["timings"] if "timings" in batch else [])]))
        return {column: [row.get(column) for row in rows] for column in columns}

    def _steps(self, rows: list[Row]) -> None:
        for row in rows:
            with self._recorded(row) as wanted:
                if wanted:
                    row.update(self.run(row))

    @contextmanager
    def _recorded(self, row: Row) -> Iterator[bool]:
        """Whether a row is to be worked on; what goes wrong with it, and its seconds, are noted in it."""
        row["errors"] = list(row.get("errors") or [])
        row["status"] = row.get("status") or "kept"
        if row["status"] == "dropped":
            yield False
            return
        started = time.perf_counter()
        try:
            yield True
        except (EndpointError, OutputError, MissingExtraError):  # would meet every row alike
            raise
        except MediaError as error:
            row["errors"].append({"stage": self.name, "kind": error.reason, "message": _without_path(error, row)})
            row.update(status="dropped", drop_reason=error.reason)
        except Exception as error:  # a bad row is recorded, never the end of the others
            kind = error.kind if isinstance(error, ChatError) else type(error).__name__
            row["errors"].append({"stage": self.name, "kind": kind, "message": _without_path(error, row)})
        spent = {"stage": self.name, "seconds": time.perf_counter() - started}
        spent |= (row.pop("usage", None) or Usage()).counts()
        if "timings" in row:
            row["timings"] = [*(row["timings"] or []), spent]


@dataclass(frozen=True)
class Chain:
    """Several stages as one, row by row, so that stages which need the clip share one decode of it.

    Example:
        >>> from asid_hf.verify.probe import Probe
        >>> Chain((Probe(),)).name
        'probe'
    """

    stages: tuple[Stage, ...]

    @property
    def name(self) -> str:
        """The stages' names, joined."""
        return "+".join(stage.name for stage in self.stages)

    def __call__(self, batch: Batch) -> Batch:
        """Run all stages on each row in turn; see `Stage.__call__`."""
        count = len(next(iter(batch.values()), []))
        rows = [self._run_one({column: [values[i]] for column, values in batch.items()}) for i in range(count)]
        return {column: [row[column][0] for row in rows] for column in (rows[0] if rows else {})}

    def _run_one(self, single: Batch) -> Batch:
        for stage in self.stages:
            single = {**single, **stage(single)}
        return single


def public_name(path: str) -> str:
    """What may be stored of where a video lies: its file name; of an address neither host nor query, which hold keys.

    Of a member of an archive it is the member's.

    Example:
        >>> public_name("/home/me/clips/a.mp4"), public_name("https://user:key@host/b.mp4?token=c")
        ('a.mp4', 'b.mp4')
    """
    path = str(path)
    if member := parse_member_address(path):
        path = member.member
    elif "://" in path:
        try:
            path = urlsplit(path).path
        except ValueError:  # brackets that hold no IPv6 address
            return "video"
    return PurePosixPath(path).name or "video"


def _without_path(error: Exception, row: Row) -> str:
    """An error's message with the video's path cut down to its name: rows are published, machines are not."""
    video = row.get("video")
    path = video.get("path") if isinstance(video, dict) else video
    message = str(error)
    return (message.replace(path, public_name(path)) if isinstance(path, str) and path else message)[:500]


def versions(stages: Sequence[Stage]) -> list[dict[str, str]]:
    """Name and configuration of each stage, to be recorded with what they made.

    Example:
        >>> from asid_hf.verify.probe import Probe
        >>> versions([Probe()])[0]["stage"]
        'probe'
    """
    return [{"stage": stage.name, "version": _FOLDERS.sub(_without_folders, repr(stage))} for stage in stages]


def _without_folders(path: re.Match) -> str:
    """A path of this machine as a name and a digest: it tells two models of one name apart, and nothing else."""
    return f"{path[2]}#{hashlib.sha256(path[0].encode()).hexdigest()[:8]}"
