"""What can be known to go wrong is said before a row is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.errors import InputError
from asid_hf.training.arguments import read_recipe
from asid_hf.training.sft import train
from asid_hf.training.starting import check_start


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"report_to": ["tensorbord"]}, "report_to=.*tensorbord"),
        ({"report_to": ["wandb"]}, "report_to=.*wandb"),
        ({"attn_implementation": "flash_attention_2"}, "--attn_implementation sdpa"),
        ({"resume_from_checkpoint": "no/checkpoint-3"}, "is no folder of a whole checkpoint"),
        ({"push_to_hub": True}, r"the Hub does not let us in: \w+: .+ Log in with"),
        ({"push_to_hub": True, "use_peft": True}, "Set merge_adapter: true"),
    ],
)
def test_what_would_end_a_run_later_is_refused_at_once(write_recipe: Callable, more: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_start(*read_recipe(write_recipe(**more)))


def test_a_run_writes_beside_its_model_and_where_it_may(write_recipe: Callable, small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which it would write over"):
        check_start(*read_recipe(write_recipe(), ["--output_dir", f"{small}/"]))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        check_start(*read_recipe(write_recipe(), ["--output_dir", str(tmp_path / "file" / "run")]))
    check_start(*read_recipe(write_recipe()))


@pytest.mark.parametrize("broken", ["model.safetensors", "config.json", "all"])
def test_a_model_that_cannot_be_loaded_is_said(
    write_recipe: Callable, small: Path, tmp_path: Path, broken: str, one_thread: None
) -> None:
    folder = tmp_path / "no" / "such" / "model"
    if broken != "all":
        folder = shutil.copytree(small, tmp_path / "model")
        (folder / broken).write_bytes((folder / broken).read_bytes()[:40])
    with pytest.raises(InputError, match=r"cannot be loaded|No processor lies"):
        train(*read_recipe(write_recipe(model_name_or_path=str(folder))))
