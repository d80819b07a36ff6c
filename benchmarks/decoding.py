"""What the guards of decoding hold back, and what they cost.

    ASID_HF_TEST_CLIPS=DIR python benchmarks/decoding.py [--captions 500] [--guards none all]

Trains, in seconds, a tiny text model over the real vocabulary of Qwen2 on captions that count upwards without end or
say one sentence for ever, in prose and in JSON: a captioner with the worst habits of the published one ("until At
1037s" on a clip of 17 s). It then writes captions of clips of 5 to 25 s by sampling, half of them prose and half JSON,
without guards, with each, and with all. The vocabulary is laid out by `python tests/real_clips.py DIR`.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import LogitsProcessor, LogitsProcessorList, Qwen2Config, Qwen2ForCausalLM, StoppingCriteriaList

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from qwen_vocabulary import ROWS, qwen_tokenizer

from asid_hf.anchors import parse_anchors
from asid_hf.captioner.decoding_anchors import AnchorGuard
from asid_hf.captioner.decoding_json import JsonFields
from asid_hf.captioner.decoding_loops import LoopBreak, LoopStop, find_loop
from asid_hf.captioner.decoding_text import told, without_cut_time
from asid_hf.captioner.decoding_vocabulary import digit_ids

KEYS = ("scene", "actions", "camera")
LENGTH = 160  # new tokens
BATCH = 50
PROMPTS = {"prose": "Describe the video.\n", "json": "Answer in JSON.\n"}
GUARDS = ("none", "times", "loops", "json", "all")
EVENTS = (
    "a man in a red shirt walks in",
    "the dog barks at the door",
    "a woman laughs",
    "the camera pans left",
    "soft music begins to play",
    "he picks up a cup",
)


class Figures(NamedTuple):
    """Of one way of decoding: shares of the captions, tokens a caption, and milliseconds a token and row."""

    beyond: float
    disordered: float
    looping: float
    valid: float
    tokens: float
    cost: float


class Timed(LogitsProcessor):
    """A processor, or a stopping criterion, that is timed."""

    def __init__(self, inner: object) -> None:
        self.inner, self.seconds = inner, 0.0

    def __call__(self, input_ids: torch.Tensor, scores: object) -> torch.Tensor:
        began = time.perf_counter()
        scores = self.inner(input_ids, scores)
        self.seconds += time.perf_counter() - began
        return scores


def main() -> None:
    """Train, write, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=500, help="for each way of decoding")
    parser.add_argument("--guards", nargs="+", choices=GUARDS, default=GUARDS, help="ways of decoding (default: each)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=400, help="of training")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = qwen_tokenizer(Path(folder))
    began = time.perf_counter()
    model, loss = train(tokenizer, arguments.steps, arguments.seed)
    print(f"trained in {time.perf_counter() - began:.0f} s to a loss of {loss:.2f}; {arguments.captions} captions each")
    print(f"{'guards':8}{'beyond':>9}{'disorder':>10}{'looping':>9}{'JSON':>8}{'tokens':>8}{'ms/token':>10}")
    for guards in arguments.guards:
        figures = measure(model, tokenizer, guards, arguments.captions, arguments.seed)
        shares = f"{figures.beyond:>9.1%}{figures.disordered:>10.1%}{figures.looping:>9.1%}{figures.valid:>8.1%}"
        print(f"{guards:8}{shares}{figures.tokens:>8.0f}{figures.cost:>10.2f}", flush=True)


def train(tokenizer: object, steps: int, seed: int) -> tuple[Qwen2ForCausalLM, float]:
    """A model of two layers whose softmax runs over the tokens in use, and one that stands for all others."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    texts = [bad_caption(draw, form) for _ in range(400) for form in PROMPTS]
    ids = [tokenizer(text)["input_ids"][: LENGTH + 8] for text in texts]
    used = sorted({token for row in ids for token in row} | {tokenizer.eos_token_id})
    places = {token: place for place, token in enumerate(used)}
    config = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    small = Qwen2ForCausalLM(
        Qwen2Config(vocab_size=len(used) + 1, num_key_value_heads=4, tie_word_embeddings=False, **config)
    )
    optimizer = torch.optim.AdamW(small.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        rows = [draw.choice(ids) for _ in range(8)]
        batch = torch.full((len(rows), 96), -100)
        for row, whole in enumerate(rows):
            part = whole[:96] if draw.random() < 0.5 else whole[max(0, len(whole) - 96) :]
            batch[row, : len(part)] = torch.tensor([places[token] for token in part])
        inputs = batch.masked_fill(batch == -100, len(used))
        logits = small(input_ids=inputs).logits[:, :-1]
        # The last class stands for all tokens not in use, each of which will have its score.
        logits = logits + torch.nn.functional.pad(torch.tensor([math.log(ROWS - len(used))]), (len(used), 0))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model = Qwen2ForCausalLM(
        Qwen2Config(vocab_size=ROWS, num_key_value_heads=4, tie_word_embeddings=False, **config, **ends)
    )
    model.load_state_dict({**small.state_dict(), **widened(small, used)})
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = (
        ends["eos_token_id"],
        ends["pad_token_id"],
    )
    return model.eval(), float(loss.detach())


def widened(small: Qwen2ForCausalLM, used: list[int]) -> dict[str, torch.Tensor]:
    """Its embeddings over the whole vocabulary: the row of the tokens not in use goes to each of those."""
    wide = {}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        rows = small.state_dict()[name]
        wide[name] = rows[-1].repeat(ROWS, 1)
        wide[name][used] = rows[:-1]
    return wide


def bad_caption(draw: random.Random, form: str) -> str:
    """A prompt and a caption that goes wrong: counts on, goes back, or repeats itself, till nothing is left."""
    if form == "prose":
        return PROMPTS[form] + runaway(draw, 30)
    fields = {key: runaway(draw, 8) for key in KEYS}
    text = json.dumps(fields, ensure_ascii=False)
    return PROMPTS[form] + (text if draw.random() < 0.5 else text[: -draw.randint(2, 60)] + " and so on" * 20)


def runaway(draw: random.Random, length: int) -> str:
    """Counting on, or one sentence for ever."""
    if draw.random() < 0.5:
        return f"The scene opens. {(draw.choice(EVENTS).capitalize() + '. ') * length}".strip()
    time, parts = draw.randint(0, 4), []
    form = draw.choice(
        ["At {}s, {}.", "At {} seconds, {}.", "At 0:{:02d}, {}.", "From {}s on, {}.", "{} lasts until {}s."]
    )
    for _ in range(length):
        event = draw.choice(EVENTS)
        first, second = (event.capitalize(), time) if form.startswith("{} lasts") else (time, event)
        parts.append(form.format(first, second))
        time += draw.choice([1, 1, 2, 3, 5, -2]) if time > 2 else 2
        time = time if "0:" not in form else time % 60
    return " ".join(parts)


@torch.inference_mode()
def measure(model: Qwen2ForCausalLM, tokenizer: object, guards: str, captions: int, seed: int) -> Figures:
    """Write captions, half of them prose and half JSON, and look at them."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    found, seconds, written = [], 0.0, 0
    for form in PROMPTS:
        for first in range(0, captions // 2, BATCH):
            durations = [float(draw.randint(5, 25)) for _ in range(min(BATCH, captions // 2 - first))]
            rows, spent = write(model, tokenizer, form, guards, durations)
            seconds, written = seconds + spent, written + len(durations) * max(map(len, rows))
            settled = guards == "all"
            found += [look(tokenizer, ids, length, form, settled) for ids, length in zip(rows, durations, strict=True)]
    counts = [sum(column) for column in zip(*found, strict=True)]
    return Figures(
        counts[0] / len(found),
        counts[1] / len(found),
        counts[2] / len(found),
        counts[3] / (len(found) / 2),
        counts[4] / len(found),
        1000 * seconds / written,
    )


def write(
    model: Qwen2ForCausalLM, tokenizer: object, form: str, guards: str, durations: Sequence[float]
) -> tuple[list[list[int]], float]:
    """The tokens of a batch, and the seconds that its guards took."""
    prompt = tokenizer([PROMPTS[form]] * len(durations), return_tensors="pt")["input_ids"]
    start, processors, stops = prompt.shape[1], [], []
    fields = None
    if form == "json" and guards in ("json", "all"):
        fields = JsonFields(tokenizer, KEYS, start, LENGTH, tokenizer.eos_token_id)
    if guards in ("times", "all"):
        processors.append(AnchorGuard(tokenizer, durations, start))
    if guards in ("loops", "all"):
        if fields:
            processors.append(LoopBreak(tokenizer, start, fields.close))
        else:
            stops.append(LoopStop(tokenizer, start))
    processors += [fields] if fields else []
    timed = [Timed(one) for one in processors + stops]
    out = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=True,
        temperature=0.6,
        top_k=20,
        max_new_tokens=LENGTH,
        logits_processor=LogitsProcessorList(timed[: len(processors)]),
        stopping_criteria=StoppingCriteriaList(timed[len(processors) :]),
    )
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    rows = [[token for token in ids if token not in ends] for ids in out[:, start:].tolist()]
    for stop in stops:
        rows = [ids[: stop.loops[row].start] if row in stop.loops else ids for row, ids in enumerate(rows)]
    return rows, sum(one.seconds for one in timed)


def look(
    tokenizer: object, ids: list[int], duration: float, form: str, settled: bool
) -> tuple[bool, bool, bool, bool, int]:
    """Whether times lie beyond the end, are out of order, it loops, it is right JSON; and its tokens.

    `settled`: a time that the end of a text cut off is taken off it, as `caption()` does.
    """
    text = tokenizer.decode(ids)
    try:
        answer = json.loads(text)
        valid = form == "json" and list(answer) == list(KEYS)
    except (ValueError, TypeError):
        answer, valid = None, False
    texts = list(answer.values()) if valid else re.split(rf'"(?:{"|".join(KEYS)})": "', text)
    texts = [without_cut_time(one, duration) for one in texts] if settled else texts
    beyond = disordered = False
    for one in texts:
        # What the very end cut off has not been decided, unless it was taken off.
        whole = valid or settled
        anchors = [a for a in parse_anchors(one) if a.kind != "duration" and (whole or a.end < len(one) - 1)]
        late = [a for a in anchors if a.times and max(a.times) > duration]
        beyond = beyond or bool(late)
        disordered = disordered or bool(told(anchors, 0.0, float("inf"))[0])
    loops = find_loop(ids, digit_ids(tokenizer)) is not None
    return beyond, disordered, loops, valid, len(ids)


if __name__ == "__main__":
    main()
