"""What the guards of decoding hold back, and what they cost.

    ASID_HF_TEST_CLIPS=DIR python benchmarks/decoding.py [--captions 500] [--guards none all]

Trains, in seconds, a tiny captioner over the real vocabulary of Qwen2.5-Omni on texts that count upwards without end or
say one sentence for ever, in prose and in JSON: the worst habits of the published one ("until At 1037s" on a clip of
17 s). Its `caption()` then captions clips of 5 to 25 s, by sampling, half in prose and half in JSON: without guards,
with each, and with all. The vocabulary is laid out by `python tests/real_clips.py DIR`. 500 captions take a quarter
of an hour on one core, and half of one with all guards.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import counting_captioner as counting
import qwen_vocabulary
import tiny_captioners

from asid_hf.anchors import parse_anchors
from asid_hf.captioner.decoding_anchors import AnchorGuard, BanAt
from asid_hf.captioner.decoding_json import JsonFields
from asid_hf.captioner.decoding_loops import LoopBreak, LoopStop, find_loop
from asid_hf.captioner.decoding_text import told
from asid_hf.captioner.decoding_vocabulary import digit_ids

GUARDS = {
    "none": {},
    "times": {"anchor_guard": True},
    "loops": {"loop_guard": True},
    "json": {"json_guard": True},
    "all": {"anchor_guard": True, "loop_guard": True, "json_guard": True},
}
OFF = {"anchor_guard": False, "loop_guard": False, "json_guard": False}
DRAWN = {"do_sample": True, "temperature": 0.6, "top_k": 20, "repetition_penalty": 1.0, "max_new_tokens": 160}
SMALL = {"min_pixels": 4 * 28 * 28, "frame_pixels": 6 * 28 * 28}
BATCH = 50


class Figures(NamedTuple):
    """Of one way of decoding: shares of the captions, tokens a caption, and milliseconds a token that guards took."""

    beyond: float
    disordered: float
    looping: float
    valid: float
    tokens: float
    cost: float


def main() -> None:
    """Train, write, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=500, help="for each way of decoding")
    parser.add_argument("--guards", nargs="+", choices=GUARDS, default=list(GUARDS), help="default: each way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300, help="of training")
    arguments = parser.parse_args()
    if reason := qwen_vocabulary.missing():
        parser.error(reason)
    torch.set_num_threads(1)  # of products this small threads take more time than they save
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        omni = tiny_captioners.build_whole_omni(Path(folder, "omni"), Path(folder, "vocabulary"))
        model = counting.counting_captioner(omni, arguments.steps, arguments.seed, looping=0.4)
    print(f"trained in {time.perf_counter() - began:.0f} s; {arguments.captions} captions each")
    print(f"{'guards':8}{'beyond':>9}{'disorder':>10}{'looping':>9}{'JSON':>8}{'tokens':>8}{'ms/token':>10}")
    for guards in arguments.guards:
        figures = measure(model, guards, arguments.captions, arguments.seed)
        shares = f"{figures.beyond:>9.1%}{figures.disordered:>10.1%}{figures.looping:>9.1%}{figures.valid:>8.1%}"
        print(f"{guards:8}{shares}{figures.tokens:>8.0f}{figures.cost:>10.2f}", flush=True)


def measure(model: Any, guards: str, captions: int, seed: int) -> Figures:
    """Write captions, half of them prose and half JSON, and look at them."""
    draw = random.Random(seed)
    found, valid, tokens = [], 0, 0
    options = {**DRAWN, **SMALL, **OFF, **GUARDS[guards], "system_prompt": counting.SYSTEM, "batch_size": BATCH}
    with timed() as spent:
        for form, instruction in (("text", counting.PROSE), ("json", counting.JSON)):
            clips = [shown(draw.randint(5, 25)) for _ in range(captions // 2)]
            for caption in model.caption(clips, counting.KEYS, form, instruction=instruction, seed=seed, **options):
                if caption.error:
                    raise SystemExit(f"a clip could not be captioned: {caption.error}")
                found.append(faults(model.processor.tokenizer, caption))
                valid += form == "json" and is_answer(caption.raw)
                tokens += caption.tokens["new"]
    beyond, disordered, looping = (sum(column) / len(found) for column in zip(*found, strict=True))
    return Figures(
        beyond, disordered, looping, valid / (captions // 2), tokens / len(found), 1000 * sum(spent) / tokens
    )


def shown(seconds: int) -> dict:
    """A clip of that length: four black pictures."""
    return {"frames": np.zeros((4, 56, 56, 3), np.uint8), "fps": 4 / seconds}


@contextmanager
def timed() -> Iterator[list[float]]:
    """Seconds of each call of a guard, while this lasts."""
    spent: list[float] = []
    kept = {kind: kind.__call__ for kind in (AnchorGuard, BanAt, JsonFields, LoopBreak, LoopStop)}

    def clocked(call: Any) -> Any:
        @functools.wraps(call)  # transformers reads the names of its arguments
        def run(guard: Any, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
            began = time.perf_counter()
            told = call(guard, input_ids, scores, **more)
            spent.append(time.perf_counter() - began)
            return told

        return run

    for kind, call in kept.items():
        kind.__call__ = clocked(call)
    try:
        yield spent
    finally:
        for kind, call in kept.items():
            kind.__call__ = call


def faults(tokenizer: Any, caption: Any) -> tuple[bool, bool, bool]:
    """Whether times lie beyond the clip's end, are out of order in one text, and whether it loops."""
    texts = list(caption.attributes.values()) or fields(caption.text)
    anchors = [[anchor for anchor in parse_anchors(text) if anchor.kind != "duration"] for text in texts]
    beyond = any(max(anchor.times) > caption.duration for own in anchors for anchor in own if anchor.times)
    disordered = any(told(own, 0.0, float("inf"))[0] for own in anchors)
    looping = any(find_loop(tokenizer(text)["input_ids"], digit_ids(tokenizer)) for text in texts if text)
    return beyond, disordered, looping


def fields(text: str) -> list[str]:
    """The texts of an answer that is no JSON, but may begin like it: what stands in a field, and behind it."""
    return re.split(rf'"(?:, |\}}|: |(?:{"|".join(counting.KEYS)})")', text)


def is_answer(text: str) -> bool:
    """Whether it is a JSON object of the keys asked for, in their order."""
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and tuple(answer) == counting.KEYS


if __name__ == "__main__":
    main()
