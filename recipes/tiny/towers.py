"""Training the towers of the tiny Omni: each names the facts of clips that the data does not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning import ahead, train
from make_data import read_truth
from rendering import pictures, seen_times, soundtrack
from tiny_omni import MEDIA, WIDTH
from torch.nn.functional import cross_entropy, rms_norm
from torch.utils.data import Dataset
from world import LONG, SHORT, VALUES, Facts, draw_facts, name_clips

from asid_hf.captioner.pictures import patches_of
from asid_hf.captioner.sounds import mel_of
from asid_hf.instructions import draw
from asid_hf.media import open_clip

SEEN = ("background", "colour", "shape", "direction", "camera")
HEARD = ("sound",)
CLIPS = {"seen": 32, "heard": 32}  # a step of each tower
_LONG_EVERY = 5  # clips: one of so many is long
_RATE = 1.5e-3


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


def train_tower(tower: torch.nn.Module, thinker: Any, heads: torch.nn.ModuleDict, batches: ClipBatches) -> float:
    """Train a tower, and the heads that read it, to tell the facts of clips; see `learning.train`.

    Example:
        >>> batches = ClipBatches("heard", 100, 0, ("low", "high"), processor)  # doctest: +SKIP
        >>> train_tower(thinker.model.audio_tower, thinker, heads, batches)  # doctest: +SKIP
        0.01
    """

    def loss_of(batch: dict) -> torch.Tensor:
        found = read_batch(thinker, heads, batch)
        return sum(cross_entropy(told, batch[name]) for name, told in found.items())

    return train(ahead(batches), loss_of, [*tower.parameters(), *heads.parameters()], _RATE, f"what is {batches.sense}")


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
