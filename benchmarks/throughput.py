"""How fast the stage runner is, beside plain `Dataset.map`: an endpoint in this process, a server over real HTTP.

    python benchmarks/throughput.py [--rows 20000] [--runs 3]

The endpoint of this process answers after 50 ms, 256 calls at a time: 5,120 rows a second are ideal. All sides ask it
once a row. Ours goes through the call ledger: every answer is on the disk before it is used. Plain `Dataset.map` (with a
coroutine, and with threads) keeps nothing. Medians of several runs, the sides in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, Features, Value, disable_progress_bars

from asid_hf.chat import asking
from asid_hf.chat.limiter import Limiter
from asid_hf.chat.messages import ChatReply, ChatRequest, OnFault
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import verified_features
from asid_hf.verify.engines.local import run_local
from asid_hf.verify.model_stage import Access, ModelStage
from asid_hf.verify.stage import Row
from asid_hf.verify.steps import MODEL_BATCH, Step

LATENCY, CONCURRENCY, STRAGGLER = 0.05, 256, 10.0  # s, calls, s
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
    spec = ModelSpec("mock", concurrency=CONCURRENCY)
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


SIDES = {"asid_hf, ledger on": ours, "Dataset.map, async": plain_async, "Dataset.map, threads": threads}


def measured(side: object, rows: Dataset, folder: Path) -> tuple[float, float]:
    """Wall and processor seconds."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    side(rows, folder)
    spent = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    disable_progress_bars()
    ideal = CONCURRENCY / LATENCY
    with tempfile.TemporaryDirectory() as folder:
        times: dict[str, list] = {name: [] for name in SIDES if chosen.only in name}
        for _ in range(chosen.runs):
            for name in times:
                times[name].append(measured(SIDES[name], rows_of(chosen.rows), Path(folder)))
        print(f"{chosen.rows} rows, {LATENCY * 1000:.0f} ms a call, {CONCURRENCY} at a time; ideal {ideal:,.0f} rows/s")
        for name, spent in times.items():
            rate = chosen.rows / statistics.median(wall for wall, _ in spent)
            cpu = statistics.median(cpu for _, cpu in spent)
            print(f"{name:24s} {rate:7,.0f} rows/s  {rate / ideal:.2f} of ideal  {cpu:.1f} CPU s")


if __name__ == "__main__":
    sys.exit(main())
