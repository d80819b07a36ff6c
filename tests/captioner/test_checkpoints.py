"""Checkpoints of every layout: all weights come in, or the load is refused; what is written opens elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_captioners
from media_files import make_clip

from asid_hf.errors import CheckpointError, InputError, OutputError

SMALL = {"min_pixels": 4 * 28 * 28, "frame_pixels": 12 * 28 * 28}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 3.0, tone=440.0)


def shown(processor: Any, clip: Path, **options: Any) -> Any:
    talk = [{"role": "user", "content": [{"type": "video", "video": str(clip)}, {"type": "text", "text": "Describe."}]}]
    options = {"tokenize": True, "return_dict": True, "add_generation_prompt": True, **SMALL, **options}
    return processor.apply_chat_template(talk, **options)


def same_weights(one: Any, other: Any) -> bool:
    import torch

    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def steps(model: Any, inputs: Any, **more: Any) -> Any:
    """The logits of six steps of greedy generation."""
    import torch

    given = {name: value for name, value in inputs.items() if name != "metadata"}
    told = model.generate(
        **given, **more, max_new_tokens=6, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    return torch.stack(told.logits)


def test_a_whole_omni_loads_with_every_weight_and_without_its_talker(captioner: Any, whole: Any) -> None:
    assert same_weights(captioner, whole.thinker)
    assert captioner.config.model_type == "asid_captioner"
    assert captioner.dtype == whole.dtype
    assert not hasattr(captioner, "talker")


def test_logits_are_the_plain_thinkers_at_each_step(captioner: Any, whole: Any, clip: Path) -> None:
    import torch

    inputs = shown(captioner.processor, clip)
    theirs = steps(whole.thinker, inputs, use_audio_in_video=True)
    torch.testing.assert_close(steps(captioner, inputs), theirs, atol=1e-5, rtol=1e-5)
    everywhere = captioner(**inputs).logits
    assert torch.equal(everywhere, whole.thinker(**inputs, use_audio_in_video=True).logits)


def test_its_own_checkpoint_opens_by_every_auto_class_and_says_the_same(
    captioner: Any, clip: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForImageTextToText,
        AutoModelForMultimodalLM,
        AutoProcessor,
    )

    captioner.save_pretrained(tmp_path)
    captioner.processor.save_pretrained(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert type(processor) is type(captioner.processor)
    assert AutoConfig.from_pretrained(tmp_path).to_dict()["media"] == captioner.config.media
    inputs = shown(processor, clip)
    before = steps(captioner, shown(captioner.processor, clip))
    for kind in (AutoModel, AutoModelForMultimodalLM, AutoModelForImageTextToText):
        model = kind.from_pretrained(tmp_path)
        assert type(model) is type(captioner)
        assert torch.equal(steps(model, inputs), before)


OUTSIDE = """
import sys
sys.modules["asid_hf"] = None  # as where it is not installed
from transformers import AutoModel, AutoProcessor
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
processor = AutoProcessor.from_pretrained(sys.argv[1], trust_remote_code=True)
assert type(model).__module__.startswith("transformers_modules"), type(model)
caption = model.caption(sys.argv[2], ["speech", "camera"], format="json", max_new_tokens=40)[0]
print(sorted(caption.attributes), caption.tokens["audio"], caption.error)
model.save_pretrained(sys.argv[3])
"""


def test_it_captions_a_path_where_asid_hf_is_not_installed(captioner: Any, clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    captioner.save_pretrained(tmp_path / "own")
    captioner.processor.save_pretrained(tmp_path / "own")
    environment = {**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules"), "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-c", OUTSIDE, str(tmp_path / "own"), str(clip), str(tmp_path / "again")]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert told.stdout.strip() == "['camera', 'speech'] 75 None", told.stderr
    first, again = (load_file(tmp_path / name / "model.safetensors") for name in ("own", "again"))
    assert first.keys() == again.keys()
    assert (tmp_path / "again" / "media_budget.py").is_file()


def test_a_thinker_loads_and_all_are_saved_in_one_layout(
    captioner: Any, whole: Any, omni: Path, tmp_path: Path
) -> None:
    from safetensors import safe_open

    whole.thinker.save_pretrained(tmp_path / "thinker")
    model = type(captioner).from_pretrained(tmp_path / "thinker")
    assert same_weights(model, whole.thinker)
    for source in (tmp_path / "thinker", omni):
        type(captioner).from_pretrained(source).save_pretrained(tmp_path / "own")
        with safe_open(tmp_path / "own" / "model.safetensors", "pt") as file:
            names = set(file.keys())
        assert {"visual.merger.ln_q.weight", "model.norm.weight", "audio_tower.proj.weight"} < names
        assert not [name for name in names if name.startswith("thinker.")]


def test_a_plain_omni_opens_what_was_exported(
    captioner: Any, whole: Any, omni: Path, clip: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoProcessor, Qwen2_5OmniForConditionalGeneration, Qwen2_5OmniProcessor

    changed = type(captioner).from_pretrained(omni)
    changed.processor = captioner.processor
    with torch.no_grad():
        changed.lm_head.weight.mul_(1.5)
    changed.export_omni(tmp_path / "omni", base=omni, max_shard_size="10MB")
    opened = Qwen2_5OmniForConditionalGeneration.from_pretrained(tmp_path / "omni").eval()
    assert same_weights(opened.talker, whole.talker)
    assert same_weights(opened.token2wav, whole.token2wav)
    assert same_weights(opened.thinker, changed)
    assert opened.speaker_map.keys() == whole.speaker_map.keys()
    inputs = shown(changed.processor, clip)
    theirs = steps(opened.thinker, inputs, use_audio_in_video=True)
    torch.testing.assert_close(steps(changed, inputs), theirs, atol=1e-5, rtol=1e-5)
    assert type(AutoProcessor.from_pretrained(tmp_path / "omni")) is Qwen2_5OmniProcessor
    index = json.loads((tmp_path / "omni" / "model.safetensors.index.json").read_text())
    assert {name.split(".")[0] for name in index["weight_map"]} == {"thinker", "talker", "token2wav"}
    with pytest.raises(OutputError, match="not empty"):
        changed.export_omni(tmp_path / "omni", base=omni)


def test_an_export_that_fails_leaves_nothing_that_looks_like_one(captioner: Any, omni: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on files are set as on Linux")
    damaged = shutil.copytree(omni, tmp_path / "damaged")
    shards = sorted(damaged.glob("*.safetensors"))
    shards[-1].write_bytes(shards[-1].read_bytes()[:100])
    out = tmp_path / "out"
    with pytest.raises(CheckpointError, match="cannot be read"):
        captioner.export_omni(out, base=damaged)
    with pytest.raises(InputError, match="max_shard_size='many'"):
        captioner.export_omni(out, base=omni, max_shard_size="many")
    with pytest.raises(CheckpointError, match="cannot be had"):
        captioner.export_omni(out, base=tmp_path / "nowhere")
    assert not out.exists()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # as on a disk that is full
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            captioner.export_omni(out, base=omni)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(out.iterdir())


def test_an_export_goes_into_an_empty_folder_and_touches_nothing_beside_it(
    captioner: Any, omni: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to("elsewhere")
    (tmp_path / "linked.part").mkdir()
    captioner.export_omni(tmp_path / "linked", base=omni)
    written = sorted(file.name for file in (tmp_path / "elsewhere").iterdir())
    assert {"config.json", "spk_dict.pt", "model.safetensors.index.json"} <= set(written)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    captioner.export_omni(".", base=omni)
    assert sorted(os.listdir(".")) == written
    assert (tmp_path / "linked.part").is_dir()


def test_no_base_but_its_own_is_exported_over(captioner: Any, whole: Any, vocabulary: Path, tmp_path: Path) -> None:
    other = tiny_captioners.build_whole_omni(tmp_path / "other", vocabulary, num_hidden_layers=3)
    with pytest.raises(CheckpointError, match="another thinker"):
        captioner.export_omni(tmp_path / "out", base=other)
    whole.thinker.save_pretrained(tmp_path / "thinker")
    with pytest.raises(InputError, match=r"Give a whole Qwen2\.5-Omni"):
        captioner.export_omni(tmp_path / "out2", base=tmp_path / "thinker")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("lm_head.weight"), "1 weights missing: lm_head.weight"),
        (lambda weights: weights.update(foreign=weights["model.norm.weight"].clone()), "1 weights unexpected: foreign"),
        (
            lambda weights: weights.update({"model.norm.weight": weights["model.norm.weight"][:-1].clone()}),
            "size|shape",
        ),
    ],
)
def test_weights_that_are_missing_or_foreign_are_an_error(
    captioner: Any, tmp_path: Path, change: Any, said: str
) -> None:
    from safetensors.torch import load_file, save_file

    captioner.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    change(weights)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises((CheckpointError, RuntimeError), match=said):
        type(captioner).from_pretrained(tmp_path)


def test_a_model_without_a_processor_says_so(captioner: Any, clip: Path, tmp_path: Path) -> None:
    captioner.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"processor\.save_pretrained"):
        type(captioner).from_pretrained(tmp_path).caption(clip)


def test_another_kind_of_model_is_refused(captioner: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InputError, match="is a llama model"):
        type(captioner).from_pretrained(tmp_path)


def test_the_usual_arguments_of_from_pretrained_do_what_they_do(captioner: Any, omni: Path) -> None:
    import torch

    model, told = type(captioner).from_pretrained(
        omni, dtype=torch.bfloat16, attn_implementation="eager", low_cpu_mem_usage=True, output_loading_info=True
    )
    assert model.dtype == torch.bfloat16
    assert model.config._attn_implementation == "eager"
    assert not told["missing_keys"]
    pytest.importorskip("accelerate", reason="device_map needs accelerate")
    assert type(captioner).from_pretrained(omni, device_map="cpu").device.type == "cpu"


def test_a_quantised_captioner_loads_captions_and_comes_back_the_same(
    captioner: Any, omni: Path, clip: Path, tmp_path: Path
) -> None:
    torchao = pytest.importorskip("torchao.quantization", reason="torchao is not installed")
    import torch
    from transformers import TorchAoConfig

    config = TorchAoConfig(torchao.Int8WeightOnlyConfig(version=2))
    model = type(captioner).from_pretrained(omni, quantization_config=config, device_map="cpu")
    assert isinstance(model.model.language_model.layers[0].mlp.up_proj.weight, torchao.Int8Tensor)
    model.processor = captioner.processor
    assert model.caption(clip, ["speech"], max_new_tokens=3, **SMALL)[0].tokens["new"] == 3
    model.save_pretrained(tmp_path)
    again = type(captioner).from_pretrained(tmp_path)
    inputs = shown(captioner.processor, clip)
    assert torch.equal(again(**inputs).logits, model(**inputs).logits)
    apart = (model(**inputs).logits - captioner(**inputs).logits).abs().max()
    assert 0 < apart < 0.1 * captioner(**inputs).logits.abs().max()
    with pytest.raises(InputError, match="is quantised"):
        model.export_omni(tmp_path / "omni", base=omni)


SIZES = {
    "3B": (
        {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16}
        | {"num_key_value_heads": 2, "vocab_size": 151936},
        4.70e9,
    ),
    "7B": (
        {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
        | {"num_key_value_heads": 4, "vocab_size": 152064},
        8.93e9,
    ),
}


@pytest.mark.parametrize("size", SIZES)
def test_the_real_sizes_have_the_real_numbers_of_parameters_and_take_no_memory(captioner: Any, size: str) -> None:
    import torch

    from asid_hf.captioner import AsidCaptionerConfig

    text, parameters = SIZES[size]
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}
    config = AsidCaptionerConfig(
        text_config={**text, "rope_parameters": rope, "tie_word_embeddings": False},
        vision_config={"hidden_size": 1280, "out_hidden_size": text["hidden_size"]},
        audio_config={"output_dim": text["hidden_size"]},
        **tiny_captioners.IDS,
    )
    with torch.device("meta"):
        model = type(captioner)(config)
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(parameters, rel=0.002)
    assert {weight.device.type for weight in model.parameters()} == {"meta"}


@pytest.fixture(scope="module")
def adapters(whole: Any, captioner: Any, omni: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One LoRA adapter, as trained over a whole Omni, over a thinker, and over a captioner."""
    peft = pytest.importorskip("peft", reason="adapters need peft")
    import copy

    import torch

    folder = tmp_path_factory.mktemp("adapters")
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=r".*\.(q_proj|up_proj)", base_model_name_or_path=str(omni)
    )
    made = {}
    for name, model in (("omni", whole), ("thinker", whole.thinker), ("captioner", captioner)):
        wrapped = peft.get_peft_model(copy.deepcopy(model), config)
        state = {}
        for key in peft.get_peft_model_state_dict(wrapped):
            if "thinker" not in key and name == "omni":
                continue
            seed = torch.Generator().manual_seed(len(key.replace("thinker.", "")) * 7 + sum(map(ord, key[-40:])))
            shape = peft.get_peft_model_state_dict(wrapped)[key].shape
            state[key] = 0.3 * torch.randn(shape, generator=seed)
        wrapped.save_pretrained(folder / name)
        from safetensors.torch import save_file

        save_file(state, folder / name / "adapter_model.safetensors")
        told = json.loads((folder / name / "adapter_config.json").read_text())
        told["base_model_name_or_path"] = str(omni)
        (folder / name / "adapter_config.json").write_text(json.dumps(told))
        made[name] = folder / name
    return made


def test_an_adapter_of_any_layout_is_read_merged_or_apart(
    adapters: dict[str, Path], captioner: Any, clip: Path
) -> None:
    import torch

    inputs = shown(captioner.processor, clip)
    plain = captioner(**inputs).logits
    expected = None
    for name, folder in adapters.items():
        merged = type(captioner).from_pretrained(folder, merge_adapter=True)
        apart = type(captioner).from_pretrained(folder)
        assert type(merged) is type(captioner)
        assert not [key for key in merged.state_dict() if "lora" in key]
        assert [key for key in apart.state_dict() if "lora" in key]
        logits = merged(**inputs).logits
        assert (logits - plain).abs().max() > 1e-3, name
        torch.testing.assert_close(apart(**inputs).logits, logits, atol=1e-4, rtol=1e-4)
        expected = logits if expected is None else expected
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(InputError, match="not merged"):
        apart.export_omni("nowhere", base="nowhere")


def test_an_adapter_kept_apart_is_saved_alone_and_says_the_same_again(
    adapters: dict[str, Path], captioner: Any, clip: Path, tmp_path: Path
) -> None:
    import torch

    apart = type(captioner).from_pretrained(adapters["omni"])
    apart.save_pretrained(tmp_path / "again")
    assert sorted(file.name for file in (tmp_path / "again").iterdir() if file.suffix != ".md") == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    again = type(captioner).from_pretrained(tmp_path / "again")
    inputs = shown(captioner.processor, clip)
    assert torch.equal(again(**inputs).logits, apart(**inputs).logits)
    with pytest.raises(InputError, match="leave push_to_hub out"):
        apart.save_pretrained(tmp_path / "again", push_to_hub=True)


def test_an_adapter_lies_over_the_base_that_is_given_and_its_own_processor_counts(
    adapters: dict[str, Path], captioner: Any, omni: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(adapters["thinker"], tmp_path / "adapter")
    told = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**told, "base_model_name_or_path": None}))
    with pytest.raises(CheckpointError, match="Give it as `base`"):
        type(captioner).from_pretrained(folder)
    plain = type(captioner).from_pretrained(folder, base=omni)
    assert plain.processor.media == captioner.processor.media
    processor = type(captioner.processor).from_pretrained(omni, media={"fps": 1.0})
    processor.save_pretrained(folder)
    apart = type(captioner).from_pretrained(folder, base=omni)
    assert apart.processor.media["fps"] == 1.0
    apart.save_pretrained(tmp_path / "again")
    again = type(captioner).from_pretrained(tmp_path / "again")  # over the base that was used
    assert same_weights(again, apart)


def test_an_adapter_over_an_adapter_adds_to_it(
    adapters: dict[str, Path], captioner: Any, clip: Path, tmp_path: Path
) -> None:
    import torch

    inputs = shown(captioner.processor, clip)
    twice = type(captioner).from_pretrained(adapters["omni"], base=adapters["thinker"])
    merged = type(captioner).from_pretrained(adapters["omni"], base=adapters["thinker"], merge_adapter=True)
    once = type(captioner).from_pretrained(adapters["thinker"], merge_adapter=True)
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    before, one, two = (model.state_dict()[name] for model in (captioner, once, merged))
    torch.testing.assert_close(two - one, one - before, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(twice(**inputs).logits, merged(**inputs).logits, atol=1e-4, rtol=1e-4)


def test_an_adapter_that_does_not_fit_is_refused(adapters: dict[str, Path], captioner: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(adapters["thinker"], tmp_path / "adapter")
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(iter(weights))
    weights[name.replace("layers.0", "layers.9").replace("layers.1", "layers.9")] = weights.pop(name)
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match="no LoRA of this model"):
        type(captioner).from_pretrained(folder)


PUSH = """
import sys
from asid_hf.captioner import AsidCaptionerConfig, AsidCaptionerProcessor
folder = sys.argv[1]
AsidCaptionerConfig.from_pretrained(folder).save_pretrained(folder, push_to_hub=True, repo_id="me/config")
processor = AsidCaptionerProcessor.from_pretrained(folder)
processor.save_pretrained(folder, push_to_hub=True, repo_id="me/processor")
print(AsidCaptionerProcessor.from_pretrained("me/processor").media["fps"])
"""


def test_what_is_pushed_has_its_code_with_it(captioner: Any, omni: Path, tmp_path: Path) -> None:
    from hub_server import HubServer

    captioner.config.save_pretrained(tmp_path / "own")
    type(captioner.processor).from_pretrained(omni, media={"fps": 1.5}).save_pretrained(tmp_path / "own")
    with HubServer() as hub:
        hub.tokens["hf_secret"] = "me"
        environment = {**os.environ, **hub.environment(tmp_path / "home", token="hf_secret")}
        command = [sys.executable, "-c", PUSH, str(tmp_path / "own")]
        told = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert told.stdout.strip() == "1.5", told.stderr
        for name, own in (("config", "config.json"), ("processor", "processor_config.json")):
            repo = hub.repos["model", f"me/{name}"]
            files = repo.commits[repo.refs["main"]].keys()
            assert {own, "configuration_asid_captioner.py", "modeling_asid_captioner.py", "schema.py"} <= files


def test_a_folder_without_a_model_is_refused_instead_of_a_default_model_being_made(
    one_thread: None, tmp_path: Path
) -> None:
    from asid_hf.captioner import AsidCaptionerConfig

    with pytest.raises(InputError, match=r"no config\.json"):
        AsidCaptionerConfig.from_pretrained(tmp_path)
