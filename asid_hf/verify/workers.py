"""The processes that a run starts end with it: without a word of theirs at Ctrl-C, and also where it was killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOK = 0.5  # s from look to look whether the parent is still there

_ending_with_parents = False  # in a process that is forked while it is True, as `multiprocess` does


@contextmanager
def workers_end_with_this_process() -> Iterator[None]:
    """Let every process that is forked inside end when its parent does, and leave Ctrl-C to the parent.

    A parent that is killed can tell nobody; its workers would go on with what they have, and then wait for ever.
    Ctrl-C reaches every process of a terminal; the parent ends those it started.

    Example:
        >>> with workers_end_with_this_process():
        ...     print("workers start here")
        workers start here
    """
    global _ending_with_parents
    before, here = signal.getsignal(signal.SIGINT), os.getpid()
    interruptible = callable(before) and threading.current_thread() is threading.main_thread()
    if interruptible:
        signal.signal(signal.SIGINT, lambda number, frame: before(number, frame) if os.getpid() == here else None)
    _ending_with_parents = True
    try:
        yield
    finally:
        _ending_with_parents = False
        if interruptible:
            signal.signal(signal.SIGINT, before)


def _after_fork() -> None:
    if _ending_with_parents:
        threading.Thread(target=_end_with, args=(os.getppid(),), name="end with the parent", daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


if hasattr(os, "register_at_fork"):  # where there is no fork, there is nothing to follow
    os.register_at_fork(after_in_child=_after_fork)
