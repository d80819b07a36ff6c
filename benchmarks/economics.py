"""What is paid again after a kill, a bad row and an edited prompt, beside plain `Dataset.map`, counted by the server.

    python benchmarks/economics.py [--rows 5000]

A real HTTP server on loopback (the tests' own) counts the calls that arrive. Both sides ask it once a row and stage, 64
at a time: ours through the stage runner and the call ledger, the other with a coroutine in `Dataset.map`, which is how
one would do it without. Runs are processes; the killed ones get SIGKILL when half of the calls have arrived.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "tests")]

CONCURRENCY, LATENCY = 64, 0.02
REPLY = "At 2s, a dog runs along the beach."


def ours(url: str, rows: int, folder: Path, second_prompt: str) -> None:
    """Two stages of one call a row."""
    from dataclasses import replace

    from datasets import Features, Value
    from throughput import ERRORS, STATUS, Caption, rows_of

    from asid_hf.chat.model_spec import ModelSpec
    from asid_hf.prompts import PROMPTS
    from asid_hf.verify.engines.local import run_local
    from asid_hf.verify.model_stage import Access
    from asid_hf.verify.steps import Step

    dataset = rows_of(rows)
    features = Features({**dataset.features, "caption": Value("string"), "errors": ERRORS, **STATUS})
    steps = []
    for name, task in (("first", "Describe it."), ("second", second_prompt)):
        access = Access(str(folder / "ledger.sqlite"), prompts=(replace(PROMPTS["annotate_prose"], task=task),))
        spec = ModelSpec(name, base_url=url, concurrency=CONCURRENCY)
        steps.append(Step(name, Caption(model=spec, access=access), 1000))
    done = run_local(dataset, steps, features, folder)
    print(sum(bool(errors) for errors in done["errors"]), "rows with an error")


def plain(url: str, rows: int, folder: Path, second_prompt: str) -> None:
    """The same with `Dataset.map` and an HTTP client."""
    from datasets import config
    from httpx2 import AsyncClient
    from throughput import rows_of

    config.MAX_NUM_RUNNING_ASYNC_MAP_FUNCTIONS_IN_PARALLEL = CONCURRENCY
    dataset = rows_of(rows)
    for name, task in (("first", "Describe it."), ("second", second_prompt)):
        client: list[AsyncClient] = []

        async def call(row: dict, name: str = name, task: str = task, client: list = client) -> dict:
            if not client:
                client.append(AsyncClient(timeout=60))
            body = {"model": name, "messages": [{"role": "user", "content": f"{row['prompt']} {task}"}]}
            answer = await client[0].post(f"{url}/chat/completions", json=body)
            answer.raise_for_status()
            return {"caption": answer.json()["choices"][0]["message"]["content"]}

        # Named, the stage is cached on the disk when it has come to its end, as its user would have it.
        fingerprint = f"{name}{abs(hash_of(task)):x}"
        cache = str(folder / f"{fingerprint}.arrow")
        dataset = dataset.map(call, new_fingerprint=fingerprint, cache_file_name=cache)


def hash_of(text: str) -> int:
    """A number for a text, the same in every process."""
    import hashlib

    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


SIDES = {"asid_hf": ours, "Dataset.map": plain}


def run(side: str, url: str, rows: int, folder: Path, prompt: str = "Judge it.") -> subprocess.Popen:
    """Start a run as a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--url", url, "--rows", str(rows), "--prompt", prompt]
    environment = {**os.environ, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.Popen([*command, "--folder", str(folder)], env=environment, stderr=subprocess.DEVNULL)


def asked(server: object) -> int:
    """How many calls have arrived."""
    return sum(server.stats(name)["requests"] for name in ("first", "second"))


def compare(server: object, rows: int) -> None:
    """Run the three cases for both sides and print what was paid again."""
    print(f"{rows} rows, two stages of one call a row, {CONCURRENCY} at a time")
    for side in SIDES:
        with tempfile.TemporaryDirectory() as folder:
            serve(server)
            running = run(side, server.url, rows, Path(folder))
            while asked(server) < rows // 2 and running.poll() is None:
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
            running.wait()
            time.sleep(0.2)
            run(side, server.url, rows, Path(folder)).wait()
            print(f"{side:12s} killed at half of the first stage: {asked(server) - 2 * rows} calls paid again")
            serve(server)
            run(side, server.url, rows, Path(folder), "Judge it kindly.").wait()
            print(f"{side:12s} the second stage's prompt edited: {asked(server)} calls ({rows} are of that stage)")
        with tempfile.TemporaryDirectory() as folder:
            serve(server, bad=rows // 2)
            run(side, server.url, rows, Path(folder)).wait()
            first = asked(server)
            run(side, server.url, rows, Path(folder)).wait()
            again = asked(server) - 2 * rows
            print(f"{side:12s} one row refused (400): {first} calls, then {again} more than the rows need")


def serve(server: object, bad: int | None = None) -> None:
    """Both stages' models, their counts at zero; the first refuses one call for good."""
    script = ["answer"] * bad + ["400"] if bad is not None else []
    server.model("first", reply=REPLY, latency=LATENCY, script=script)
    server.model("second", reply=REPLY, latency=LATENCY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    for hidden in ("--side", "--url", "--folder", "--prompt"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        SIDES[chosen.side](chosen.url, chosen.rows, Path(chosen.folder), chosen.prompt)
        return
    from llm_server import Server

    with Server() as server:
        compare(server, chosen.rows)


if __name__ == "__main__":
    main()
