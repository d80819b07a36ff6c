"""What a tiny captioner has learned, on clips that were held out: marked by rules against what is true.

    python recipes/tiny/score.py --model tiny/stage3/merged

prints, for each attribute, how often all of its facts are told and right in a caption of all attributes, beside chance
and beside the most frequent answer; the same without sound, with the sound of another clip, with the pictures in
another order in time, and of the longer clips; and how often a request for one attribute, or for several, is answered
with those and no others.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_data import GROUPS, read_truth
from world import FACTS_OF, VALUES, attributes_told, read_facts, sounds_of

import asid_hf  # noqa: F401  (makes load_dataset("asid-1m") known)
from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.instructions import draw_some
from asid_hf.media import Clip, open_clip
from asid_hf.schema import ATTRIBUTES

HELD_OUT = 0.1  # as in the recipes
LONGER = "longer clips"
SIZES = (2, 3, 4)
WRITING = {"batch_size": 32, "max_new_tokens": 200, "seed": 1}  # instructions are drawn otherwise than in training


def main() -> None:
    """Caption, mark, print; and write the figures where `--json` says."""
    options = _arguments()
    torch.set_num_threads(options.threads)
    model = AsidCaptionerForConditionalGeneration.from_pretrained(options.model)
    told = score(model, options.data, options.clips, options.conditions, options.follow)
    print(render(told))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a captioner, or of an adapter")
    parser.add_argument("--data", type=Path, default=Path("tiny"), help="what make_data.py wrote (default: tiny)")
    parser.add_argument("--clips", type=int, default=160, help="held-out clips of 3 s (default: 160)")
    parser.add_argument("--follow", type=int, default=80, help="requests for one, and for several (default: 80)")
    parser.add_argument(
        "--conditions", nargs="*", choices=CONDITIONS, default=list(CONDITIONS), help="ways to show clips"
    )
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def score(
    model: Any, data: Path, clips: int = 160, conditions: Sequence[str] = ("as it is",), follow: int = 80
) -> dict[str, Any]:
    """Caption held-out clips and mark the captions.

    Args:
        model: the captioner.
        data: folder of `make_data`.
        clips: how many held-out clips, at most.
        conditions: of `CONDITIONS`.
        follow: requests for one attribute, and as many for several.

    Returns:
        `exact` {condition: {attribute: share}}, its last that of the longer held-out clips, shown as they are; `chance`
        and `majority` {attribute: share}, `follow` {one, several: share}, `clips` {short, long: how many}.

    Example:
        >>> score(model, Path("tiny"))["exact"]["as it is"]["speech"]  # doctest: +SKIP
        0.95
    """
    truth = read_truth(data)
    ids, long_ids = (held_out_ids(data, group)[:clips] for group in GROUPS)
    opened, facts = _open(ids, data, model), [truth[name]["facts"] for name in ids]
    exact = {}
    for condition in conditions:
        shown, options = CONDITIONS[condition](opened)
        texts = [caption.raw for caption in model.caption(shown, **WRITING, **options)]
        exact[condition] = {name: mark(name, texts, facts) for name in FACTS_OF}
    if long_ids:
        texts = [caption.raw for caption in model.caption(_open(long_ids, data, model), **WRITING)]
        exact[LONGER] = {name: mark(name, texts, [truth[one]["facts"] for one in long_ids]) for name in FACTS_OF}
    return {
        "clips": {"short": len(ids), "long": len(long_ids)},
        "exact": exact,
        "chance": {name: chance(name, facts) for name in FACTS_OF},
        "majority": {name: majority(name, facts) for name in FACTS_OF},
        "follow": follow_rates(model, opened, ids, follow),
    }


def held_out_ids(data: Path, group: str) -> list[str]:
    """Ids of the clips of a group that no recipe trains on."""
    from datasets import load_dataset

    options = {"data_dir": str(data / "data"), "groups": [group], "held_out": HELD_OUT}
    return load_dataset("asid-1m", "all_attributes", split="validation", **options)["video_id"]


def _open(ids: Sequence[str], data: Path, model: Any) -> list[Clip]:
    return [open_clip(str(data / "data" / "videos" / f"{name}.mp4"), **model.config.media) for name in ids]


def mark(attribute: str, texts: Sequence[str], facts: Sequence[dict]) -> float:
    """Share of texts that tell all facts of an attribute, rightly."""
    right = [
        all(read_facts(text)[name] == true[name] for name in FACTS_OF[attribute])
        for text, true in zip(texts, facts, strict=True)
    ]
    return float(np.mean(right))


def chance(attribute: str, facts: Sequence[dict]) -> float:
    """What an even guess would get."""
    allowed = {**VALUES, "sound": sounds_of(any(true["sound"] in VALUES["sound"][5:] for true in facts))}
    return float(np.prod([1 / len(allowed[name]) for name in FACTS_OF[attribute]]))


def majority(attribute: str, facts: Sequence[dict]) -> float:
    """What the most frequent answer would get."""
    counts = Counter(tuple(true[name] for name in FACTS_OF[attribute]) for true in facts)
    return counts.most_common(1)[0][1] / len(facts)


def follow_rates(model: Any, opened: Sequence[Clip], ids: Sequence[str], count: int) -> dict[str, float]:
    """How often a request for one attribute, or for two to four, is answered with those and no others."""
    asked: dict[str, list[tuple[str, ...]]] = {"one": [], "several": []}
    for place in range(count):
        asked["one"].append((ATTRIBUTES[place % len(ATTRIBUTES)],))
        asked["several"].append(
            tuple(draw_some(ATTRIBUTES, SIZES[place % len(SIZES)], "follow", ids[place % len(ids)]))
        )
    told = {}
    for kind, wanted in asked.items():
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, names in enumerate(wanted):
            groups.setdefault(names, []).append(place)
        followed = []
        for names, places in groups.items():  # one call an instruction's attributes
            captions = model.caption([opened[place % len(opened)] for place in places], list(names), **WRITING)
            followed += [attributes_told(caption.raw) == set(names) for caption in captions]
        told[kind] = float(np.mean(followed)) if followed else 0.0
    return told


def _as_it_is(clips: list[Clip]) -> tuple[list[Clip], dict]:
    return clips, {}


def _without_sound(clips: list[Clip]) -> tuple[list[Clip], dict]:
    return clips, {"load_audio_from_video": False}


def _other_sound(clips: list[Clip]) -> tuple[list[Clip], dict]:
    """Each clip with the sound of the next one."""
    return [replace(clip, audio=clips[(place + 1) % len(clips)].audio) for place, clip in enumerate(clips)], {}


def _shuffled(clips: list[Clip]) -> tuple[list[Clip], dict]:
    """Each clip's pictures in another order in time."""
    made = []
    for place, clip in enumerate(clips):
        order = np.random.default_rng(place).permutation(len(clip.frames))
        made.append(replace(clip, frames=np.ascontiguousarray(clip.frames[order])))
    return made, {}


CONDITIONS: dict[str, Callable] = {
    "as it is": _as_it_is,
    "without sound": _without_sound,
    "sound of another clip": _other_sound,
    "pictures out of order": _shuffled,
}


def render(told: dict[str, Any]) -> str:
    """The figures for people."""
    counts = " and ".join(f"{count} {kind}" for kind, count in told["clips"].items())
    lines = [f"{counts} held-out clips; share of captions with all facts of the attribute right"]
    columns = {**told["exact"], "chance": told["chance"], "most frequent": told["majority"]}
    wide = max(map(len, columns))
    lines.append(" " * wide + "".join(f"{name:>10}" for name in FACTS_OF))
    for name, shares in columns.items():
        lines.append(f"{name:<{wide}}" + "".join(f"{shares[attribute]:>10.3f}" for attribute in FACTS_OF))
    follow = told["follow"]
    lines.append(
        f"requests answered with what was asked for alone: one {follow['one']:.3f}, several {follow['several']:.3f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
