"""Instructions: drawn the same everywhere, each asks for what it was drawn for and for nothing else."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from asid_hf import instructions
from asid_hf.instructions import (
    ALL,
    ANSWERS,
    JSON,
    SEVERAL,
    SINGLE,
    SYSTEM_PROMPT,
    VERSION,
    asked_attributes,
    draw,
    draw_instruction,
)
from asid_hf.schema import ATTRIBUTES, canonical_attribute

DIGESTS = {
    1: "24536156121e775d"
}  # version -> digest of all pools; a changed text gets a new version and a new line here
PROMPTS = Path(__file__).parents[2] / "shared/data/benchmarks/attribute_prompts.jsonl"


def test_a_changed_text_has_a_new_version() -> None:
    found = hashlib.sha256(json.dumps([ALL, SINGLE, SEVERAL, JSON]).encode()).hexdigest()[:16]
    system = hashlib.sha256(SYSTEM_PROMPT.encode()).hexdigest()[:16]
    assert system == "610fc8b9adac0479", "a captioner keeps the system prompt that it was trained with in its config"
    assert DIGESTS.get(VERSION) == found, f'the pools were changed: raise VERSION and add {VERSION + 1}: "{found}"'


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("count", range(1, 9))
def test_an_instruction_names_what_it_asks_for_and_nothing_else(count: int, answer: str) -> None:
    for subset in itertools.combinations(ATTRIBUTES, count):
        for video in range(12):
            text = draw_instruction(subset, f"video {video}", answer=answer)
            assert asked_attributes(text) == list(subset), text
            assert ("JSON" in text) == (answer == "json")
            assert "{" not in text


def test_every_text_of_a_pool_is_drawn_about_as_often() -> None:
    counts = Counter(draw_instruction(["scene"], f"v{i}") for i in range(5000))
    assert len(counts) == len(SINGLE)
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_a_draw_depends_on_video_seed_and_attributes_alone() -> None:
    assert [draw(1000, 0, "a"), draw(1000, 1, "a"), draw(1000, 0, "b")] == DRAWN
    assert len({draw_instruction(["scene"], "a", seed) for seed in range(40)}) == len(SINGLE)


DRAWN = [85, 321, 364]  # on every machine


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="Allowed: text, json"):
        draw_instruction(["scene"], "a", answer="xml")
    with pytest.raises(ValueError, match="one attribute or more"):
        draw_instruction([], "a")


def test_a_general_instruction_asks_for_no_attribute_in_particular() -> None:
    assert asked_attributes("Please provide a thorough description of all the content, also from the audio.") == []


def test_the_prompts_of_the_attribute_benchmark_are_understood() -> None:
    if not PROMPTS.is_file():
        pytest.skip("the benchmark's prompts are not beside the repository")
    rows = [json.loads(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 800
    for row in rows:
        named = {canonical_attribute(name) for name in row["attributes"]}
        assert asked_attributes(row["prompt"]) == [name for name in ATTRIBUTES if name in named]


def test_the_module_needs_nothing_but_the_schema() -> None:
    source = Path(instructions.__file__).read_text(encoding="utf-8")
    assert "from .schema import" in source  # beside a loading script
