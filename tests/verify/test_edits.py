"""Surgery on sentences: what is taken out, and what must stay."""

from __future__ import annotations

import pytest

from asid_hf.verify.edits import without_anchor, without_claim

CASES = [  # sentence, claim, what is left
    ("The camera pans left.", "pans left", ""),
    ("The man wears a suit and speaks to the crowd.", "speaks", "The man wears a suit."),
    ("She stands at a desk and says that it rains, looking sad.", "says", "She stands at a desk, looking sad."),
    (
        "The man wears a tie and says that it rains, but the sun shines.",
        "says",
        "The man wears a tie, but the sun shines.",
    ),
    ('The man looks up and says, "Hello." before he leaves.', "Hello.", "The man looks up before he leaves."),
    ("The man, who says that it rains, wears a dark suit.", "says", "The man wears a dark suit."),
    ("He smiles and, turning round, says that it rains before he goes.", "says", "He smiles before he goes."),
    ("With a serious face, the man says that it rains.", "says", ""),
    ("At 3s, while the banner appears, the narrator says that it rains.", "says", ""),
    ("The man at the desk, wearing a dark suit, says that it rains.", "says", ""),
    ("Behind the desk, he says that it rains as the banner appears.", "says", "The banner appears."),
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
