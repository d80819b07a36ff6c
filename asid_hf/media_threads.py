"""Threads that open a clip: one that is given up when it stalls, one that works beside the decoder."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

try:
    from asid_hf.errors import MediaError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError

WAITING = 4  # pieces of work; each may hold a picture


def within(timeout: float, name: str, work: Callable[[threading.Event], Any]) -> Any:
    """Return `work(stop)`, done in a thread that is given up after `timeout` seconds.

    FFmpeg can hang where no Python code runs and no signal helps. The thread given up is a daemon, and ends as soon as
    it sees `stop` set.

    Raises:
        MediaError: "stalled".

    Example:
        >>> within(1.0, "clip.mp4", lambda stop: stop.is_set())
        False
    """
    outcome: list[tuple[Any, BaseException | None]] = []
    stop = threading.Event()

    def run() -> None:
        try:
            outcome.append((work(stop), None))
        except BaseException as error:  # raised again in the caller's thread
            outcome.append((None, error))

    thread = threading.Thread(target=run, name="open_clip", daemon=True)
    thread.start()
    try:
        thread.join(timeout)
    finally:
        stop.set()
    if not outcome:
        raise MediaError("stalled", f"{name} was not read within {timeout:g} s. Check the disk, or raise timeout.")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class Beside:
    """A thread that works beside the caller's: piece by piece in the order given, at most `WAITING` pieces behind.

    An error there is raised in the caller's thread, with the next piece or at the end; what follows it is not done. It
    is a daemon, which cannot keep the process alive.

    Example:
        >>> done = []
        >>> with Beside() as beside:
        ...     beside(done.append, 1)
        >>> done
        [1]
    """

    def __init__(self) -> None:
        self._pieces: queue.Queue[tuple[Callable, tuple] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="open_clip beside", daemon=True)

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __call__(self, work: Callable, *given: Any) -> None:
        """Hand over a piece of work; wait while too many are waiting."""
        if self._error is not None:
            raise self._error
        self._pieces.put((work, given))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._error = self._error or error
        self._pieces.put(None)
        self._thread.join()
        if self._error is not error:
            raise self._error

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._error is not None:  # emptied all the same, so that the caller never waits in vain
                continue
            work, given = piece
            try:
                work(*given)
            except BaseException as raised:  # raised again in the caller's thread
                self._error = raised
