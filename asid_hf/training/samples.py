"""Captions of a few held-out clips at each evaluation: a loss says little of what a captioner writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from asid_hf.schema import ATTRIBUTES

SAMPLES = "samples.jsonl"


class SampleCaptions(TrainerCallback):
    """Captions the same clips at each evaluation, into `samples.jsonl` of the output folder and the tracker.

    Where a model is spread over processes (FSDP, ZeRO-3) none can write alone: it says so once and does nothing.

    Args:
        rows: held-out training rows.
        trainer: whose model writes.
        **options: of `caption`.

    Example:
        >>> trainer.add_callback(SampleCaptions(rows, trainer, max_new_tokens=512))  # doctest: +SKIP
    """

    def __init__(self, rows: Sequence[dict], trainer: Any, **options: Any) -> None:
        self.rows, self.trainer, self.options = list(rows), trainer, options

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Caption, on the first process."""
        accelerator = self.trainer.accelerator
        spread = self.trainer.is_fsdp_enabled or (
            self.trainer.is_deepspeed_enabled and accelerator.state.deepspeed_plugin.zero_stage == 3
        )
        if not self.rows or not state.is_world_process_zero or getattr(self, "_step", None) == state.global_step:
            return
        self._step = state.global_step  # a dictionary of held-out datasets is evaluated one by one
        if spread:
            print("Sample captions are left out: the model is spread over the processes.")
            self.rows = []
            return
        told = self._captions(accelerator.unwrap_model(self.trainer.model))
        with Path(args.output_dir, SAMPLES).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"step": state.global_step, **one}, ensure_ascii=False) + "\n" for one in told)
        self._track("\n\n".join(f"**{one['video_id']}** {one['caption']}" for one in told), state.global_step)

    def _captions(self, model: Any) -> list[dict]:
        captioner = model.get_base_model() if hasattr(model, "get_base_model") else model
        was_training, told = captioner.training, []
        captioner.eval()
        try:
            with torch.no_grad():
                for row in self.rows:
                    asked = row["attributes"] or list(ATTRIBUTES)
                    caption = captioner.caption(row["video"], asked, format=row["form"], **self.options)[0]
                    reference = row["messages"][-1]["content"]
                    told.append({"video_id": row["video_id"], "attributes": asked, "reference": reference})
                    told[-1] |= {"caption": caption.text, "finish_reason": caption.finish_reason}
        finally:
            captioner.train(was_training)
        return told

    def _track(self, text: str, step: int) -> None:
        for one in self.trainer.callback_handler.callbacks:
            if isinstance(one, TensorBoardCallback) and one.tb_writer is not None:
                one.tb_writer.add_text("samples", text, step)
