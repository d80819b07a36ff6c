"""Clips of the Hub while they are needed: a bounded folder of files, the least used of which goes first."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import socket
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from asid_hf.errors import MediaError

MOST = 2 * 2**30  # bytes of clips that one process keeps


class ClipCache:
    """Files by key, brought when they are asked for.

    Each process writes to a folder of its own inside `folder`, named by host and process. The folders of processes
    that ended (also those that were killed) are taken away when a cache is made and when this process ends. A process
    that was forked reads what its parent holds and takes away only what is its own.

    Args:
        folder: where the processes' folders lie.
        most: bytes to keep; files in use are kept beyond that.

    Example:
        >>> import tempfile
        >>> cache = ClipCache(Path(tempfile.mkdtemp()), most=10)
        >>> with cache.lease("a", lambda: cache.put("a", ".mp4", 4, [b"film"])) as path:
        ...     path.read_bytes()
        b'film'
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.folder, self.most = folder, most
        self._held: OrderedDict[str, Path] = OrderedDict()
        self._leases: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._sweep()
        atexit.register(self._sweep, True)

    @contextmanager
    def lease(self, key: str, bring: Callable[[], object]) -> Iterator[Path]:
        """A file that stays for as long as the block runs.

        Args:
            key: what it is known by.
            bring: puts it here, where it is not.

        Raises:
            MediaError: it could not be brought, or there is no room on the disk.
        """
        with self._lock:
            if not self.holds(key):
                with disk_errors():
                    bring()
            if not self.holds(key):
                raise MediaError("unreadable", "The clip did not fit into the folder of clips. Make room on the disk.")
            self._held.move_to_end(key)
            self._leases[key] += 1
            path = self._held[key]
        try:
            yield path
        finally:
            with self._lock:
                self._leases[key] -= 1

    def holds(self, key: str) -> bool:
        """Whether a file is here."""
        return key in self._held and self._held[key].is_file()

    def has_room(self, size: int) -> bool:
        """Whether a file of that many bytes fits in beside all that is here."""
        return self.used() + size <= self.most

    def used(self) -> int:
        """Bytes that this process keeps."""
        sizes = (path.stat().st_size for path in self._held.values() if self._is_ours(path) and path.is_file())
        return sum(sizes)

    def put(self, key: str, ending: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write a file; others go where it needs their room.

        Args:
            key: what it is known by.
            ending: of its name, ".mp4".
            size: of the file in bytes, as it is announced.
            chunks: its bytes; more than announced are refused.

        Raises:
            MediaError: the chunks give another size than announced.
        """
        with self._lock:
            self._make_room(size)
            path = self.scratch(hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32] + ending)
            draft, written = path.with_suffix(".part"), 0
            try:
                with draft.open("wb") as stream:
                    for chunk in chunks:
                        written += len(chunk)
                        if written > size:
                            break
                        stream.write(chunk)
                if written != size:
                    raise MediaError("damaged", f"The clip has another size than the {size} bytes announced for it.")
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            self._held[key] = path
            self._held.move_to_end(key)

    def scratch(self, name: str) -> Path:
        """A path to write to in this process's folder."""
        folder = self.folder / f"{socket.gethostname()}-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def _make_room(self, size: int) -> None:
        for key, path in list(self._held.items()):
            if self.has_room(size):
                return
            if not self._leases[key]:
                if self._is_ours(path):
                    path.unlink(missing_ok=True)
                del self._held[key]

    def _is_ours(self, path: Path) -> bool:
        return path.parent.name.endswith(f"-{os.getpid()}")

    def _sweep(self, ending: bool = False) -> None:
        prefix = f"{socket.gethostname()}-"
        for folder in self.folder.glob(f"{prefix}*") if self.folder.is_dir() else []:
            process = folder.name.removeprefix(prefix)
            if process.isdigit() and ((ending and int(process) == os.getpid()) or not _runs(int(process))):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell that the folder of clips cannot be used, without its path: messages are stored in rows.

    Raises:
        MediaError: in place of an OSError.

    Example:
        >>> with disk_errors():
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: The folder of clips cannot be used: No space left on device. Make room, or name ...
    """
    try:
        yield
    except OSError as error:
        message = (
            f"The folder of clips cannot be used: {error.strerror}. Make room, or name another in HF_ASSETS_CACHE."
        )
        raise MediaError("unreadable", message) from error
