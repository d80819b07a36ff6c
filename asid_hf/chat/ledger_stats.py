"""What a ledger holds and what it cost, and taking out what is not wanted any more."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from asid_hf.chat.ledger_file import connect, unusable
from asid_hf.errors import InputError

_GROUP = "stage, model, prompt"
_AMOUNTS = "count(*), total(input_tokens), total(output_tokens), total(latency)"


@dataclass(frozen=True)
class Selection:
    """Which calls of a ledger: those that meet every condition that is given.

    Args:
        stage, model: by name.
        prompt: by name and version, as "judge@1", or by name alone: every version.
        before: Unix time in seconds; calls that were answered earlier.

    Example:
        >>> Selection(stage="judge").condition()
        ('stage = ?', ['judge'])
    """

    stage: str | None = None
    model: str | None = None
    prompt: str | None = None
    before: float | None = None

    def condition(self) -> tuple[str, list]:
        """As an SQL condition and the values of its places."""
        any_version = self.prompt is not None and "@" not in self.prompt
        conditions = {
            "stage = ?": self.stage,
            "model = ?": self.model,
            "instr(prompt, ? || '@') = 1" if any_version else "prompt = ?": self.prompt,
            "time < ?": self.before,
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        return " AND ".join(given) or "true", list(given.values())


def ledger_stats(path: str | Path, selection: Selection | None = None) -> dict:
    """Count what a ledger holds.

    Args:
        path: its file.
        selection: of its calls; None: all.

    Returns:
        `path`, `bytes` (of the file and its log), and in all and for each of `groups` (of one stage, model and prompt):
        `calls` (attempts that went out), `answers`, `hits` (answers served again), `failures` (kind -> count),
        `input_tokens`, `output_tokens`, `seconds` (that the replies took, usable or not).

    Raises:
        OutputError: it is not there or no ledger.

    Example:
        >>> import tempfile
        >>> file = tempfile.mkdtemp() + "/ledger.sqlite"
        >>> connect(file, create=True).close()
        >>> ledger_stats(file)["calls"]
        0
    """
    groups: dict[tuple, dict] = {}
    with _reading(str(path)) as ledger:
        where, values = (selection or Selection()).condition()
        query = f"SELECT {_GROUP}, NULL, {_AMOUNTS} FROM answers WHERE {where} GROUP BY {_GROUP}"
        query += f" UNION ALL SELECT {_GROUP}, kind, {_AMOUNTS} FROM failures WHERE {where} GROUP BY {_GROUP}, kind"
        for *group, kind, count, given, made, seconds in ledger.execute(query, [*values, *values]):
            counts = groups.setdefault(tuple(group), _nothing())
            if kind is None:
                counts["answers"] += count
            else:
                counts["failures"][kind] = count
            _add(counts, {"calls": count, "input_tokens": int(given), "output_tokens": int(made), "seconds": seconds})
        for *group, count in ledger.execute(f"SELECT {_GROUP}, count FROM hits"):
            if selection is None or tuple(group) in groups:
                groups.setdefault(tuple(group), _nothing())["hits"] = count
    in_all = _nothing()
    for counts in groups.values():
        _add(in_all, counts)
    named = [{**dict(zip(_GROUP.split(", "), group, strict=True)), **groups[group]} for group in sorted(groups)]
    return {"path": str(path), "bytes": file_bytes(path), **in_all, "groups": named}


def prune_ledger(path: str | Path, selection: Selection, only_failures: bool = False) -> None:
    """Take calls out of a ledger, with their failures and hits, and give their room back to the disk.

    Args:
        path: its file.
        selection: of its calls; one condition at least.
        only_failures: leave the answers.

    Raises:
        InputError: nothing says what to take out.
        OutputError: it is not there, is no ledger, or is in use.

    Example:
        >>> import tempfile
        >>> file = tempfile.mkdtemp() + "/ledger.sqlite"
        >>> connect(file, create=True).close()
        >>> prune_ledger(file, Selection(stage="judge"))
    """
    if selection == Selection() and not only_failures:
        raise InputError("Say which calls to take out: --older-than, --stage, --model, --prompt or --failures.")
    with _reading(str(path)) as ledger:
        where, values = selection.condition()
        ledger.execute("BEGIN IMMEDIATE")
        ledger.execute(f"DELETE FROM failures WHERE {where}", values)
        if not only_failures:
            ledger.execute(f"DELETE FROM answers WHERE {where}", values)
            ledger.execute(f"DELETE FROM hits WHERE ({_GROUP}) NOT IN (SELECT {_GROUP} FROM answers)")
        ledger.execute("COMMIT")
        ledger.execute("VACUUM")
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def file_bytes(path: str | Path) -> int:
    """Bytes of a ledger on the disk, its write-ahead log among them.

    Example:
        >>> file_bytes("no-such-ledger.sqlite")
        0
    """
    return sum(os.path.getsize(part) for part in (str(path), f"{path}-wal") if os.path.isfile(part))


@contextmanager
def _reading(path: str) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as ledger:
        try:
            yield ledger
        except sqlite3.Error as error:
            raise unusable(path, error) from error


def _nothing() -> dict:
    return {
        "calls": 0,
        "answers": 0,
        "hits": 0,
        "failures": {},
        "input_tokens": 0,
        "output_tokens": 0,
        "seconds": 0.0,
    }


def _add(counts: dict, more: dict) -> None:
    for name, amount in more.items():
        if name == "failures":
            for kind, count in amount.items():
                counts[name][kind] = counts[name].get(kind, 0) + count
        else:
            counts[name] += amount
