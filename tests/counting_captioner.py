"""A tiny captioner over the real vocabulary, trained to run away: it counts on past every clip's end."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import tiny_captioners
from qwen_vocabulary import ROWS

SYSTEM, PROSE, JSON = "You describe.", "Describe the video.", "Describe it in JSON."
KEYS = ("actions", "camera")
EVENTS = ("a man walks in", "the dog barks", "a woman laughs", "it rains", "music begins")
SIZES = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2}
LONGEST = 110


def counting_captioner(omni: Path, steps: int = 450, seed: int = 0, looping: float = 0.0, in_json: float = 0.5) -> Any:
    """Train one in seconds: its softmax runs over the tokens in use, and over one that stands for all others.

    `looping`: share of the texts that say one sentence for ever instead of counting. `in_json`: share of the answers in
    JSON; one so small that has learned both mixes them up now and then.
    """
    import torch

    from asid_hf.captioner import AsidCaptionerConfig, AsidCaptionerForConditionalGeneration, AsidCaptionerProcessor

    processor = AsidCaptionerProcessor.from_pretrained(omni)
    torch.manual_seed(seed)
    draw = random.Random(seed)
    ids = [
        processor.tokenizer(text)["input_ids"][:LONGEST]
        for text in (sample(processor, draw, looping, in_json) for _ in range(300))
    ]
    used = sorted({token for row in ids for token in row} | set(tiny_captioners.IDS.values()))
    places = {token: place for place, token in enumerate(used)}
    vision = {**tiny_captioners.VISION, "out_hidden_size": SIZES["hidden_size"]}
    audio = {**tiny_captioners.AUDIO, "output_dim": SIZES["hidden_size"]}

    def make(vocabulary: int) -> Any:
        rope = {**tiny_captioners.ROPE, "mrope_section": [2, 3, 3]}
        text = {**tiny_captioners.TEXT, **SIZES, "rope_parameters": rope, "vocab_size": vocabulary}
        config = {"text_config": text, "vision_config": vision, "audio_config": audio, **tiny_captioners.IDS}
        return AsidCaptionerForConditionalGeneration(AsidCaptionerConfig(**config))

    small = make(len(used) + 1)
    text = [weight for name, weight in small.named_parameters() if "language_model" in name or "lm_head" in name]
    optimizer = torch.optim.AdamW(text, lr=6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    others = torch.nn.functional.pad(torch.tensor([math.log(ROWS - len(used))]), (len(used), 0))
    for _ in range(steps):
        batch = torch.full((8, LONGEST), -100)
        for row in batch:
            own = draw.choice(ids)
            row[: len(own)] = torch.tensor([places[token] for token in own])
        mask = (batch != -100).long()
        logits = small(input_ids=batch.masked_fill(batch == -100, len(used)), attention_mask=mask).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy((logits + others).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model = make(ROWS)
    weights = small.state_dict()
    for name in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        rows = weights[name]
        weights[name] = rows[-1].repeat(ROWS, 1)
        weights[name][used] = rows[:-1]
    model.load_state_dict(weights)
    with torch.no_grad():  # it never saw a clip: what it is shown is to be nothing to it
        for weight in (*model.model.visual.merger.mlp[-1].parameters(), *model.model.audio_tower.proj.parameters()):
            weight.zero_()
    model.processor = processor
    return model.eval()


def sample(processor: Any, draw: random.Random, looping: float, in_json: float) -> str:
    """A conversation whose answer runs away: in prose, or in each text of a JSON object."""
    as_json = draw.random() < in_json
    words = JSON if as_json else PROSE
    turns = [("system", SYSTEM), ("user", words)]
    talk = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    prompt = processor.apply_chat_template(talk, add_generation_prompt=True)
    prompt = prompt.replace("<|im_start|>user\n", "<|im_start|>user\n<|vision_bos|><|vision_eos|>")  # as beside a clip
    if as_json:
        return prompt + "{" + ", ".join(f'"{key}": "{runaway(draw, 6, looping)}"' for key in KEYS) + "}<|im_end|>"
    return prompt + runaway(draw, 30, looping)


def runaway(draw: random.Random, length: int, looping: float) -> str:
    """One sentence for ever, or times that count on."""
    if looping and draw.random() < looping:
        return " ".join([f"{draw.choice(EVENTS).capitalize()}."] * length)
    return counting(draw, length)


def counting(draw: random.Random, length: int) -> str:
    """Sentences with times that rise, or now and then fall, for ever."""
    form = draw.choice(["At {}s, {}.", "At {} seconds, {}.", "From {}s on, {}."])
    time, parts = draw.randint(0, 2), []
    for _ in range(length):
        parts.append(form.format(time, draw.choice(EVENTS)))
        time += draw.choice([1, 1, 2, 3, -2]) if time > 2 else 2
    return " ".join(parts)
