"""The ledger's file: its tables, and connections to it that refuse what is no ledger."""

from __future__ import annotations

import os
import sqlite3
import time

from asid_hf.errors import OutputError

VERSION = 1
_COUNTED = ("input_tokens", "output_tokens", "latency", "time")
ANSWER = ("key", "stage", "model", "prompt", "finish_reason", *_COUNTED, "text")
FAILURE = ("key", "stage", "model", "prompt", "kind", *_COUNTED, "message")
"""Columns of the two tables, in their order: what is long stands last, so that counting need not read it."""
KEEP_ANSWER = (
    f"INSERT INTO answers VALUES ({', '.join('?' * len(ANSWER))}) ON CONFLICT (key) DO UPDATE SET "
    f"{', '.join(f'{column} = excluded.{column}' for column in ANSWER)} WHERE text = ?"
)
"""An answer, and the text of the one in whose place it may be kept; any other stays: who came first is right."""
REPLACE_ANSWER = f"INSERT OR REPLACE INTO answers VALUES ({', '.join('?' * len(ANSWER))})"
COUNT_REPLACED = (
    f"INSERT INTO failures SELECT key, stage, model, prompt, 'superseded', {', '.join(_COUNTED)}, ? FROM answers "
    "WHERE key = ? AND text = ? AND NOT EXISTS (SELECT 1 FROM failures AS counted WHERE counted.key = answers.key "
    "AND counted.kind = 'superseded' AND counted.time = answers.time)"
)
"""Moves an answer that will be replaced, known by its text, to the calls that were paid and are not used."""
KEEP_FAILURE = f"INSERT INTO failures VALUES ({', '.join('?' * len(FAILURE))})"

_OURS = 0x41534944  # "ASID", SQLite's application_id: another program's database is never written to
_TABLES = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL,
    finish_reason TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, latency REAL NOT NULL,
    time REAL NOT NULL, text TEXT NOT NULL
);
CREATE TABLE failures (
    key TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, kind TEXT NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, latency REAL NOT NULL, time REAL NOT NULL, message TEXT NOT NULL
);
CREATE INDEX failures_by_key ON failures (key);
CREATE TABLE hits (
    stage TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (stage, model, prompt)
) WITHOUT ROWID;
"""
_WAIT = 60  # s that one process waits for another one's commit
_PAGES = 4000  # of the log before they are moved into the file: at SQLite's own 1000, half the time goes into moving


def connect(path: str, create: bool = False) -> sqlite3.Connection:
    """Open a ledger's file for reading and writing. Statements commit one by one, unless a BEGIN says otherwise.

    A commit is on the disk when it returns, also when the machine loses power (`synchronous = FULL`).

    Args:
        path: the SQLite file; its folder must exist.
        create: make it where it is not there yet.

    Raises:
        OutputError: it is not there, is no ledger, was made by a newer version, or cannot be written.

    Example:
        >>> import tempfile
        >>> file = tempfile.mkdtemp() + "/ledger.sqlite"
        >>> connect(file, create=True).execute("SELECT count(*) FROM answers").fetchone()
        (0,)
    """
    if not create and not os.path.isfile(path):
        raise OutputError(f"There is no call ledger at {path}. Name its file, or the output folder of a run.")
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
        _prepare(connection, path)
        _log_ahead(connection)
    except (sqlite3.Error, OutputError) as error:
        if connection is not None:
            connection.close()
        raise error if isinstance(error, OutputError) else unusable(path, error) from error
    return connection


def make_folder(path: str | os.PathLike) -> None:
    """Make the folder that a ledger is to lie in.

    Raises:
        OutputError: it cannot be made.

    Example:
        >>> make_folder("ledger.sqlite")
    """
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    except OSError as error:
        raise OutputError(f"The call ledger {path} cannot be written: {error.strerror}.") from error


def unusable(path: str, error: Exception) -> OutputError:
    """What to raise where SQLite cannot do what it was asked.

    Example:
        >>> unusable("a.sqlite", sqlite3.OperationalError("database or disk is full"))
        OutputError('The call ledger a.sqlite cannot be used: database or disk is full. ...')
    """
    return OutputError(
        f"The call ledger {path} cannot be used: {error}. Make it writable and its disk free, or name another with "
        "--ledger."
    )


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make the tables of a new file, and refuse one that is foreign or cannot be written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        application, version = _application(connection)
        if (application, version) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif application != _OURS:
            raise OutputError(f"{path} is another program's database, no call ledger. Name another file with --ledger.")
        elif version != VERSION:
            raise OutputError(
                f"The call ledger {path} has version {version}; this asid_hf reads version {VERSION}. Update asid_hf, "
                "or name another file with --ledger."
            )
        connection.execute("DELETE FROM hits WHERE false")  # to BEGIN, a file that cannot be written is good enough
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; SQLite does not wait for others that are opening the file, so this does."""
    end = time.monotonic() + _WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _application(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version
