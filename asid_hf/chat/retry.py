"""Trying again what may pass: exponential back-off with jitter, the server's own wish, and an end in any case."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Container
from email.utils import parsedate_to_datetime
from typing import TypeVar

from asid_hf.chat.messages import ChatError, OnFault

PASSING = frozenset({"dead", "reset", "timeout", "rate_limited", "overloaded", "malformed", "empty"})
"""Kinds of fault that the same call may not meet again."""

FIRST_PAUSE, LONGEST_PAUSE, LEAST_PAUSE = 0.5, 30.0, 0.01  # s
LEAST_LEFT = 0.05  # share of the deadline: an attempt with less time than this would be cut off, and paid

Answer = TypeVar("Answer")


async def retrying(
    call: Callable[[float], Awaitable[Answer]],
    *,
    attempts: int,
    deadline: float,
    on_fault: OnFault,
    patient_with: Container[str] = (),
    random_share: Callable[[], float] = random.random,
) -> Answer:
    """Call until it succeeds, fails for good, or attempts or time are used up.

    Between attempts it waits a random share of a pause that doubles from `FIRST_PAUSE` to `LONGEST_PAUSE` ("full
    jitter"), and at least as long as the server asks; where that leaves no time for another attempt, it stops at once.

    Args:
        call: one attempt, given the seconds that are left for it; raises `ChatError`.
        attempts: how many at most.
        deadline: seconds for all of them.
        on_fault: told of every failed attempt.
        patient_with: kinds of fault that are tried until the deadline, however often.
        random_share: draws from 0 to 1.

    Returns:
        What the call returned.

    Raises:
        ChatError: the last fault.

    Example:
        >>> async def fine(seconds): return 1
        >>> async def ignore(error): ...
        >>> asyncio.run(retrying(fine, attempts=3, deadline=1.0, on_fault=ignore))
        1
    """
    end = time.monotonic() + deadline
    pause = FIRST_PAUSE
    left = attempts
    while True:
        try:
            return await call(end - time.monotonic())
        except ChatError as error:
            await on_fault(error)
            left -= error.kind not in patient_with
            wait = max(random_share() * pause, error.retry_after or 0.0)
            if error.kind not in PASSING or left <= 0 or time.monotonic() + wait >= end - LEAST_LEFT * deadline:
                raise
        await asyncio.sleep(max(wait, LEAST_PAUSE))
        pause = min(LONGEST_PAUSE, 2 * pause)


def seconds_to_wait(header: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3).

    Args:
        header: its value, or None.

    Returns:
        Seconds from now, never negative; None where there is none that can be read.

    Example:
        >>> seconds_to_wait("12"), seconds_to_wait("soon"), seconds_to_wait("Thu, 01 Jan 1970 00:00:00 GMT")
        (12.0, None, 0.0)
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
