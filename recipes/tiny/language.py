"""Training the language model of the tiny Omni: on texts, then on clips that some text tells of.

Nothing asks for anything: texts tell and tell again, and clips are told of in a wording that the data does not have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from learning import ahead, train
from rendering import pictures, seen_times, soundtrack
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from world import BASE, draw_facts, forms, name_clips, sentence

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.schema import ATTRIBUTES
from asid_hf.training.collator import TOLD, OmniCollator
from asid_hf.training.formatting import VIDEO_TAG
from asid_hf.training.freezing import TRAINABLE, freeze

TEXTS = 32  # of a step on texts alone
SHOWN = 16  # clips of a step in which they are shown
_RATE = 2e-3


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


class Texts(Dataset):
    """Batches of texts for the language model, see `base_text`; none comes twice.

    Args:
        steps: how many batches.
        seed: of the texts.
        sounds: that clips may have.
        tokenizer: of the captioner.

    Example:
        >>> Texts(4, 0, ("low",), tokenizer)[0]["input_ids"].shape[0]  # doctest: +SKIP
        32
    """

    def __init__(self, steps: int, seed: int, sounds: tuple[str, ...], tokenizer: Any) -> None:
        self.steps, self.seed, self.sounds, self.tokenizer = steps, seed, sounds, tokenizer

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict:
        random = np.random.default_rng([self.seed, step])
        texts = [base_text(name, self.sounds, random) for name in name_clips(f"text_{step}", self.seed, TEXTS)]
        return dict(self.tokenizer(texts, padding=True, padding_side="right", return_tensors="pt"))


def train_language(thinker: Any, batches: Texts) -> float:
    """Train the language model on texts alone; see `learning.train`.

    Example:
        >>> train_language(thinker, Texts(400, 0, ("low", "high"), tokenizer))  # doctest: +SKIP
        0.5
    """
    model = thinker.model.language_model

    def loss_of(batch: dict) -> torch.Tensor:
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        hidden = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return cross_entropy(thinker.lm_head(hidden[:, :-1]).flatten(0, 1), labels[:, 1:].flatten())

    return train(ahead(batches), loss_of, [*model.parameters(), *thinker.lm_head.parameters()], _RATE, "texts")


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
    """Train the language model and the projectors on clips and texts; see `learning.train`.

    As in a real Omni, the language model then knows what the towers' tokens mean; the towers stay as they are.

    Example:
        >>> train_together(captioner, ShownClips(400, 0, ("low", "high"), processor))  # doctest: +SKIP
        0.4
    """
    freeze(captioner.train(), TRAINABLE)
    weights = [weight for weight in captioner.parameters() if weight.requires_grad]

    def loss_of(batch: dict) -> torch.Tensor:
        labels = batch.pop("labels")[:, 1:]
        hidden = captioner.model(**batch).last_hidden_state[:, :-1]
        return cross_entropy(captioner.lm_head(hidden[labels != -100]), labels[labels != -100])

    return train(ahead(batches), loss_of, weights, _RATE, "clips and texts")
