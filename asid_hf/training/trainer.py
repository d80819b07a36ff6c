"""TRL's `SFTTrainer` for clips: an exact order, a count of what became of the rows, the captioner's own card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from peft import PeftModel
from torch.distributed.tensor import DTensor, Partial
from transformers import TrainerCallback, TrainerState
from transformers.trainer import TRAINING_ARGS_NAME
from trl import SFTTrainer
from trl.trainer import utils as trl_utils

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.training.card import write_card
from asid_hf.training.collator import TOLD, BatchReport
from asid_hf.training.ordering import SeededOrder

FAILED = "failed_clips.jsonl"
LEAST_FAILED = 10  # rows that may fail in any case before a run ends for it


class CaptionerTrainer(SFTTrainer):
    """Trains an ASID-Captioner on training rows (see `formatting.training_features`).

    Beside what TRL logs: tokens of each modality, rows that were fitted, rows that failed and were replaced (named in
    `failed_clips.jsonl`). Where more than `max_lost` of the rows fail, the run saves a checkpoint and ends.

    Args:
        max_lost: that share.
        eval_collator: makes the batches of held-out rows; None: as those of the others.
        facts: what the model card tells beside the log, see `card.render_card`.
        **kwargs: of `SFTTrainer`.

    Attributes:
        ended_for: why the run ended before its last step, or None.

    Example:
        >>> CaptionerTrainer(model=model, args=training, train_dataset=rows, ...).train()  # doctest: +SKIP
    """

    _tag_names = ["trl", "sft", "asid-captioner"]  # noqa: RUF012  (TRL has it so)

    def __init__(
        self, *, max_lost: float = 1.0, facts: dict[str, Any] | None = None, eval_collator: Any = None, **kwargs: Any
    ) -> None:
        self.max_lost, self.facts, self.eval_collator = max_lost, facts or {}, eval_collator
        self.ended_for: str | None = None
        self._new, self._seen, self._lost = BatchReport(), 0, 0
        self._order: SeededOrder | None = None
        super().__init__(**kwargs)
        self.add_callback(_Epochs(self))

    def compute_loss(
        self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As TRL's; the report of the batch is taken out and counted."""
        report = inputs.pop(TOLD, None)
        if report is not None and self.model.training:
            self._new.rows += report.rows
            self._new.fitted += report.fitted
            self._new.failed += report.failed
            self._new.lost += report.lost
            for name, count in report.tokens.items():
                self._new.tokens[name] += count
        with labelled_positions(), averaged_head(self.accelerator.unwrap_model(self.model)):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL's, with what became of the rows since the last time."""
        if ("loss" in logs and self.model.training) or "train_loss" in logs:
            logs |= self._told()
        super().log(logs, start_time)

    def _told(self) -> dict[str, float]:
        """What became of the rows of all processes since the last time; ends a run in which too many fail."""
        reports = gather_object([self._new]) if self.accelerator.num_processes > 1 else [self._new]
        self._new = BatchReport()
        rows = sum(report.rows for report in reports)
        failed = [one for report in reports for one in report.failed]
        self._seen, self._lost = self._seen + rows, self._lost + sum(report.lost for report in reports)
        if failed and self.is_world_process_zero():
            with Path(self.args.output_dir, FAILED).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in failed)
        if self._lost > max(LEAST_FAILED, self.max_lost * self._seen):
            self.ended_for = (
                f"{self._lost} of {self._seen} rows failed, over max_lost={self.max_lost:g}; the last: "
                f"{failed[-1]['message'] if failed else ''} All are in {FAILED} of the output folder. Mend or remove "
                "them, or raise max_lost, and go on from the checkpoint (resume_from_checkpoint: true)."
            )
            self.control.should_save = self.control.should_training_stop = True
        told = {f"tokens/{name}": sum(r.tokens[name] for r in reports) / max(rows, 1) for name in self._new.tokens}
        return {**told, "rows/fitted": sum(report.fitted for report in reports), "rows/failed": self._lost}

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        kind = self.args.train_sampling_strategy
        if not isinstance(rows, Dataset) or kind not in ("random", "group_by_length"):
            return super()._get_train_sampler(train_dataset)
        lengths = rows["length"] if kind == "group_by_length" and "length" in rows.column_names else None
        together = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        self._order = SeededOrder(len(rows), seed, lengths, together)
        return self._order

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """As transformers', with the collator of held-out rows: none of them becomes a row that is trained on."""
        own = self.data_collator
        self.data_collator = self.eval_collator or own
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = own

    def take_state(self, checkpoint: str, state: TrainerState) -> None:
        """Be where a run has ended: its weights and its log, without a step.

        Args:
            checkpoint: folder of its last step.
            state: of that checkpoint.
        """
        self._load_from_checkpoint(checkpoint)
        self.state = state

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        # As they lie: transformers would look for token ids in the rows, to group them by length.
        return None if self.args.world_size > 1 else torch.utils.data.SequentialSampler(eval_dataset)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """As transformers', which reads the names that weights have in files for those that they have in the model."""
        model = self.model if model is None else model
        if self.is_fsdp_enabled or isinstance(model, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            _set_weights(model, resume_from_checkpoint)

    def _load_best_model(self) -> None:
        if self.is_fsdp_enabled or self.is_deepspeed_enabled or isinstance(self.model, PeftModel):
            super()._load_best_model()
        else:
            _set_weights(self.model, self.state.best_model_checkpoint)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """As transformers', without the pickle of the arguments, which may hold a token and holds folders."""
        super()._save(output_dir, state_dict)
        Path(output_dir or self.args.output_dir, TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write the card of the captioner; see `card.write_card`."""
        if self.is_world_process_zero():
            write_card(Path(self.args.output_dir), self.facts, self.state.log_history)


@contextmanager
def labelled_positions() -> Iterator[None]:
    """On processors, let the language model's head score only the positions that have a label, as on GPUs.

    TRL's fused head (1.16) scores every position wherever it has no Triton kernel, so that devices which compile for
    each shape do not compile anew for each batch. Processors do not; of a row that asks for one attribute one position
    in twenty has a label.

    Example:
        >>> with labelled_positions(): loss = model(**batch, fused_lm_head=True).loss  # doctest: +SKIP
    """
    has_kernel = trl_utils._use_triton
    trl_utils._use_triton = lambda device: device.type == "cpu" or has_kernel(device)
    try:
        yield
    finally:
        trl_utils._use_triton = has_kernel


@contextmanager
def averaged_head(model: Any) -> Iterator[None]:
    """Under FSDP2, let the gradient of the language model's head be the mean over all processes, as all others are.

    TRL's fused head (1.16) gathers the head's weight by itself, and what flows back into it stays in the process: each
    keeps its own rows' gradient for its own part of the weight. Everywhere else this does nothing.

    Example:
        >>> with averaged_head(model): loss = model(**batch, fused_lm_head=True).loss  # doctest: +SKIP
    """
    head = None if isinstance(model, PeftModel) else model.get_output_embeddings()  # which LoRA does not train
    weight = getattr(head, "weight", None)
    if not isinstance(weight, DTensor) or not weight.requires_grad:
        yield
        return
    gathered = weight.full_tensor(grad_placements=[Partial("avg")] * weight.device_mesh.ndim)
    model.get_output_embeddings = lambda: SimpleNamespace(weight=gathered, bias=None)
    try:
        yield
    finally:
        del model.get_output_embeddings


def _set_weights(model: AsidCaptionerForConditionalGeneration, folder: str) -> None:
    """Give a model the weights of a checkpoint, every one of them."""
    held = AsidCaptionerForConditionalGeneration.from_pretrained(folder, dtype=model.dtype)
    model.load_state_dict(held.state_dict())


class _Epochs(TrainerCallback):
    """Tells the order which epoch begins: accelerate does not reach it where batches are skipped and shared out."""

    def __init__(self, trainer: CaptionerTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.trainer._order is not None:
            self.trainer._order.set_epoch(int((state.epoch or 0) + 1e-6))
