"""Make the base of the tiny recipes: a small Qwen2.5-Omni that sees, hears and speaks, but follows no request yet.

    python recipes/tiny/make_base.py --output tiny

makes the data where it is missing (`make_data.py`) and writes `tiny/base`, a whole checkpoint, and
`tiny/base_report.json`. As in the real model, the towers come trained: here by naming the facts of clips that the data
does not have. The language model has read texts of the same world, in another wording, that tell something and tell it
again, and has been shown such clips beside what some text in that wording tells of them; nothing ever asked for
anything. What the recipes have to teach is the wording of the data, and to tell what is asked and nothing else.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_data import data_options, make_data, read_truth
from rendering import pictures, seen_times, soundtrack
from tiny_omni import MEDIA, WIDTH, build_omni, build_processor, build_tokenizer, save_omni
from torch.nn.functional import cross_entropy, rms_norm
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm
from world import (
    BASE,
    DATASET,
    LONG,
    SHORT,
    VALUES,
    Facts,
    all_sentences,
    draw_facts,
    forms,
    name_clips,
    sentence,
    sounds_of,
)

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.captioner.pictures import patches_of
from asid_hf.captioner.sounds import mel_of
from asid_hf.instructions import ANSWERS, SYSTEM_PROMPT, draw, draw_instruction
from asid_hf.media import open_clip
from asid_hf.schema import ATTRIBUTES
from asid_hf.training.collator import TOLD, OmniCollator
from asid_hf.training.formatting import VIDEO_TAG
from asid_hf.training.freezing import TRAINABLE, freeze

REPORT = "base_report.json"
SEEN = ("background", "colour", "shape", "direction", "camera")
HEARD = ("sound",)
CLIPS = {"seen": 64, "heard": 32}  # a step of each tower
_LONG_EVERY = 5  # clips: one of so many is long
TEXTS = 32  # a step of the language model
SHOWN = 16  # clips of a step in which it is shown them


def make_base(
    output: Path,
    seed: int = 0,
    seen_steps: int = 450,
    heard_steps: int = 100,
    text_steps: int = 400,
    shown_steps: int = 400,
    vocabulary: int = 1024,
    checked: int = 200,
    threads: int = 1,
    **data: Any,
) -> dict:
    """Train the base, or do nothing where it is there already.

    Args:
        output: folder of the data, see `make_data`; the base goes into its folder `base`.
        seed: of the weights and of the clips and texts that the base is trained on.
        seen_steps: of the vision tower.
        heard_steps: of the audio tower.
        text_steps: of the language model.
        shown_steps: of the language model and the projectors, on clips and texts.
        vocabulary: tokens, at most.
        checked: clips of the data on which the towers are checked.
        threads: of torch.
        **data: further options of `make_data`.

    Returns:
        The report: accuracies, loss, parameters, seconds.

    Example:
        >>> make_base(Path("tiny"))["accuracy"]["colour"]  # doctest: +SKIP
        1.0
    """
    make_data(output, seed, **data)
    if (output / REPORT).exists():  # written last
        print(f"{output / 'base'} is there already")
        return json.loads((output / REPORT).read_text())
    torch.set_num_threads(threads)
    start = time.monotonic()
    sounds = sounds_of(json.loads((output / "options.json").read_text())["spoken"])
    tokenizer = build_tokenizer(vocabulary_texts(), vocabulary)
    processor = build_processor(tokenizer)
    omni = build_omni(tokenizer, seed)
    thinker = omni.thinker
    heads = new_heads()
    for sense, tower, steps, rate in (
        ("seen", thinker.model.visual, seen_steps, 1.5e-3),
        ("heard", thinker.model.audio_tower, heard_steps, 1.5e-3),
    ):
        train_tower(tower, thinker, heads, ClipBatches(sense, steps, seed, sounds, processor), rate)
    accuracy = check_towers(thinker, heads, processor, output, checked)
    loss = train_language(thinker, tokenizer, sounds, text_steps, seed)
    # The towers' tokens stay far longer than the words' embeddings. To shorten them, the projectors' weights would have
    # to be so small that a single step of training takes what they know.
    save_omni(omni.eval(), processor, output / "base")
    captioner = AsidCaptionerForConditionalGeneration.from_pretrained(output / "base")
    shown_loss = train_together(captioner, ShownClips(shown_steps, seed, sounds, processor))
    thinker.load_state_dict(captioner.state_dict())
    save_omni(omni, processor, output / "base")
    report = {
        "accuracy": accuracy,
        "text_loss": loss,
        "shown_loss": shown_loss,
        "vocabulary": len(tokenizer),
        "parameters": sum(weight.numel() for weight in thinker.parameters()),
        "seconds": round(time.monotonic() - start, 1),
        "options": {
            "seed": seed,
            "seen_steps": seen_steps,
            "heard_steps": heard_steps,
            "text_steps": text_steps,
            "shown_steps": shown_steps,
            "sounds": sounds,
        },
    }
    (output / REPORT).write_text(json.dumps(report, indent=2) + "\n")
    for name, share in accuracy.items():
        print(f"{name:12} {share:.3f}")
    print(f"{output / 'base'}: {report['parameters']:,} parameters, {report['seconds']} s")
    return report


def vocabulary_texts() -> Iterator[str]:
    """What the tokenizer is trained on: the world's sentences first of all, then what captioners are asked.

    Example:
        >>> next(vocabulary_texts())[:4]
        ' The'
    """
    for sentences in all_sentences([DATASET, BASE]).values():
        for one in sentences:
            yield from [f" {one}"] * 20 + [one] * 10
    asked = {
        draw_instruction(attributes, str(number), answer=answer)
        for attributes in ([ATTRIBUTES[0]], ATTRIBUTES[:3], ATTRIBUTES[3:6], ATTRIBUTES[5:], ATTRIBUTES)
        for answer in ANSWERS
        for number in range(40)
    }
    yield from [text for text in sorted(asked) for _ in range(2)]
    yield from [SYSTEM_PROMPT, "system user assistant", *(f" {name}: {name}: {name}" for name in ATTRIBUTES)] * 8


class ClipBatches(Dataset):
    """Batches of clips for one tower, drawn when they are wanted; no clip comes twice.

    Args:
        sense: "seen" or "heard".
        steps: how many batches.
        seed: of the clips.
        sounds: that clips may have.
        processor: cuts pictures and sound as the captioner is shown them.

    Example:
        >>> ClipBatches("seen", 4, 0, ("low",), processor)[0]["grid"].tolist()  # doctest: +SKIP
        [[1, 6, 6], ...]
    """

    def __init__(self, sense: str, steps: int, seed: int, sounds: tuple[str, ...], processor: Any) -> None:
        self.sense, self.steps, self.seed, self.sounds, self.processor = sense, steps, seed, sounds, processor

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        drawn, clips = [], []
        for number, clip_id in enumerate(name_clips(f"{self.sense}_{step}", self.seed, CLIPS[self.sense])):
            facts = draw_facts(clip_id, self.sounds, SHORT if number % _LONG_EVERY else LONG)
            if self.sense == "seen":
                # The tower looks at each pair of pictures by itself: as many clips as possible, one pair of each.
                times = seen_times(facts.seconds)
                first = 2 * draw(len(times) // 2, clip_id, "pair")
                drawn.append(pictures(facts, clip_id, times[first : first + 2]))
                clips.append(facts)
            elif facts.track:
                drawn.append(soundtrack(facts, clip_id))
                clips.append(facts)
        return (seen_batch if self.sense == "seen" else heard_batch)(drawn, clips, self.processor)


def seen_batch(shots: Sequence[np.ndarray], clips: Sequence[Facts], processor: Any) -> dict[str, torch.Tensor]:
    """Pictures (T, 3, 84, 84) uint8 of clips as the vision tower takes them, and the number of each fact's value.

    Example:
        >>> sorted(seen_batch([shots], [facts], processor))  # doctest: +SKIP
        ['background', 'camera', 'colour', 'direction', 'grid', 'patches', 'shape']
    """
    part = processor.video_processor
    patches, grids = zip(*(patches_of(shot, part.image_mean, part.image_std) for shot in shots), strict=True)
    return {"patches": torch.cat(patches), "grid": torch.tensor(grids), **_numbers(SEEN, clips)}


def heard_batch(tracks: Sequence[np.ndarray], clips: Sequence[Facts], processor: Any) -> dict[str, torch.Tensor]:
    """Sounds (N,) float32 as the audio tower takes them, one behind the other, and the number of each fact's value.

    Example:
        >>> sorted(heard_batch([track], [facts], processor))  # doctest: +SKIP
        ['lengths', 'mel', 'sound']
    """
    mels = [mel_of(track, processor.feature_extractor) for track in tracks]
    lengths = torch.tensor([mel.shape[1] for mel in mels])
    return {"mel": torch.cat(mels, dim=1), "lengths": lengths, **_numbers(HEARD, clips)}


def _numbers(names: tuple[str, ...], clips: Sequence[Facts]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([VALUES[name].index(getattr(facts, name)) for facts in clips]) for name in names}


def new_heads() -> torch.nn.ModuleDict:
    """A linear reading of each fact.

    Example:
        >>> new_heads()["shape"].out_features
        3
    """
    return torch.nn.ModuleDict({name: torch.nn.Linear(WIDTH, len(VALUES[name])) for name in (*SEEN, *HEARD)})


def read_batch(thinker: Any, heads: torch.nn.ModuleDict, batch: dict) -> dict[str, torch.Tensor]:
    """What the heads make of a tower's tokens: fact -> (clips, values).

    The tokens are brought to one length each and averaged over the clip, which is what a layer of the language model
    can do with them, too.

    Example:
        >>> read_batch(thinker, heads, batch)["shape"].shape  # doctest: +SKIP
        torch.Size([32, 3])
    """
    if "grid" in batch:
        names, counts = SEEN, batch["grid"].prod(dim=1) // 4
        tokens = thinker.model.visual(batch["patches"], grid_thw=batch["grid"]).pooler_output
    else:
        tower, lengths = thinker.model.audio_tower, batch["lengths"]
        names, (columns, counts) = HEARD, tower._get_feat_extract_output_lengths(lengths)
        tokens = tower(batch["mel"], feature_lens=lengths, aftercnn_lens=columns).last_hidden_state
    parts = rms_norm(tokens, tokens.shape[-1:]).split(counts.tolist())
    average = torch.stack([part.mean(dim=0) for part in parts])
    return {name: heads[name](average) for name in names}


def train_tower(
    tower: torch.nn.Module, thinker: Any, heads: torch.nn.ModuleDict, batches: ClipBatches, rate: float
) -> None:
    """Train a tower, and the heads that read it, to tell the facts of clips.

    Example:
        >>> batches = ClipBatches("heard", 120, 0, ("low", "high"), processor)  # doctest: +SKIP
        >>> train_tower(thinker.model.audio_tower, thinker, heads, batches, 1e-3)  # doctest: +SKIP
    """
    weights = [*tower.parameters(), *heads.parameters()]
    optimizer, schedule = _optimizer(weights, len(batches), rate)
    # A process of its own draws the clips while this one trains.
    ahead = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4, worker_init_fn=_one_thread)
    bar = tqdm(ahead, total=len(batches), desc=f"what is {batches.sense}", mininterval=1)
    for batch in bar:
        found = read_batch(thinker, heads, batch)
        losses = {name: cross_entropy(told, batch[name]) for name, told in found.items()}
        _step(sum(losses.values()), weights, optimizer, schedule)
        bar.set_postfix({name: f"{loss.item():.2f}" for name, loss in losses.items()}, refresh=False)


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


@torch.no_grad()
def check_towers(thinker: Any, heads: torch.nn.ModuleDict, processor: Any, output: Path, count: int) -> dict:
    """Of how many clips of the data, as files, the heads tell each fact right.

    Returns:
        Fact -> share of `count` short clips; "long " and a fact -> share of a fourth as many long ones. Of sound, of
        those with a sound track.

    Example:
        >>> check_towers(thinker, heads, processor, Path("tiny"), 200)["shape"]  # doctest: +SKIP
        1.0
    """
    truth = read_truth(output)
    hits: dict[str, list[bool]] = {}
    for kind, wanted in (("short", count), ("long", count // 4)):
        for clip_id in [one for one in truth if one.startswith(kind)][:wanted]:
            facts = Facts(**truth[clip_id]["facts"])
            clip = open_clip(str(output / "data" / "videos" / f"{clip_id}.mp4"), **MEDIA)
            batches = [seen_batch([clip.frames], [facts], processor)]
            batches += [] if clip.audio is None else [heard_batch([clip.audio], [facts], processor)]
            for batch in batches:
                for name, told in read_batch(thinker, heads, batch).items():
                    key = f"long {name}" if kind == "long" else name
                    hits.setdefault(key, []).append(bool(told.argmax() == batch[name][0]))
    return {name: sum(own) / len(own) for name, own in hits.items()}


def base_text(clip_id: str, sounds: tuple[str, ...], random: np.random.Generator) -> str:
    """A text for the language model: some attributes of a clip, then some of them once more, in the other wording.

    So it learns to find again what has been told, as any language model can that has read much. One half are plain
    texts, in the other half a user tells and an assistant tells again: some of it, whatever the user may want.

    Example:
        >>> base_text("a", ("low",), np.random.default_rng(0)).endswith(("<|im_end|>", "<|endoftext|>"))
        True
    """
    facts = draw_facts(clip_id, sounds)
    names = random.permutation(ATTRIBUTES)[: random.integers(2, 6)].tolist()
    again = random.permutation(names)[: random.integers(1, len(names) + 1)].tolist()
    told, retold = (
        " ".join(sentence(facts, name, int(random.integers(forms(name, BASE))), BASE) for name in chosen)
        for chosen in (names, again)
    )
    if random.random() < 0.5:
        return f"{told} {retold}<|endoftext|>"
    return f"<|im_start|>user\n{told}<|im_end|>\n<|im_start|>assistant\n{retold}<|im_end|>"


def train_language(thinker: Any, tokenizer: Any, sounds: tuple[str, ...], steps: int, seed: int) -> float:
    """Train the language model on texts alone; return the loss of the last tenth of the steps.

    Example:
        >>> train_language(thinker, tokenizer, ("low", "high"), steps=300, seed=0)  # doctest: +SKIP
        0.6
    """
    model = thinker.model.language_model
    weights = [*model.parameters(), *thinker.lm_head.parameters()]
    optimizer, schedule = _optimizer(weights, steps, 2e-3)
    random, losses = np.random.default_rng(seed), []
    bar = tqdm(range(steps), desc="language", mininterval=1)
    for step in bar:
        texts = [base_text(clip_id, sounds, random) for clip_id in name_clips(f"text_{step}", seed, TEXTS)]
        rows = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
        hidden = model(input_ids=rows["input_ids"], attention_mask=rows["attention_mask"]).last_hidden_state
        loss = cross_entropy(thinker.lm_head(hidden[:, :-1]).flatten(0, 1), labels[:, 1:].flatten())
        _step(loss, weights, optimizer, schedule)
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
    return float(np.mean(losses[-max(1, steps // 10) :]))


class ShownClips(Dataset):
    """Batches of clips, each with a text that tells some of its attributes in the other wording; no clip comes twice.

    Args:
        steps: how many batches.
        seed: of the clips and the texts.
        sounds: that clips may have.
        processor: of the captioner.

    Example:
        >>> sorted(ShownClips(4, 0, ("low",), processor)[0])[:2]  # doctest: +SKIP
        ['attention_mask', 'feature_attention_mask']
    """

    def __init__(self, steps: int, seed: int, sounds: tuple[str, ...], processor: Any) -> None:
        self.steps, self.seed, self.sounds = steps, seed, sounds
        self.collate = OmniCollator(processor, seed=seed)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        random = np.random.default_rng([self.seed, step])
        rows = [self._row(clip_id, random) for clip_id in name_clips(f"shown_{step}", self.seed, SHOWN)]
        batch = self.collate(rows)
        report = batch.pop(TOLD)
        if report.failed:
            raise RuntimeError(report.failed[0]["message"])
        return batch

    def _row(self, clip_id: str, random: np.random.Generator) -> dict:
        facts = draw_facts(clip_id, self.sounds)
        names = random.permutation(ATTRIBUTES)[: random.integers(4, len(ATTRIBUTES) + 1)].tolist()
        told = " ".join(sentence(facts, name, int(random.integers(forms(name, BASE))), BASE) for name in names)
        turns = [{"role": "user", "content": VIDEO_TAG}, {"role": "assistant", "content": told}]
        times = seen_times(facts.seconds)
        clip = {"frames": pictures(facts, clip_id, times), "frame_times": times, "audio": soundtrack(facts, clip_id)}
        return {"video_id": clip_id, "attributes": [], "messages": turns, "video": clip}


def train_together(captioner: AsidCaptionerForConditionalGeneration, batches: ShownClips) -> float:
    """Train the language model and the projectors on clips and texts; return the loss of the last tenth of the steps.

    As in a real Omni, the language model then knows what the towers' tokens mean; the towers stay as they are.

    Example:
        >>> train_together(captioner, ShownClips(400, 0, ("low", "high"), processor))  # doctest: +SKIP
        0.4
    """
    freeze(captioner.train(), TRAINABLE)
    weights = [weight for weight in captioner.parameters() if weight.requires_grad]
    optimizer, schedule = _optimizer(weights, len(batches), 2e-3)
    ahead = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4, worker_init_fn=_one_thread)
    losses, bar = [], tqdm(ahead, total=len(batches), desc="clips and texts", mininterval=1)
    for batch in bar:
        loss = captioner(**batch).loss
        _step(loss, weights, optimizer, schedule)
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
    captioner.eval()
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _optimizer(weights: list, steps: int, rate: float) -> tuple[torch.optim.Optimizer, Any]:
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, pct_start=0.1)


def _step(loss: torch.Tensor, weights: list, optimizer: Any, schedule: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    schedule.step()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    data_options(options)
    options.add_argument("--seen-steps", type=int, default=450, help="steps of the vision tower (default: 450)")
    options.add_argument("--heard-steps", type=int, default=100, help="steps of the audio tower (default: 100)")
    options.add_argument("--text-steps", type=int, default=400, help="steps of the language model (default: 400)")
    options.add_argument("--shown-steps", type=int, default=400, help="steps on clips and texts (default: 400)")
    options.add_argument("--vocabulary", type=int, default=1024, help="tokens, at most (default: 1024)")
    options.add_argument("--checked", type=int, default=200, help="clips the towers are checked on (default: 200)")
    options.add_argument(
        "--threads", type=int, default=1, help="of torch; another process draws the clips (default: 1)"
    )
    make_base(**vars(options.parse_args()))
