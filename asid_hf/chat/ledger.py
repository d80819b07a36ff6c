"""The call ledger: every answer that was paid for, kept before it is used, found again by what was asked.

One SQLite file in write-ahead mode, shared by threads and processes. An answer's key is the content of its call (see
`ChatRequest.key`), so the same call is never paid twice, whoever makes it; another prompt, model or clip is another
key. Answers of many calls in flight are committed together: one sync of the disk serves them all.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sqlite3
import threading
import time
import weakref
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from asid_hf.chat.ledger_file import COUNT_REPLACED, KEEP_ANSWER, KEEP_FAILURE, connect, make_folder, unusable
from asid_hf.chat.ledger_writer import Writer
from asid_hf.chat.messages import ChatError, ChatReply
from asid_hf.errors import OutputError

_FIND = "SELECT text, finish_reason, input_tokens, output_tokens, latency FROM answers WHERE key = ?"
_FIND_FAILURE = (
    "SELECT kind, message FROM failures WHERE key = ? AND kind <> 'superseded' ORDER BY time DESC, rowid DESC LIMIT 1"
)
LONGEST_MESSAGE = 2000  # characters of a failure's message
_LARGEST = 2**63 - 1  # SQLite's; a server may tell any number of tokens
_AT_EXIT = 10.0  # s


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
        >>> import asyncio, tempfile
        >>> ledger = Ledger(tempfile.mkdtemp() + "/ledger.sqlite")
        >>> asyncio.run(ledger.keep(Call("k", "judge", "m", "judge@1"), ChatReply("fine"))).text
        'fine'
        >>> ledger.find("k").text
        'fine'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        connect(self.path, create=True).close()  # that it cannot be used is to be known now, not after a paid call
        self._begin()
        _open.add(self)

    def find(self, key: str) -> ChatReply | None:
        """The answer to a call, or None where there is none.

        Raises:
            OutputError: the file cannot be read.
        """
        row = self._first(_FIND, key)
        return None if row is None else ChatReply(*row, hit=True)

    def failure(self, key: str) -> ChatError | None:
        """The last failure of a call, as it was raised; None where there is none.

        Raises:
            OutputError: the file cannot be read.
        """
        row = self._first(_FIND_FAILURE, key)
        return None if row is None else ChatError(*row)

    async def keep(self, call: Call, reply: ChatReply, instead_of: str | None = None) -> ChatReply:
        """Keep an answer where there is none yet; an answer is on the disk when this returns.

        Args:
            call: whose.
            reply: the answer.
            instead_of: text of an answer that cannot be used: it is replaced, and counted as superseded.

        Returns:
            The answer that is kept: this one, or an earlier one of this or another process.

        Raises:
            OutputError: it cannot be written.
        """
        text, finish_reason = _text(reply.text), _text(reply.finish_reason)
        answer = (*call, finish_reason, *_amounts(reply), text, instead_of)
        if instead_of is not None:
            replaced = ("Another answer took its place.", call.key, instead_of)
            await asyncio.gather(self._writer.put(COUNT_REPLACED, replaced), self._writer.put(KEEP_ANSWER, answer))
        elif await self._writer.put(KEEP_ANSWER, answer):
            return reply
        kept = self.find(call.key)
        return reply if kept is None or kept.same(replace(reply, text=text, finish_reason=finish_reason)) else kept

    async def keep_failure(self, call: Call, kind: str, message: str, reply: ChatReply | None = None) -> None:
        """Record a failed attempt, with the tokens it cost; it is never served as an answer.

        Raises:
            OutputError: it cannot be written.
        """
        amounts = _amounts(reply or ChatReply(""))
        await self._writer.put(KEEP_FAILURE, (*call, kind, *amounts, _text(message)[:LONGEST_MESSAGE]))

    def count_hit(self, call: Call) -> None:
        """Note that an answer was served again; written with the next answers, or within a second."""
        self._writer.count(call[1:])

    def flush(self) -> None:
        """Wait until all answers and hits given so far are on the disk.

        Raises:
            OutputError: they cannot be written.
        """
        self._writer.flush().result()

    def flush_hits(self) -> None:
        """Have the hits counted so far written now; it does not wait for it."""
        self._writer.flush()

    def _first(self, query: str, key: str) -> tuple | None:
        try:
            return self._reading().execute(query, (key,)).fetchone()
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error

    def _reading(self) -> sqlite3.Connection:
        try:
            return self._threads.connection
        except AttributeError:
            self._threads.connection = connect(self.path, create=True)
            return self._threads.connection

    def _begin(self) -> None:
        self._threads = threading.local()
        self._writer = Writer(self.path)
        weakref.finalize(self, self._writer.stop).atexit = False

    def _begin_in_child(self) -> None:
        """After a fork: SQLite allows a child neither to use nor to close its parent's connections."""
        _left_to_parent.append((self._threads, self._writer))
        self._begin()


_open: weakref.WeakSet[Ledger] = weakref.WeakSet()
_left_to_parent: list[tuple] = []


def open_ledger(path: str | Path) -> Ledger:
    """The ledger of a file: the same one for every thread of this process, also of a forked one.

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
    return _opened(os.path.abspath(path))


@lru_cache(maxsize=8)
def _opened(path: str) -> Ledger:
    make_folder(path)
    return Ledger(path)


@atexit.register
def _flush_all() -> None:
    for ledger in list(_open):
        with contextlib.suppress(OutputError, TimeoutError):  # whoever waited for an answer has been told
            ledger._writer.flush().result(_AT_EXIT)


def _begin_all_in_child() -> None:
    for ledger in list(_open):
        ledger._begin_in_child()


os.register_at_fork(after_in_child=_begin_all_in_child)


def _text(value: object) -> str:
    """As UTF-8 can hold it: a reply's JSON may have escaped half a character."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _amounts(reply: ChatReply) -> tuple[int | None, int | None, float, float]:
    counts = (n if n is None else min(max(int(n), 0), _LARGEST) for n in (reply.input_tokens, reply.output_tokens))
    return *counts, float(reply.latency), time.time()
