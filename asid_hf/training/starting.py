"""What can be known to go wrong before a row is read: where a run writes, reports, pushes, what it computes with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from accelerate import PartialState
from huggingface_hub import HfApi
from transformers.integrations import get_reporting_integration_callbacks
from transformers.utils import is_flash_attn_2_available

from asid_hf.errors import InputError
from asid_hf.training.resuming import named_checkpoint

if TYPE_CHECKING:
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig


def check_start(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> None:
    """Refuse a run that would end after all rows were looked at, or after its last step.

    Raises:
        InputError: it says what to do.

    Example:
        >>> check_start(data, training, model)  # doctest: +SKIP
    """
    named_checkpoint(training)
    _check_output(training, model)
    if model.attn_implementation == "flash_attention_2" and not is_flash_attn_2_available():
        raise InputError("flash_attention_2 is not installed, or there is no GPU: --attn_implementation sdpa.")
    try:
        for callback in get_reporting_integration_callbacks(training.report_to):
            callback()
    except (ValueError, RuntimeError, ImportError) as error:
        raise InputError(f"report_to={training.report_to}: {error}") from error
    if training.push_to_hub:
        _check_push(data, training, model)


def _check_output(training: CaptionerSFTConfig, model: ModelConfig) -> None:
    folder = Path(training.output_dir)
    if folder.resolve() == Path(model.model_name_or_path).resolve():
        raise InputError(f"output_dir is the model that the run starts from, {folder}, which it would write over.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output_dir={folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"output_dir={folder} cannot be written to.")


def _check_push(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> None:
    if model.use_peft and os.path.isdir(model.model_name_or_path) and not data.merge_adapter:
        raise InputError(
            "push_to_hub: the adapter would name a folder of this machine as its base. Set merge_adapter: true, "
            "and the merged copy is pushed."
        )
    if PartialState().is_main_process:
        try:
            HfApi(token=training.hub_token).whoami()
        except Exception as error:  # offline, no token, a wrong one: each version of the Hub's client says it otherwise
            raise InputError(
                f"push_to_hub: the Hub does not let us in: {type(error).__name__}: {str(error)[:300]} Log in with "
                "`hf auth login`, or leave push_to_hub out and push later."
            ) from error
