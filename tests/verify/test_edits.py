"""Surgery on sentences: what is taken out, and what must stay."""

from __future__ import annotations

import pytest

from asid_hf.verify.edits import without_anchor, without_claim

CASES = [  # sentence, claim, what is left
    ("The camera pans left.", "pans left", ""),
    ("A dog runs along the beach, while the camera pans left.", "pans left", "A dog runs along the beach."),
    ("While the camera pans left, a dog runs along the beach.", "pans left", "A dog runs along the beach."),
    ("The camera pans left as a dog runs along the beach.", "pans left", "A dog runs along the beach."),
    ("At 3s, the camera pans left, and a dog runs home.", "pans left", "At 3s, a dog runs home."),
    ('A man stands by a sign reading "EXIT", looking sad.', "EXIT", "A man stands by a sign, looking sad."),
    ('A red door with the words "NO ENTRY" stands ajar.', "NO ENTRY", "A red door stands ajar."),
    ('He says, "Bring me the umbrella."', "Bring me the umbrella.", ""),
    ('A man enters the room, and a woman says, "Go away."', "Go away.", "A man enters the room."),
    ("A dog barks, music plays, and a cat sleeps on the sofa.", "music", "A dog barks, and a cat sleeps on the sofa."),
]


@pytest.mark.parametrize(("sentence", "claim", "left"), CASES)
def test_only_the_clause_with_the_claim_goes(sentence: str, claim: str, left: str) -> None:
    start = sentence.index(claim)
    assert without_claim(sentence, start, start + len(claim)) == left


@pytest.mark.parametrize(
    ("sentence", "anchor", "left"),
    [
        ("At 40s, he waves.", "At 40s", "He waves."),
        ("He waves at 40s.", "at 40s", "He waves."),
        ("He waves at 40s, smiling.", "at 40s", "He waves, smiling."),
        ("He waves from 40s to 50s and leaves.", "from 40s to 50s", "He waves and leaves."),
    ],
)
def test_a_time_goes_without_a_trace(sentence: str, anchor: str, left: str) -> None:
    start = sentence.index(anchor)
    assert without_anchor(sentence, start, start + len(anchor)) == left
