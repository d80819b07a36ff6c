"""Faults of form: loops, malformed times, stray symbols."""

from __future__ import annotations

from ..wordings import lower
from .drafts import Draft, Fault, at_anchor


def repetition(draft: Draft, tag: str) -> Fault | None:
    """A phrase that loops eight to thirty times."""
    found = [sentence for sentence in draft.script.sentences[1:-1] if sentence.fact is None and not sentence.tag]
    found = [sentence for sentence in found if len(sentence.text.split()) >= 6 and sentence.anchor is None]
    if not found:
        return None
    sentence = draft.rng.choice(found)
    words = sentence.text.rstrip(".").split()
    phrase = " ".join(words[-draft.rng.randint(2, 5) :]).strip(",;")
    joint = draft.rng.choice((" ", ", ", " and "))
    loop = joint.join([phrase] * draft.rng.randint(8, 30))
    kept = sentence.text.rstrip(".")
    sentence.text = f"{kept}{joint}\x02{loop}\x03."
    sentence.tag = tag
    return Fault("repetition", ("format",), tag=tag, absent_text=[joint.join([phrase] * 3)])


def malformed_time(draft: Draft, tag: str) -> Fault | None:
    """A time nobody can read."""
    truth, rng = draft.truth, draft.rng
    shot = rng.randrange(len(truth.shots))
    here = truth.shots[shot]
    n = draft.writer.second(rng.uniform(here.start, here.end))
    forms = (
        "At {n}ss",
        "At 0:{seventy}",
        "At s",
        "[00:0x]",
        "At {n}s{m}",
        "At 00:{n}:",
        "At ?s",
        "At {n}.{n}.{m}s",
        "At -{one}s",
        "At {n}:s",
        "At 0:{n}:{m}s",
        "[{n}s",
    )
    anchor = rng.choice(forms).format(n=n, m=rng.randint(1, 9), seventy=rng.randint(61, 99), one=rng.randint(1, 9))
    does = draft.writer.happening(shot)
    text = f"{anchor} {does}" if anchor.startswith("[00") else f"{anchor}, {lower(does)}"
    draft.add(at_anchor(text, anchor, rng.uniform(here.start, here.end - 0.1), None, tag))
    return Fault("malformed_time", ("format", "timeline"), tag=tag, absent_text=[anchor])


def stray_symbols(draft: Draft, tag: str) -> Fault | None:
    """Markup, control characters, broken encoding."""
    rng = draft.rng
    found = [sentence for sentence in draft.script.sentences[1:-1] if sentence.fact is None and not sentence.tag]
    found = [sentence for sentence in found if len(sentence.text.split()) >= 5]
    if not found:
        return None
    sentence = rng.choice(found)
    words = sentence.text.split()
    place = rng.randrange(1, len(words) - 1)
    symbol = rng.choice(
        (
            "**",
            "<|im_end|>",
            "###",
            "\x07",
            "\u00e2\u20ac\u2122",
            "\ufffd",
            "<|endoftext|>",
            "\x0b",
            "__",
            "</s>",
            "[/INST]",
        )
    )
    if symbol in ("**", "__"):
        words[place] = f"\x02{symbol}{words[place]}{symbol}\x03"
    elif symbol == "###":
        words[0] = f"\x02###\x03 {words[0]}"
    elif symbol == "\u00e2\u20ac\u2122":
        words[place] = f"{words[place]}\x02{symbol}\x03s"
    elif symbol.startswith(("<", "[")):
        words[-1] = f"{words[-1]}\x02{symbol}\x03"
    else:
        words[place] = f"\x02{symbol}\x03{words[place]}"
    sentence.text = " ".join(words)
    sentence.tag = tag
    return Fault("stray_symbols", ("format",), tag=tag, absent_text=[symbol])
