"""How many calls one endpoint gets at a time: more while it keeps up, half as many when it says it cannot."""

from __future__ import annotations

import asyncio
import time
from collections import deque

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

    def slot(self) -> _Slot:
        """One's turn, first come, first served: `async with limiter.slot():` waits for it and holds it."""
        return _Slot(self)

    async def _enter(self) -> None:
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
        rest = self._resting_until - time.monotonic()
        if rest > 0:
            try:
                await asyncio.sleep(rest)
            except asyncio.CancelledError:
                self._leave()
                raise

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


class _Slot:
    """A turn; a generator in its place would cost as much as the rest of the limiter."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def __aenter__(self) -> None:
        await self._limiter._enter()

    async def __aexit__(self, *trouble: object) -> None:
        self._limiter._leave()
