"""A model's part of the configuration: what is allowed, and who gets which key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": ""}, "has no name"),
        ({"backend": "vllm"}, "Allowed: endpoint, transformers"),
        ({"structured": "yes"}, "Allowed: json_schema"),
        ({"accepts": ("smell", "video")}, "accepts smell. Allowed: video, audio, frames"),
        ({"concurrency": 0}, "concurrency of the model m is 0"),
        ({"deadline": -1.0}, "deadline of the model m is -1.0"),
        ({"temperature": -3.0}, "temperature of the model m is -3.0. It has to be 0 or above"),
        ({"max_tokens": 0}, "max_tokens of the model m is 0"),
        ({"top_p": 7.0}, "1 or below"),
        ({"timeout": float("inf")}, "timeout of the model m is inf"),
        ({"deadline": float("nan")}, "deadline of the model m is nan"),
        ({"input_price": -1.0}, "input_price of the model m is -1.0"),
        ({"provider": "novita", "base_url": "http://host/v1"}, "both base_url and provider"),
        ({"base_url": "localhost:8000"}, "no http"),
        ({"base_url": "file:///etc/passwd"}, "no http"),
        ({"base_url": "http://me:secret@host/v1"}, "carries a key"),
        ({"base_url": "http://host/v1?key=secret"}, "carries a key"),
    ],
)
def test_what_is_not_allowed_is_named(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ModelSpec(**{"model": "m", **settings})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        (None, True),
        ("https://router.huggingface.co/v1", True),
        ("https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1", True),
        ("http://router.huggingface.co/v1", False),
        ("https://huggingface.co.evil.example/v1", False),
        ("https://nothuggingface.co/v1", False),
        ("http://localhost:8000/v1", False),
    ],
)
def test_the_hub_token_goes_to_the_hub_alone(address: str | None, sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert ModelSpec("m", base_url=address).key() == ("hf_mine" if sent else None)


def test_a_key_that_is_not_set_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    spec = ModelSpec("m", base_url="http://localhost:1/v1", api_key_env="MY_KEY")
    with pytest.raises(InputError, match="environment variable MY_KEY"):
        spec.key()
    monkeypatch.setenv("MY_KEY", "k")
    assert spec.key() == "k"


def test_further_parameters_of_any_shape_are_sent_and_can_be_hashed() -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "stop_token_ids": [1, 2]}
    spec = ModelSpec("a-model", extra_body=extra)
    assert {name: spec.parameters()[name] for name in extra} == extra
    assert hash(spec) == hash(replace(spec))
    assert replace(spec, model="another").parameters()["stop_token_ids"] == [1, 2]


def test_further_parameters_are_recorded_by_a_digest_since_they_may_be_keys() -> None:
    one, other = (ModelSpec("a-model", extra_body={"token": key}) for key in ("sk-secret", "sk-other"))
    assert "secret" not in repr(one)
    assert repr(one) == repr(replace(one)) != repr(other)
    assert one.parameters()["token"] == "sk-secret"


def test_a_local_model_is_published_by_its_name_alone(tmp_path: Path) -> None:
    assert ModelSpec(str(tmp_path / "my-model")).name == "my-model"
    assert ModelSpec("Qwen/Qwen2.5-Omni-7B").name == "Qwen/Qwen2.5-Omni-7B"
