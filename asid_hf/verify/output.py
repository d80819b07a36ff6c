"""The folder a run writes to: nobody else's, held by one run at a time, its dataset swapped as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from asid_hf.errors import OutputError
from asid_hf.media_archive import member_behind, read_member
from asid_hf.schema import verified_features
from asid_hf.verify.earlier import WORK
from asid_hf.verify.fetch import local_video
from asid_hf.verify.from_hub.address import is_hub_address
from asid_hf.verify.stage import Row, public_name

if TYPE_CHECKING:
    from datasets import Dataset

_LOCK, _OLD = "lock", "old"
LEDGER = "ledger.sqlite"  # of the calls, in the work folder
CARD, CONFIG = "README.md", "config.yaml"
_OURS = ("data", "report.json", "rejects.jsonl", CONFIG, CARD)


def is_our_card(output: Path) -> bool:
    """Whether an output's card is as a run wrote it; one that its user edited is theirs.

    Example:
        >>> is_our_card(Path("no-such-output"))
        False
    """
    card, ours = output / CARD, output / WORK / CARD
    return card.is_file() and ours.is_file() and ours.read_bytes() == card.read_bytes()


def check_output(output: Path, ledger: Path | None = None) -> None:
    """Refuse an output that is not ours to write to; nothing is made.

    Args:
        output: the folder to write to.
        ledger: file of the calls, which may lie in it already.

    Raises:
        OutputError: it is a file, holds files of somebody else, or cannot be looked into; or the ledger lies where
            each run's dataset takes the place of the last one's.

    Example:
        >>> import tempfile
        >>> check_output(Path(tempfile.mkdtemp()))
    """
    try:
        if output.exists() and not output.is_dir():
            raise OutputError(f"The output {output} is a file. Name a folder.")
        foreign = output.is_dir() and not (output / WORK).is_dir()
        if foreign and any(not is_of_ledger(path, ledger) for path in output.iterdir()):
            raise OutputError(
                f"The output {output} holds files that no run of asid verify wrote. Name a new or empty folder."
            )
    except OSError as error:
        raise OutputError(f"The output {output} cannot be written: {error.strerror}.") from error
    swapped = (output / name for name in ("data", f"{WORK}/data", f"{WORK}/{_OLD}"))
    if ledger and any(is_of_ledger(path, ledger) for path in swapped):
        raise OutputError(f"The ledger {ledger} lies among the dataset's files, which each run replaces. Name another.")


def is_of_ledger(path: Path, ledger: Path | None) -> bool:
    """Whether a path is the ledger's file, one that SQLite keeps beside it, or a folder that it lies in.

    Example:
        >>> [is_of_ledger(Path(name), Path("out/a.sqlite")) for name in ("out/a.sqlite-wal", "out", "out/b.sqlite")]
        [True, True, False]
    """
    if ledger is None:
        return False
    given, kept = os.path.realpath(path), os.path.realpath(ledger)
    return given in (kept, f"{kept}-wal", f"{kept}-shm", f"{kept}-journal") or kept.startswith(given + os.sep)


def prepare_output(output: Path, ledger: Path | None = None) -> Path:
    """Make the output and its work folder; leave alone what is not ours.

    Args:
        output, ledger: see `check_output`.

    Returns:
        The work folder inside the output.

    Raises:
        OutputError: as `check_output`, or it cannot be written.

    Example:
        >>> import tempfile
        >>> prepare_output(Path(tempfile.mkdtemp())).name
        '.asid'
    """
    check_output(output, ledger)
    work = output / WORK
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The output {output} cannot be written: {error.strerror}.") from error
    for folder in (output, work):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"The output {folder} cannot be written: Permission denied.")
    return work


@contextmanager
def hold_output(output: Path, overwrite: bool = False, ledger: Path | None = None) -> Iterator[Path]:
    """Keep other runs from an output while this one works on it; the system lets go of it when a run is killed.

    Args:
        output: see `prepare_output`.
        overwrite: take away what an earlier run wrote there, but no ledger, and no card that was edited.
        ledger: file of the calls, where it has a name of its own.

    Yields:
        The work folder inside the output.

    Raises:
        OutputError: as `prepare_output`, or another run is working on it, or it cannot be written inside.

    Example:
        >>> import tempfile
        >>> with hold_output(Path(tempfile.mkdtemp())) as work:
        ...     work.is_dir()
        True
    """
    work = prepare_output(output, ledger)
    lock = FileLock(work / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise OutputError(
            f"Another run is writing to {output}. Wait until it ends, or name another --output."
        ) from error
    except OSError as error:
        raise OutputError(f"The output {work} cannot be written: {error.strerror}.") from error
    try:
        if (work / _OLD).is_dir() and not (output / "data").exists():  # a run was killed between the two renamings
            (work / _OLD).rename(output / "data")
        if overwrite:
            ours = [output / name for name in _OURS if name != CARD or is_our_card(output)]
            for path in [*ours, *work.iterdir()]:
                paid_for = path.name.startswith(LEDGER) or is_of_ledger(path, ledger)
                if path != work / _LOCK and not paid_for:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        yield work
    except OSError as error:
        raise OutputError(f"The output {output} cannot be written: {error}.") from error
    finally:
        lock.release()


def write_dataset(dataset: Dataset, output: Path, embed_videos: bool = False) -> None:
    """Write the shards beside the old ones, then swap the folders: a killed run leaves no half of a dataset.

    Args:
        dataset: rows of every stage.
        output: from `hold_output`.
        embed_videos: store the videos' bytes instead of paths relative to the output.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> from datasets import Dataset
        >>> with hold_output(Path(tempfile.mkdtemp())) as work:
        ...     write_dataset(Dataset.from_dict({}), work.parent)
        ...     (work.parent / "data").is_dir()
        True
    """
    from datasets import Dataset

    features = verified_features()
    fresh = output / WORK / "data"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    size = 200 if embed_videos else 10_000
    count = -(-len(dataset) // size)
    for index in range(count):
        part = dataset.select(range(index * size, min(len(dataset), (index + 1) * size)))
        rows = [{**row, "video": _stored_video(row, output, embed_videos)} for row in part]
        shard = Dataset.from_list([{name: row[name] for name in features} for row in rows], features=features)
        # Named, the size of a row group is not estimated, for which `datasets` would look up the relative paths.
        shard.to_parquet(fresh / f"train-{index:05d}-of-{count:05d}.parquet", batch_size=min(size, 1000))
    old = output / WORK / _OLD
    shutil.rmtree(old, ignore_errors=True)
    if (output / "data").exists():
        (output / "data").rename(old)
    fresh.rename(output / "data")
    shutil.rmtree(old, ignore_errors=True)
    for table in (output / WORK).glob("*.arrow"):
        table.unlink()


def _stored_video(row: Row, output: Path, embed_videos: bool) -> dict | None:
    if row["video"] is None:
        return None
    path, data = row["video"]["path"], row["video"]["bytes"]
    if data is not None:
        return {"path": os.path.basename(path or "") or None, "bytes": data}
    if is_hub_address(path):
        if not embed_videos or row["status"] != "kept":
            return {"path": path, "bytes": None}
        with local_video(path, allow_remote=True) as here:  # what was not to be fetched has been dropped by now
            return {
                "path": row["video_id"].rpartition("/")[2] + Path(here["path"]).suffix,
                "bytes": Path(here["path"]).read_bytes(),
            }
    if member := member_behind(path):
        here = member._replace(archive=Path(os.path.relpath(member.archive, output)).as_posix())
        if not embed_videos or row["status"] != "kept":
            return {"path": here.text, "bytes": None}
        return {"path": os.path.basename(member.member), "bytes": read_member(member)}
    if not os.path.isfile(path):  # an address, or a file that is not there: its name is all there is to keep
        return {"path": public_name(path), "bytes": None}
    if embed_videos and row["status"] == "kept":
        return {"path": os.path.basename(path), "bytes": Path(path).read_bytes()}
    return {"path": Path(os.path.relpath(path, output)).as_posix(), "bytes": None}
