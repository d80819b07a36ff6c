"""Rows to batches for training: our collator in a data loader beside the plain processor path.

    python benchmarks/training_step.py --clip FILM

cuts clips of 4 to 15 s out of FILM at 360p, asks two questions about each, and prints medians of alternating runs in
fresh processes:
(a) samples a second of a data loader alone, the same batches, budget and workers on both sides. Peer:
    `qwen_omni_utils.process_mm_info`, `Qwen2_5OmniProcessor` and labels by the length of the prompt, as notebooks that
    train Qwen2.5-Omni have it. Ours: `OmniCollator`, with its cache of clips and without.
(b) how long a step waits for its batch where another device computes: the loop sleeps `--compute` seconds a step, so
    the processors are the loader's own; what is told is the share of the time that is not hidden behind the sleep.

The peer needs, in the environment that runs this: pip install "qwen-omni-utils==0.0.9" "torchcodec>=0.17" librosa, and
FFmpeg. Without it our sides alone are shown. The vocabulary is the real one, see `processing.py`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from media_loading import cut
from processing import FRAME_PIXELS, PIXELS, in_fresh_process

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
ATTRIBUTES = ("scene", "speech")
CAPTION = "At 2s, a rabbit steps out of its burrow and looks around while birds sing. " * 5


def main() -> None:
    """Make the clips and the processor, run the sides in turn, print one line a side and the ratio."""
    options = _arguments()
    if options.side:
        print(json.dumps(_measure(options)))
        return
    import tiny_captioners

    with tempfile.TemporaryDirectory() as folder:
        model = tiny_captioners.build_whole_omni(Path(folder, "omni"), Path(folder, "vocabulary"))
        for place in range(options.clips):
            seconds = 4 + 11 * place / max(1, options.clips - 1)
            cut(options.clip, Path(folder) / f"clip{place:02d}.mp4", 360, 30 + 20 * place, seconds)
        peer = importlib.util.find_spec("qwen_omni_utils") is not None
        if not peer:
            print('The peer is absent: pip install "qwen-omni-utils==0.0.9" "torchcodec>=0.17" librosa')
        sides = [side for side in SIDES if side != "peer" or peer]
        told: dict[str, list[dict]] = {side: [] for side in sides}
        same = {name: getattr(options, name) for name in ("clip", "batch", "workers", "compute")}
        for _ in range(options.runs):
            for side in sides:
                told[side].append(in_fresh_process(__file__, side=side, folder=folder, model=model, **same))
        _show(told, options)


def _arguments() -> argparse.Namespace:
    default = Path(os.environ.get("ASID_HF_TEST_CLIPS", ".")) / "bbb.mp4"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=default, help="a film of over 300 s (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=12, help="cut out of it (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="rows a batch (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the loader (default: %(default)s)")
    parser.add_argument("--compute", type=float, default=1.0, help="s a step of (b) (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs a side, alternating (default: %(default)s)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        parser.error(f"{options.clip} does not exist: give --clip or set ASID_HF_TEST_CLIPS")
    return options


def _show(told: dict[str, list[dict]], options: argparse.Namespace) -> None:
    rows = options.clips * len(ATTRIBUTES)
    print(
        f"{rows} rows about {options.clips} clips of 4 to 15 s at 360p, batches of {options.batch}, "
        f"{options.workers} worker(s), {options.runs} runs a side"
    )
    for side, runs in told.items():
        rate, waits = (statistics.median(run[key] for run in runs) for key in ("rate", "waits"))
        print(f"  {side:14} {rate:6.2f} samples/s; of steps that compute {options.compute:g} s, {waits:.1%} is waiting")
    if "peer" in told:
        for side in told.keys() - {"peer"}:
            pairs = zip(told[side], told["peer"], strict=True)
            ratio = statistics.median(ours["rate"] / peer["rate"] for ours, peer in pairs)
            tokens = told[side][0]["tokens"] / told["peer"][0]["tokens"]
            print(f"  {side} is {ratio:.1f} times as fast as the peer, with {tokens:.3f} times its tokens")


def _measure(options: argparse.Namespace) -> dict[str, float]:
    """In a fresh process: samples a second of one pass, and the share of waiting in another, both with no clip held."""
    import torch
    from torch.utils.data import DataLoader

    from asid_hf.training.formatting import Formatting

    torch.set_num_threads(1)
    paths = sorted(options.folder.glob("clip*.mp4"))
    rows = [
        Formatting().row({"instruction": "?", "caption": CAPTION, "attributes": [name], "video": str(path)})
        for path in paths
        for name in ATTRIBUTES
    ]
    collate = SIDES[options.side](options.model)

    def loader() -> DataLoader:  # new workers each time, which hold no clip
        return DataLoader(rows, options.batch, collate_fn=collate, num_workers=options.workers)

    start, tokens = time.perf_counter(), 0
    for batch in loader():
        tokens += int(batch["attention_mask"].sum())
    rate = len(rows) / (time.perf_counter() - start)
    waiting, start = 0.0, time.perf_counter()
    before = start
    for _ in loader():
        waiting += time.perf_counter() - before
        time.sleep(options.compute)
        before = time.perf_counter()
    return {"rate": rate, "waits": waiting / (time.perf_counter() - start), "tokens": tokens}


def _ours(model: Path, cache: int) -> Callable[[list[dict]], Any]:
    from asid_hf.captioner import AsidCaptionerProcessor
    from asid_hf.training.collator import OmniCollator

    processor = AsidCaptionerProcessor.from_pretrained(model)
    return OmniCollator(processor, media={"frame_pixels": FRAME_PIXELS, **PIXELS}, cache_bytes=cache)


def _peer(model: Path) -> Callable[[list[dict]], Any]:
    from qwen_omni_utils import process_mm_info
    from transformers import Qwen2_5OmniProcessor

    from asid_hf.training.formatting import conversation

    processor = Qwen2_5OmniProcessor.from_pretrained(model)
    processor.video_processor.cap_pixels_per_frame = True

    def collate(rows: list[dict]) -> Any:
        talks = [conversation(row) for row in rows]
        for talk in talks:
            clip = talk[1]["content"][0]
            clip |= {"video": clip["video"]["path"], "max_pixels": FRAME_PIXELS, **PIXELS}
        audio, images, videos = process_mm_info(talks, use_audio_in_video=True)
        text = [processor.apply_chat_template(talk, tokenize=False) for talk in talks]
        media = {"audio": audio, "images": images, "videos": videos, "fps": 2.0, "do_sample_frames": False}
        heard = {"load_audio_from_video": True, "audio_from_video_indices": list(range(len(rows)))}
        batch = processor(text=text, return_tensors="pt", padding=True, padding_side="right", **media, **heard)
        labels = batch["input_ids"].clone()
        for target, row in zip(labels, rows, strict=True):
            answer = len(processor.tokenizer(row["messages"][-1]["content"])["input_ids"]) + 2
            length = int((target != processor.tokenizer.pad_token_id).sum())
            target[: length - answer] = -100
            target[length:] = -100
        return {**batch, "labels": labels}

    return collate


SIDES = {
    "peer": _peer,
    "ours": lambda model: _ours(model, 2**28),
    "ours, no cache": lambda model: _ours(model, 0),
}

if __name__ == "__main__":
    main()
