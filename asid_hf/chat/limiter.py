"""How many calls one endpoint gets at a time: more while it keeps up, half as many when it says it cannot."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEAST = 1.0
HALVING = 0.5
AGAIN_AFTER = 1.0  # s: calls that left together fail together, and count as one sign


class Limiter:
    """Additive increase, multiplicative decrease, as TCP has it (Chiu and Jain, 1989), on concurrent calls.

    Args:
        most: calls under way at once; the limit starts there.

    Example:
        >>> limiter = Limiter(8)
        >>> limiter.slow_down()
        >>> limiter.limit
        4.0
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.under_way = 0
        self._waiting: deque[asyncio.Future] = deque()
        self._slowed = -AGAIN_AFTER
        self._resting_until = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for one's turn, first come, first served, and hold it."""
        if self.under_way >= int(self.limit) or self._waiting:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # given and not wanted any more
                    self._leave()
                raise
        else:
            self.under_way += 1
        try:
            rest = self._resting_until - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
            yield
        finally:
            self._leave()

    def speed_up(self) -> None:
        """A call came back well: one more at a time after each full round of them."""
        if self.limit < self.most:
            self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def slow_down(self, rest: float = 0.0) -> None:
        """The endpoint is over its limit: half as many at a time, and none for `rest` seconds."""
        now = time.monotonic()
        self._resting_until = max(self._resting_until, now + rest)
        if now - self._slowed >= AGAIN_AFTER:
            self._slowed = now
            self.limit = max(LEAST, self.limit * HALVING)

    def _leave(self) -> None:
        self.under_way -= 1
        while self._waiting and self.under_way < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
