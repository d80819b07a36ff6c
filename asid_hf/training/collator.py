"""Training rows into a batch: clips opened, labels on what the assistant says, rows of all kinds side by side.

It runs in the workers of the data loader, so that clips are decoded while the step before is computed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from asid_hf.captioner.rows import Row
from asid_hf.captioner.sounds import LEAST, mel_tokens
from asid_hf.errors import AsidError, InputError
from asid_hf.instructions import draw
from asid_hf.training.clip_cache import ClipCache
from asid_hf.training.formatting import conversation

if TYPE_CHECKING:
    from datasets import Dataset

    from asid_hf.captioner import AsidCaptionerProcessor

IGNORED = -100
"""Label of a token that is not learned."""

TOLD = "told"
"""Key of a batch under which `BatchReport` lies; the trainer takes it out before the model sees the batch."""

ATTEMPTS = 8  # rows tried in place of one that fails

OF_ITS_BATCH = "of its batch"
"""A row that fails is replaced by another one of its batch, as where rows come in a stream."""


@dataclass
class BatchReport:
    """What became of the rows of a batch.

    Attributes:
        rows: how many; tokens: of each modality; fitted: rows whose clip was lowered to fit in.
        lost: rows that another one stands for; failed: {video_id, reason, message} of each of them, and of rows that
            were tried in their place.

    Example:
        >>> BatchReport(rows=2).failed
        []
    """

    rows: int = 0
    fitted: int = 0
    lost: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("text", "video", "audio"), 0))
    failed: list[dict[str, str]] = field(default_factory=list)

    def count(self, row: Row) -> None:
        """Add a row."""
        self.rows += 1
        self.fitted += any(clip["fitted"] for clip in row.clips)
        for name in self.tokens:
            self.tokens[name] += row.tokens[name]

    def add(self, other: BatchReport | None) -> None:
        """Add what another one counted; None: of a batch that tells nothing."""
        if other is not None:
            for name in ("rows", "fitted", "lost", "failed"):
                setattr(self, name, getattr(self, name) + getattr(other, name))
            for name, count in other.tokens.items():
                self.tokens[name] += count


class OmniCollator:
    """Makes batches of training rows (see `formatting.training_features`).

    Args:
        processor: of the captioner.
        max_length: most tokens of a row with its clip, which is fitted into it; None: no limit.
        media: of the media budget, what differs from the processor's own: fps, max_frames, frame_pixels, ...
        load_audio_from_video: whether clips are heard.
        replacements: rows out of which one that fails is replaced; `OF_ITS_BATCH`: the others of its batch; None: none.
            A row that nothing stands for teaches nothing (no label), so that the batch keeps its size.
        seed: of the replacements.
        dummy_media: add a picture and a sound that nobody attends to where a batch has none, so that every process
            runs the same modules at every step (else DDP dies, and ZeRO-3 hangs, where one has no sound).
        cache_bytes: of decoded clips kept in each worker.
        dtype: of pictures and sound.

    Raises:
        InputError: a chat template whose turns of the assistant cannot be told.

    Example:
        >>> collator = OmniCollator(processor, max_length=16384)  # doctest: +SKIP
        >>> collator([row, row])["labels"].shape  # doctest: +SKIP
        torch.Size([2, 812])
    """

    def __init__(
        self,
        processor: AsidCaptionerProcessor,
        max_length: int | None = None,
        media: Mapping[str, Any] | None = None,
        load_audio_from_video: bool = True,
        replacements: Dataset | str | None = OF_ITS_BATCH,
        seed: int = 0,
        dummy_media: bool = True,
        cache_bytes: int = 2**28,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.processor, self.max_length, self.media = processor, max_length, dict(media or {})
        self.load_audio_from_video, self.dtype = load_audio_from_video, dtype
        self.replacements, self.seed, self.dummy_media = replacements, seed, dummy_media
        self.clips = ClipCache(cache_bytes)
        words = processor.tokenizer
        self._start, self._end = (words.convert_tokens_to_ids(token) for token in ("<|im_start|>", "<|im_end|>"))
        self._assistant = words("assistant\n", add_special_tokens=False)["input_ids"]
        self._check_template()

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A batch.

        Args:
            rows: training rows.

        Returns:
            What `AsidCaptionerProcessor` gives, padded on the right, and `labels` (rows, n), `IGNORED` but on what the
            assistant says, its `<|im_end|>` included; under `TOLD` a `BatchReport`.
        """
        report = BatchReport()
        made = [self._tried(row, report) for row in rows]
        report.lost = made.count(None)
        good = [one for one in made if one is not None]
        if self.replacements == OF_ITS_BATCH and good:
            made = [good[place % len(good)] if one is None else one for place, one in enumerate(made)]
        else:
            made = [self._another(row, report) if one is None else one for row, one in zip(rows, made, strict=True)]
        for row in made:
            report.count(row)
        batch = dict(self.processor.batch(made, padding_side="right"))
        batch["labels"] = torch.full_like(batch["input_ids"], IGNORED)
        for target, row in zip(batch["labels"], made, strict=True):
            target[: row.length] = torch.from_numpy(self.labels(row.ids))
        if self.dummy_media:
            batch = self._with_dummies(batch)
        return {**batch, TOLD: report}

    def prepare(self, row: Mapping[str, Any]) -> Row:
        """A training row's tokens and media.

        Raises:
            AsidError: its clip cannot be read, or its text does not fit.
        """
        if row.get("refused"):
            raise InputError(row["refused"])
        talk = conversation(row)
        text = self.processor.apply_chat_template(talk).removesuffix("\n")  # what follows the last turn is no word
        clip = iter([row["video"]])
        return self.processor.row(
            text,
            {"video": clip},
            max_length=self.max_length,
            dtype=self.dtype,
            opener=self.clips,
            load_audio_from_video=self.load_audio_from_video,
            **self.media,
        )

    def labels(self, ids: np.ndarray) -> np.ndarray:
        """Labels (n,) int64 of one row's tokens: the assistant's words and the end of its turns."""
        labels = np.full_like(ids, IGNORED)
        for start in np.flatnonzero(ids == self._start):
            first = start + 1 + len(self._assistant)
            if list(ids[start + 1 : first]) == self._assistant:
                ends = np.flatnonzero(ids[first:] == self._end)
                last = first + int(ends[0]) + 1 if len(ends) else len(ids)
                labels[first:last] = ids[first:last]
        return labels

    def _tried(self, row: Mapping[str, Any], report: BatchReport) -> Row | None:
        try:
            return self.prepare(row)
        except (
            Exception
        ) as error:  # whatever is wrong with one clip, the run goes on; the trainer ends one where many fail
            reason = getattr(error, "reason", None) or type(error).__name__
            message = str(error) if isinstance(error, AsidError) else f"{type(error).__name__}: {error}"
            if path := (row.get("video") or {}).get("path"):
                message = message.replace(path, _called(path))
            report.failed.append({"video_id": row.get("video_id") or "", "reason": reason, "message": message[:500]})
            return None

    def _another(self, row: Mapping[str, Any], report: BatchReport) -> Row:
        """A row in place of one that failed, the same one each time."""
        rows = self.replacements
        for attempt in range(0 if rows is None or rows == OF_ITS_BATCH else ATTEMPTS):
            place = draw(len(rows), self.seed, row.get("video_id"), *row.get("attributes", ()), attempt)
            made = self._tried(rows[place], report)
            if made is not None:
                return made
        return Row(self.dtype).add_text(np.array([self._start, self._end]))  # no label: it teaches nothing

    def _with_dummies(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Behind the last row, in padding, places for a picture and a sound where there are none."""
        added = []
        if "pixel_values_videos" not in batch:
            pixels = torch.zeros(4, 1176, dtype=self.dtype)
            batch |= {"pixel_values_videos": pixels, "video_grid_thw": torch.tensor([[1, 2, 2]])}
            batch["video_second_per_grid"] = torch.ones(1)
            added.append(self.processor.video_token_id)
        if "input_features" not in batch:
            bands = self.processor.feature_extractor.feature_size
            batch["input_features"] = torch.zeros(1, bands, LEAST, dtype=self.dtype)
            batch["feature_attention_mask"] = torch.ones(1, LEAST, dtype=torch.long)
            added += [self.processor.audio_token_id] * mel_tokens(LEAST)
        if not added:
            return batch
        for name, fill in (
            ("input_ids", self.processor.tokenizer.pad_token_id),
            ("attention_mask", 0),
            ("labels", IGNORED),
        ):
            more = torch.full((len(batch[name]), len(added)), fill)
            batch[name] = torch.cat([batch[name], more], dim=1)
        batch["input_ids"][-1, -len(added) :] = torch.tensor(added)
        return batch

    def _check_template(self) -> None:
        """Refuse a chat template whose assistant's turns are written in another way than `labels` looks for."""
        talk = [{"role": role, "content": [{"type": "text", "text": role}]} for role in ("user", "assistant")]
        ids = np.array(self.processor.tokenizer(self.processor.apply_chat_template(talk))["input_ids"])
        labels = self.labels(ids)
        told = self.processor.tokenizer.decode(labels[labels != IGNORED])
        if told != "assistant<|im_end|>":
            raise InputError(
                f"The chat template does not write turns as <|im_start|>assistant ... <|im_end|>: of the answer "
                f'"assistant" the labels would be {told!r}. Use the template of Qwen2.5-Omni.'
            )


def _called(path: str) -> str:
    """What a log calls a clip: its file's name, no folder of this machine, and no key behind an address."""
    address = path.startswith(("http://", "https://"))
    return os.path.basename(path.partition("?")[0] if address else path.partition("::")[0])
