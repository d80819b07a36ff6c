"""The guard of time anchors, on the real vocabulary of Qwen2: what it lets through, what it forbids, what it wishes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import json
import random

import qwen_vocabulary
import torch

from asid_hf.anchors import parse_anchors
from asid_hf.captioner.decoding_anchors import AnchorGuard, BanAt, Wish
from asid_hf.captioner.decoding_text import told
from asid_hf.captioner.decoding_vocabulary import vocabulary_of
from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES

ROWS = qwen_vocabulary.ROWS
END = 151_645


def masked(tokenizer: object, text: str, duration: float) -> list[str]:
    """What the guard takes out of a text that is written by force: each token with the text before it."""
    guard, even = AnchorGuard(tokenizer, [duration], 0), torch.zeros(1, ROWS)
    ids = tokenizer(text)["input_ids"]
    found = []
    for place, token in enumerate([*ids, END]):
        scores = guard(torch.tensor([ids[:place]], dtype=torch.long).reshape(1, place), even)
        if not scores[0, token].isfinite():
            found.append(tokenizer.decode(ids[:place]) + "|" + tokenizer.decode([token]))
    return found


SOUND = [
    "He lives at 10 Downing Street, then at 221B Baker Street. At 8 p.m. it opens; at 7:30 PM, at 10:15 a.m. it rains.",
    "At 90 degrees, at 60 fps, at 40 km/h, from 2015 to 2018, at 5 dollars, at 100%, around 90 people, until 1990.",
    "The score is 3:2. The countdown shows 10, 9, 8, 7, 6, 5, 4, 3, 2, 1. He counts 1, 2, 3, ... 20, for 20 seconds.",
    "At 10 Sivanand Road, at 10 St. James Road, at 10 Sussex Drive, at 40 Main Street. A 40-second video, at 1080p.",
    "From the 60-second countdown to the 40-second timer; since the 1990s, in the 40s, from the 70s to the 90s.",
    '"At 40 I was old," he says, "at 40 years old, 50 seconds later, 3,000 times, at 40 minus 2, at 25 miles".',
    "At 3s, he sits. From 0:04 to 0:06 he runs, for two seconds; at the 9-second mark he stops. At 10.5 s he waves.",
    "[0:02] He waves. [3s] He sits. (0:05) She stands until 0:17. By the 17-second mark, after 17s, it ends.",
    "0:03 - He waves. 4s: he sits.\n5s - he runs.\nAt one second? No. At seventeen seconds.".replace(
        "At one second? No. ", ""
    ),
    "In the first 5 seconds he sits. From 3 to 5 seconds, between 4s and 6s, at 7s-8s, around 9 s, 12 seconds in, he.",
    "At 12s, 15 seconds into the video, he waves. 16 seconds into the song, at 16 second intervals.",
    "At 3s he waits. At 3s he goes on; he is 5's best player, at 3 shops, at 12 o'clock.",
]


@pytest.mark.parametrize("text", SOUND)
def test_sound_captions_lose_no_token(tokenizer: object, text: str) -> None:
    assert masked(tokenizer, text, 17.0) == []


def test_each_field_and_each_paragraph_begins_anew(tokenizer: object) -> None:
    fields = json.dumps({name: f'At 2s, "{name}".\nAt 16s, it ends – 5€.' for name in ATTRIBUTES}, ensure_ascii=False)
    assert masked(tokenizer, fields, 17.0) == []
    labels = "\n\n".join(
        f"{ATTRIBUTE_NAMES[name].capitalize()}: At 2s it begins. At 16s it ends." for name in ATTRIBUTES
    )
    assert masked(tokenizer, labels, 17.0) == []
    assert masked(tokenizer, "**Scene:** At 3s a room.\nnarrative_elements: At 1s he.\nAudio: At 0s music.", 17.0) == []
    assert len(masked(tokenizer, "Scene: At 3s a room. At 1s he.", 17.0)) == 1
    assert len(masked(tokenizer, '{"scene": "At 3s a room.\\nAt 1s he."}', 17.0)) == 1


def test_longer_clips_may_tell_minutes(tokenizer: object) -> None:
    text = "At 1:20, he. At 1 minute and 25 seconds, he. At 1:29 he. At 1m29s he waits until 1 minute 30 seconds."
    assert masked(tokenizer, text, 90.0) == []
    text = "At 80s he. At 1 minute 22 seconds he. At 83 s he. At 1:23.5 he. From 1:24 to 1:25 he."
    assert masked(tokenizer, text, 90.0) == []


FORMS = "At {}s|at {} seconds|at {} s|at the {}-second mark|[{}s]|({} s)|around {} seconds|@{}s|at {} sec".split("|")
OTHERS = (
    "at 221B Baker Street|it costs 45 dollars|from 2015 to 2018|at 7:30 p.m.|he counts 10, 9, 8|at 90 degrees|for 40 "
    "seconds|at 10 Downing Street|at 60 fps|the 60-second countdown starts|at 8 PM sharp|a 30-second ad"
).split("|")


def drawn_caption(draw: random.Random, duration: float) -> str:
    """A caption with sound anchors in order, and other numbers between them."""
    words = "the man walks|a dog barks|she smiles at him|music plays|the camera pans left".split("|")
    time, parts = 0.0, []
    for _ in range(draw.randint(3, 8)):
        time = min(duration, time + draw.choice([0, 1, 2, 3]))
        form = draw.choice(FORMS)
        shown = f"{time:g}" if draw.random() < 0.8 else f"{time:.1f}"
        parts.append(
            draw.choice([form.format(shown), f"at 0:{int(time):02d}", f"until 00:{int(time):02d}"])
            + ", "
            + draw.choice(words)
        )
        parts.append(draw.choice(OTHERS))
    return ". ".join(parts) + "."


def test_drawn_captions_lose_no_token(tokenizer: object) -> None:
    draw = random.Random(0)
    for _ in range(3):
        text = drawn_caption(draw, 19.0)
        assert masked(tokenizer, text, 19.0) == []
        fields = json.dumps({name: drawn_caption(draw, 19.0) for name in draw.sample(ATTRIBUTES, 2)})
        assert masked(tokenizer, fields, 19.0) == []


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("until At 1037s", "s"),
        ("At 18 seconds", " seconds"),
        ("at twenty-five seconds", " seconds"),
        ("From 3s to 40s", "s"),
        ("from 3 to 40 seconds", " seconds"),
        ("from 8s to 3s", "s"),
        ("[18s]", "]"),
        ("(0:45)", ")"),
        ("At 0:18, he", ","),
        ("At 0:18", "<|im_end|>"),
        ("At 5s he. At 3s", "s"),
        ("at the 40-second mark", " mark"),
        ("40s: he", ":"),
        ("in the first 40 seconds", " seconds"),
        ("40 seconds into the video", " video"),
        ("40 seconds in, he", ","),
        ("At 2 minutes", " minutes"),
        ("At 17.5s", "s"),
        ("at 1,037 s", " s"),
        ("after 40s", "s"),
        ("AT 40 SECONDS", "CONDS"),
        ("at 12s to 1:05 he", " he"),
        ("At 40ss", "ss"),
    ],
)
def test_the_token_that_makes_a_wrong_time_is_forbidden(tokenizer: object, text: str, last: str) -> None:
    assert masked(tokenizer, text, 17.0)[0].endswith("|" + last)


def test_a_clock_may_become_a_time_of_day_and_nothing_else(tokenizer: object) -> None:
    guard = AnchorGuard(tokenizer, [17.0], 0)
    scores = guard(torch.tensor([tokenizer("At 7:30")["input_ids"]]), torch.zeros(1, ROWS))[0]
    allowed = {tokenizer.decode([token]).lower() for token in scores.isfinite().nonzero().flatten().tolist()}
    assert {" pm", " p", " a", "pm", "am", " am", "5", ":"} <= allowed
    assert not allowed & {",", ".", " he", "<|im_end|>", " seconds", " in", " the"}
    assert masked(tokenizer, "At 7:30 p.man", 17.0)


def test_tolerance_and_an_unknown_length(tokenizer: object) -> None:
    even, ids = torch.zeros(1, ROWS), torch.tensor([tokenizer("At 18")["input_ids"]])
    unit = tokenizer.convert_tokens_to_ids("s")
    assert not AnchorGuard(tokenizer, [17.0], 0)(ids, even)[0, unit].isfinite()
    assert AnchorGuard(tokenizer, [17.0], 0, tolerance=1.0)(ids, even)[0, unit].isfinite()
    assert AnchorGuard(tokenizer, [float("inf")], 0)(ids, even)[0, unit].isfinite()


@pytest.mark.parametrize(
    "text", ["At 40", "until 40 ", "40 seconds in", "[40s", "At 40 se", "from 3s to 40", "40s:", "after 40"]
)
def test_guard_and_parser_agree_on_all_tokens(tokenizer: object, text: str) -> None:
    guard = AnchorGuard(tokenizer, [17.0], 0)
    ids = tokenizer(text)["input_ids"]
    allowed = guard(torch.tensor([ids]), torch.zeros(1, ROWS))[0].isfinite()
    before = told(parse_anchors(text), 0.0, 17.0)[0]
    texts = vocabulary_of(tokenizer).texts
    some = random.Random(0).sample(range(len(texts)), 300) + (~allowed).nonzero().flatten().tolist()[:300]
    for token in some:
        if not texts[token] or token >= len(texts):
            continue
        faults = [a for a in told(parse_anchors(text + texts[token]), 0.0, 17.0)[0] if a not in before]
        waits = texts[token].lower().startswith("-") or texts[token].endswith("S")  # decided at the next one
        assert bool(faults) == (not allowed[token]) or waits, texts[token]


def test_a_cut_character_is_waited_for(tokenizer: object) -> None:
    assert masked(tokenizer, "At 3s – 𝄞 – „é“ 😀 at 5s.", 17.0) == []
    half = tokenizer("At 3s 𝄞")["input_ids"][:-1]
    assert AnchorGuard(tokenizer, [17.0], 0)(torch.tensor([half]), torch.zeros(1, ROWS)).isfinite().all()


def wish_of(
    tokenizer: object, text: str, token: str, duration: float = 17.0, prompt: int = 0, second: str = " the"
) -> tuple[Wish | None, list[int]]:
    ids = tokenizer(text)["input_ids"]
    scores = torch.zeros(1, ROWS)
    scores[0, tokenizer(second)["input_ids"][0]] = 0.5
    scores[0, tokenizer(token)["input_ids"][0]] = 1.0
    guard = AnchorGuard(tokenizer, [duration], prompt)
    guard(torch.tensor([[9] * prompt + ids]), scores)
    return guard.wishes[0], ids


@pytest.mark.parametrize(
    ("text", "token", "kept", "banned", "free"),
    [
        ("At 3s he. At 25", "s", "At 3s he. At ", "2", "1345"),
        ("At 3s, until At 1037", "s", "At 3s, until At 10", "0123456789", ""),
        ("At 5s he. At 3", "s", "At 5s he. At ", "234", "1560"),
        ("From 3s to 40", "s", "From 3s to 4", "0123456789", ""),
        ("At 0:18", ",", "At 0:1", "89", "01234567"),
        ("[18s", "]", "[1", "89", "0123"),
    ],
)
def test_a_wish_names_the_first_token_that_led_astray(
    tokenizer: object, text: str, token: str, kept: str, banned: str, free: str
) -> None:
    wish, ids = wish_of(tokenizer, text, token, prompt=2)
    assert tokenizer.decode(ids[: wish.length]) == kept
    digits = {digit: tokenizer.convert_tokens_to_ids(digit) for digit in "0123456789"}
    assert {digits[digit] for digit in banned} <= set(wish.ids)
    assert not {digits[digit] for digit in free} & set(wish.ids)
    assert ids[wish.length] in wish.ids


def test_number_words_are_wished_away(tokenizer: object) -> None:
    wish, ids = wish_of(tokenizer, "at twenty", " seconds")
    assert tokenizer.decode(ids[: wish.length]) == "at"
    names = {tokenizer.decode([token]) for token in wish.ids}
    assert {" twenty", " thirty"} <= names
    assert not {" three", " ten"} & names


def test_a_number_that_can_still_be_right_is_taken_back_only_if_it_does_not_go_on(tokenizer: object) -> None:
    for second in ("2", ":"):
        assert wish_of(tokenizer, "At 5s he. At 1", "s", second=second)[0] is None
    wish, ids = wish_of(tokenizer, "At 5s he. At 1", "s")
    assert (tokenizer.decode(ids[: wish.length]), tokenizer.decode(wish.ids)) == ("At 5s he. At ", "1")


def test_no_wish_where_the_token_was_not_wanted(tokenizer: object) -> None:
    assert wish_of(tokenizer, "At 40", " dollars")[0] is None


@pytest.mark.parametrize(
    ("best", "drawn", "kept"),
    [
        (" the", ".", "At 5s he. At "),  # drawn though the time scored better: the time was wanted more
        (" the", " the", None),
        ("2", ".", "At 5s he. At "),  # it might have gone on to 12s, but did not
        ("2", "2", None),
        ("2", "1", None),  # as seldom as the full stop, but it goes on
    ],
)
def test_a_time_that_was_wanted_more_than_what_was_drawn_is_wished_away(
    tokenizer: object, best: str, drawn: str, kept: str | None
) -> None:
    text = "At 5s he. At 1"
    ids = [*tokenizer(text)["input_ids"], *tokenizer(drawn)["input_ids"]]
    scores = torch.zeros(1, ROWS)
    scores[0, tokenizer("s")["input_ids"]] = 0.5
    scores[0, tokenizer(best)["input_ids"]] = 1.0
    guard = AnchorGuard(tokenizer, [17.0], 0)
    guard(torch.tensor([ids[:-1]]), scores)
    assert guard.wishes == [None]  # nothing was drawn yet
    guard(torch.tensor([ids]), torch.zeros(1, ROWS))
    wish = guard.wishes[0]
    assert (wish and tokenizer.decode(ids[: wish.length])) == kept


def test_the_first_wish_is_kept_until_it_is_forgotten(tokenizer: object) -> None:
    guard = AnchorGuard(tokenizer, [17.0, 17.0], 0)
    scores = torch.zeros(2, ROWS)
    scores[0, tokenizer.convert_tokens_to_ids("s")] = 1.0
    for text in ("At 25", "At 36"):
        guard(torch.tensor([tokenizer(text)["input_ids"]] * 2), scores)
        first = guard.wishes[0]
        assert first.length == len(tokenizer("At 2")["input_ids"])
        assert guard.wishes[1] is None
    guard.forget(0)
    assert guard.wishes == [None, None]


def test_an_ended_row_wishes_nothing(tokenizer: object) -> None:
    scores = torch.zeros(1, ROWS)
    scores[0, tokenizer.convert_tokens_to_ids("s")] = 1.0
    guard = AnchorGuard(tokenizer, [17.0], 0)
    assert guard(torch.tensor([[*tokenizer("At 40")["input_ids"], END]]), scores).isfinite().all()
    assert guard.wishes == [None]


def test_a_generation_goes_on_from_any_prefix_and_beams_may_change_places(tokenizer: object) -> None:
    text = "He waits. " * 60 + "At 5s he sits. " + "He looks at the camera and smiles at 3 people. " * 20 + "At 3"
    ids = torch.tensor([tokenizer(text)["input_ids"]] * 4)
    scores = torch.rand(4, ROWS)
    step = AnchorGuard(tokenizer, [17.0, 4.0], 0)
    order = random.Random(0)
    for length in range(1, ids.shape[1] + 1, order.randint(1, 3)):
        step(ids[:, :length], scores)
    whole = AnchorGuard(tokenizer, [17.0, 4.0], 0)(ids, scores)
    assert torch.equal(step(ids, scores), whole)
    assert not whole[0, tokenizer.convert_tokens_to_ids("s")].isfinite()
    one, other = tokenizer("At 3s he. At 2")["input_ids"], tokenizer("At 1s he. At 2")["input_ids"]
    beams = AnchorGuard(tokenizer, [17.0], 0)
    beams(torch.tensor([one[:-1], other[:-1]]), scores[:2])
    swapped = beams(torch.tensor([other, one]), scores[:2])[:, tokenizer.convert_tokens_to_ids("s")].isfinite()
    assert swapped.tolist() == [True, False]


def test_prompts_of_different_lengths(tokenizer: object) -> None:
    ids = tokenizer("At 40")["input_ids"]
    rows = torch.tensor([[9, 9, *ids], [9, 9, *ids]])
    unit = tokenizer.convert_tokens_to_ids("s")
    scores = AnchorGuard(tokenizer, [17.0, 17.0], [2, len(ids) + 2])(rows, torch.zeros(2, ROWS))
    assert scores[:, unit].isfinite().tolist() == [False, True]


def test_a_row_is_never_left_without_a_token(tokenizer: object) -> None:
    scores = torch.full((1, ROWS), -torch.inf)
    scores[0, tokenizer.convert_tokens_to_ids("s")] = 1.0
    assert AnchorGuard(tokenizer, [17.0], 0)(torch.tensor([tokenizer("At 40")["input_ids"]]), scores).isfinite().any()
    ban = BanAt([{1: tuple(range(ROWS))}], 0)
    assert ban(torch.tensor([[1]]), torch.zeros(1, ROWS)).isfinite().all()


def test_mistakes_are_named(tokenizer: object) -> None:
    with pytest.raises(ValueError, match=r"3 rows were given for 2 texts"):
        AnchorGuard(tokenizer, [1.0, 2.0], 0)(torch.zeros((3, 1), dtype=torch.long), torch.zeros(3, ROWS))
    with pytest.raises(ValueError, match=r"A duration of -1"):
        AnchorGuard(tokenizer, [-1.0], 0)
    with pytest.raises(ValueError, match=r"fewer than the prompt's 5"):
        AnchorGuard(tokenizer, [1.0], 5)(torch.zeros((1, 1), dtype=torch.long), torch.zeros(1, ROWS))


WANTED = {  # what somebody writes who wants nothing but times: what comes next, behind what the text ends in
    "opening": ["At", " until", " from", " between", " and", " to", " around", "[", "(", " after", "\n", " @"],
    "gap": [" ", " the", " twenty", " one", " thirty", " fifteen"],
    "number": [*"0123456789", *"0123456789", ":", ".", "-"],
    "unit": [
        "s",
        " s",
        " seconds",
        "-second",
        " minutes",
        " sec",
        "]",
        ")",
        ":",
        "S",
        "onds",
        " in",
        " PM",
        " p",
        ".m",
        "ss",
    ],
    "more": [" mark", ",", ".", " into", " the", " video", " to", "–", " and", "-", ": ", " he", "\n"],
}


def write(tokenizer: object, guard: AnchorGuard, generator: torch.Generator, length: int) -> str:
    """Write what the guard lets through of it."""
    kinds = [torch.tensor([tokenizer(piece)["input_ids"][0] for piece in pieces]) for pieces in WANTED.values()]
    written, kind = torch.zeros((1, 0), dtype=torch.long), 0
    for _ in range(length):
        scores = torch.rand(1, ROWS, generator=generator)
        scores[0, kinds[kind]] += 10.0 + torch.rand(len(kinds[kind]), generator=generator)
        written = torch.cat([written, guard(written, scores).argmax(-1, keepdim=True)], 1)
        stays = kind == 2 and torch.rand((), generator=generator) < 0.4
        kind = kind if stays else (kind + 1) % len(kinds)
    return tokenizer.decode(written[0])


def test_who_wants_nothing_but_times_gets_sound_ones_only(tokenizer: object) -> None:
    generator = torch.Generator().manual_seed(0)
    seen = 0
    for _ in range(15):
        text = write(tokenizer, AnchorGuard(tokenizer, [17.0], 0), generator, 60)
        anchors = parse_anchors(text)
        if anchors and anchors[-1].end >= len(text) - 6:  # a clock at the very end is not decided yet
            anchors.pop()
        assert told(anchors, 0.0, 17.0)[0] == [], text
        seen += sum(anchor.kind != "duration" for anchor in anchors)
    assert seen > 3
