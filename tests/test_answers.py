"""Answers: read whatever form they have, never guessed."""

from __future__ import annotations

import json

import pytest

from asid_hf.answers import labelled, read_answer, reply_schema
from asid_hf.chat.structured import check_schema
from asid_hf.schema import ATTRIBUTES

ASKED = ("scene", "narrative_elements", "camera")


def test_labelled_paragraphs_are_told_apart() -> None:
    raw = "**Scene:** A beach at noon: hot.\n\nNarrative Elements: It rains.\nThen it stops.\n\ncamera - it pans."
    text, found = read_answer(raw, ASKED, "text")
    assert text == raw
    assert found == {
        "scene": "A beach at noon: hot.",
        "narrative_elements": "It rains.\nThen it stops.\n\ncamera - it pans.",
    }


def test_a_paragraph_about_several_attributes_is_left_whole() -> None:
    assert read_answer("A man waves. He says: hello.", ATTRIBUTES, "text") == ("A man waves. He says: hello.", {})


def test_a_lone_attribute_is_the_whole_answer_with_or_without_its_label() -> None:
    for raw in ("It pans left.", "Camera: It pans left."):
        assert read_answer(raw, ["camera"], "text")[1] == {"camera": "It pans left."}


@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", "  {}\n"])
def test_json_is_read_with_any_spelling_of_its_keys_and_in_the_order_asked_for(form: str) -> None:
    told = {"Camera": "It pans.", "narrative elements": "It rains.", "mood": "calm", "scene": 3}
    text, found = read_answer(form.format(json.dumps(told)), ASKED, "json")
    assert list(found.items()) == [("narrative_elements", "It rains."), ("camera", "It pans.")]
    assert text == "Narrative elements: It rains.\n\nCamera: It pans."


@pytest.mark.parametrize("raw", ["no JSON", "[1]", '{"scene": "cut off', '"scene"', "[" * 100_000, ""])
def test_what_is_no_json_stays_as_it_is(raw: str) -> None:
    assert read_answer(raw, ASKED, "json") == (raw, {})


def test_the_schema_of_a_reply_asks_for_just_these_strings() -> None:
    schema = reply_schema(ASKED)
    check_schema(dict.fromkeys(ASKED, "x"), schema)
    for wrong in ({"scene": "x"}, {**dict.fromkeys(ASKED, "x"), "more": "y"}, dict.fromkeys(ASKED, 1)):
        with pytest.raises(Exception, match="reply"):
            check_schema(wrong, schema)


def test_labels_leave_out_what_is_empty() -> None:
    assert labelled({"scene": "A beach.", "speech": "", "camera": "It pans."}) == "Scene: A beach.\n\nCamera: It pans."
