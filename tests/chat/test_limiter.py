"""How many calls at a time: never more than the limit, half as many when told so, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from asid_hf.chat import limiter as module
from asid_hf.chat.limiter import Limiter


async def _hold(limiter: Limiter, until: asyncio.Event, held: list, name: object = None) -> None:
    async with limiter.slot():
        held.append(name)
        await until.wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_more_calls_than_the_limit_first_come_first_served() -> None:
    async def run() -> None:
        limiter, until, held = Limiter(3), asyncio.Event(), []
        tasks = [asyncio.create_task(_hold(limiter, until, held, i)) for i in range(7)]
        await _settle()
        assert held == [0, 1, 2] and limiter.under_way == 3
        until.set()
        await asyncio.gather(*tasks)
        assert held == list(range(7)) and limiter.under_way == 0

    asyncio.run(run())


def test_signs_that_come_together_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    limiter = Limiter(64)
    for _ in range(30):
        limiter.slow_down()
    assert limiter.limit == 32
    now[0] += module.AGAIN_AFTER
    limiter.slow_down()
    assert limiter.limit == 16
    for _ in range(20):
        now[0] += module.AGAIN_AFTER
        limiter.slow_down()
    assert limiter.limit == module.LEAST


def test_it_recovers_by_one_a_round_up_to_what_it_was() -> None:
    limiter = Limiter(8)
    limiter.slow_down()
    for _ in range(5):
        limiter.speed_up()
    assert 4.9 < limiter.limit < 5.3
    for _ in range(1000):
        limiter.speed_up()
    assert limiter.limit == 8


def test_after_a_sign_those_under_way_finish_and_fewer_follow() -> None:
    async def run() -> None:
        limiter, until, held = Limiter(4), asyncio.Event(), []
        tasks = [asyncio.create_task(_hold(limiter, until, held)) for _ in range(4)]
        await _settle()
        limiter.slow_down()
        after, later = asyncio.Event(), []
        tasks += [asyncio.create_task(_hold(limiter, after, later)) for _ in range(4)]
        until.set()
        await _settle()
        assert len(held) == 4 and len(later) == limiter.under_way == 2
        after.set()
        await asyncio.gather(*tasks)
        assert limiter.under_way == 0

    asyncio.run(run())


@pytest.mark.parametrize("cancelled", ["waiting", "given"])
def test_who_is_cancelled_gives_its_place_to_the_next(cancelled: str) -> None:
    async def run() -> None:
        limiter, first, rest, held = Limiter(1), asyncio.Event(), asyncio.Event(), []
        tasks = [asyncio.create_task(_hold(limiter, first if i == 0 else rest, held, i)) for i in range(3)]
        await _settle()
        if cancelled == "waiting":
            tasks[1].cancel()
            await _settle()
            first.set()
        else:
            first.set()
            while limiter._waiting and not limiter._waiting[0].done() and len(limiter._waiting) == 2:
                await asyncio.sleep(0)
            tasks[1].cancel()  # it was given the place and has not taken it yet
        await _settle()
        assert held[-1] == 2 and limiter.under_way == 1
        rest.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.under_way == 0

    asyncio.run(run())


def test_a_rest_is_kept_by_all_who_follow_and_can_be_cancelled() -> None:
    async def run() -> None:
        limiter = Limiter(2)
        limiter.slow_down(rest=3600)
        waiting = [asyncio.create_task(_hold(limiter, asyncio.Event(), [])) for _ in range(3)]
        await _settle()
        assert limiter.under_way == 1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert limiter.under_way == 0

    asyncio.run(run())


def test_every_call_gets_its_turn_among_signs_and_cancellations() -> None:
    async def run() -> None:
        limiter, most, done = Limiter(8), [0], []

        async def call(number: int) -> None:
            async with limiter.slot():
                most[0] = max(most[0], limiter.under_way)
                await asyncio.sleep(0)
                if number % 7 == 0:
                    limiter.slow_down()
                else:
                    limiter.speed_up()
                done.append(number)

        tasks = [asyncio.create_task(call(i)) for i in range(500)]
        await asyncio.sleep(0)
        for task in tasks[3::5]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(done) >= {i for i in range(500) if i % 5 != 3} and most[0] <= 8
        assert limiter.under_way == 0

    asyncio.run(run())
