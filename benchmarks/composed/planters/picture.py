"""Faults about text on the picture and its light."""

from __future__ import annotations

from .. import phrases
from ..lines import TITLE_SWAPS, TITLES
from ..truth import Title
from ..voices import words_of
from .drafts import Draft, Fault, Implied, core_words


def misread(draft: Draft, tag: str) -> Fault | None:
    """A word of a title read as another."""
    truth, rng = draft.truth, draft.rng
    found = draft.whole("title:")
    if not found:
        return None
    old = rng.choice(found)
    number = int(old.fact.split(":")[1])
    title = truth.titles[number]
    words = title.text.split()
    places = [place for place, word in enumerate(words) if len(words_of(word)) and len(word) >= 3]
    if not places:
        return None
    place = rng.choice(places)
    swap = rng.choice(TITLE_SWAPS)
    words[place] = swap.upper() if words[place].isupper() else swap.capitalize()
    wrong = " ".join(words)
    new = draft.writer.title(number, Title(wrong, title.start, title.end, title.place, title.colour))
    new.tag = tag
    draft.replace(old, new)
    draft.taken.add(old.fact)
    fault = Fault("text_misread", ("error",), tag=tag, said=[("text", title.text)])
    fault.absent = [" ".join(words_of(wrong)[max(0, place - 1) : place + 2])]
    fault.implied = [Implied("objects", [(title.start, title.end)])]
    return fault


def invented_text(draft: Draft, tag: str) -> Fault | None:
    """A title that is not there."""
    truth, rng = draft.truth, draft.rng
    if not draft.free("no_text") or any(shot.stretch in ("jam", "roof") for shot in truth.shots):
        return None
    draft.drop("no_text")
    shown = {title.text for title in truth.titles}
    text = rng.choice([text for text in TITLES if text not in shown])
    start = rng.uniform(0, max(0.0, truth.duration - 2.5))
    title = Title(text, start, min(start + 2.5, truth.duration), rng.choice(("top", "bottom", "middle")), "white")
    sentence = draft.writer.title(-1, title)
    sentence.fact, sentence.tag = "invented", tag
    draft.add(sentence)
    return Fault("text_invented", ("error",), tag=tag, absent=[" ".join(words_of(text))])


def dark_for_bright(draft: Draft, tag: str) -> Fault | None:
    """Darkness claimed of a bright clip."""
    odd = {"globe", "endcard", "sleeper", "towers"} & {shot.stretch for shot in draft.truth.shots}
    if draft.truth.luma < 0.52 or odd:
        return None
    return _other_light(draft, tag, "dark_for_bright", phrases.DARK)


def bright_for_dark(draft: Draft, tag: str) -> Fault | None:
    """Brightness claimed of a dark clip."""
    if draft.truth.luma > 0.135:
        return None
    return _other_light(draft, tag, "bright_for_dark", phrases.BRIGHT)


def _other_light(draft: Draft, tag: str, kind: str, bodies: tuple[str, ...]) -> Fault | None:
    if not draft.free("light"):
        return None
    draft.drop("light")
    sentence = draft.writer.remark("invented", bodies, draft.rng.uniform(0, draft.truth.duration))
    sentence.tag = tag
    draft.add(sentence)
    return Fault(kind, ("error",), tag=tag, absent=[core_words(sentence)])
