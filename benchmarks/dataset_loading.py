"""ASID-1M opened: `load_dataset("asid-1m")` beside `load_dataset("json")` on the same files.

    python benchmarks/dataset_loading.py

writes a synthetic release in the published layout (a million rows, or --rows; nine captions a video, of which one is of
all attributes; lengths as the arguments say) and prints medians of alternating runs, each in a fresh process with an
empty cache (the time is of `load_dataset` alone, imports done):
(a) a cold build to Arrow of both configurations, in one process and in two, with the peak memory of this process (of
    two, of the one that waits for them), without the files that it maps: Linux;
(b) the first row of a stream, and opening again what was built, also with 120,000 videos beside the annotations;
(c) our peak memory at a tenth of the rows: it does not grow with them.

The peer gives the lines as they are; ours gives rows with ids, groups, attributes and texts without tags. --words sets
the mean length of a single-attribute caption; the mean of published captions of all attributes is 412 words.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

CONFIGS = ("all_attributes", "single_attribute")
GROUPS = {"0_30_s_youtube_v0_1": 0.4, "30_60_s_youtube_v0_1": 0.25, "1_2_m_youtube_v0_1": 0.15, "finevideo": 0.2}
VIDEOS_BESIDE = 120_000
WORDS = (
    "the a man woman child dog camera street kitchen table window light music voice red blue green wooden bright "
    "slowly quickly behind toward across walks holds turns lifts speaks smiles points while then after low wide close "
    "shot background foreground calm warm steady small large old young another several"
).split()


def main() -> None:
    """Write the release, run the sides in turn, print one line a measurement."""
    options = _arguments()
    if options.side:
        print(json.dumps(SIDES[options.side](options.release, options.num_proc)))
        return
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        release = write_release(Path(work, "release"), options.rows, options.words)
        size = sum(path.stat().st_size for path in release.rglob("*.jsonl"))
        print(f"{options.rows:,} rows, {size / options.rows:,.0f} bytes a line, {options.runs} runs a side")
        for num_proc in (1, 2):
            _compare(release, num_proc, options.runs, options.rows)
        _open_again(release, options.runs)
        tenth = write_release(Path(work, "tenth"), options.rows // 10, options.words)
        few, many = (_run("ours", folder, 1)["memory"] for folder in (tenth, release))
        print(f"peak memory above the start, ours: {few:.0f} MB at a tenth of the rows, {many:.0f} MB at all")


def _compare(release: Path, num_proc: int, runs: int, rows: int) -> None:
    pairs = [(_run("ours", release, num_proc), _run("peer", release, num_proc)) for _ in range(runs)]
    for name, side in zip(("ours", "peer"), zip(*pairs, strict=True), strict=True):
        seconds = statistics.median(run["seconds"] for run in side)
        memory = statistics.median(run["memory"] for run in side)
        print(
            f"cold build, {num_proc} process(es), {name}: {rows / seconds:,.0f} rows/s, {memory:.0f} MB above the start"
        )
    ratios = [peer["seconds"] / ours["seconds"] for ours, peer in pairs]
    print(f"  ours is {statistics.median(ratios):.2f} times as fast (runs: {', '.join(f'{r:.2f}' for r in ratios)})")


def _open_again(release: Path, runs: int) -> None:
    for label in ("", f" with {VIDEOS_BESIDE:,} videos beside"):
        if label:
            for folder in (release, release / "videos"):
                folder.mkdir(exist_ok=True)
                for number in range(VIDEOS_BESIDE // 2):
                    (folder / f"ytb_{number:011d}.mp4").touch()
        for side in ("stream_ours", "stream_peer", "warm_ours", "warm_peer"):
            seconds = statistics.median(_run(side, release, 1)["seconds"] for _ in range(runs))
            print(f"{side.replace('_', ', ')}{label}: {1000 * seconds:.0f} ms")


def _run(side: str, release: Path, num_proc: int) -> dict:
    command = [sys.executable, __file__, "--side", side, "--release", str(release), "--num-proc", str(num_proc)]
    with tempfile.TemporaryDirectory(dir=release.parent) as home:
        environment = {**os.environ, "HF_HOME": home, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _opened(side: str, release: Path, config: str, **how: object) -> object:
    from datasets import load_dataset

    if side == "ours":
        return load_dataset("asid-1m", config, data_dir=str(release), split="train", **how)
    files = [str(release / f"annotations/{group}/train/{config}_{group}.jsonl") for group in GROUPS]
    return load_dataset("json", data_files=files, split="train", **how)


def _cold(side: str) -> Callable[[Path, int], dict]:
    def measure(release: Path, num_proc: int) -> dict:
        _prepare(side)
        with _peak() as peak:
            start = time.perf_counter()
            for config in CONFIGS:
                _opened(side, release, config, num_proc=num_proc if num_proc > 1 else None)
            seconds = time.perf_counter() - start
        return {"seconds": seconds, "memory": peak[1] - peak[0]}

    return measure


@contextmanager
def _peak() -> Iterator[list[float]]:
    """Memory of this process in MB, without the files that it maps: at the start, and at its highest."""
    seen, ended = [_memory()], threading.Event()

    def watch() -> None:
        highest = seen[0]
        while not ended.wait(0.02):
            highest = max(highest, _memory())
        seen.append(highest)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _memory() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) / 1024


def _stream(side: str) -> Callable[[Path, int], dict]:
    def measure(release: Path, num_proc: int) -> dict:
        _prepare(side)
        start = time.perf_counter()
        next(iter(_opened(side, release, "single_attribute", streaming=True)))
        return {"seconds": time.perf_counter() - start}

    return measure


def _warm(side: str) -> Callable[[Path, int], dict]:
    def measure(release: Path, num_proc: int) -> dict:
        _prepare(side)
        _opened(side, release, "all_attributes")
        times = []
        for _ in range(5):
            start = time.perf_counter()
            _opened(side, release, "all_attributes")
            times.append(time.perf_counter() - start)
        return {"seconds": statistics.median(times)}

    return measure


def _prepare(side: str) -> None:
    """What is imported at the first use, so that it is not measured: of `datasets` also torch, where it is there."""
    import importlib.util

    import datasets.packaged_modules.json.json  # noqa: F401

    if importlib.util.find_spec("torch"):
        import torch  # noqa: F401
    if side == "ours":
        import asid_hf.dataset_builder.asid_1m  # noqa: F401


SIDES = {
    f"{name}{side}": measure(side)
    for name, measure in (("", _cold), ("stream_", _stream), ("warm_", _warm))
    for side in ("ours", "peer")
}


def write_release(folder: Path, rows: int, words: int, seed: int = 0) -> Path:
    """A release in the published layout: nine captions a video, all-attribute ones of 412 words in the mean.

    Args:
        folder: where it is written.
        rows: in all.
        words: mean length of a single-attribute caption.
        seed: of the texts.

    Example:
        >>> import tempfile
        >>> release = write_release(Path(tempfile.mkdtemp()), 90, 20)
        >>> sum(len(path.read_text().splitlines()) for path in release.rglob("*.jsonl"))
        90
    """
    counts = [round(rows / 9 * share) for share in GROUPS.values()]
    counts[0] += round(rows / 9) - sum(counts)
    with ProcessPoolExecutor() as pool:
        jobs = zip(GROUPS, counts, strict=True)
        list(pool.map(_write_group, *zip(*((folder, group, count, words, seed) for group, count in jobs), strict=True)))
    return folder


def _write_group(folder: Path, group: str, videos: int, words: int, seed: int) -> None:
    from asid_hf.dataset_builder.shapes import to_messages

    from asid_hf.instructions import draw_instruction
    from asid_hf.schema import ATTRIBUTES

    rng = random.Random(f"{seed} {group}")
    sentences = list(_sentences(rng, 5000))
    place = folder / "annotations" / group / "train"
    place.mkdir(parents=True)
    streams = [(place / f"{config}_{group}.jsonl").open("w") for config in CONFIGS]
    for number in range(videos):
        video_id = f"ytb_{group[:4]}{number:07d}"
        for attributes in (ATTRIBUTES, *((name,) for name in ATTRIBUTES)):
            instruction = draw_instruction(attributes, video_id, seed)
            length = max(15.0, rng.gauss(words if len(attributes) == 1 else 412, words / 4))
            row = {
                "instruction": instruction,
                "caption": _caption(rng, sentences, length),
                "video": f"{group}/{video_id}.mp4",
            }
            streams[len(attributes) == 1].write(json.dumps(to_messages(row)) + "\n")
    for stream in streams:
        stream.close()


def _sentences(rng: random.Random, count: int) -> Iterator[str]:
    for number in range(count):
        text = " ".join(rng.choices(WORDS, k=rng.randint(8, 24)))
        yield f'the man says, "{text}."' if number % 6 == 0 else f"{text}."


def _caption(rng: random.Random, sentences: list[str], words: float) -> str:
    said: list[str] = []
    length = 0
    while length < words:
        sentence = rng.choice(sentences)
        said.append(f"At {length // 12}s, {sentence}" if len(said) % 3 == 0 else sentence)
        length += sentence.count(" ") + 3
    return " ".join(said)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, default=180, help="mean length of a single-attribute caption")
    parser.add_argument("--runs", type=int, default=5, help="runs a side")
    parser.add_argument("--work", type=Path, help="folder for the release and the caches; default: the system's")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--release", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--num-proc", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
