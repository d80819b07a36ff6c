"""Loops: what counts as one, what does not, where it is cut, and which rows it ends."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="decoding needs torch")
pytest.importorskip("transformers", reason="decoding needs transformers")

import re
from typing import Any

import torch

from asid_hf.captioner.decoding_loops import EVERY, Loop, LoopBreak, LoopStop, find_loop, without_loop

WORDS: dict[str, int] = {}


class Pieces:
    """A tokenizer of words, spaces, digits and marks, as a captioner's."""

    all_special_ids = (0,)

    def __init__(self) -> None:
        self.added_tokens_decoder: dict = {}

    def __len__(self) -> int:
        return 1000

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [str(token) if token < 10 else f"w{token}" for token in ids]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.convert_ids_to_tokens(ids))


PIECES = Pieces()
DIGITS = frozenset(range(1, 10))


def ids_of(text: str) -> list[int]:
    """Digits by themselves, everything else by its own number from 10 on."""
    parts = re.findall(r"\d| ?[A-Za-z']+|\s|[^\w\s]", text.strip())
    return [int(part) or 9 if part.isdigit() else WORDS.setdefault(part, 10 + len(WORDS)) for part in parts]


def loop_in(text: str) -> Loop | None:
    return find_loop(ids_of(text), DIGITS)


def kept(text: str) -> str:
    ids = ids_of(text)
    words = {token: part for part, token in WORDS.items()}
    return "".join(words.get(token, str(token)) for token in ids[: find_loop(ids, DIGITS).start])


@pytest.mark.parametrize(
    "text",
    [
        "A man walks in. " + "The dog barks at him. " * 8,
        "He says no. " + "no " * 60,
        "A. " + "la la " * 40,
        "It ends. " + "The man in the red shirt looks at the camera and smiles, then he turns around to the left. " * 4,
        "It ends. " + "".join(f"At {n}s, the man looks at the camera. " for n in range(1, 30)),
        "He waits " + "".join(f"until At {n}s " for n in range(3, 40)),
    ],
)
def test_what_goes_on_and_on_is_a_loop(text: str) -> None:
    assert loop_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "The countdown reads " + ", ".join(str(n) for n in range(60, 0, -1)) + ".",
        "She counts out loud: " + " ".join(f"{n}," for n in range(1, 40)),
        "They count: one, two, three, four, five, six, seven, eight, nine, ten.",
        'They sing "Row, row, row your boat, gently down the stream. ' + "Merrily, merrily, merrily, merrily. " * 3,
        "They sing " + "We will, we will rock you, " * 4,
        "ha " * 20,
        "".join(f"At {n}s, the number {10 - n} appears. " for n in range(10)),
        "On the list: " + "".join(f"- {fruit}s, {n} of them\n" for n, fruit in enumerate(["pear", "fig", "plum"] * 3)),
        "At 1s, the slide changes. At 3s, the slide changes. At 5s, the slide changes. At 8s, the slide changes.",
        "-" * 30,
    ],
)
def test_countdowns_lists_and_refrains_are_no_loops(text: str) -> None:
    ids = ids_of(text)
    assert all(find_loop(ids[:end], DIGITS) is None for end in range(len(ids) + 1))


def test_a_loop_is_cut_to_one_copy() -> None:
    assert kept("A man walks in! " + "The dog barks at him. " * 8) == "A man walks in! The dog barks at him."
    counted = "A man walks in! " + "".join(f"At {n}s, the man looks at us. " for n in range(1, 30))
    assert kept(counted).count("looks") == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A man walks in. " + "The dog barks at him. " * 8, "A man walks in. The dog barks at him."),
        ("The dog barks at him. " * 8 + "The dog", "The dog barks at him."),
        ('He shouts. He says "no!" ' * 9, 'He shouts. He says "no!"'),
        ("He waits and " + "waits and " * 30, "He waits and"),
        ("It ends. At 3s, he sits.", "It ends. At 3s, he sits."),
    ],
)
def test_one_copy_is_left_up_to_the_end_of_a_sentence(tokenizer: Any, text: str, left: str) -> None:
    assert without_loop(text, tokenizer) == left


def test_an_empty_and_a_short_row_are_read() -> None:
    assert find_loop([], DIGITS) is None
    assert find_loop([3], DIGITS) is None


def rows(*texts: str) -> torch.Tensor:
    """Rows cut to the same number of tokens, a multiple of what is looked at."""
    found = [ids_of(text) for text in texts]
    length = min(map(len, found)) // EVERY * EVERY
    return torch.tensor([ids[:length] for ids in found])


LOOPING = "The dog barks at him. " * 30
TELLING = (
    " ".join(
        f"{a} {b}" for a in "a man dog car house tree".split() for b in "runs jumps sits stands waits sings".split()
    )
    * 2
)


def test_only_the_rows_that_loop_are_ended() -> None:
    stop = LoopStop(PIECES, 0)
    assert stop(rows(TELLING, LOOPING), None).tolist() == [False, True]
    assert list(stop.loops) == [1]


def test_the_prompt_and_padding_are_no_loops() -> None:
    looping = rows(LOOPING)
    assert LoopStop(PIECES, looping.shape[1] - EVERY)(looping, None).tolist() == [False]
    padded = torch.cat([rows(TELLING), torch.zeros((1, 30 * EVERY), dtype=torch.long)], dim=1)
    assert LoopStop(PIECES, 0)(padded, None).tolist() == [False]


def test_a_loop_is_broken_with_what_closes_it_and_not_again_at_once() -> None:
    guard = LoopBreak(PIECES, 0, lambda row, ids: (7, 8))
    ids = rows(TELLING, LOOPING)
    scores = guard(ids, torch.zeros(2, 1000))
    assert scores[0].isfinite().all()
    assert scores[1].isfinite().nonzero().flatten().tolist() == [7]
    later = torch.cat([ids, torch.full((2, EVERY), 7)], dim=1)
    assert guard(later, torch.zeros(2, 1000)).isfinite().all()


def test_a_loop_where_nothing_can_be_closed_is_left() -> None:
    assert LoopBreak(PIECES, 0, lambda row, ids: ())(rows(LOOPING), torch.zeros(1, 1000)).isfinite().all()
