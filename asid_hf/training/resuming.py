"""Whether a run goes on where an earlier one was stopped, and whether that was the same run."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from asid_hf.errors import InputError

if TYPE_CHECKING:
    from trl import ModelConfig

    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

_log = logging.getLogger(__name__)

IDENTITY = "run.json"
"""In each checkpoint: digests of what its run was started with."""

# What decides the steps; all else (logging, workers, what is pushed) may be changed on the way.
_STEPS = (
    *("learning_rate", "lr_scheduler_type", "warmup_steps", "max_steps", "num_train_epochs", "max_length", "seed"),
    *("train_sampling_strategy", "data_seed", "optim", "weight_decay", "adam_beta1", "adam_beta2", "max_grad_norm"),
    *("lr_scheduler_kwargs", "optim_args", "adam_epsilon", "bf16", "fp16"),
    *("dataloader_drop_last", "loss_type", "label_smoothing_factor", "neftune_noise_alpha", "ignore_data_skip"),
)
_DATA = (
    *("streaming", "trainable", "load_audio_from_video"),
    *("fps", "min_frames", "max_frames", "min_pixels", "frame_pixels", "total_pixels"),
)
_MODEL = (
    *("model_revision", "dtype", "use_peft", "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules"),
    *("use_rslora", "use_dora"),
)


def checkpoint_of(training: CaptionerSFTConfig, identity: Mapping[str, str]) -> str | None:
    """Where a run goes on: the folder that `resume_from_checkpoint` names; of "true" its last whole one in the output.

    The trainer writes its state last: a folder without one is what a run left that was killed while it saved. Of
    several runs that wrote to one output, each after the other, a run goes on with its own checkpoints alone.

    Args:
        training: where it writes, and `resume_from_checkpoint`.
        identity: of `identity_of`.

    Raises:
        InputError: the folder is not there or not whole, or all that are whole are of a run that was started otherwise.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> checkpoint_of(Made(resume_from_checkpoint=None), {}) is None
        True
    """
    if named := named_checkpoint(training):
        if other := _differs(named, identity):  # one that does not say is taken as it is: it was named
            raise InputError(_started_otherwise(named, other))
        return str(named)
    if str(training.resume_from_checkpoint).lower() != "true":
        return None
    others = []
    for folder in sorted(Path(training.output_dir).glob(f"{PREFIX_CHECKPOINT_DIR}-*"), key=_step_of, reverse=True):
        if _state_in(folder) is None or (other := _differs(folder, identity)) is None:
            _log.warning("%s is not whole: a run was ended while it was written or removed. It is not used.", folder)
        elif other:
            others.append((folder, other))
        else:
            return str(folder)
    if others:
        raise InputError(_started_otherwise(*others[0]))
    return None


def named_checkpoint(training: CaptionerSFTConfig) -> Path | None:
    """The folder that `resume_from_checkpoint` names; None where it names none.

    Raises:
        InputError: it is not there, or not whole.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> named_checkpoint(Made(resume_from_checkpoint="true")) is None
        True
    """
    wanted = training.resume_from_checkpoint
    if not wanted or str(wanted).lower() in ("true", "false"):
        return None
    if _state_in(Path(wanted)) is None:
        raise InputError(f"resume_from_checkpoint={wanted} is no folder of a whole checkpoint. Give one, or true.")
    return Path(wanted)


def finished_state(checkpoint: str | None) -> TrainerState | None:
    """The state that a checkpoint was saved with, if its run has no step left; else None.

    transformers (5.24) looks whether a run is over only after a step: it would train one step more.

    Example:
        >>> finished_state(None) is None
        True
    """
    state = _state_in(Path(checkpoint)) if checkpoint else None
    return state if state and 0 < state.max_steps <= state.global_step else None


def identity_of(
    data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig, rows: Any, processes: int
) -> dict[str, str]:
    """What makes a run the run that it is: digests of what decides its steps, of its rows, of its model's files.

    Of a file it is the size and what stands in places spread over it: other weights differ nearly everywhere, and a
    copy of the same ones, as a job has that was moved to another machine, is the same. So it is with rows: what they
    say counts, not where they lie.

    Args:
        data, training, model: the recipe.
        rows: that are trained on; of a stream the datasets' description stands for them.
        processes: that train side by side.

    Example:
        >>> sorted(identity_of(data, training, model, rows, 1))[0]  # doctest: +SKIP
        'adam_beta1'
    """
    told: dict[str, Any] = {}
    for arguments, names in ((data, _DATA), (training, _STEPS), (model, _MODEL)):
        told |= {name: getattr(arguments, name) for name in names}
    together = training.per_device_train_batch_size * training.gradient_accumulation_steps * processes
    told["rows of a step"] = together
    if isinstance(rows, Dataset):
        told["rows"] = _look_at_rows(rows)
        if len(rows) % together and not training.dataloader_drop_last:
            told["processes"] = processes  # the last step of an epoch is filled up where there are several
    else:
        told["rows"], told["processes"] = data.datasets, processes
    folder = Path(model.model_name_or_path)
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    told["model"] = [(path.name, _look_at(path)) for path in weights] or model.model_name_or_path
    return {name: _digest(value) for name, value in told.items()}


def write_identity(checkpoint: Path, identity: Mapping[str, str]) -> None:
    """Note in the folder of a checkpoint what its run was started with.

    Example:
        >>> write_identity(Path("out/checkpoint-10"), identity)  # doctest: +SKIP
    """
    checkpoint.mkdir(parents=True, exist_ok=True)
    (checkpoint / IDENTITY).write_text(json.dumps(dict(identity), indent=1) + "\n")


def _differs(checkpoint: Path, identity: Mapping[str, str]) -> list[str] | None:
    """What a checkpoint's run was started with otherwise; None where it does not say."""
    try:
        had = json.loads((checkpoint / IDENTITY).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(had, dict):
        return None
    return sorted(name for name in identity.keys() | had.keys() if identity.get(name) != had.get(name))


def _started_otherwise(folder: Any, other: list[str]) -> str:
    return (
        f"{folder} is of a run that was started with another {', '.join(other)}. Name another output_dir, start anew "
        "with resume_from_checkpoint: false, or set back what was changed."
    )


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


def _look_at_rows(rows: Dataset) -> str:
    told = hashlib.blake2b(digest_size=8)
    for part in rows.select_columns(["video_id", "messages"]).iter(1000):
        told.update(json.dumps(part).encode("utf-8", "surrogatepass"))
    return told.hexdigest()


def _digest(value: Any) -> str:
    told = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
