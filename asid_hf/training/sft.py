"""One stage of training, from a recipe to a saved captioner. `recipes/sft.py` is the script that runs it."""

from __future__ import annotations

import os
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState
from datasets import Dataset
from safetensors import SafetensorError
from transformers import set_seed
from transformers.integrations.deepspeed import unset_hf_deepspeed_config

from asid_hf.captioner import AsidCaptionerForConditionalGeneration, AsidCaptionerProcessor
from asid_hf.errors import InputError
from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig
from asid_hf.training.card import facts_of
from asid_hf.training.collator import OF_ITS_BATCH, OmniCollator
from asid_hf.training.freezing import check_frozen, count_parts, freeze, lora_targets, table
from asid_hf.training.held_out import check_held_out, held_out_rows, render_held_out
from asid_hf.training.measuring import no_model
from asid_hf.training.mixing import load_rows
from asid_hf.training.plan import check_plan, keep, make_plan, measured
from asid_hf.training.resuming import checkpoint_of, finished_state, identity_of
from asid_hf.training.samples import SampleCaptions
from asid_hf.training.starting import check_start
from asid_hf.training.trainer import CaptionerTrainer

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl import ModelConfig

MERGED = "merged"


def train(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> CaptionerTrainer:
    """Train one stage: data, plan, model, what is frozen, steps, and all that is saved.

    Args:
        data, training, model: of `arguments.read_recipe`.

    Returns:
        The trainer, when it is done.

    Raises:
        InputError: a recipe that cannot be carried out, or more rows lost than it allows.

    Example:
        >>> train(*read_recipe("recipes/tiny/stage1.yaml"))  # doctest: +SKIP
    """
    set_seed(training.seed)
    check_start(data, training, model)
    processor = load_processor(data, model)
    rows, plan = planned_rows(data, training, model)
    with PartialState().local_main_process_first():
        held_out, left_out = held_out_rows(data, training, model)
    if PartialState().is_main_process and left_out:
        print(render_held_out({kind: len(own) for kind, own in held_out.items()}, left_out), flush=True)
    check_held_out(held_out, training)
    identity = identity_of(data, training, model, rows, PartialState().num_processes)
    checkpoint = checkpoint_of(training, identity)
    captioner = load_captioner(data, model)
    captioner.processor = processor
    lora = lora_config(captioner, model)
    if lora is None:
        check_frozen(freeze(captioner, data.trainable), lora=False, named=data.trainable)
    options = {"max_length": training.max_length, "media": data.media, "seed": training.seed}
    options |= {"load_audio_from_video": data.load_audio_from_video, "cache_bytes": data.clip_cache_mb << 20}
    replacements = rows if isinstance(rows, Dataset) else OF_ITS_BATCH
    trainer = CaptionerTrainer(
        model=captioner,
        args=training,
        data_collator=OmniCollator(processor, replacements=replacements, **options),
        eval_collator=OmniCollator(processor, replacements=None, **options),
        train_dataset=rows,
        eval_dataset=held_out or None,
        processing_class=processor,
        peft_config=lora,
        max_lost=data.max_lost,
        identity=identity,
    )
    parts = count_parts(trainer.model)
    check_frozen(parts, lora=lora is not None, named=data.trainable)
    trainer.facts = facts_of(data, training, model, plan, parts)
    if PartialState().is_main_process:
        print(table(parts), flush=True)
    if held_out and data.sample_captions:
        trainer.add_callback(SampleCaptions(sample_rows(held_out, data), trainer, **sample_options(data)))
    if finished := finished_state(checkpoint):
        print(f"{checkpoint} has all {finished.max_steps} steps: no step is trained.", flush=True)
        trainer.take_state(checkpoint, finished)
    else:
        trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model(training.output_dir, _internal_call=True)  # else it pushes, before all is there
    trainer.create_model_card()
    if lora is not None and data.merge_adapter:
        save_merged(trainer, model)
        if os.path.isdir(model.model_name_or_path):  # an adapter over a folder of this machine is of use to nobody else
            trainer.published = Path(training.output_dir, MERGED)
    if trainer.ended_for:
        raise InputError(trainer.ended_for)
    if training.push_to_hub:
        trainer.push_to_hub()
    return trainer


def load_processor(data: CaptionerArguments, model: ModelConfig) -> AsidCaptionerProcessor:
    """The processor of the model that a stage starts from, with the recipe's media budget.

    Raises:
        InputError: no processor lies there.

    Example:
        >>> load_processor(data, model).media["fps"]  # doctest: +SKIP
        2
    """
    try:
        processor = AsidCaptionerProcessor.from_pretrained(model.model_name_or_path, revision=model.model_revision)
    except (OSError, ValueError) as error:
        raise InputError(no_model(model.model_name_or_path, error)) from error
    processor.media = dict(data.media)
    return processor


def load_captioner(data: CaptionerArguments, model: ModelConfig) -> AsidCaptionerForConditionalGeneration:
    """The model that a stage starts from: a Qwen2.5-Omni, a captioner, or one with an adapter, which is merged.

    Raises:
        InputError: it cannot be loaded.

    Example:
        >>> load_captioner(data, model).config.media["max_frames"]  # doctest: +SKIP
        768
    """
    name = model.model_name_or_path
    try:
        captioner = AsidCaptionerForConditionalGeneration.from_pretrained(
            name,
            revision=model.model_revision,
            dtype=model.dtype or "float32",
            attn_implementation=model.attn_implementation,
            merge_adapter=True,
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise InputError(f"The model {name} cannot be loaded: {type(error).__name__}: {error}"[:600]) from error
    captioner.config.media = dict(data.media)  # what it was trained with is what it is used with
    captioner.name_or_path = name  # where an adapter was merged: else the next one would name the base below it
    return captioner


def planned_rows(data: CaptionerArguments, training: CaptionerSFTConfig, model: ModelConfig) -> tuple[Any, Any]:
    """The rows to train on, each with its length, and the plan; of streams nothing is known before.

    Raises:
        InputError: more of them are lost than `max_lost` allows.

    Example:
        >>> planned_rows(data, training, model)[1].steps  # doctest: +SKIP
        900
    """
    with PartialState().local_main_process_first():  # the others read what the first one has cached
        rows = load_rows(data, training.seed)
        if not isinstance(rows, Dataset):
            return rows, None
        rows = measured(rows, data, training, model.model_name_or_path, model.model_revision)
    plan = make_plan(rows, data, training, PartialState().num_processes)
    if PartialState().is_main_process:
        print(plan.render(), flush=True)
    check_plan(plan, data.max_lost)
    return keep(rows), plan


def sample_rows(held_out: dict[str, Dataset], data: CaptionerArguments) -> list[dict]:
    """Held-out rows to caption: of each kind in turn, and of as many clips as there are.

    Example:
        >>> len(sample_rows(held_out, CaptionerArguments(sample_captions=2)))  # doctest: +SKIP
        2
    """
    kinds = [[row for row in rows if row["video"]] for rows in held_out.values()]
    kinds = [rows for rows in kinds if rows]
    turns = enumerate(cycle(kinds)) if kinds else ()
    drawn = (rows[place % len(rows)] for place, rows in turns)
    most = min(data.sample_captions, sum(map(len, kinds)))
    return list(islice(drawn, most))


def lora_config(captioner: AsidCaptionerForConditionalGeneration, model: ModelConfig) -> LoraConfig | None:
    """LoRA on the linear layers of the language model, or None where the recipe does not use it.

    Example:
        >>> lora_config(captioner, model).r  # doctest: +SKIP
        16
    """
    if not model.use_peft:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=model.lora_r,
        lora_alpha=model.lora_alpha,
        lora_dropout=model.lora_dropout,
        target_modules=lora_targets(captioner, model.lora_target_modules),
        use_rslora=model.use_rslora,
        use_dora=model.use_dora,
        task_type="CAUSAL_LM",
    )


def save_merged(trainer: CaptionerTrainer, model: ModelConfig) -> None:
    """Save a copy with the adapter merged: read anew, for the weights may be spread over processes.

    Example:
        >>> save_merged(trainer, model)  # doctest: +SKIP
    """
    trainer.accelerator.wait_for_everyone()
    if not trainer.is_world_process_zero():
        return
    folder = Path(trainer.args.output_dir)
    unset_hf_deepspeed_config()  # under ZeRO-3 from_pretrained would share the weights out, and wait for all processes
    merged = AsidCaptionerForConditionalGeneration.from_pretrained(
        folder, base=model.model_name_or_path, merge_adapter=True, dtype=model.dtype or "float32"
    )
    merged.config.media = dict(trainer.processing_class.media)
    merged.save_pretrained(folder / MERGED)
    trainer.processing_class.save_pretrained(folder / MERGED)


def sample_options(data: CaptionerArguments) -> dict[str, Any]:
    """How sample captions are written: as in use, but short.

    Example:
        >>> sample_options(CaptionerArguments())["max_new_tokens"]
        512
    """
    return {"max_new_tokens": 512, "load_audio_from_video": data.load_audio_from_video, "seed": data.instruction_seed}
