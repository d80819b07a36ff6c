"""What every reader of a dataset on the Hub gives and uses: videos, members of archives, rows of shards."""

from __future__ import annotations

import itertools
import logging
import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from asid_hf.errors import MediaError
from asid_hf.verify.from_hub.archive import Member, list_members
from asid_hf.verify.from_hub.files import HubOptions
from asid_hf.verify.from_hub.repo import HubRepo
from asid_hf.verify.from_hub.table import list_rows

AHEAD = 8  # shards listed at once; each costs some requests and no video
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HubVideo:
    """A video of a dataset: where it is, and what its dataset says of it, none of which is taken for evidence.

    Attributes:
        path: its address; an http(s) address where the dataset names one.
        video_id: as the dataset calls it.
        place: another name, which no other video of the dataset has.
        source: where it is from, for people to read.
        duration: seconds, None where the dataset does not say.
        captions: its captions.

    Example:
        >>> HubVideo("hf://datasets/o/n/a.mp4", "a", "clips/a", "o/n").captions
        ()
    """

    path: str
    video_id: str
    place: str
    source: str
    duration: float | None = None
    captions: tuple[str, ...] = ()


Reader = Callable[[HubRepo, str, HubOptions], Iterator[HubVideo]]


def members_of(repo: HubRepo, archives: Iterable[str]) -> Iterator[tuple[Member, str]]:
    """The videos of archives, each with its archive; a damaged one ends there, and the next one goes on.

    Raises:
        MediaError: an archive is not to be had.

    Example:
        >>> list(members_of(HubRepo("owner/name", "0" * 40), []))
        []
    """
    for archive in archives:
        try:
            yield from ((member, archive) for member in list_members(repo, archive))
        except MediaError as error:
            pass_over(error)


def rows_of(
    repo: HubRepo, shards: Iterable[str], columns: dict[str, tuple[str, ...]], ahead: int = 1
) -> Iterator[tuple[str, list[dict]]]:
    """Parquet files, each with its rows (see `list_rows`), in order; a damaged one is passed over.

    Args:
        repo: the repository.
        shards: the files.
        columns: see `list_rows`.
        ahead: how many are read at once; a caller that may stop soon wants one.

    Raises:
        MediaError: a file is not to be had.

    Example:
        >>> list(rows_of(HubRepo("owner/name", "0" * 40), [], {}))
        []
    """
    shards = iter(shards)
    with ThreadPoolExecutor(ahead) as pool:
        reading: deque[tuple[str, Future]] = deque()
        while True:
            for shard in itertools.islice(shards, ahead - len(reading)):
                reading.append((shard, pool.submit(list_rows, repo, shard, columns)))
            if not reading:
                return
            shard, rows = reading.popleft()
            try:
                yield shard, rows.result()
            except MediaError as error:
                pass_over(error)


def pass_over(error: MediaError) -> None:
    """Go on after a file that is faulty in itself; stop at what concerns all of them.

    Raises:
        MediaError: the one given, where it is of the second kind.

    Example:
        >>> pass_over(MediaError("damaged", "The archive a.tar is cut off or damaged."))
    """
    if error.reason not in ("damaged", "too_large"):
        raise error
    _log.warning("%s It was passed over.", error)


def stem(name: str) -> str:
    """A file's name without folders and ending.

    Example:
        >>> stem("clips/a.b.mp4")
        'a.b'
    """
    return posixpath.splitext(posixpath.basename(name))[0]


def text(value: object) -> str:
    """A value of somebody's table as one line of text; "" where it is none.

    Example:
        >>> text("a  title"), text(7), text(None)
        ('a title', '7', '')
    """
    return " ".join(str(value).split()) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def seconds(value: object) -> float | None:
    """A duration as somebody's table has it, in seconds; None where it is none.

    Example:
        >>> seconds("12.5"), seconds(-1), seconds("long")
        (12.5, None, None)
    """
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value if 0 <= value < float("inf") else None
