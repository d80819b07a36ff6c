"""Faults of form: what goes, and what looks like one and stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asid_hf.verify.format import format_faults, repaired

CASES = {
    "He waves at us. " * 9 + "Then he goes.": "He waves at us. Then he goes.",
    "The cat sat" + ", the cat sat" * 20 + ".": "The cat sat.",
    "hm" + "m" * 40 + " yes": "hm yes",
    "go " * 30 + "home": "go home",
    "At 12ss, he waves.": "At 12s, he waves.",
    "At 12 s s, he waves.": "At 12s, he waves.",
    "At 0:75, he waves.": "At 75s, he waves.",
    "At s, he waves.": "He waves.",
    "[00:0x] He waves.": "He waves.",
    "**He** waves.": "He waves.",
    "## Scene\nA beach.": "Scene\nA beach.",
    "- A beach.\n- A dog.": "A beach.\nA dog.",
    "He waves.<|im_end|>": "He waves.",
    "He waves.</think>": "He waves.",
    "He\x00 waves\ufffd.": "He waves.",
    "Heâ€™s at the cafÃ©.": "He’s at the café.",
    "What?????": "What?",
}
CLEAN = [
    "It costs 100000000 dollars.",
    "very, very, very, very nice",
    'They chant, "Go go go go go go go!"',
    "The code 0 0 0 0 0 0 0 0 0 0 blinks.",
    "At 3s, he waves. At 4s, he waves. At 5s, he waves. At 6s, he waves. At 7s, he waves.",
    "A f**k is bleeped, and 5 * 3 = 15.",
    "#fyp is written there, and C# too.",
    'A sign reads "★ OPEN ★".',
    "At 10:45, the bell rings… twice.",
    "Die Größe ändert sich; où ça?",
    "He says it is 3:75 on the scoreboard.",
]


@pytest.mark.parametrize("text", CASES)
def test_faults_of_form_are_repaired(text: str) -> None:
    assert repaired(text) == CASES[text]


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_like_a_fault_stays(text: str) -> None:
    assert format_faults(text) == []


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab s.,:;!?*#_<|>[]0123456789\n\"'At\u200b\ufffdÃ©", max_size=120))
def test_any_text_gives_ordered_ranges_inside_it(text: str) -> None:
    faults = format_faults(text)
    edges = [edge for fault in faults for edge in (fault.start, fault.end)]
    assert edges == sorted(edges)
    assert all(0 <= fault.start < fault.end <= len(text) for fault in faults)
    repaired(text)


def test_a_megabyte_is_searched_without_blowing_up() -> None:
    assert len(repaired("the cat sat on the mat " * 45_000)) < 100
    assert repaired("*[_<|" * 20_000) is not None


def test_a_loop_ends_before_the_words_that_go_on_otherwise() -> None:
    text = "At 3s, he glances down. " * 5 + "At 6s, he looks up."
    assert repaired(text) == "At 3s, he glances down. At 6s, he looks up."


def test_a_loop_that_breaks_off_at_the_end_goes_whole() -> None:
    assert repaired("He waves at us. " * 5 + "He waves") == "He waves at us."
