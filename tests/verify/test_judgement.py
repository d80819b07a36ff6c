"""What the measured judge finds, what it leaves alone, and what refinement makes of it."""

from __future__ import annotations

import pytest
from facts import SILENT, heard, light, move, said, shots, shown, verified

from asid_hf.schema import ATTRIBUTES

HELLO = said(2.0, 5.0, "The harbour opens again on Monday morning.")
PAN = [move(0.0, 2.0, "static"), move(2.0, 6.0, "pan_right"), move(6.0, 20.0, "static")]

WRONG = {  # name -> (caption, facts, kind, reason, span, what the repaired caption holds, what it does not)
    "misquoted": (
        'At 2s, a man says, "The harbour opens again on Friday evening." A dog sits on the quay.',
        {"transcript": [HELLO]},
        ("speech", "not said: Friday, evening", "The harbour opens again on Friday evening."),
        ["Monday morning", "A dog sits on the quay."],
        ["Friday"],
    ),
    "invented quotation": (
        'A dog sits on the quay. A woman shouts, "Bring me the green umbrella at once!" At 2s, a man says, '
        '"The harbour opens again on Monday morning."',
        {"transcript": [HELLO]},
        ("speech", "nobody says this", "Bring me the green umbrella at once!"),
        ["A dog sits on the quay."],
        ["umbrella"],
    ),
    "speech in a clip without sound": (
        "A dog sits on the quay. A man speaks calmly about the weather.",
        {"sound": None},
        ("speech", "the clip has no sound", None),
        ["A dog sits on the quay."],
        ["speaks"],
    ),
    "music in a silent clip": (
        "A dog sits on the quay. Soft piano music plays in the background.",
        {"sound": SILENT},
        ("error", "the clip is silent", None),
        ["A dog sits on the quay."],
        ["music"],
    ),
    "one line of a text right, the other not": (
        'A dog sits. The title "THE HARBOUR CAFE OYSTER" appears.',
        {"screen_text": [{**shown(1, 9, "THE HARBOUR CAFE"), "box": [0.1, 0.1, 0.9, 0.2]}, shown(1, 9, "PRESENTS")]},
        ("error", "the text reads otherwise", "THE HARBOUR CAFE OYSTER"),
        ["THE HARBOUR CAFE PRESENTS"],
        ["OYSTER"],
    ),
    "one word misquoted in words the recogniser half heard": (
        'At 2s, a man says, "The harbour opens again on Friday morning, and the ships come back."',
        {"transcript": [said(2.0, 6.0, "Harbour opens again on Monday morning and ships come bag.")]},
        ("speech", "not said: Friday", None),
        ['"The harbour opens again on Monday morning, and the ships come back."'],
        ["Friday", "bag"],
    ),
    "times of other things beside cuts left out": (
        "In this scene, a man sits down at 3s and stands up at 7s.",
        {"shots": shots(12.0, 3.0, 7.0)},
        ("missing", "the cut is not mentioned", None),
        ["cuts to another shot"],
        [],
    ),
    "a hard cut where there is none": (
        "A dog sits. At 5s, there is a hard cut to a crowd that claps.",
        {"shots": shots(20.0)},
        ("error", "there is no cut in the clip", None),
        ["A dog sits."],
        ["continues", "hard"],
    ),
    "darkness in a picture of normal light": (
        "A dog sits. Darkness covers the entire picture.",
        {"light": light("normal", 0.4)},
        ("error", "the picture is normal", None),
        ["A dog sits."],
        ["arkness", "rightness"],
    ),
    "a range whose end is no time of the clip": (
        "At 2s, the dog walks, at 4s it spins, until at 1037s.",
        {},
        ("timeline", "beyond the clip's end", "at 1037s"),
        ["it spins."],
        ["until"],
    ),
    "nothing said over speech": (
        "Nothing is said. A dog sits.",
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"))},
        ("speech", "there is speech", "said"),
        [],
        ["Nothing is said"],
    ),
    "no sound at all over some": (
        "Not a sound is heard. A dog sits.",
        {"sound": heard((0.0, 4.0, "silence"), (4.0, 8.0, "other"), (8.0, 20.0, "silence"))},
        ("error", "there is sound", "Not a sound is heard"),
        [],
        ["Not a sound"],
    ),
    "silence over speech": (
        "A dog sits on the quay. The clip is completely silent.",
        {"transcript": [HELLO]},
        ("error", "there is sound", None),
        ["opens again on Monday morning"],
        ["silent"],
    ),
    "nobody speaks over speech": (
        "A dog sits on the quay. No one speaks in this video.",
        {"transcript": [HELLO]},
        ("speech", "there is speech", None),
        ["opens again on Monday morning"],
        ["No one speaks"],
    ),
    "speech at another time": (
        'At 12s, a man says, "The harbour opens again on Monday morning."',
        {"transcript": [HELLO]},
        ("timeline", "it happens at another time, more than 2 s away", "At 12s"),
        ["At 2s, a man says"],
        ["12s"],
    ),
    "wrong direction": (
        "A dog sits on the quay. From 2s to 6s, the camera slowly pans left along the houses.",
        {"camera": PAN},
        ("error", "the direction is the other one", "pans left"),
        ["slowly pans right along the houses"],
        ["left"],
    ),
    "a move over a still camera": (
        "A dog sits on the quay. The camera zooms in on its face.",
        {},
        ("error", "no such move was measured", None),
        ["A dog sits on the quay."],
        ["zooms"],
    ),
    "still over a move": (
        "A dog sits on the quay. The camera remains perfectly still throughout the video.",
        {"camera": PAN},
        ("error", "the camera moves", None),
        ["pans right"],
        ["perfectly still"],
    ),
    "a cut in a single take": (
        "A dog sits on the quay. At 8s, the scene cuts to a ship.",
        {},
        ("error", "there is no cut in the clip", None),
        ["a ship"],
        ["cuts"],
    ),
    "a single take that is cut": (
        "The whole video is one continuous shot of a quay. A dog sits there. At 8s, the scene cuts to a ship.",
        {"shots": shots(20.0, 8.0)},
        ("error", "the clip is cut", None),
        ["A dog sits there.", "cuts to a ship"],
        ["continuous shot"],
    ),
    "misread text": (
        'A sign reading "HARBOUR CAFE OVEN" hangs over the door.',
        {"screen_text": [shown(1.0, 9.0, "HARBOUR CAFE OPEN")]},
        ("error", "the text reads otherwise", "HARBOUR CAFE OVEN"),
        ['A sign reading "HARBOUR CAFE OPEN" hangs over the door.'],
        ["OVEN"],
    ),
    "text that is nowhere": (
        'A dog sits on the quay. The words "GRAND OPENING" appear on the screen.',
        {},
        ("error", "no such text was read", "GRAND OPENING"),
        ["A dog sits on the quay."],
        ["GRAND"],
    ),
    "dark said of bright": (
        "The scene is dimly lit. A dog sits on the quay.",
        {"light": light("bright", 0.8)},
        ("error", "the picture is bright", None),
        ["brightly lit", "A dog sits on the quay."],
        ["dimly"],
    ),
    "bright said of dark": (
        "A dog sits on the quay. The scene is brightly lit.",
        {"light": light("dark", 0.08)},
        ("error", "the picture is dark", None),
        ["dimly lit"],
        ["brightly"],
    ),
    "beyond the end": (
        "At 1s, a dog sits down. At 45s, it barks at a ship.",
        {},
        ("timeline", "beyond the clip's end", "At 45s"),
        ["t barks at a ship"],
        ["45s"],
    ),
    "a range that runs backwards": (
        "From 8s to 5s, a dog runs along the quay.",
        {},
        ("timeline", "the range runs backwards", "From 8s to 5s"),
        ["From 5s to 8s, a dog runs along the quay."],
        ["8s to 5s"],
    ),
    "told out of order": (
        "At 2s, a dog sits down. At 15s, a ship passes by. At 6s, the dog barks loudly. At 18s, all leave.",
        {},
        ("timeline", "told out of order", None),
        ["At 6s, the dog barks loudly. At 15s, a ship passes by."],
        [],
    ),
    "speech left out": (
        "A dog sits on the quay.",
        {"transcript": [HELLO]},
        ("missing", "the speech is not mentioned", ""),
        ["A dog sits on the quay.", 'At 2s, a voice says, "The harbour opens again on Monday morning."'],
        [],
    ),
    "text left out": (
        "A dog sits on the quay.",
        {"screen_text": [shown(1.0, 9.0, "HARBOUR CAFE")]},
        ("missing", "the text is not mentioned", ""),
        ['the text "HARBOUR CAFE" appears'],
        [],
    ),
    "move left out": (
        "A dog sits on the quay.",
        {"camera": PAN},
        ("missing", "the move is not mentioned", ""),
        ["From 2s to 6s, the camera pans right."],
        [],
    ),
    "told in other words at the wrong time": (
        "At 15 seconds, a man says that the harbour opens again on Monday morning.",
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"))},
        ("timeline", "it happens at another time, more than 2 s away", "At 15 seconds"),
        ["At 2s, a man says that the harbour opens again on Monday morning."],
        ["15"],
    ),
    "told in other words before the wrong time": (
        "The same voice points out that the harbour opens again on Monday morning at around 15s.",
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"))},
        ("timeline", "it happens at another time, more than 2 s away", "at around 15s"),
        ["opens again on Monday morning at 2s."],
        ["15"],
    ),
    "a time below zero": (
        "A dog sits on the quay. At -4s, it barks.",
        {},
        ("format", "no valid time", None),
        ["A dog sits on the quay. It barks."],
        ["-4"],
    ),
    "heard with words never said": (
        'A dog sits on the quay. The voice-over is heard with the words "The engine needs oil after every journey."',
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"))},
        ("speech", "nobody says this", None),
        ["opens again on Monday morning"],
        ["engine"],
    ),
    "what somebody is said to say": (
        "'Nobody balloon where the submarine came from' is what the unseen man says at this point.",
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"))},
        ("speech", "nobody says this", None),
        ["opens again on Monday morning"],
        ["balloon"],
    ),
    "cut left out": (
        "A dog sits on the quay.",
        {"shots": shots(20.0, 8.0)},
        ("missing", "the cut is not mentioned", ""),
        ["At 8s, the picture cuts to another shot."],
        [],
    ),
    "loop": (
        "A dog sits on the quay" + " and then it barks at us" * 12 + ".",
        {},
        ("format", "the same words over and over", None),
        ["A dog sits on the quay and then it barks at us."],
        ["us and then it barks"],
    ),
    "malformed time": (
        "At 12ss, a dog barks.",
        {},
        ("format", "no valid time", None),
        ["At 12s, a dog barks."],
        ["ss,"],
    ),
    "stray symbols": (
        "**A dog** sits on the quay.<|im_end|>",
        {},
        ("format", "a stray symbol", "<|im_end|>"),
        ["A dog sits on the quay."],
        ["*", "<|"],
    ),
}


EAGLES = "golden eagles nest above the northern cliffs"
TRUE = "the harbour opens again on Monday morning"


@pytest.mark.parametrize(
    ("caption", "doubted"),
    [
        (f"He says that {EAGLES}.", ["says"]),
        (f"According to a man off camera, {EAGLES}.", ["According to a man"]),
        (f"The voice-over points out that, after all, {EAGLES}.", ["voice-over"]),
        (f"We learn from the narrator that {EAGLES}.", ["narrator"]),
        (f"He says that {EAGLES}, and then he says that {TRUE}.", ["says"]),
        (f"He says that {TRUE}, and then he adds that {EAGLES}.", ["adds"]),
        (f"He says that {EAGLES}, while a woman speaks about the harbour on Monday morning.", ["says"]),
        (f"He speaks to the crowd and says that {EAGLES}.", ["says"]),
        (f"He doesn't say that {EAGLES}; instead, he says that {TRUE}.", []),
        (f"No one says that {EAGLES}. He says that {TRUE}.", []),
        (f"The man never says that {EAGLES}. He says that {TRUE}.", []),
    ],
)
def test_what_is_told_in_other_words_is_doubted_where_none_of_them_was_said(caption: str, doubted: list[str]) -> None:
    row = verified(caption, transcript=[HELLO], sound=heard((2.0, 5.0, "speech")))
    found = [f for f in row["findings"] if f["kind"] == "speech"]
    assert [f["reason"] for f in found] == ["nobody says anything like this"] * len(doubted)
    assert all(span in f["span"] for span, f in zip(doubted, found, strict=True)), [f["span"] for f in found]
    assert all(f["confidence"] < 1 and not f["resolved"] for f in found)
    assert row["caption"].startswith(caption)  # other words may tell the same: nothing is taken out


def test_a_time_of_day_that_somebody_tells_is_no_time_of_the_clip() -> None:
    row = verified("He says that the harbour opens at 9:30 again on Monday morning.", transcript=[HELLO])
    assert row["findings"] == []
    assert "9:30" in row["caption"]


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_found_and_repaired(name: str) -> None:
    caption, facts, (kind, reason, span), holds, lacks = WRONG[name]
    row = verified(caption, **facts)
    assert row["errors"] == []
    found = [f for f in row["findings"] if (f["kind"], f["reason"]) == (kind, reason)]
    assert found, [(f["kind"], f["reason"], f["span"]) for f in row["findings"]]
    if span is not None:
        assert span in [f["span"] for f in found]
    assert all(f["span"] == row["draft"][f["char_start"] : f["char_end"]] for f in row["findings"])
    assert all(words in row["caption"] for words in holds), row["caption"]
    assert not any(words in row["caption"] for words in lacks), row["caption"]
    assert all(f["resolved"] for f in found), row["caption"]


RIGHT = {
    "speech told in other words, one of them the same": (
        "At 2s, a man says that the harbour is going to be accessible from Monday morning on, which opens the port.",
        {"transcript": [HELLO]},
    ),
    "speech told in few other words": (
        "At 2s, a man says that ships may return soon. The harbour opens again on Monday morning, he says.",
        {"transcript": [HELLO]},
    ),
    "speech told in other words beside a voice that was not understood": (
        'At 2s, a man says, "The harbour opens again on Monday morning." He adds that squirrels forget where they hide '
        "their nuts.",
        {"transcript": [HELLO], "sound": heard((2.0, 5.0, "speech"), (8.0, 12.0, "speech"))},
    ),
    "near-quoted": ('At 2s, a man says, "the harbor opens again on monday morning".', {"transcript": [HELLO]}),
    "partly quoted": ('A man says that the harbour "opens again on Monday".', {"transcript": [HELLO]}),
    "misheard by the recogniser": (
        'At 2s, a man says, "The harbour opens again on Monday morning."',
        {"transcript": [said(2.0, 5.0, "The arbor opens again on Mondy morning.")]},
    ),
    "numbers in words": (
        'He says, "We have seven boats and 20 nets left."',
        {"transcript": [said(2.0, 5.0, "We have 7 boats and twenty nets left.")]},
    ),
    "generic move": ("The camera pans across the quay.", {"camera": PAN}),
    "timed within two seconds": ("At 4s, the camera pans right.", {"camera": PAN}),
    "still before a move": ("At first the camera is still. From 2s to 6s, it pans to the right.", {"camera": PAN}),
    "text in another case": ('A sign says "harbour cafe".', {"screen_text": [shown(1.0, 9.0, "HARBOUR CAFE")]}),
    "a line that was misread, in single quotation marks": (
        "At 2s, 'Made with MoviePy' is written.",
        {"screen_text": [{**shown(1, 9, "Made with"), "box": [0.1, 0.1, 0.9, 0.2]}, shown(1, 9, "MviePy")]},
    ),
    "no word in what may be a voice": (
        "Nobody speaks.",
        {"sound": heard((3.0, 5.0, "speech")), "unverified": [{**said(3.0, 5.0, "You"), "status": "unverifiable"}]},
    ),
    "two lines quoted as one": (
        'The title "HARBOUR CAFE OPEN DAILY" appears.',
        {"screen_text": [{**shown(1, 9, "HARBOUR CAFE"), "box": [0.1, 0.1, 0.9, 0.2]}, shown(1, 9, "OPEN DAILY")]},
    ),
    "cuts in order, untimed": (
        "The video begins with a quay. It then cuts to a ship. Finally, the scene transitions to a lighthouse.",
        {"shots": shots(20.0, 5.0, 11.0)},
    ),
    "a move nobody measured beside an opposite one that is told": (
        "There is a smooth upward tilt. At 12s, the camera tilts down.", {"camera": [move(12.0, 14.0, "tilt_down")]},
    ),
    "a move nobody measured before one like it": (
        "From 1s to 4s, it pans left. At 12s, it pans left.", {"camera": [move(12.0, 14.0, "pan_left")]},
    ),
    "cuts in a list of moments": (
        "Cuts come at 1s, 3s, 5s, 7s and 9.6s.", {"shots": shots(12.0, 1.1, 3.0, 5.2, 7.4, 9.6)},
    ),
    "two cuts in one sentence": (
        "A dog sits. At 7s there is another cut, and near the very end, at 10s, one last cut.",
        {"shots": shots(12.0, 7.2, 9.8)},
    ),
    "dark for a moment": (
        "At 10s, the picture becomes dark.",
        {"light": {**light("bright", 0.7), "spans": [
            {"start": 0.0, "end": 9.8, "level": "bright", "brightness": 0.7},
            {"start": 9.8, "end": 10.4, "level": "dark", "brightness": 0.1},
            {"start": 10.4, "end": 20.0, "level": "bright", "brightness": 0.7},
        ]}},
    ),
    "neither left nor right": ("The camera pans neither left nor right.", {"camera": [move(0.0, 20.0, "static")]}),
    "a time in a quotation": (
        "At 2s, a man says, 'The soup should simmer gently for twenty minutes.'",
        {"transcript": [said(2.0, 5.0, "The soup should simmer gently for twenty minutes.")]},
    ),
    "a text that ends like an introduction": (
        'At 12s, the text "Made with" appears, until 15s. At 12s, the text "MoviePy" appears, until 15s.',
        {"screen_text": [shown(12.0, 15.0, "Made with"), shown(12.0, 15.0, "MoviePy")]},
    ),
    "a montage": ("A montage of several shots shows the harbour.", {"shots": shots(20.0, 5.0, 11.0, 14.0)}),
    "a cut that may be the move around it": (
        "A dog sits. From 2s to 6s, the camera pans right.",
        {"shots": shots(20.0, 4.0), "camera": [move(2.0, 4.0, "pan_right"), move(4.0, 6.0, "pan_right")]},
    ),
    "a word cut off by the recogniser": (
        'A man says, "The museum closes at five on weekdays."',
        {"transcript": [said(2.0, 5.0, "The museum closes at five on week.")]},
    ),
    "two quotations under one time": (
        'At 2s, "The harbour opens," the man says, "again on Monday morning, and the ships will all come back."',
        {"transcript": [said(2, 12, "The harbour opens again on Monday morning and the ships will all come back.")]},
    ),
    "a speaker never seen": ("A man we never see says that the harbour opens on Monday.", {"transcript": [HELLO]}),
    "dim said of dark": ("The room is dimly lit.", {"light": light("dark", 0.08)}),
    "rounded up past the end": ("At 20s, the dog leaves.", {"duration": 19.6}),
    "no sound in a silent clip": ("There is no sound. A dog sits.", {"sound": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_true_caption_has_no_finding(name: str) -> None:
    caption, facts = RIGHT[name]
    row = verified(caption, **facts)
    assert [(f["kind"], f["reason"], f["span"]) for f in row["findings"]] == []
    assert row["caption"] == caption
    assert row["errors"] == []


def test_what_is_not_affected_stays_byte_for_byte() -> None:
    caption = (
        "A  wide quay lies in the fog —\tgrey and wet.\n\nA man in a yellow coat stands there. "
        "From 2s to 6s, the camera pans left. He looks sad."
    )
    judged = verified(caption, camera=PAN)
    clean = verified(caption.replace("left", "right"), camera=PAN)
    assert judged["caption"] == caption.replace("left", "right")
    assert {f["attribute"] for f in judged["findings"]} == {"camera"}
    for attribute in ATTRIBUTES:
        assert judged["attributes"][attribute] == clean["attributes"][attribute]


def test_nothing_is_judged_where_nothing_was_measured() -> None:
    caption = 'The camera pans left. A sign says "OPEN". The scene cuts to a ship in the dark.'
    row = verified(caption, camera=None, shots=None, screen_text=None, light=None)
    assert row["findings"] == []


def test_unverified_speech_neither_confirms_nor_contradicts() -> None:
    doubtful = {**said(2.0, 6.0, "That is what"), "status": "unverifiable", "reason": "language"}
    sound = heard((1.0, 7.0, "speech"))
    row = verified('At 3s, a woman says, "Buenos dias a todos."', sound=sound, unverified=[doubtful])
    assert row["findings"] == []
    assert "That is what" not in str(row["attributes"])


def test_low_confidence_motion_is_no_evidence() -> None:
    row = verified("The camera pans left.", camera=[move(0.0, 20.0, "pan_right", confidence=0.2)])
    assert row["findings"] == []


def test_without_a_caption_the_measured_facts_are_the_caption() -> None:
    row = verified(None, camera=PAN, transcript=[HELLO], screen_text=[shown(1.0, 9.0, "HARBOUR CAFE")],
                   shots=shots(20.0, 8.0), light=light("dark", 0.1))  # fmt: skip
    assert row["findings"] == []
    for words in ("pans right", "Monday morning", "HARBOUR CAFE", "cuts to another shot", "The picture is dark"):
        assert words in row["caption"]
    assert row["attributes"]["characters"] == ""
    measured = {c["annotator"]: c["caption"] for c in row["candidates"]}
    assert measured["measured/emotions"] == ""
    assert row["attributes"]["camera"] == measured["measured/camera"]
    times = [int(word.rstrip("s")) for word in row["caption"].replace(",", "").split() if word.rstrip("s").isdigit()]
    assert times


def test_single_attribute_captions_stay_in_their_attribute() -> None:
    given = [
        {"annotator": "given/scene", "caption": "The camera would love this quay."},
        {"annotator": "given/speech", "caption": "Gulls cry over the water."},
    ]
    row = verified(given)
    assert row["attributes"]["scene"] == "The camera would love this quay."
    assert row["attributes"]["speech"] == "Gulls cry over the water."
    assert [source["candidates"] for source in row["sources"]] == [[0], [1]]


def test_finding_ids_are_the_same_in_every_run() -> None:
    first, second = (verified("The camera zooms in.") for _ in range(2))
    assert [f["finding_id"] for f in first["findings"]] == [f["finding_id"] for f in second["findings"]] != []


def test_where_nothing_of_a_caption_is_true_the_measured_one_takes_its_place() -> None:
    row = verified('At 2s, a man says, "Bring me the green umbrella at once!"', transcript=[], camera=PAN)
    assert "umbrella" not in row["caption"]
    assert "pans right" in row["caption"] and "pans right" in row["attributes"]["camera"]
