"""Replay bundles: a ledger as a file of JSON lines, from which a run is repeated without a model.

The first line tells what it is and how many answers and failures follow; these stand in the order of their keys, so
that the same ledger gives the same bytes. Failures are in it so that a repeated run fails where the first one failed.
"""

from __future__ import annotations

import gzip
import io
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from asid_hf.chat.bundle_line import MOST_BYTES, Record, header_line, read_header, read_record, record_line
from asid_hf.chat.ledger_file import ANSWER, FAILURE, KEEP_FAILURE, REPLACE_ANSWER, connect, make_folder, unusable
from asid_hf.chat.ledger_stats import Selection
from asid_hf.errors import InputError, OutputError

if TYPE_CHECKING:
    from huggingface_hub.utils import tqdm

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_AT_ONCE = 2000  # lines a transaction: others who write to the ledger wait for no more
_SAME_FAILURE = f"SELECT 1 FROM failures WHERE {' AND '.join(f'{column} IS ?' for column in FAILURE)}"


@dataclass
class Imported:
    """What an import did: answers and failures that were new, those that were here already, and answers that differ
    from the one kept here (`conflicts`)."""

    answers: int = 0
    failures: int = 0
    known: int = 0
    conflicts: int = 0


def export_bundle(path: str | Path, bundle: str | Path, selection: Selection | None = None) -> tuple[int, int]:
    """Write a ledger's answers and failures into a bundle; it appears whole or not at all.

    Args:
        path: the ledger's file; it may be in use.
        bundle: file to write, ending in one of `SUFFIXES`.
        selection: of its calls; None: all.

    Returns:
        How many answers and failures it holds.

    Raises:
        InputError: another ending.
        OutputError: the ledger cannot be read, or the bundle not be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> connect(str(folder / "ledger.sqlite"), create=True).close()
        >>> export_bundle(folder / "ledger.sqlite", folder / "bundle.jsonl.gz")
        (0, 0)
    """
    _suffix(bundle)
    with closing(connect(str(path))) as ledger, _appearing(Path(bundle)) as file:
        try:
            ledger.execute("BEGIN")  # one state of the ledger, whoever writes to it meanwhile
            return _write(ledger, file, *(selection or Selection()).condition())
        except sqlite3.Error as error:
            raise unusable(str(path), error) from error


def import_bundle(path: str | Path, bundle: str | Path, overwrite: bool = False) -> Imported:
    """Merge a bundle into a ledger. All of it is checked before any of it is taken; a second import changes nothing.

    Args:
        path: the ledger's file, made where it is not there yet.
        bundle: file that `export_bundle` wrote, or that claims to be one.
        overwrite: where the ledger holds another answer to a call, take the bundle's; else the ledger's own stays.

    Raises:
        InputError: it is no bundle, or a line of it is not as it should be; named with its number.
        OutputError: the ledger cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> connect(str(folder / "ledger.sqlite"), create=True).close()
        >>> counts = export_bundle(folder / "ledger.sqlite", folder / "bundle.jsonl")
        >>> import_bundle(folder / "other.sqlite", folder / "bundle.jsonl")
        Imported(answers=0, failures=0, known=0, conflicts=0)
    """
    count = sum(1 for _ in _records(Path(bundle)))
    done = Imported()
    make_folder(path)
    with closing(connect(str(path), create=True)) as ledger, _progress("importing", count) as progress:
        records = _records(Path(bundle))
        try:
            while some := list(islice(records, _AT_ONCE)):
                ledger.execute("BEGIN IMMEDIATE")
                for kind, values in some:
                    _take(ledger, kind, values, overwrite, done)
                ledger.execute("COMMIT")
                progress.update(len(some))
        except sqlite3.Error as error:
            raise unusable(str(path), error) from error
    return done


def _write(ledger: sqlite3.Connection, file: BinaryIO, where: str, values: list) -> tuple[int, int]:
    answers, failures = (
        ledger.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]
        for table in ("answers", "failures")
    )
    file.write(header_line(answers, failures))
    with _progress("exporting", answers + failures) as progress:
        for kind, table, columns in (("answer", "answers", ANSWER), ("failure", "failures", FAILURE)):
            names = ", ".join(columns)
            for row in ledger.execute(f"SELECT {names} FROM {table} WHERE {where} ORDER BY {names}", values):
                file.write(record_line(kind, row))
                progress.update()
    return answers, failures


def _take(ledger: sqlite3.Connection, kind: str, values: tuple, overwrite: bool, done: Imported) -> None:
    if kind == "failure":
        if ledger.execute(_SAME_FAILURE, values).fetchone():
            done.known += 1
        else:
            ledger.execute(KEEP_FAILURE, values)
            done.failures += 1
        return
    row = dict(zip(ANSWER, values, strict=True))
    here = ledger.execute("SELECT text, finish_reason FROM answers WHERE key = ?", (row["key"],)).fetchone()
    if here == (row["text"], row["finish_reason"]):
        done.known += 1
        return
    done.conflicts += here is not None
    if here is None or overwrite:
        ledger.execute(REPLACE_ANSWER, values)
        done.answers += here is None


def _records(bundle: Path) -> Iterator[Record]:
    """The checked lines of a bundle after its first."""
    number, wanted, found = 0, (0, 0), {"answer": 0, "failure": 0}
    try:
        with _opened(bundle) as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), start=1):
                if number == 1:
                    wanted = read_header(line)
                    continue
                kind, values = read_record(line)
                found[kind] += 1
                yield kind, values
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"The bundle {bundle} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except ValueError as error:
        raise InputError(f"Line {number} of the bundle {bundle} cannot be taken: {error}.") from error
    if not number:
        raise InputError(f"The bundle {bundle} is empty. Export it again.")
    if tuple(found.values()) != wanted:
        raise InputError(
            f"The bundle {bundle} holds {found['answer']} answers and {found['failure']} failures; its first line "
            f"tells of {wanted[0]} and {wanted[1]}. Copy or export it again."
        )


@contextmanager
def _opened(bundle: Path) -> Iterator[BinaryIO]:
    with ExitStack() as closing_all:
        file = closing_all.enter_context(open(bundle, "rb"))
        if _suffix(bundle) == ".jsonl.gz":
            file = closing_all.enter_context(gzip.GzipFile(fileobj=file))
        elif _suffix(bundle) == ".jsonl.zst":
            from pyarrow import CompressedInputStream

            file = io.BufferedReader(closing_all.enter_context(CompressedInputStream(file, "zstd")), 2**20)
        yield file


@contextmanager
def _appearing(bundle: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name when it is whole and on the disk."""
    made = bundle.with_name(f".{bundle.name}.{os.getpid()}")
    try:
        with _compressing(made, _suffix(bundle)) as file:
            yield file
        with open(made, "rb") as file:
            os.fsync(file.fileno())
        made.replace(bundle)
    except OSError as error:
        raise OutputError(f"The bundle {bundle} cannot be written: {error.strerror or error}.") from error
    finally:
        made.unlink(missing_ok=True)


@contextmanager
def _compressing(path: Path, suffix: str) -> Iterator[BinaryIO]:
    with ExitStack() as closing_all:
        file = closing_all.enter_context(open(path, "wb"))
        if suffix == ".jsonl.gz":  # no name and no time in it: same content, same bytes
            file = closing_all.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        elif suffix == ".jsonl.zst":
            from pyarrow import CompressedOutputStream

            file = closing_all.enter_context(CompressedOutputStream(file, "zstd"))
        yield file


def _suffix(bundle: str | Path) -> str:
    suffix = next((suffix for suffix in SUFFIXES if str(bundle).endswith(suffix)), None)
    if suffix is None:
        raise InputError(f"A bundle's name ends in {', '.join(SUFFIXES)}; {bundle} does not.")
    return suffix


def _progress(doing: str, count: int) -> tqdm:
    from huggingface_hub.utils import tqdm

    return tqdm(total=count, desc=doing, unit=" calls", disable=None)
