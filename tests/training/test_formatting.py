"""Rows of every accepted shape into training rows; what cannot be trained on keeps its reason."""

from __future__ import annotations

import pytest
from datasets import Dataset

from asid_hf.captioner.caption_request import CaptionRequest
from asid_hf.captioner.caption_request import conversation as asked_in_use
from asid_hf.errors import InputError
from asid_hf.instructions import ALL, ANSWERS, JSON, SYSTEM_PROMPT, draw_instruction, requested_attributes
from asid_hf.schema import ATTRIBUTES
from asid_hf.training.formatting import VIDEO_TAG, Formatting, conversation, training_features


def told(**row: object) -> dict:
    return {"video_id": "a", "instruction": "Describe.", "caption": "It pans.", "attributes": ["camera"], **row}


@pytest.mark.parametrize(
    ("attributes", "format", "answer"),
    [
        (["speech"], "text", "A voice."),
        (["scene", "camera"], "text", "Scene: A beach.\n\nCamera: It pans."),
        (list(ATTRIBUTES), "text", "A beach."),
        (["scene", "camera"], "json", '{"scene": "A beach.", "camera": "It pans."}'),
    ],
)
def test_training_asks_as_captioning_does(attributes: list[str], format: str, answer: str) -> None:
    row = Formatting(seed=3).row(told(attributes=attributes, caption=answer, video="clips/a.mp4"))
    request = CaptionRequest(attributes=tuple(attributes), format=format, system_prompt=SYSTEM_PROMPT, seed=3)
    turns = conversation(row)
    assert turns[:-1] == asked_in_use(row["video"], request)
    assert turns[-1] == {"role": "assistant", "content": [{"type": "text", "text": answer}]}
    assert row["form"] == format and row["attributes"] == attributes


def test_instructions_stay_as_they_are_where_that_is_asked() -> None:
    row = Formatting(instructions="given").row(told(video="a.mp4"))
    assert row["messages"][1]["content"] == VIDEO_TAG + "Describe."


def test_a_published_line_of_messages_is_asked_anew() -> None:
    turns = [{"role": "user", "content": "Describe the camera in the video.<video>"}]
    row = Formatting().row({"messages": [*turns, {"role": "assistant", "content": "It pans."}], "videos": ["v/a.mp4"]})
    assert row["messages"][1]["content"] == VIDEO_TAG + draw_instruction(["camera"], "a", 0)
    assert row["video"] == {"path": "v/a.mp4", "bytes": None} and row["attributes"] == ["camera"]


@pytest.mark.parametrize(
    "question",
    [
        "Does the scene have a dog? Answer yes or no.",
        "Translate the speech into French.",
        "Count the objects.",
        "What brand is the camera?",
        "Describe the camera of the man in the video.",
        "Describe the camera, scene in the video.",  # in another order than we would ask in
        "Rate the scene, characters, objects, actions, narrative elements, speech, camera and emotions.",
        "Are the scene, characters, objects, actions, narrative, speech, camera and emotions shown? Yes or no.",
    ],
)
def test_a_question_that_has_an_attributes_name_in_it_is_kept(question: str) -> None:
    turns = [{"role": "user", "content": VIDEO_TAG + question}, {"role": "assistant", "content": "Yes."}]
    row = Formatting().row({"messages": turns, "videos": ["a.mp4"]})
    assert row["messages"][1]["content"] == VIDEO_TAG + question and row["attributes"] == []


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("asked", [["speech"], ["scene", "narrative_elements", "camera"], list(ATTRIBUTES)])
def test_each_instruction_of_the_pools_is_known_as_one(asked: list[str], answer: str) -> None:
    drawn = {draw_instruction(asked, f"clip{number}", 0, answer) for number in range(60)}
    assert len(drawn) >= 5 and all(requested_attributes(text) == asked for text in drawn)
    assert all(requested_attributes(text.rstrip(".").replace(" ", "  ")) == asked for text in drawn)
    assert requested_attributes("Describe the speech") == ["speech"]
    eight = "Generate a caption with scene, characters, objects, actions, narrative, speech, camera and emotions."
    assert requested_attributes(eight) == list(ATTRIBUTES)


def test_attributes_are_accepted_in_any_spelling_and_a_clip_where_messages_have_it() -> None:
    assert Formatting().row(told(video="a.mp4", attributes="Speech"))["attributes"] == ["speech"]
    asks = {"role": "user", "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "Look."}]}
    row = Formatting().row({"messages": [asks, {"role": "assistant", "content": "A dog."}], "audios": ["a.mp4"]})
    assert row["video"] == {"path": "a.mp4", "bytes": None} and row["refused"] is None


def test_general_rows_keep_every_word_and_ask_about_no_clip() -> None:
    turns = [{"role": role, "content": f"{role} speaks of the camera"} for role in ("system", "user", "assistant")]
    row = Formatting().row({"messages": turns})
    assert row["messages"] == turns and row["video"] is None and row["attributes"] == [] and row["refused"] is None


@pytest.mark.parametrize("prompt", ["Say hello.", [{"role": "user", "content": "Say hello."}]])
def test_prompt_and_completion_become_turns(prompt: object) -> None:
    row = Formatting().row({"prompt": prompt, "completion": "Hello."})
    assert [turn["content"] for turn in row["messages"]] == ["Say hello.", "Hello."]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (told(video=None), "its clip is not there"),
        (told(caption="", video="a.mp4"), "an empty turn"),
        (told(caption=None, video="a.mp4"), "an empty turn"),
        ({"messages": []}, "no answer at its end"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no answer at its end"),
        ({"messages": [{"role": "tool", "content": "a"}, {"role": "assistant", "content": "b"}]}, "the role 'tool'"),
        (told(videos=["a.mp4", "b.mp4"]), "2 clips"),
        (
            {"messages": [{"role": "user", "content": "<video><video>a"}, {"role": "assistant", "content": "b"}]},
            "stands in other places",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "b"}]},
            "image",
        ),
        (told(video="a.mp4", attributes=["scene", "taste"]), "'taste' is no attribute"),
        (told(video="a.mp4", images=["a.png"]), "it has images"),
        (told(video="a.mp4", audio={"path": "b.wav", "bytes": None}), "it has audio"),
    ],
)
def test_what_cannot_be_trained_on_keeps_its_reason(row: dict, reason: str) -> None:
    assert reason in Formatting().row(row)["refused"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Describe the clip.", "completion": "A dog.", "video": "a.mp4"},
        {"prompt": "Describe the clip.", "completion": "A dog.", "videos": ["a.mp4"]},
        {"messages": [{"role": "user", "content": "Look."}, {"role": "assistant", "content": "A."}], "video": "a.mp4"},
    ],
)
def test_a_clip_that_no_turn_names_belongs_to_the_first_question(row: dict) -> None:
    made = Formatting().row(row)
    assert made["video"] == {"path": "a.mp4", "bytes": None} and made["refused"] is None
    (asks,) = [turn for turn in made["messages"] if turn["role"] == "user"]
    assert asks["content"].startswith(VIDEO_TAG)


@pytest.mark.parametrize(
    "row",
    [
        told(video="a.mp4", caption=["A dog."]),
        {"messages": [{"role": "user", "content": ["x"]}, {"role": "assistant", "content": "b"}]},
        {"messages": [None, {"role": "assistant", "content": "b"}]},
        {"messages": "a text"},
        {"prompt": 3, "completion": "b"},
    ],
)
def test_a_malformed_row_is_refused_and_raises_nothing(row: dict) -> None:
    assert Formatting().row(row)["refused"]


def test_an_answer_to_nothing_can_be_learned() -> None:
    made = Formatting().row({"messages": [{"role": "assistant", "content": "Hello."}]})
    assert made["refused"] is None and len(made["messages"]) == 1


def test_rows_of_no_known_shape_are_an_error_that_names_their_columns() -> None:
    with pytest.raises(InputError, match="question, answer"):
        Formatting()({"question": ["a"], "answer": ["b"]})


def test_a_dataset_maps_to_the_declared_columns_and_one_bad_row_spoils_no_other() -> None:
    rows = Dataset.from_list([told(video="a.mp4"), told(video=None), told(video="b.mp4", caption=" ")])
    made = rows.map(Formatting(), batched=True, remove_columns=rows.column_names, features=training_features())
    assert made.column_names == list(training_features())
    assert [bool(reason) for reason in made["refused"]] == [False, True, True]


def test_the_pools_of_the_form_are_drawn_from() -> None:
    everything = [Formatting(seed=seed).row(told(attributes=list(ATTRIBUTES), video="a.mp4")) for seed in range(40)]
    begun = {row["messages"][1]["content"].removeprefix(VIDEO_TAG)[:12] for row in everything}
    assert begun == {text[:12] for text in ALL}
    row = Formatting().row(told(caption='{"camera": "It pans."}', video="a.mp4"))
    assert any(row["messages"][1]["content"].removeprefix(VIDEO_TAG)[:8] == text[:8] for text in JSON)


def test_another_version_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets.fingerprint import Hasher

    before = Hasher.hash(Formatting())
    assert before == Hasher.hash(Formatting()) != Hasher.hash(Formatting(seed=1))
    monkeypatch.setattr(Formatting, "version", 99)
    assert Hasher.hash(Formatting()) != before
