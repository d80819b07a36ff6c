"""TRL's `SFTTrainer` for clips: an exact order, a count of what became of the rows, the captioner's own card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from huggingface_hub import HfApi
from peft import PeftModel
from transformers import TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import SFTTrainer

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.captioner.remote_code import code_files
from asid_hf.training.card import write_card
from asid_hf.training.collator import IGNORED, TOLD, BatchReport
from asid_hf.training.head import averaged_head, labelled_positions
from asid_hf.training.ordering import SeededOrder
from asid_hf.training.resuming import write_identity

FAILED = "failed_clips.jsonl"
LEAST_FAILED = 10  # rows that may fail in any case before a run ends for it, but for half of a whole run
PUSHED = (  # beside the code; whatever else lies in the output folder may tell of this machine, or of the data
    *("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "adapter_config.json"),
    *("processor_config.json", "preprocessor_config.json", "tokenizer*.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.json", "merges.txt", "chat_template*", "README.md", "training.json"),
)


@dataclass
class HeldOut:
    """What one process saw of held-out rows.

    Attributes:
        loss: summed over tokens; tokens: that have one.
        lost: rows that failed; failed: {video_id, reason, message} of each of them.
    """

    loss: float = 0.0
    tokens: int = 0
    lost: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)


class CaptionerTrainer(SFTTrainer):
    """Trains an ASID-Captioner on training rows (see `formatting.training_features`).

    Beside what TRL logs: tokens of each modality, rows that were fitted, rows that failed and were replaced (named in
    `failed_clips.jsonl`). Where more than `max_lost` of the rows fail, the run saves a checkpoint and ends. A held-out
    loss is the mean over all tokens, whatever the batches and processes are; rows that fail are left out and named.

    Args:
        max_lost: that share.
        eval_collator: makes the batches of held-out rows; None: as those of the others.
        facts: what the model card tells beside the log, see `card.render_card`.
        identity: what the run was started with, see `resuming.identity_of`; it is noted in each checkpoint.
        **kwargs: of `SFTTrainer`.

    Attributes:
        ended_for: why the run ended before its last step, or None.
        published: the folder that is pushed; None: the output folder.

    Example:
        >>> CaptionerTrainer(model=model, args=training, train_dataset=rows, ...).train()  # doctest: +SKIP
    """

    _tag_names = ["trl", "sft", "asid-captioner"]  # noqa: RUF012  (TRL has it so)

    def __init__(
        self,
        *,
        max_lost: float = 1.0,
        facts: dict[str, Any] | None = None,
        eval_collator: Any = None,
        identity: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.max_lost, self.facts, self.eval_collator = max_lost, facts or {}, eval_collator
        self.identity = dict(identity or {})
        self.ended_for: str | None = None
        self.published: Path | None = None
        self._new, self._seen, self._lost, self._last = BatchReport(), 0, 0, ""
        self._held, self._named = HeldOut(), set[str]()
        self._order: SeededOrder | None = None
        super().__init__(**kwargs)
        self.add_callback(_Epochs(self))

    def compute_loss(
        self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As TRL's; the report of the batch is taken out and counted."""
        report = inputs.pop(TOLD, None)
        if self.model.training:
            self._new.add(report)
        else:
            own = self._own_rows(len(inputs["labels"]))
            labels = inputs["labels"].clone()
            labels[own:] = IGNORED
            inputs = {**inputs, "labels": labels}
        with labelled_positions(), averaged_head(self.accelerator.unwrap_model(self.model)):
            made = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if not self.model.training:
            self._held.failed += report.failed if report is not None else []
            self._held.lost += int((labels[:own] == IGNORED).all(dim=1).sum())  # nothing stands for a held-out row
            if tokens := int((inputs["labels"][:, 1:] != IGNORED).sum()):
                self._held.loss += (made[0] if return_outputs else made).item() * tokens
                self._held.tokens += tokens
        return made

    def _own_rows(self, size: int) -> int:
        """How many rows of a held-out batch of this size there are: others may fill up the last one of a process."""
        loader = self.accelerator.gradient_state
        if not (loader.in_dataloader and loader.end_of_dataloader and loader.remainder > 0):
            return size
        return min(size, max(0, loader.remainder - self.accelerator.process_index * size))

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """As transformers', whose loss is a mean of the batches' means; where no row could be read there is none."""
        self._held = HeldOut()
        output = super().evaluation_loop(*args, **kwargs)
        prefix = kwargs.get("metric_key_prefix", "eval")
        parts = gather_object([self._held]) if self.accelerator.num_processes > 1 else [self._held]
        tokens = sum(part.tokens for part in parts)
        output.metrics.pop(f"{prefix}_loss", None)
        if tokens:
            output.metrics[f"{prefix}_loss"] = sum(part.loss for part in parts) / tokens
        output.metrics[f"{prefix}_rows/failed"] = sum(part.lost for part in parts)
        failed = {json.dumps(one): {"held_out": prefix, **one} for part in parts for one in part.failed}
        self._name([one for name, one in failed.items() if f"{prefix} {name}" not in self._named])
        self._named |= {f"{prefix} {name}" for name in failed}  # each is named once, however often it is looked at
        return output

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL's, with what became of the rows since the last time."""
        if ("loss" in logs and self.model.training) or "train_loss" in logs:
            logs |= self._told(at_its_end="train_loss" in logs)
        super().log(logs, start_time)

    def _told(self, at_its_end: bool) -> dict[str, float]:
        """What became of the rows of all processes since the last time; ends a run in which too many fail."""
        reports = gather_object([self._new]) if self.accelerator.num_processes > 1 else [self._new]
        self._new = BatchReport()
        new = BatchReport()
        for report in reports:
            new.add(report)
        self._seen, self._lost = self._seen + new.rows, self._lost + new.lost
        self._last = new.failed[-1]["message"] if new.failed else self._last
        self._name(new.failed)
        allowed = min(LEAST_FAILED, self._seen // 2) if at_its_end else LEAST_FAILED
        if self._lost > max(allowed, self.max_lost * self._seen):
            self.ended_for = (
                f"{self._lost} of {self._seen} rows failed, over max_lost={self.max_lost:g}; the last: {self._last} "
                f"All are in {FAILED} of the output folder. Mend their clips, or raise max_lost, and go on from the "
                "checkpoint (resume_from_checkpoint: true); without those rows, start anew."
            )
            self.control.should_save = self.control.should_training_stop = True
        told = {f"tokens/{name}": count / new.rows for name, count in new.tokens.items() if new.rows}
        return {**told, "rows/fitted": new.fitted, "rows/failed": self._lost}

    def _name(self, failed: list[dict[str, str]]) -> None:
        """Write down which rows failed, and why."""
        if failed and self.is_world_process_zero():
            with Path(self.args.output_dir, FAILED).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in failed)

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
        """As transformers', with the collator of held-out rows, none of which is dropped, or trained on."""
        own, drops = self.data_collator, self.args.dataloader_drop_last
        self.data_collator, self.args.dataloader_drop_last = self.eval_collator or own, False
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator, self.args.dataloader_drop_last = own, drops

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """As transformers'; where no held-out row could be read, it is no better."""
        name = f"eval_{str(self.args.metric_for_best_model).removeprefix('eval_')}"
        return name in metrics and super()._determine_best_metric(metrics, trial)

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

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """As transformers', with what the run was started with; what an earlier run left there is no state of it."""
        if self.is_world_process_zero():
            folder = Path(self._get_output_dir(trial), f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
            (folder / TRAINER_STATE_NAME).unlink(missing_ok=True)
            write_identity(folder, self.identity)
        super()._save_checkpoint(model, trial)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """As transformers', without the pickle of the arguments, which may hold a token and holds folders."""
        super()._save(output_dir, state_dict)
        Path(output_dir or self.args.output_dir, TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def push_to_hub(
        self, commit_message: str | None = "End of training", blocking: bool = True, token: str | None = None, **_: Any
    ) -> Any:
        """Push the captioner, its processor, code and card, and nothing else that lies in the folder."""
        if self.hub_model_id is None:
            self.init_hf_repo(token=token)
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card()
        folder, hub = Path(self.published or self.args.output_dir), HfApi(token=token or self.args.hub_token)
        if self.args.hub_revision:
            hub.create_branch(self.hub_model_id, branch=self.args.hub_revision, exist_ok=True)
        allowed = [*PUSHED, *code_files()]
        return hub.upload_folder(
            repo_id=self.hub_model_id,
            folder_path=folder,
            commit_message=commit_message,
            revision=self.args.hub_revision,
            run_as_future=not blocking,
            allow_patterns=[file.name for file in folder.iterdir() if any(fnmatch(file.name, one) for one in allowed)],
            ignore_patterns=["*/*"],
        )

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write the card of the captioner; see `card.write_card`."""
        if self.is_world_process_zero():
            for folder in {Path(self.args.output_dir), self.published or Path(self.args.output_dir)}:
                write_card(folder, self.facts, self.state.log_history)


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
