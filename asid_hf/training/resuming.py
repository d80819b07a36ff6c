"""Whether a run goes on where an earlier one was stopped, and whether that was the same run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from asid_hf.errors import InputError

if TYPE_CHECKING:
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

IDENTITY = "run.json"
"""In the output folder: digests of what the run was started with."""

# What decides the steps; all else (logging, workers, what is pushed) may be changed on the way.
_STEPS = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "max_steps", "num_train_epochs", "max_length", "seed"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "train_sampling_strategy", "data_seed", "optim"),
    *("weight_decay", "adam_beta1", "adam_beta2", "max_grad_norm", "dataloader_drop_last"),
)
_DATA = (
    *("datasets", "streaming", "instructions", "instruction_seed", "trainable", "load_audio_from_video"),
    *("fps", "min_frames", "max_frames", "min_pixels", "frame_pixels", "total_pixels"),
)
_MODEL = ("model_name_or_path", "model_revision", "dtype", "use_peft", "lora_r", "lora_alpha", "lora_dropout")


def checkpoint_of(training: CaptionerSFTConfig) -> str | None:
    """Where a run goes on: the folder that `resume_from_checkpoint` names; of "true" the last one in the output.

    Raises:
        InputError: it is not there.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> checkpoint_of(Made(resume_from_checkpoint=None)) is None
        True
    """
    wanted = training.resume_from_checkpoint
    if not wanted or str(wanted).lower() == "false":
        return None
    if str(wanted).lower() != "true":
        if not os.path.isdir(wanted):
            raise InputError(f"resume_from_checkpoint={wanted} is no folder of a checkpoint. Give one, or true.")
        return str(wanted)
    return get_last_checkpoint(training.output_dir) if os.path.isdir(training.output_dir) else None


def finished_state(checkpoint: str | None) -> TrainerState | None:
    """The state that a checkpoint was saved with, if its run has no step left; else None.

    transformers (5.24) looks whether a run is over only after a step: it would train one step more.

    Example:
        >>> finished_state(None) is None
        True
    """
    if checkpoint is None or not (path := Path(checkpoint, TRAINER_STATE_NAME)).is_file():
        return None
    state = TrainerState.load_from_json(str(path))
    return state if 0 < state.max_steps <= state.global_step else None


def identity_of(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> dict[str, str]:
    """What makes a run the run that it is: a digest of each argument that decides its steps, and of its model's files.

    Example:
        >>> sorted(identity_of(data, training, model))[0]  # doctest: +SKIP
        'adam_beta1'
    """
    told: dict[str, Any] = {}
    for arguments, names in ((data, _DATA), (training, _STEPS), (model, _MODEL)):
        told |= {name: getattr(arguments, name) for name in names}
    folder = Path(model.model_name_or_path)
    if folder.is_dir():
        weights = sorted(path for path in folder.glob("*.safetensors"))
        told["the model's files"] = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    return {name: _digest(value) for name, value in told.items()}


def check_same_run(training: CaptionerSFTConfig, checkpoint: str | None, identity: dict[str, str]) -> None:
    """Refuse to go on with a run that was started otherwise.

    Args:
        training: where it writes.
        checkpoint: from which it goes on; None: it starts.
        identity: of `identity_of`.

    Raises:
        InputError: it says what differs.

    Example:
        >>> check_same_run(training, None, identity)  # doctest: +SKIP
    """
    note = Path(training.output_dir, IDENTITY)
    if checkpoint is None or not note.is_file():
        return
    had = json.loads(note.read_text())
    if other := sorted(name for name in identity.keys() | had.keys() if identity.get(name) != had.get(name)):
        raise InputError(
            f"{training.output_dir} holds a run that was started with another {', '.join(other)}. Name another "
            "output_dir, start anew with resume_from_checkpoint: false, or set back what was changed."
        )


def write_identity(training: CaptionerSFTConfig, identity: dict[str, str]) -> None:
    """Note in the output folder what a run is started with.

    Example:
        >>> write_identity(training, identity)  # doctest: +SKIP
    """
    folder = Path(training.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / IDENTITY).write_text(json.dumps(identity, indent=1) + "\n")


def _digest(value: Any) -> str:
    told = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
