"""What comes next, made in a thread while one works at what there is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_END = object()
_PATIENCE = 1.0  # seconds that leaving waits for a reading under way; then the thread ends what it began by itself


def read_ahead(items: Generator[T]) -> Iterator[T]:
    """The items of a generator, each made in a thread while the one before is in use.

    The generator is closed in the end, also where this is left early. In a forked process, which has no such thread,
    and where none can be started, items are made when they are asked for.

    Raises:
        RuntimeError: the process was forked off while an item was being made, so that nobody makes the rest.

    Example:
        >>> list(read_ahead(number * number for number in range(4)))
        [0, 1, 4, 9]
    """
    asked: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[tuple[T | object, BaseException | None]] = SimpleQueue()

    def make() -> None:
        while asked.get():
            try:
                made.put((next(items, _END), None))
            except BaseException as error:  # whatever it is: raised where the item is asked for
                made.put((_END, error))
        items.close()

    thread = threading.Thread(target=make, name="read_ahead", daemon=True)
    # Held here: this may be left when Python ends, which takes the modules away first.
    getpid, is_finalizing, patience, home = os.getpid, sys.is_finalizing, _PATIENCE, os.getpid()
    try:
        thread.start()
    except RuntimeError:  # there are too many, or Python is about to end
        yield from items
        return
    asked.put(True)
    try:
        while True:
            if getpid() != home and made.empty():
                if items.gi_running:
                    raise RuntimeError("This process was forked off amid a reading: begin it anew here.")
                yield from items
                return
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            asked.put(True)
            yield item
    finally:
        asked.put(False)
        if getpid() == home and not is_finalizing():
            thread.join(patience)
