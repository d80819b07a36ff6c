"""Whether a run goes on where an earlier one was stopped, and whether that was the same run."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from asid_hf.errors import InputError

if TYPE_CHECKING:
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

_log = logging.getLogger(__name__)

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
    """Where a run goes on: the folder that `resume_from_checkpoint` names; of "true" the last whole one in the output.

    The trainer writes its state last: a folder without one is what a run left that was killed while it saved.

    Raises:
        InputError: it is not there, or is no whole one.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> checkpoint_of(Made(resume_from_checkpoint=None)) is None
        True
    """
    wanted = training.resume_from_checkpoint
    if not wanted or str(wanted).lower() == "false":
        return None
    if str(wanted).lower() != "true":
        if _state_in(Path(wanted)) is None:
            raise InputError(f"resume_from_checkpoint={wanted} is no folder of a whole checkpoint. Give one, or true.")
        return str(wanted)
    for folder in sorted(Path(training.output_dir).glob(f"{PREFIX_CHECKPOINT_DIR}-*"), key=_step_of, reverse=True):
        if _state_in(folder) is not None:
            return str(folder)
        _log.warning("%s is not whole: the run was ended while it was written. It is not used.", folder)
    return None


def finished_state(checkpoint: str | None) -> TrainerState | None:
    """The state that a checkpoint was saved with, if its run has no step left; else None.

    transformers (5.24) looks whether a run is over only after a step: it would train one step more.

    Example:
        >>> finished_state(None) is None
        True
    """
    state = _state_in(Path(checkpoint)) if checkpoint else None
    return state if state and 0 < state.max_steps <= state.global_step else None


def identity_of(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> dict[str, str]:
    """What makes a run the run that it is: a digest of each argument that decides its steps, and of its model's files.

    Of a file it is the size and what stands in places spread over it: other weights differ nearly everywhere, and a
    copy of the same ones, as a job has that was moved to another machine, is the same.

    Example:
        >>> sorted(identity_of(data, training, model))[0]  # doctest: +SKIP
        'adam_beta1'
    """
    told: dict[str, Any] = {}
    for arguments, names in ((data, _DATA), (training, _STEPS), (model, _MODEL)):
        told |= {name: getattr(arguments, name) for name in names}
    folder = Path(model.model_name_or_path)
    if folder.is_dir():
        told["the model's files"] = [(path.name, _look_at(path)) for path in sorted(folder.glob("*.safetensors"))]
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


def _state_in(checkpoint: Path) -> TrainerState | None:
    try:
        return TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    except (OSError, ValueError, TypeError):
        return None


def _step_of(checkpoint: Path) -> int:
    step = checkpoint.name.rpartition("-")[2]
    return int(step) if step.isdecimal() else -1


def _look_at(file: Path, places: int = 64, length: int = 4096) -> str:
    size = file.stat().st_size
    told = hashlib.blake2b(str(size).encode(), digest_size=8)
    with file.open("rb") as opened:
        for place in range(places):
            opened.seek(max(0, size - length) * place // (places - 1))
            told.update(opened.read(length))
    return told.hexdigest()


def _digest(value: Any) -> str:
    told = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
