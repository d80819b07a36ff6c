"""One event loop a process."""

from __future__ import annotations

import asyncio
import threading

from asid_hf.chat import loop


def test_threads_that_come_first_at_once_share_one_loop() -> None:
    loop._loop.cache_clear()
    loops, together = [], threading.Barrier(8)

    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def ask() -> None:
        together.wait()
        loops.append(loop.run(which()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loops) == 8 and len(set(map(id, loops))) == 1
