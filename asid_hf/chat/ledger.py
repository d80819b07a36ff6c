"""The call ledger: every answer that was paid for, kept before it is used, found again by what was asked.

One SQLite file in write-ahead mode, shared by threads and processes. An answer's key is the content of its call (see
`ChatRequest.key`), so the same call is never paid twice, whoever makes it; another prompt, model or clip is another
key. Answers of many calls in flight are committed together: one sync of the disk serves them all.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from asid_hf.chat.messages import ChatError, ChatReply
from asid_hf.errors import OutputError

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, latency REAL NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    key TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, kind TEXT NOT NULL,
    message TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, latency REAL NOT NULL, time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS failures_by_key ON failures (key);
CREATE TABLE IF NOT EXISTS hits (
    stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (stage, model, prompt)
) WITHOUT ROWID;
"""
_ANSWER = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FAILURE = "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HIT = "INSERT INTO hits VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
_WAIT = 60  # s that one process waits for another one's commit
_SYNCS = "FULL"  # an answer is on the disk when its commit returns, also when the machine loses power


class Call(NamedTuple):
    """Whose call it is: its content address, and the stage, model and prompt it is counted under."""

    key: str
    stage: str
    model: str
    prompt: str


class Ledger:
    """The answers of one file. Make it with `open_ledger`, which gives every thread of a process the same one.

    Args:
        path: the SQLite file; its folder must exist.

    Raises:
        OutputError: the file is no ledger, or cannot be written.

    Example:
        >>> import tempfile
        >>> ledger = Ledger(tempfile.mkdtemp() + "/ledger.sqlite")
        >>> asyncio.run(ledger.keep(Call("k", "judge", "m", "judge@1"), ChatReply("fine")))
        >>> ledger.find("k").text
        'fine'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._threads = threading.local()
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._start = threading.Lock()
        self._hits: dict[tuple[str, str, str], int] = {}
        with closing(self._connect()):
            pass  # that it cannot be used is to be known now, not after the first paid call

    def find(self, key: str) -> ChatReply | None:
        """The answer to a call, or None where there is none."""
        row = self._reading().execute(
            "SELECT text, finish_reason, input_tokens, output_tokens, latency FROM answers WHERE key = ?", (key,)
        ).fetchone()  # fmt: skip
        return None if row is None else ChatReply(*row, hit=True)

    def failure(self, key: str) -> ChatError | None:
        """The last failure of a call, as it was raised; None where there is none."""
        row = self._reading().execute(
            "SELECT kind, message FROM failures WHERE key = ? ORDER BY time DESC LIMIT 1", (key,)
        ).fetchone()  # fmt: skip
        return None if row is None else ChatError(*row)

    def count_hit(self, call: Call) -> None:
        """Note that an answer was served again; written with the next commit."""
        kind = (call.stage, call.model, call.prompt)
        with self._start:
            self._hits[kind] = self._hits.get(kind, 0) + 1

    async def keep(self, call: Call, reply: ChatReply) -> None:
        """Keep an answer; it is on the disk when this returns."""
        counts = (reply.input_tokens, reply.output_tokens, reply.latency, time.time())
        await self._write(_ANSWER, (*call, reply.text, reply.finish_reason, *counts))

    async def keep_failure(self, call: Call, kind: str, message: str, reply: ChatReply | None = None) -> None:
        """Record a failed attempt, with the tokens it cost; it is never served as an answer."""
        reply = reply or ChatReply("")
        counts = (reply.input_tokens, reply.output_tokens, reply.latency, time.time())
        await self._write(_FAILURE, (*call, kind, message[:500], *counts))

    def flush_hits(self) -> None:
        """Write the counted hits."""
        with self._start:
            counted, self._hits = self._hits, {}
        if counted:
            connection = self._reading()
            with connection:
                connection.executemany(_HIT, [(*kind, count) for kind, count in counted.items()])

    async def _write(self, statement: str, values: tuple) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        if self._writer is None or not self._writer.is_alive():
            with self._start:
                if self._writer is None or not self._writer.is_alive():
                    self._writer = threading.Thread(target=self._commit_all, name="ledger", daemon=True)
                    self._writer.start()
        self._waiting.put((statement, values, loop, done))
        await done

    def _commit_all(self) -> None:
        """The one thread that writes: takes what has gathered while the last commit ran, and commits it as one."""
        connection = self._connect()
        while True:
            gathered = [self._waiting.get()]
            while not self._waiting.empty():
                gathered.append(self._waiting.get())
            error = None
            try:
                with connection:
                    for statement in {entry[0] for entry in gathered}:
                        connection.executemany(statement, [entry[1] for entry in gathered if entry[0] == statement])
            except sqlite3.Error as trouble:
                error = self._unusable(trouble)
            for loop in {entry[2] for entry in gathered}:
                futures = [entry[3] for entry in gathered if entry[2] is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_settle, futures, error)

    def _reading(self) -> sqlite3.Connection:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = self._connect()
        return self._threads.connection

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, timeout=_WAIT)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {_SYNCS}")
            connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return connection

    def _unusable(self, error: sqlite3.Error) -> OutputError:
        return OutputError(
            f"The call ledger {self.path} cannot be used: {error}. Make it writable, or name another with --ledger."
        )


def open_ledger(path: str | Path) -> Ledger:
    """The ledger of a file: the same one for every thread of this process, its own for a forked one.

    Args:
        path: the SQLite file, made where it is not there yet.

    Raises:
        OutputError: it is no ledger, or cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "ledger.sqlite")
        >>> open_ledger(file) is open_ledger(str(file))
        True
    """
    return _opened(os.path.abspath(path), os.getpid())


@lru_cache(maxsize=8)
def _opened(path: str, process: int) -> Ledger:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise OutputError(f"The call ledger {path} cannot be written: {error.strerror}.") from error
    return Ledger(path)


def _settle(futures: Iterable[asyncio.Future], error: Exception | None) -> None:
    for future in futures:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
