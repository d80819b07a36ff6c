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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from language import ShownClips, Texts, train_language, train_together
from make_data import data_options, make_data
from tiny_omni import build_omni, build_processor, build_tokenizer, save_omni
from towers import ClipBatches, check_towers, new_heads, train_tower
from world import BASE, DATASET, all_sentences, sounds_of

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.instructions import ANSWERS, SYSTEM_PROMPT, draw_instruction
from asid_hf.schema import ATTRIBUTES

REPORT = "base_report.json"


def make_base(
    output: Path,
    seed: int = 0,
    seen_steps: int = 750,
    heard_steps: int = 80,
    text_steps: int = 400,
    shown_steps: int = 400,
    vocabulary: int = 1024,
    checked: int = 200,
    threads: int = 2,
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
    for sense, tower, steps in (
        ("seen", thinker.model.visual, seen_steps),
        ("heard", thinker.model.audio_tower, heard_steps),
    ):
        train_tower(tower, thinker, heads, ClipBatches(sense, steps, seed, sounds, processor))
    accuracy = check_towers(thinker, heads, processor, output, checked)
    loss = train_language(thinker, Texts(text_steps, seed, sounds, tokenizer))
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


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    data_options(options)
    options.add_argument("--seen-steps", type=int, default=750, help="steps of the vision tower (default: 750)")
    options.add_argument("--heard-steps", type=int, default=80, help="steps of the audio tower (default: 80)")
    options.add_argument("--text-steps", type=int, default=400, help="steps of the language model (default: 400)")
    options.add_argument("--shown-steps", type=int, default=400, help="steps on clips and texts (default: 400)")
    options.add_argument("--vocabulary", type=int, default=1024, help="tokens, at most (default: 1024)")
    options.add_argument("--checked", type=int, default=200, help="clips the towers are checked on (default: 200)")
    options.add_argument(
        "--threads", type=int, default=2, help="of torch; another process draws the clips (default: 2)"
    )
    make_base(**vars(options.parse_args()))
