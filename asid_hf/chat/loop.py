"""One event loop a process, in a thread of its own: connections stay open from batch to batch, whoever calls."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import lru_cache
from typing import TypeVar

Result = TypeVar("Result")
_making = threading.Lock()


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine on the process's loop and wait for it; Ctrl-C cancels it.

    Example:
        >>> async def one(): return 1
        >>> run(one())
        1
    """
    task = start(work)
    try:
        return task.result()
    except BaseException:
        task.cancel()
        raise


def start(work: Coroutine[object, object, Result]) -> Future[Result]:
    """Start a coroutine on the process's loop and do not wait for it.

    Example:
        >>> async def one(): return 1
        >>> start(one()).result()
        1
    """
    with _making:  # two threads that come first at once would make two
        loop = _loop(os.getpid())
    return asyncio.run_coroutine_threadsafe(work, loop)


@lru_cache(maxsize=1)
def _loop(process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="chat", daemon=True).start()
    return loop
