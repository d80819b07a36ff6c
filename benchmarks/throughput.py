"""How fast the stage runner is: beside plain `Dataset.map`, and over real HTTP beside a bare client loop.

    python benchmarks/throughput.py [--rows 20000] [--runs 3]     # an endpoint in this process
    python benchmarks/throughput.py --straggler                   # one row of 20,000 takes 10 s
    python benchmarks/throughput.py --http [--rows 5000]          # a server on loopback
    python benchmarks/throughput.py --memory                      # peak memory at 20,000 and 100,000 rows

The endpoint of this process answers after 50 ms, 256 calls at a time: 5,120 rows a second are ideal. All sides ask it
once a row. Ours goes through the call ledger: every answer is on the disk before it is used. Plain `Dataset.map` (with
a coroutine, and with threads) and the bare loop keep nothing. Medians of several runs, the sides in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, Features, Value, disable_progress_bars

from asid_hf.chat import asking
from asid_hf.chat.limiter import Limiter
from asid_hf.chat.messages import ChatReply, ChatRequest, OnFault
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.prompts import PROMPTS
from asid_hf.schema import verified_features
from asid_hf.verify.engines.local import run_local
from asid_hf.verify.model_stage import Access, ModelStage
from asid_hf.verify.stage import Row
from asid_hf.verify.steps import MODEL_BATCH, Step

LATENCY, CONCURRENCY, STRAGGLER = 0.05, 256, 10.0  # s, calls, s
HTTP_CONCURRENCY = 32
PROMPT = PROMPTS["annotate_prose"]
ERRORS = verified_features()["errors"]
STATUS = {"status": Value("string"), "drop_reason": Value("string")}


@dataclass(frozen=True)
class Caption(ModelStage):
    """One call a row."""

    model: ModelSpec | None = None

    name, reads, writes = "caption", ("video_id", "prompt"), ("caption",)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        return (self.model,)

    async def consult(self, row: Row) -> Row:
        reply = await self.ask(self.model, "annotate_prose", row, note=row["prompt"])
        return {"caption": reply.parsed}

    def run(self, row: Row) -> Row:
        raise NotImplementedError


class Mock:
    """Answers after `LATENCY`; the row of the prompt "straggler" after `STRAGGLER`."""

    accepts = ()

    def __init__(self, spec: ModelSpec) -> None:
        self.model, self._limiter = spec.model, Limiter(spec.concurrency)

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        async with self._limiter.slot():
            slow = "straggler" in request.messages[-1].content[-1][:200]
            await asyncio.sleep(STRAGGLER if slow else LATENCY)
            return ChatReply("At 2s, a dog runs along the beach.", "stop", 900, 12, LATENCY)


def rows_of(count: int, straggler: bool = False) -> Dataset:
    prompts = [f"clip {i}" for i in range(count)]
    if straggler:
        prompts[count // 3] = "straggler"
    return Dataset.from_dict({"video_id": [str(i) for i in range(count)], "prompt": prompts})


def ours(rows: Dataset, folder: Path) -> None:
    asking.BACKENDS["endpoint"] = Mock
    _run(rows, folder, ModelSpec("mock", concurrency=CONCURRENCY))


def _run(rows: Dataset, folder: Path, spec: ModelSpec) -> None:
    ledger = tempfile.mkdtemp(dir=folder) + "/ledger.sqlite"
    stage = Caption(model=spec, access=Access(ledger))
    features = Features({**rows.features, "caption": Value("string"), "errors": ERRORS, **STATUS})
    done = run_local(rows, [Step("caption", stage, MODEL_BATCH)], features, Path(tempfile.mkdtemp(dir=folder)))
    assert done[0]["caption"]
    assert not any(done["errors"][:100])


def plain_async(rows: Dataset, folder: Path) -> None:
    async def call(row: dict) -> dict:
        await asyncio.sleep(STRAGGLER if row["prompt"] == "straggler" else LATENCY)
        return {"caption": "At 2s, a dog runs along the beach."}

    from datasets import config

    config.MAX_NUM_RUNNING_ASYNC_MAP_FUNCTIONS_IN_PARALLEL = CONCURRENCY
    rows.map(call, load_from_cache_file=False)


def threads(rows: Dataset, folder: Path) -> None:
    def call(prompt: str) -> str:
        time.sleep(STRAGGLER if prompt == "straggler" else LATENCY)
        return "At 2s, a dog runs along the beach."

    with ThreadPoolExecutor(CONCURRENCY) as pool:

        def batch(rows: dict) -> dict:
            return {"caption": list(pool.map(call, rows["prompt"]))}

        rows.map(batch, batched=True, batch_size=MODEL_BATCH, load_from_cache_file=False)


def over_http(rows: Dataset, folder: Path, url: str) -> None:
    from asid_hf.chat.endpoint import Endpoint

    asking.BACKENDS["endpoint"] = Endpoint
    spec = ModelSpec("captioner", base_url=url, concurrency=HTTP_CONCURRENCY)
    _run(rows, folder, spec)


def bare_loop(rows: Dataset, folder: Path, url: str) -> None:
    """What one would write with httpx: a semaphore, a gather, and the reply's text."""
    from httpx2 import AsyncClient, Limits

    async def loop() -> list[str]:
        slots = asyncio.Semaphore(HTTP_CONCURRENCY)
        everything = Limits(max_connections=None, max_keepalive_connections=None)
        async with AsyncClient(timeout=60, limits=everything) as client:

            async def one(prompt: str) -> str:
                turns = [
                    {"role": "system", "content": PROMPT.system},
                    {"role": "user", "content": PROMPT.user(note=prompt)},
                ]
                async with slots:
                    answer = await client.post(
                        f"{url}/chat/completions", json={"model": "captioner", "messages": turns, "max_tokens": 4096}
                    )
                return answer.json()["choices"][0]["message"]["content"]

            return await asyncio.gather(*map(one, rows["prompt"]))

    assert all(asyncio.run(loop()))


SIDES = {"asid_hf, ledger on": ours, "Dataset.map, async": plain_async, "Dataset.map, threads": threads}
HTTP_SIDES = {"asid_hf, ledger on": over_http, "bare httpx loop": bare_loop}


def measured(side: Callable, *arguments: object) -> tuple[float, float]:
    """Wall and processor seconds."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    side(*arguments)
    spent = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turn(sides: dict[str, Callable], runs: int, *arguments: object) -> dict[str, tuple[float, float]]:
    """Median wall and processor seconds of each side."""
    spent: dict[str, list] = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            spent[name].append(measured(side, *arguments))
    return {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in spent.items()}


def in_process(count: int, runs: int, folder: Path) -> None:
    """The endpoint of this process."""
    ideal = CONCURRENCY / LATENCY
    print(f"{count} rows, {LATENCY * 1000:.0f} ms a call, {CONCURRENCY} at a time; ideal {ideal:,.0f} rows/s")
    for name, (wall, cpu) in in_turn(SIDES, runs, rows_of(count), folder).items():
        print(f"{name:24s} {count / wall:7,.0f} rows/s  {count / wall / ideal:.2f} of ideal  {cpu:.1f} CPU s")


def one_straggler(count: int, runs: int, folder: Path) -> None:
    """What one row that takes 10 s costs."""
    usual, late = (in_turn(SIDES, runs, rows_of(count, straggler), folder) for straggler in (False, True))
    print(f"{count} rows; one of them takes {STRAGGLER:.0f} s")
    for name in SIDES:
        wall, cpu = (late[name][i] - usual[name][i] for i in (0, 1))
        print(f"{name:24s} {cpu:+.1f} CPU s, {wall:+.1f} s")


def http(count: int, runs: int, folder: Path) -> None:
    """A server on loopback, in a process of its own."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from llm_server import Server

    with Server() as server:
        server.model("captioner", reply="At 2s, a dog runs along the beach.", latency=LATENCY)
        rows = rows_of(count)
        in_turn(HTTP_SIDES, 1, rows.select(range(200)), folder, server.url)  # connections, imports
        rates = {name: count / wall for name, (wall, _) in in_turn(HTTP_SIDES, runs, rows, folder, server.url).items()}
    print(f"{count} rows over HTTP, {LATENCY * 1000:.0f} ms a call, {HTTP_CONCURRENCY} at a time")
    for name, rate in rates.items():
        print(f"{name:24s} {rate:7,.0f} rows/s")
    print(f"ratio {rates['asid_hf, ledger on'] / rates['bare httpx loop']:.2f}")


def memory(folder: Path) -> None:
    """Peak memory of a run, each in a process of its own."""
    for count in (20_000, 100_000):
        code = (
            "import resource, sys, tempfile; from pathlib import Path; import throughput as t; "
            "t.disable_progress_bars(); t.LATENCY = 0.001; "
            f"rows = t.rows_of({count}); start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
            "t.ours(rows, Path(sys.argv[1])); "
            "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024)"
        )
        command = [sys.executable, "-c", code, str(folder)]
        here = Path(__file__).parent
        grown = subprocess.run(command, cwd=here, check=True, capture_output=True, text=True).stdout.split()[-1]
        print(f"{count} rows: {grown} MB above the start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    for case in ("--http", "--straggler", "--memory"):
        parser.add_argument(case, action="store_true")
    chosen = parser.parse_args()
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.memory:
            memory(Path(folder))
        elif chosen.http:
            http(chosen.rows, chosen.runs, Path(folder))
        else:
            (one_straggler if chosen.straggler else in_process)(chosen.rows, chosen.runs, Path(folder))


if __name__ == "__main__":
    main()
