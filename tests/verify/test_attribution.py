"""Filing sentences under the eight attributes."""

from __future__ import annotations

import pytest
from facts import heard, light, move, said, shown
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify import phrasing
from asid_hf.verify.attribution import attributes_of, decided_by_claims, features_of, score, word_classes


@pytest.mark.parametrize(
    ("sentence", "home"),
    [
        ("The scene takes place in a cosy living room with large windows.", "scene"),
        ("The background features tall trees and a wooden fence.", "scene"),
        ("She has long red hair and wears a green coat.", "characters"),
        ("The video begins with a man in a dark suit, white shirt and grey tie.", "characters"),
        ("A white ceramic mug and two books lie on the table.", "objects"),
        ("The bottle is made of clear plastic.", "objects"),
        ('The text "Hello" appears in white letters.', "objects"),
        ("He picks up the ball and throws it to his friend.", "actions"),
        ("At 4s, the woman pours the milk into the bowl and stirs it.", "actions"),
        ("Overall, the video presents a coherent step-by-step tutorial.", "narrative_elements"),
        ('The man says, "Come in."', "speech"),
        ("Soft piano music plays in the background.", "speech"),
        ("There is no audio.", "speech"),
        ("The camera slowly pans left.", "camera"),
        ("At 12s, the view cuts to a low-angle shot.", "camera"),
        ("Her smile fades and she appears disappointed.", "emotions"),
        ("He seems nervous and worried.", "emotions"),
    ],
)
def test_the_best_home_of_a_plain_sentence(sentence: str, home: str) -> None:
    assert attributes_of(sentence)[0] == home


@pytest.mark.parametrize(
    ("sentence", "home"),
    [
        (phrasing.say_cut(8.2, 20.0), "camera"),
        (phrasing.say_move(move(4.0, 7.0, "zoom_in"), 20.0), "camera"),
        (phrasing.say_move(move(4.0, 7.0, "tilt_up"), 20.0), "camera"),
        (phrasing.say_light(light("dark", 0.1)), "camera"),
        (phrasing.say_light_change(4.2, "bright", 20.0), "camera"),
        (phrasing.say_utterance(said(1.0, 3.0, "Come in."), 20.0), "speech"),
        (phrasing.say_sound(None, 20.0)[0], "speech"),
        (phrasing.say_sound(heard((2.0, 8.0, "music")), 20.0)[0], "speech"),
        (phrasing.say_screen_text(shown(2.0, 4.0, "EXIT"), 20.0), "objects"),
    ],
)
def test_what_the_measured_annotator_writes_goes_home(sentence: str, home: str) -> None:
    assert attributes_of(sentence)[0] == home


def test_further_homes_are_named_when_they_are_likely() -> None:
    names = attributes_of("At 3s, a brown dog runs across the lawn.")
    assert {"characters", "actions"} <= set(names)


def test_a_quotation_that_runs_on_from_the_sentence_before_is_speech() -> None:
    previous = 'The first voice adds,"Just a little bite, though.'
    assert attributes_of("All right, that's enough.\"", previous)[0] == "speech"


def test_only_quoted_speech_leaves_no_doubt() -> None:
    assert decided_by_claims({"claim:screen_text:quote", "claim:speech:quote"}) == "speech"
    assert decided_by_claims({"claim:speech:reported", "claim:sound", "claim:screen_text:present"}) is None


def test_words_themselves_count_but_not_the_quoted_ones() -> None:
    features = features_of('The title reads "Velvet Mountain" in gold.')
    assert {"word:title", "first:the", "word:gold"} <= features
    assert not features & {"word:velvet", "word:mountain"}


def test_scores_are_probabilities() -> None:
    scores = score({"bias", "head:place", "unknown"}, {"head:place": {"scene": 2.0}})
    assert set(scores) == set(ATTRIBUTES)
    assert sum(scores.values()) == pytest.approx(1)
    assert max(scores, key=scores.get) == "scene"


def test_words_of_the_presentation_are_told_from_what_is_presented() -> None:
    features = features_of("In the next scene, the video then shows a close-up of a dog.")
    assert {"head:animal", "close-up", "lead", "claim:cut", "claim:camera"} <= features


def test_verbs_are_known_in_their_forms() -> None:
    classes = word_classes()
    assert all("act" in classes[form] for form in ("tries", "throwing", "stirred", "cutting", "washes"))
    assert "act:s" in classes["throws"] and "act:ing" in classes["throwing"]


@given(st.text(max_size=200), st.text(max_size=80))
def test_any_sentence_has_one_to_three_homes(sentence: str, previous: str) -> None:
    names = attributes_of(sentence, previous)
    assert 1 <= len(names) <= 3
    assert len(set(names)) == len(names)
    assert set(names) <= set(ATTRIBUTES)


def test_a_sentence_of_a_megabyte_is_filed() -> None:
    assert attributes_of("the camera pans left " * 50_000)[0] in ATTRIBUTES


def test_speech_that_is_said_only_in_passing_does_not_make_it_a_sentence_about_speech() -> None:
    assert attributes_of("The woman turns the wheel and pulls the lever while talking.")[0] == "actions"
    assert attributes_of("The woman talks about the wheel.")[0] == "speech"


def test_words_on_the_tool_somebody_uses_do_not_make_it_a_sentence_about_objects() -> None:
    assert attributes_of("The man uses a drill labeled 'TORQ' to open the crate.")[0] == "actions"


def test_the_order_of_a_set_which_every_process_draws_anew_does_not_decide_a_tie() -> None:
    weights = {"a": {"scene": 0.1}, "b": {"scene": 0.2}, "c": {"scene": 0.3, "objects": 0.6}}
    assert score(dict.fromkeys("abc"), weights) == score(dict.fromkeys("cba"), weights)
