"""The arguments of a training run: what TRL's own have, and what clips and attributes need beside them."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from trl import ModelConfig, SFTConfig, TrlParser

from asid_hf.captioner.configuration_asid_captioner import MEDIA
from asid_hf.errors import InputError
from asid_hf.media_budget import Budget
from asid_hf.training.allowed import check_entry, check_model, check_training
from asid_hf.training.formatting import INSTRUCTIONS
from asid_hf.training.freezing import TRAINABLE

ORDERS = ("group_by_length", "random", "sequential")


@dataclass
class CaptionerArguments:
    """Which data are trained on and how clips are read.

    Attributes are described by `recipes/sft.py --help`.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> CaptionerArguments(datasets=[{"path": "asid-1m", "name": "single_attribute"}]).max_lost
        0.01
    """

    datasets: list[dict[str, Any]] = field(
        default_factory=list,
        metadata={
            "help": "Datasets to train on, each with `path` and the other arguments of load_dataset (name, data_dir, "
            "videos, max_duration, ...), and `weight`: how often its rows come in an epoch (0.5: half of them, 2: "
            "twice; of streams: its share), `limit`: rows at most."
        },
    )
    eval_datasets: list[dict[str, Any]] = field(
        default_factory=list,
        metadata={
            "help": "Datasets that are held out, in the same form. The loss is told for each attribute asked for."
        },
    )
    eval_rows: int = field(default=64, metadata={"help": "Most held-out rows for each attribute."})
    streaming: bool = field(
        default=False,
        metadata={"help": "Read the datasets as streams. Needs max_steps; resuming repeats no order exactly."},
    )
    instructions: str = field(
        default="pool",
        metadata={
            "help": "Where a row asks for attributes: draw its instruction from the pools that captioning draws from "
            "(pool), or keep its own (given).",
            "choices": list(INSTRUCTIONS),
        },
    )
    instruction_seed: int = field(default=0, metadata={"help": "Seed of the drawn instructions."})
    trainable: list[str] = field(
        default_factory=lambda: list(TRAINABLE),
        metadata={"help": "Modules that are trained, by name; all others are frozen. With use_peft LoRA alone is."},
    )
    merge_adapter: bool = field(
        default=False, metadata={"help": "With use_peft: save a copy with the adapter merged, in OUTPUT_DIR/merged."}
    )
    load_audio_from_video: bool = field(default=True, metadata={"help": "Whether clips are heard."})
    fps: float = field(default=MEDIA["fps"], metadata={"help": "Frames a second taken of a clip."})
    min_frames: int = field(default=MEDIA["min_frames"], metadata={"help": "Least frames taken of a clip."})
    max_frames: int = field(default=MEDIA["max_frames"], metadata={"help": "Most frames taken of a clip."})
    min_pixels: int = field(default=MEDIA["min_pixels"], metadata={"help": "Least pixels of a frame."})
    frame_pixels: int = field(default=MEDIA["frame_pixels"], metadata={"help": "Most pixels of a frame."})
    total_pixels: int = field(
        default=MEDIA["total_pixels"], metadata={"help": "Most pixels of a clip's frames together, counted in pairs."}
    )
    clip_cache_mb: int = field(default=256, metadata={"help": "Decoded clips kept in each worker, in MB."})
    plan_workers: int = field(
        default=1, metadata={"help": "Processes that look at every row before the first step: tokens, what is lost."}
    )
    max_lost: float = field(
        default=0.01,
        metadata={
            "help": "Refuse to start if more than this share of the rows cannot be trained on, and end where as many "
            "fail."
        },
    )
    sample_captions: int = field(
        default=4, metadata={"help": "Held-out clips captioned at each evaluation, into OUTPUT_DIR/samples.jsonl."}
    )

    def __post_init__(self) -> None:
        Budget(**self.media)
        self.trainable = [self.trainable] if isinstance(self.trainable, str) else self.trainable
        for name in ("datasets", "eval_datasets"):
            for entry in getattr(self, name):
                check_entry(name, entry, streaming=self.streaming and name == "datasets")
        for name, least in (("eval_rows", 1), ("clip_cache_mb", 0), ("plan_workers", 1), ("sample_captions", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)}. It has to be {least} or more.")
        if not 0 <= self.max_lost <= 1:
            raise InputError(f"max_lost={self.max_lost} is no share: give a number from 0 to 1.")

    @property
    def media(self) -> dict[str, Any]:
        """The media budget."""
        return {name: getattr(self, name) for name in MEDIA}


@dataclass
class CaptionerSFTConfig(SFTConfig):
    """TRL's `SFTConfig` with what clips need: rows stay as they are until they are put into a batch.

    Raises:
        InputError: an option of TRL that clips do not allow.

    Example:
        >>> CaptionerSFTConfig("out", use_cpu=True, bf16=False).max_length
        16384
    """

    max_length: int | None = field(
        default=16384,
        metadata={"help": "Most tokens of a row with its clip, which is fitted into it: resolution, then rate."},
    )
    remove_unused_columns: bool = field(default=False, metadata={"help": "Rows are needed whole: leave it false."})
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={
            "help": "Order of the rows: group_by_length (rows of like length in a batch, in a seeded order), random, "
            "sequential."
        },
    )
    dataloader_num_workers: int = field(
        default=2, metadata={"help": "Processes that decode clips ahead; 0: none, between the steps."}
    )
    dataloader_persistent_workers: bool = field(
        default=True, metadata={"help": "Keep them, and the clips that they hold, from one epoch to the next."}
    )
    learning_rate: float = field(default=2e-5, metadata={"help": "The initial learning rate."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "The scheduler of the learning rate."})
    hub_strategy: str = field(
        default="end", metadata={"help": "A run is pushed once, when it is done: leave it. Checkpoints are not pushed."}
    )

    def __post_init__(self) -> None:
        if self.train_sampling_strategy not in ORDERS:
            raise InputError(f"train_sampling_strategy={self.train_sampling_strategy}. Allowed: {', '.join(ORDERS)}.")
        for name in ("packing", "padding_free", "eval_packing"):
            if getattr(self, name):
                raise InputError(f"{name}=true: rows with clips are not packed. Leave it out.")
        if self.remove_unused_columns:
            raise InputError("remove_unused_columns=true would take the clips away. Leave it out.")
        if str(getattr(self.hub_strategy, "value", self.hub_strategy)) != "end":
            raise InputError(f"hub_strategy={self.hub_strategy}: a run is pushed once, when it is done. Leave it out.")
        check_training(self)
        self.dataset_kwargs = {**(self.dataset_kwargs or {}), "skip_prepare_dataset": True}
        self.dataloader_persistent_workers = self.dataloader_persistent_workers and self.dataloader_num_workers > 0
        super().__post_init__()


def read_recipe(
    config: str | Path | None = None, overrides: Sequence[str] = ()
) -> tuple[CaptionerArguments, CaptionerSFTConfig, ModelConfig]:
    """Read a recipe and what the command line says otherwise.

    Args:
        config: a YAML file; None: the command line alone.
        overrides: of the command line, ["--max_steps", "10"].

    Returns:
        What is trained on, how, and which model.

    Raises:
        InputError: a file that cannot be read, a key that is none, a value that is not allowed.

    Example:
        >>> read_recipe("recipes/tiny/stage1.yaml")[1].max_steps  # doctest: +SKIP
        500
    """
    parser = _parser()
    told = [*([] if config is None else ["--config", str(config)]), *overrides]
    told = [word for one in told for word in (one.split("=", 1) if one.startswith("--config=") else [one])]
    if told and told[-1] == "--config":
        raise InputError("--config: the path of a recipe is missing.")
    config = told[told.index("--config") + 1] if "--config" in told else "of the command line"
    errors = io.StringIO()
    try:
        with redirect_stderr(errors):
            data, training, model = parser.parse_args_and_config(told, fail_with_unknown_args=True)
    except OSError as error:
        raise InputError(f"The recipe {config} cannot be read: {error.strerror}.") from error
    except SystemExit as error:
        if error.code == 0:  # --help
            raise
        said = errors.getvalue().strip().rpartition("error: ")[2]
        raise InputError(f"The command line: {said}. See --help.") from None
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"The recipe {config}: {error}") from error
    if not data.datasets:
        raise InputError("No datasets. Name one or more under `datasets`, each with its `path`.")
    if not model.model_name_or_path:
        raise InputError("No model. Give model_name_or_path: a Qwen2.5-Omni, a captioner, or the stage before.")
    if data.merge_adapter and not model.use_peft:
        raise InputError("merge_adapter: true, but there is no adapter: set use_peft: true, or leave it out.")
    check_model(model)
    if data.streaming and training.max_steps <= 0:
        raise InputError("A stream has no length: set max_steps.")
    if training.eval_strategy != "no" and not data.eval_datasets:
        raise InputError(f"eval_strategy: {training.eval_strategy.value} needs eval_datasets. Name some, or set no.")
    return data, training, model


def _parser() -> TrlParser:
    parser = TrlParser((CaptionerArguments, CaptionerSFTConfig, ModelConfig))
    parser.allow_abbrev = False  # as little as a YAML does
    for action in parser._actions:
        if action.dest in ("datasets", "eval_datasets"):
            action.type = _json_mapping
    return parser


def _json_mapping(said: str) -> dict:
    """A dataset on the command line: JSON, or as it stands in a YAML, {path: asid-1m, name: raw}."""
    try:
        given = yaml.safe_load(said)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{said!r} is no mapping: {error}") from error
    if not isinstance(given, dict):
        raise argparse.ArgumentTypeError(f"{said!r} is no mapping: give {{path: ..., name: ...}}")
    return given
