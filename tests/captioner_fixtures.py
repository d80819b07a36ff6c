"""Fixtures of all tests that caption: one tiny Omni, saved whole, and the captioner made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qwen_vocabulary
import tiny_captioners


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Threads cost such small models more than they share: a hundred times it, where others use the processors, too."""
    torch = pytest.importorskip("torch", reason="the packages of the captioner are not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def vocabulary(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the real vocabulary, converted."""
    for package in ("torch", "transformers", "torchvision"):
        pytest.importorskip(package, reason="the packages of the captioner are not installed")
    if reason := qwen_vocabulary.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("qwen")
    qwen_vocabulary.qwen_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(vocabulary: Path) -> Any:
    """The tokenizer of Qwen2.5-Omni."""
    return qwen_vocabulary.qwen_tokenizer(vocabulary)


@pytest.fixture(scope="session")
def omni(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole tiny Omni."""
    return tiny_captioners.build_whole_omni(tmp_path_factory.mktemp("omni") / "omni", vocabulary)


@pytest.fixture(scope="session")
def whole(omni: Path) -> Any:
    """The whole tiny Omni, as plain transformers opens it."""
    from transformers import Qwen2_5OmniForConditionalGeneration

    return Qwen2_5OmniForConditionalGeneration.from_pretrained(omni).eval()


@pytest.fixture(scope="session")
def captioner(omni: Path) -> Any:
    """The captioner made of it."""
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    return AsidCaptionerForConditionalGeneration.from_pretrained(omni)
