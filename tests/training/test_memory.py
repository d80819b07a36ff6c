"""The memory estimate against real tensors of a small captioner, and what configurations say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import torch
from trl import ModelConfig

from asid_hf.errors import InputError
from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig
from asid_hf.training.collator import TOLD, OmniCollator
from asid_hf.training.freezing import TRAINABLE, count_parts, freeze, lora_targets
from asid_hf.training.machines import Machines, read_machines
from asid_hf.training.memory import estimate_memory, planned_model, weight_width
from asid_hf.training.memory_activations import Batch, activation_bytes, attention_bytes, head_bytes, layer_bytes
from asid_hf.training.memory_states import state_bytes

ROWS = 2


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> CaptionerSFTConfig:
    folder = str(tmp_path_factory.mktemp("out"))
    return CaptionerSFTConfig(folder, use_cpu=True, bf16=False, per_device_train_batch_size=ROWS)


@pytest.fixture(scope="module")
def data() -> CaptionerArguments:
    return CaptionerArguments(datasets=[{"path": "x"}])


@pytest.fixture(scope="module")
def inputs(processor: Any, training_row: Any) -> dict[str, torch.Tensor]:
    made = OmniCollator(processor)([training_row("heard", "Words. " * 40)] * ROWS)
    made.pop(TOLD)
    return made


@pytest.fixture(scope="module")
def batch(processor: Any, training_row: Any) -> Batch:
    row = OmniCollator(processor).prepare(training_row("heard", "Words. " * 40))
    return Batch(ROWS, row.length, row.tokens["text"], row.tokens["video"], row.tokens["audio"])


def size(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class Held:
    """A tensor that autograd keeps, for as long as it does."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def kept(model: torch.nn.Module, run: Callable[[], Any]) -> int:
    """Bytes that autograd keeps when something was run; not of the weights, and each storage once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held: WeakSet[Held] = WeakSet()

    def pack(tensor: torch.Tensor) -> Held:
        one = Held(tensor)
        held.add(one)
        return one

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda one: one.tensor):
        made = run()
    storages = {one.tensor.untyped_storage().data_ptr(): one.tensor.untyped_storage().nbytes() for one in held}
    assert made is not None  # alive until here, and what it needs with it
    return sum(size for place, size in storages.items() if place not in own)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("lora", [False, True])
def test_weights_gradients_and_optimizer_are_those_of_a_real_step(
    captioner: Any, inputs: dict, lora: bool, dtype: str
) -> None:
    captioner.to(getattr(torch, dtype)).train()
    if lora:
        from peft import LoraConfig, get_peft_model

        wrapped = get_peft_model(captioner, LoraConfig(r=4, target_modules=lora_targets(captioner)))
    else:
        freeze(captioner, TRAINABLE)
        wrapped = captioner
    told = state_bytes(wrapped, weight_width(captioner, ModelConfig(dtype=dtype)), Machines(), adapters=lora)
    trained = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        wrapped(**inputs).loss.backward()
    optimizer.step()
    states = [value for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    assert len(states) == 2 * len(trained)
    assert told["weights"] == size(wrapped.parameters())
    assert told["gradients"] == size(parameter.grad for parameter in trained)
    assert told["optimizer"] == size(states)
    assert told["buffers"] == told["host"] == 0


@pytest.mark.parametrize("again", [True, False])
def test_what_is_kept_for_the_backward_pass_is_told_within_a_factor_of_two(
    captioner: Any, inputs: dict, batch: Batch, training: CaptionerSFTConfig, again: bool
) -> None:
    captioner.train()
    freeze(captioner, TRAINABLE)
    if again:
        captioner.gradient_checkpointing_enable({"use_reentrant": False})
    changed = CaptionerSFTConfig(training.output_dir, use_cpu=True, bf16=False, gradient_checkpointing=again)
    model = ModelConfig(attn_implementation="flash_attention_2")  # here, too, there is no mask: no row is padded
    told = activation_bytes(captioner, changed, model, batch, 4, 4)
    named = {name: value for name, value in inputs.items() if name != "labels"}
    measured = kept(captioner, lambda: captioner.model(**named)) + size([inputs["pixel_values_videos"]])
    assert 0.5 < told["activations"] / measured < 2, (told["activations"], measured)


@pytest.mark.parametrize("stream", [torch.float32, torch.bfloat16])
def test_one_layer_computed_again_is_told_within_a_factor_of_two(
    captioner: Any, batch: Batch, stream: torch.dtype
) -> None:
    text = captioner.config.text_config
    layer = captioner.model.language_model.layers[0].to(stream)
    hidden = torch.randn(ROWS, batch.length, text.hidden_size, dtype=stream, requires_grad=True)
    places = torch.arange(batch.length).expand(3, ROWS, -1)
    turns = captioner.model.language_model.rotary_emb(hidden, places)
    measured = kept(layer, lambda: layer(hidden, position_embeddings=turns))
    told = ROWS * batch.length * layer_bytes(text, stream.itemsize, stream.itemsize)
    assert 0.5 < told / measured < 2, (told, measured)


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("trained", [(), ("model.visual.merger",), ("model.visual",)])
def test_what_an_encoder_keeps_is_told_within_a_factor_of_two(
    captioner: Any, batch: Batch, inputs: dict, training: CaptionerSFTConfig, again: bool, trained: tuple
) -> None:
    """Frozen or not, and whether or not gradients are asked for at its input."""
    freeze(captioner.train(), ("lm_head", *trained))
    if again:
        captioner.gradient_checkpointing_enable({"use_reentrant": False})
    changed = CaptionerSFTConfig(training.output_dir, use_cpu=True, bf16=False, gradient_checkpointing=again)
    pixels = inputs["pixel_values_videos"]
    measured = kept(captioner, lambda: captioner.get_video_features(pixels, inputs["video_grid_thw"]))
    told = [
        activation_bytes(captioner, changed, ModelConfig(), replace(batch, video=video, audio=0), 4, 4)["activations"]
        for video in (batch.video, 0)
    ]
    first_layer_is_trained = captioner.model.visual.patch_embed.proj.weight.requires_grad
    measured -= size([pixels]) if first_layer_is_trained else 0
    encoder = told[0] - told[1] - size([pixels])  # which count as kept in any case
    assert (measured == 0) == (encoder == 0)
    assert not measured or 0.5 < encoder / measured < 2, (encoder, measured)


def test_the_planned_model_is_the_real_one_without_its_numbers(small: Path, captioner: Any, data: Any) -> None:
    planned = planned_model(data, ModelConfig(str(small)))
    freeze(captioner, TRAINABLE)
    assert count_parts(planned) == count_parts(captioner)
    assert all(parameter.is_meta for parameter in planned.parameters())


def test_adapters_are_counted(small: Path, captioner: Any, data: Any) -> None:
    from peft import LoraConfig, get_peft_model

    planned = planned_model(data, ModelConfig(str(small), use_peft=True, lora_r=4))
    real = get_peft_model(captioner, LoraConfig(r=4, target_modules=lora_targets(captioner)))
    assert count_parts(planned) == count_parts(real)
    assert all(parameter.is_meta for parameter in planned.parameters())


def test_a_model_that_is_not_there_is_an_input_error(data: CaptionerArguments, tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="No model lies with"):
            planned_model(data, ModelConfig(str(name)))


def test_what_is_shared_out_takes_its_share(captioner: Any) -> None:
    freeze(captioner, TRAINABLE)
    parts = count_parts(captioner)
    every, trained = (sum(part[place] for part in parts) for place in (1, 2))
    whole = Machines(8, "zero", 1, precision="bf16")
    told = {stage: state_bytes(captioner, 4, replace(whole, stage=stage)) for stage in (1, 2, 3)}
    assert [told[stage]["weights"] for stage in (1, 2, 3)] == [2 * every, 2 * every, 2 * every // 8]
    assert [told[stage]["gradients"] for stage in (1, 2, 3)] == [2 * trained, 2 * trained // 8, 2 * trained // 8]
    assert {one["optimizer"] for one in told.values()} == {12 * trained // 8}
    away = state_bytes(captioner, 4, replace(whole, stage=3, offload_optimizer=True, offload_weights=True))
    assert (away["weights"], away["gradients"], away["optimizer"]) == (0, 0, 0)
    assert away["host"] == 12 * trained // 8 + 4 * trained // 8 + 2 * every // 8
    fsdp = state_bytes(captioner, 2, Machines(8, "fsdp", precision="bf16"))
    assert fsdp["weights"] == (4 * trained + 2 * (every - trained)) // 8 and fsdp["optimizer"] == 8 * trained // 8
    kept_whole = state_bytes(captioner, 2, Machines(8, "fsdp", precision="bf16", reshard=False))
    assert kept_whole["buffers"] == 2 * every > fsdp["buffers"] > 0
    assert state_bytes(captioner, 4, Machines(2, "ddp"))["buffers"] == 4 * trained


def test_the_head_makes_logits_in_tiles(captioner: Any) -> None:
    freeze(captioner, TRAINABLE)
    short, long = (head_bytes(captioner, Batch(1, 16384, text, 15000, 0), 2) for text in (4096, 8192))
    wide = captioner.config.text_config.hidden_size
    assert long - short == 4096 * wide * 6  # hidden states and their gradient, no more logits


def test_attention_takes_a_square_only_where_there_is_a_mask(captioner: Any) -> None:
    text, rows = captioner.config.text_config, Batch(2, 1000, 0, 0, 0)
    assert attention_bytes(text, rows, 2, "flash_attention_2") == attention_bytes(text, replace(rows, rows=1), 2, None)
    assert attention_bytes(text, rows, 2, "eager") > attention_bytes(text, rows, 2, "sdpa") == 3 * 2 * 1000**2


def test_the_estimate_says_that_it_is_one_and_adds_up(captioner: Any, batch: Batch, training: Any) -> None:
    freeze(captioner, TRAINABLE)
    told = estimate_memory(captioner, training, ModelConfig(), Machines(), batch)
    held = told.weights + told.gradients + told.optimizer + told.buffers + told.activations
    assert told.total == told.to_dict()["total"] == held + max(told.layer, told.head, told.encoders, told.casts)
    lines = told.render().splitlines()
    assert "estimated, not measured" in lines[0] and sum("the largest" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("distributed_type: 'NO'", Machines()),
        (
            "{distributed_type: MULTI_GPU, num_processes: 4, mixed_precision: bf16}",
            Machines(4, "ddp", precision="bf16"),
        ),
        (
            "{distributed_type: DEEPSPEED, num_processes: 8, mixed_precision: bf16, deepspeed_config: {zero_stage: 3,"
            " offload_optimizer_device: cpu, offload_param_device: cpu}}",
            Machines(8, "zero", 3, True, True, precision="bf16"),
        ),
        (
            "{distributed_type: DEEPSPEED, deepspeed_config: {zero_stage: 2, offload_optimizer_device: none}}",
            Machines(1, "zero", 2),
        ),
        (
            "{distributed_type: FSDP, fsdp_config: {fsdp_reshard_after_forward: false}}",
            Machines(1, "fsdp", reshard=False),
        ),
        (
            "{distributed_type: FSDP, fsdp_config: {reshard_after_forward: FULL_SHARD, fsdp_offload_params: true}}",
            Machines(1, "fsdp", 0, True, True),
        ),
    ],
)
def test_accelerate_configurations_are_read(tmp_path: Path, text: str, expected: Machines) -> None:
    (tmp_path / "accelerate.yaml").write_text(text)
    assert read_machines(tmp_path / "accelerate.yaml") == expected


def test_a_configuration_of_deepspeed_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "zero.json").write_text('{"zero_optimization": {"stage": 3, "offload_param": {"device": "nvme"}}}')
    told = f"{{distributed_type: DEEPSPEED, deepspeed_config: {{deepspeed_config_file: {tmp_path / 'zero.json'}}}}}"
    (tmp_path / "accelerate.yaml").write_text(told)
    assert read_machines(tmp_path / "accelerate.yaml") == Machines(1, "zero", 3, offload_weights=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "is no configuration"),
        ("{a: [", "is no configuration"),
        ("distributed_type: MEGATRON_LM", "MEGATRON_LM. Estimated are NO"),
        ("{distributed_type: FSDP, fsdp_config: {fsdp_reshard_after_forward: HYBRID_SHARD}}", "HYBRID_SHARD"),
        ("{distributed_type: DEEPSPEED, deepspeed_config: {zero_stage: 5}}", "zero_stage=5"),
        ("num_processes: many", "num_processes='many'"),
    ],
)
def test_a_configuration_that_is_not_estimated_is_an_input_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "accelerate.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        read_machines(tmp_path / "accelerate.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        read_machines(tmp_path / "none.yaml")
