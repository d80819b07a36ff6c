"""Writing to the ledger: one thread a process commits what has gathered, so that one sync of the disk serves many."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from asid_hf.chat.ledger_file import connect, unusable
from asid_hf.errors import OutputError

_HIT = "INSERT INTO hits VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
_HITS_REST = 1.0  # s that hits alone wait for others: they are counts, nothing depends on them


class _Row(NamedTuple):
    statement: str
    values: tuple
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future


class _Flush(NamedTuple):
    done: concurrent.futures.Future


_WAKE, _STOP = object(), object()


class Writer:
    """The thread that writes to one ledger; it starts with the first row.

    A row that waits is settled in any case: written, or failed with an `OutputError`. One whose waiter was cancelled is
    written like any other: it was paid for.

    Args:
        path: the ledger's file.

    Example:
        >>> writer = Writer("ledger.sqlite")
        >>> writer.flush().done()  # nothing was written: no thread, no file
        True
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._hits: dict[tuple[str, str, str], int] = {}

    def put(self, statement: str, values: tuple) -> asyncio.Future:
        """Have a row written; the future of the running loop is done when it is on the disk, and tells whether all
        rows that were written with it were new.

        Args:
            statement: SQL for one row.
            values: of its places; text, numbers and None only.
        """
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.put(_Row(statement, values, loop, done))
        if self._thread is None:
            self._start()
        return done

    def count(self, kind: tuple[str, str, str]) -> None:
        """Count a hit of a (stage, model, prompt); it is written with the next rows, or after a second."""
        with self._lock:
            first = not self._hits
            self._hits[kind] = self._hits.get(kind, 0) + 1
        if first:
            self._waiting.put(_WAKE)
            if self._thread is None:
                self._start()

    def flush(self) -> concurrent.futures.Future:
        """Have everything given so far written now; the future is done when it is on the disk."""
        done: concurrent.futures.Future = concurrent.futures.Future()
        if self._thread is None:
            done.set_result(True)
        else:
            self._waiting.put(_Flush(done))
        return done

    def stop(self) -> None:
        """Let the thread write what was given so far, and end."""
        self._waiting.put(_STOP)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="ledger", daemon=True)
                self._thread.start()

    def _write_all(self) -> None:
        connection = None
        stopped = False
        while not stopped:
            gathered = self._gather()
            stopped = _STOP in gathered
            error, whole = None, False
            try:
                connection = connection or connect(self.path, create=True)
                whole = self._commit(connection, [entry for entry in gathered if isinstance(entry, _Row)])
            except Exception as trouble:  # whatever it is: nobody may wait for ever
                error = trouble if isinstance(trouble, OutputError) else unusable(self.path, trouble)
            _settle(gathered, error, whole)
        if connection is not None:
            connection.close()

    def _gather(self) -> list:
        """What has come while the last commit ran, or the next that comes."""
        try:
            gathered = [self._waiting.get(timeout=_HITS_REST if self._hits else None)]
        except queue.Empty:
            return []
        if gathered[0] is _WAKE and self._waiting.empty():
            return self._gather()
        while not self._waiting.empty():
            gathered.append(self._waiting.get())
        return gathered

    def _commit(self, connection: sqlite3.Connection, rows: list[_Row]) -> bool:
        """Whether every row was written: else some of them met others of their key."""
        with self._lock:
            hits, self._hits = self._hits, {}
        by_statement = defaultdict(list)
        for row in rows:
            by_statement[row.statement].append(row.values)
        by_statement[_HIT] += [(*kind, count) for kind, count in hits.items()]
        connection.execute("BEGIN IMMEDIATE")
        try:
            written = [connection.executemany(statement, values).rowcount for statement, values in by_statement.items()]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors, as a full disk, have ended it already
                connection.execute("ROLLBACK")
            raise
        return written == [len(values) for values in by_statement.values()]


def _settle(entries: Iterable[object], error: OutputError | None, whole: bool) -> None:
    by_loop = defaultdict(list)
    for entry in entries:
        if isinstance(entry, _Row):
            by_loop[entry.loop].append(entry.done)
        elif isinstance(entry, _Flush):
            _set(entry.done, error, whole)
    for loop, futures in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits there any more
            loop.call_soon_threadsafe(_set_all, futures, error, whole)


def _set_all(futures: Iterable[asyncio.Future], error: OutputError | None, whole: bool) -> None:
    for future in futures:
        _set(future, error, whole)


def _set(future: asyncio.Future | concurrent.futures.Future, error: OutputError | None, whole: bool) -> None:
    if future.done():  # its waiter was cancelled
        return
    if error is None:
        future.set_result(whole)
    else:
        future.set_exception(error)
