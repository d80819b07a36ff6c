"""Replies as checked data: what is read, and every way in which a reply is none, by its name."""

from __future__ import annotations

import json

import pytest

from asid_hf.chat.messages import ChatError, ChatReply
from asid_hf.chat.structured import check_schema, check_text, is_refusal, parse_reply
from asid_hf.prompts import PROMPTS

JUDGE = PROMPTS["judge"].schema
FINDING = {
    "attribute": "scene",
    "kind": "error",
    "span": "dark",
    "reason": "It is bright.",
    "time_start": None,
    "time_end": 2.5,
    "confidence": 0.5,
}
GOOD = {"findings": [FINDING]}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  {TEXT}\n",
        f"Sure! Here it is:\n\n{TEXT}\n\nLet me know if it helps.",
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"Here:\n```JSON\n{json.dumps(GOOD, indent=2)}\n```\nDone.",
        f"<think>First {{a}}, then [b]. {{'c': 1}}</think>\n{TEXT}",
        f"I found [] and {{}} at first, then: {TEXT}",
        f"The list [see below] is this: {TEXT}",
    ],
)
def test_one_value_is_read_whatever_stands_around_it(text: str) -> None:
    assert parse_reply(ChatReply(text), JUDGE) == GOOD


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (ChatReply("The clip looks fine to me."), "not_json"),
        (ChatReply(f"{TEXT}\n{TEXT}"), "not_json"),
        (ChatReply(f"```json\n{TEXT}\n```\nor rather\n```json\n" + '{"findings": []}\n```'), "not_json"),
        (ChatReply('{"findings": NaN}'), "not_json"),
        (ChatReply('{"findings": [Infinity]}'), "not_json"),
        (ChatReply("{'findings': []}"), "not_json"),
        (ChatReply('{"findings": [],}'), "not_json"),
        (ChatReply("[" * 100_000), "not_json"),
        (ChatReply("[" * 100_000 + "]" * 100_000), "not_json"),
        (ChatReply('{"a":' * 50_000), "not_json"),
        (ChatReply("{" * 500_000), "not_json"),
        (ChatReply("null"), "not_json"),
        (ChatReply("1" * 10_000), "not_json"),
        (ChatReply('"findings"'), "not_json"),
        (ChatReply(TEXT[: len(TEXT) // 2]), "not_json"),
        (ChatReply(json.dumps({"findings": [FINDING, FINDING]})[:-30]), "not_json"),
        (ChatReply(TEXT[: len(TEXT) // 2], "length"), "truncated"),
        (ChatReply(json.dumps({"findings": [FINDING, FINDING]})[:-30], "length"), "truncated"),
        (ChatReply("", "length"), "truncated"),
        (ChatReply("<think>I have to look at", "length"), "truncated"),
        (ChatReply("", "content_filter"), "filtered"),
        (ChatReply(TEXT, "content_filter"), "filtered"),
        (ChatReply("I cannot do this.", "refusal"), "refused"),
        (ChatReply("I'm sorry, but I can't help with that."), "refused"),
        (ChatReply("I’m sorry, but I can’t help with that."), "refused"),
        (ChatReply("Sorry, as an AI language model I have no eyes."), "refused"),
        (ChatReply("[]"), "schema"),
        (ChatReply("{}"), "schema"),
        (ChatReply(f"[{TEXT}]"), "schema"),
        (ChatReply('{"findings": {}}'), "schema"),
        (ChatReply('{"findings": [], "verdict": "fine"}'), "schema"),
        (ChatReply('{"Findings": []}'), "schema"),
        (ChatReply('{"findings": ["none"]}'), "schema"),
    ],
)
def test_what_is_no_answer_has_a_name(reply: ChatReply, kind: str) -> None:
    with pytest.raises(ChatError) as caught:
        parse_reply(reply, JUDGE)
    assert caught.value.kind == kind and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("attribute", "smell", "one of scene, characters"),
        ("attribute", None, "string is allowed"),
        ("kind", "wrong", "one of error, missing, expressiveness"),
        ("span", 7, "string is allowed"),
        ("span", "x" * 20_001, "20001 characters; 20000 are allowed"),
        ("reason", ["because"], "is list; string is allowed"),
        ("time_start", "4s", "number or null is allowed"),
        ("time_start", True, "number or null is allowed"),
        ("confidence", 1.5, "at most 1 is allowed"),
        ("confidence", -0.1, "at least 0 is allowed"),
        ("confidence", "high", "number is allowed"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(field: str, value: object, told: str) -> None:
    text = json.dumps({"findings": [FINDING, {**FINDING, field: value}]})
    with pytest.raises(ChatError, match=rf"the reply\.findings\[1\]\.{field} ") as caught:
        parse_reply(ChatReply(text), JUDGE)
    assert caught.value.kind == "schema" and told in str(caught.value)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_beyond_all_measure_is_none(number: str) -> None:
    text = TEXT.replace("2.5", number)
    with pytest.raises(ChatError, match="time_end") as caught:
        parse_reply(ChatReply(text), JUDGE)
    assert caught.value.kind == "schema"


def test_a_lacking_field_and_too_many_items_are_named() -> None:
    lacking = {name: value for name, value in FINDING.items() if name != "reason"}
    with pytest.raises(ChatError, match=r"findings\[0\] lacks reason"):
        parse_reply(ChatReply(json.dumps({"findings": [lacking]})), JUDGE)
    with pytest.raises(ChatError, match="101 items; at most 100"):
        parse_reply(ChatReply(json.dumps({"findings": [FINDING] * 101})), JUDGE)


def test_half_characters_do_not_reach_the_rows() -> None:
    text = TEXT.replace("It is bright.", "It is \\ud83d bright. \\ud83d\\ude00")
    reason = parse_reply(ChatReply(text), JUDGE)["findings"][0]["reason"]
    assert reason == "It is \ufffd bright. \U0001f600" and reason.encode()


def test_types_of_a_value_are_told_apart() -> None:
    for value, kind in [(True, "integer"), (1.0, "integer"), (None, "object"), ("1", "number"), ([], "object")]:
        with pytest.raises(ChatError, match=f"{kind} is allowed"):
            check_schema(value, {"type": kind})
    for value, kind in [
        (True, "boolean"),
        (1, "number"),
        (1, "integer"),
        (None, "null"),
        ("", "string"),
        ([], "array"),
    ]:
        check_schema(value, {"type": kind})


def test_a_deep_value_of_a_schema_that_allows_any_is_checked_or_refused() -> None:
    for depth in (500, 900, 990):
        try:
            parse_reply(ChatReply('{"any": ' + "[" * depth + "]" * depth + "}"), {"type": "object"})
        except ChatError as error:
            assert error.kind == "not_json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" A dog runs. ", "A dog runs."),
        ("<think>What is it?</think>A dog runs.", "A dog runs."),
        ("At 2s, a man says, \"I'm sorry, I can't help you.\"", "At 2s, a man says, \"I'm sorry, I can't help you.\""),
        ("A sign reads: I cannot provide change.", "A sign reads: I cannot provide change."),
    ],
)
def test_prose_is_read(text: str, expected: str) -> None:
    assert check_text(ChatReply(text)) == expected


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (ChatReply("  "), "empty"),
        (ChatReply("<think>A dog?</think>"), "empty"),
        (ChatReply("A dog ru", "length"), "truncated"),
        (ChatReply("", "content_filter"), "filtered"),
        (ChatReply("No.", "refusal"), "refused"),
        (ChatReply("I'm sorry, but I can't describe this video."), "refused"),
        (ChatReply("I’m unable to watch videos."), "refused"),
        (ChatReply("Sorry, I cannot describe people."), "refused"),
        (ChatReply("Unfortunately, I can't view the clip."), "refused"),
    ],
)
def test_prose_that_is_none_has_a_name(reply: ChatReply, kind: str) -> None:
    with pytest.raises(ChatError) as caught:
        check_text(reply)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "I apologize, but I'm unable to describe this.",
        "I apologise for the confusion; there is nothing to see.",
        "Unable to process the video.",
        "I don't see any video attached.",
        "I do not have access to the video.",
        "No video was provided. Please share the clip.",
        "There is no video attached to your message.",
        "Unfortunately, the video does not load.",
        "It seems that the video wasn't uploaded.",
        "As an AI language model, I have no access to the video.",
        "Sorry, I can't identify people.",
        "**I cannot assist with that request.**",
        "Please provide the video you want described.",
        "The video could not be processed.",
    ],
)
def test_a_refusal_is_none_of_a_caption_whatever_its_apostrophes(text: str) -> None:
    assert is_refusal(text) and is_refusal(text.replace("'", "’"))
    with pytest.raises(ChatError) as caught:
        check_text(ChatReply(text))
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "Unable to open the door, a man knocks.",
        "No people are visible.",
        "There is no speech in the clip.",
        "Unfortunately, the man falls off the chair.",
        "The video does not show any people; it shows a beach.",
        "The video opens with a man who says, \"I'm sorry, I can't help you.\"",
        "\"I'm sorry, I can't help you,\" a man says.",
        "As an assistant hands him a file, he smiles.",
        "Sorry for being late, as his sign reads, a man enters.",
        "No camera movement is found in the video.",
    ],
)
def test_a_caption_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)
