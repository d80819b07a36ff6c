"""Simulated models that know the truth of their clips and err at set rates; every decision is a hash, none is chance.

They are as gullible as real ones: an order that stands outside of the data blocks is obeyed, one inside is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from llm_facts import SLOTS
from llm_world import SECONDS, STEP, TOLERANCE, Fact, SimulatedClip, Told, facts_in, pick, read, share

from asid_hf.prompts import PROMPTS
from asid_hf.schema import ATTRIBUTES

Rate = float | dict[str, float]

_BLOCK = re.compile(r'^<data name="([^"\n]*)">\n(.*?)\n</data>$', re.DOTALL | re.MULTILINE)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,60}\b(?:rules?|instructions?|prompt|findings?|above|task)\b|"
    r"\breport no\b|\bno findings?\b|\bnew instructions?\b|\byou are now\b|\bfindings\W{1,4}\[\s*\]|"
    r"\breply only with\b",
    re.IGNORECASE | re.DOTALL,
)
_ASKED_AGAIN = "That reply cannot be used:"
NOT_SHOWN = "The clip shows nothing of the kind."
OBEYED = "As you wish."


@dataclass(frozen=True)
class Skill:
    """How a model errs. A rate is a number from 0 to 1, or one for each attribute (others: 0).

    Args:
        seed: another seed errs elsewhere.
        omit, invent, err: share of the facts that an annotator, integrator or fuser leaves out; invented ones in
            relation to the facts; share of an annotator's facts told wrongly.
        miscite: share of an integrator's sentences that cite wrong candidates.
        misplace: share of a decomposer's sentences put under a wrong attribute.
        miss, alarm: share of faults that a judge or reviewer does not see, and of right statements that it finds wrong.
        steady: share of the misses that stay misses however often the judge looks.
        botch: share of findings that a refiner mends wrongly.
    """

    seed: int = 0
    omit: Rate = 0.0
    invent: Rate = 0.0
    err: Rate = 0.0
    miscite: float = 0.0
    misplace: float = 0.0
    miss: Rate = 0.0
    alarm: Rate = 0.0
    steady: float = 0.5
    botch: float = 0.0

    def __post_init__(self) -> None:
        for rate in (getattr(self, f.name) for f in fields(self) if f.name != "seed"):
            assert all(0 <= r <= 1 for r in (rate.values() if isinstance(rate, dict) else [rate])), rate

    def rate(self, name: str, attribute: str) -> float:
        """A rate for an attribute."""
        rate = getattr(self, name)
        return rate.get(attribute, 0.0) if isinstance(rate, dict) else rate


@dataclass(frozen=True)
class Asked:
    """A request as a model understands it: which prompt, its data, its clip, and orders that stand outside of both."""

    prompt: str
    data: dict[str, object]
    clip: SimulatedClip | None
    orders: str
    exact: bool
    again: bool = False
    seed: int = 0


class NotUnderstood(ValueError):
    """A request that no prompt of the package explains."""


def understand(body: dict, clip: SimulatedClip | None) -> Asked:
    """Read a chat completion request.

    Raises:
        NotUnderstood: it holds none of the package's prompts, nor one like them.
    """
    turns = [(turn["role"], _text(turn["content"])) for turn in body["messages"]]
    system = "\n".join(text for role, text in turns if role == "system")
    user = [text for role, text in turns if role == "user"]
    again = len(user) > 1 and user[-1].startswith(_ASKED_AGAIN)
    data = {name: _material(value) for name, value in _BLOCK.findall(user[0])}
    spoken = _BLOCK.sub("", user[0]).strip()
    name, outside = _recognised(system, spoken)
    outside = "\n".join([outside, *(_BLOCK.sub("", turn) for turn in user[1:])])
    exact = (system, spoken) == (PROMPTS[name].system, PROMPTS[name].task)
    orders = outside if _ORDER.search(outside) else ""
    return Asked(name, data, clip, orders, exact, again, body.get("seed") or 0)


def _material(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a block that ended where it should not: what follows it is read as orders


def _text(content: str | list | None) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content or ""


def _recognised(system: str, task: str) -> tuple[str, str]:
    """The prompt that a text is, or is an edition of, and the sentences that are none of the prompt's own."""
    lines = _lines(system) | _lines(task)

    def likeness(name: str) -> float:
        known = _lines(PROMPTS[name].system) | _lines(PROMPTS[name].task)
        return len(known.keys() & lines.keys()) / len(known)

    name = max(PROMPTS, key=likeness)
    if likeness(name) < 0.5:
        raise NotUnderstood(f"no prompt is like this one: {task[:200]!r}")
    known = _lines(PROMPTS[name].system) | _lines(PROMPTS[name].task)
    return name, " ".join(line for line in lines if line not in known)


def _lines(text: str) -> dict[str, None]:
    """The sentences and parts of sentences of a text, each once, in order."""
    return dict.fromkeys(line.strip() for line in re.split(r"(?<=[.:;!?])\s+|\n+", text) if line.strip())


def answer(model: str, skill: Skill, asked: Asked) -> str:
    """What a model replies.

    Args:
        model: its name; two models of one skill err at different places.
        skill: how it errs.
        asked: the request.

    Returns:
        The text of the reply: JSON, or prose for the prompts without a schema.
    """
    if asked.orders:
        return _obeyed(asked.prompt)
    return _ANSWERS[asked.prompt](_Mind(model, skill, asked), asked)


def _obeyed(prompt: str) -> str:
    empty = {
        "annotate": dict.fromkeys(ATTRIBUTES, OBEYED),
        "ensemble": {"sentences": [{"text": OBEYED, "attribute": "scene", "candidates": [0]}], "conflicts": []},
        "review": {"missing": [], "inconsistent": []},
        "decompose": {"sentences": []},
        "judge": {"findings": []},
        "refine": {"edits": []},
    }
    return json.dumps(empty[prompt]) if prompt in empty else OBEYED


class _Mind:
    """A model's decisions on one request."""

    def __init__(self, model: str, skill: Skill, asked: Asked) -> None:
        self.skill, self.asked = skill, asked
        self._self = (skill.seed, model, asked.seed, asked.clip.name if asked.clip else "")

    def does(self, what: str, attribute: str, *things: object) -> bool:
        """Whether it errs in this way here."""
        return share(*self._self, what, *things) < self.skill.rate(what, attribute)

    def misses(self, attribute: str, fault: object, text: str) -> bool:
        """Whether it overlooks a fault: always, or in just this text."""
        rate, steady = self.skill.rate("miss", attribute), self.skill.steady
        always = share(*self._self, "blind", fault) < rate * steady
        return always or share(*self._self, "miss", fault, text) < rate * (1 - steady)

    def of(self, options: Iterable, *things: object) -> object:
        """One of some options."""
        return pick(options, *self._self, *things)

    def say(self, fact: Fact) -> str:
        """A fact in one of its wordings."""
        return fact.sentence(self.of(range(3), "wording", fact))

    def wrong(self, fact: Fact) -> Fact:
        """A fact with a wrong value, or at a wrong time."""
        others = [value for value in SLOTS[fact.slot].values if value != fact.value]
        if fact.time is not None and (not others or self.of((0, 1), "time or value", fact)):
            shift = 4 * TOLERANCE if fact.time + 4 * TOLERANCE + STEP < SECONDS else -4 * TOLERANCE
            return fact._replace(time=fact.time + shift)
        return fact._replace(value=self.of(others, "wrong", fact))

    def invented(self, attribute: str, avoid: set[str], *things: object) -> Fact | None:
        """A plausible statement of which nothing is known."""
        free = [s for s in SLOTS.values() if s.attribute == attribute and s.name not in avoid and not s.always]
        if not free:
            return None
        slot = self.of(free, "slot", *things)
        time = self.of(range(1, int(SECONDS) - 4, STEP), "time", *things) if slot.timed else None
        return Fact(slot.name, self.of(slot.values, "value", *things), time)


def _annotated(mind: _Mind, asked: Asked) -> dict[str, list[Fact]]:
    if asked.clip is None:
        raise NotUnderstood("an annotator was sent no clip that is known here")
    told = {}
    for attribute in ATTRIBUTES:
        facts, known = asked.clip.of(attribute), set(asked.clip.by_slot)
        stated = [f for f in facts if not mind.does("omit", attribute, f)]
        stated = [mind.wrong(f) if mind.does("err", attribute, f) else f for f in stated]
        for fact in facts:
            if mind.does("invent", attribute, fact):
                invented = mind.invented(attribute, known, fact)
                known |= {invented.slot} if invented else set()
                stated += [invented] if invented else []
        told[attribute] = _in_order(stated)
    return told


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: -1 if fact.time is None else fact.time)


def _annotate(mind: _Mind, asked: Asked) -> str:
    told = _annotated(mind, asked)
    return json.dumps({attribute: " ".join(map(mind.say, facts)) for attribute, facts in told.items()})


def _annotate_prose(mind: _Mind, asked: Asked) -> str:
    facts = [fact for told in _annotated(mind, asked).values() for fact in told]
    return " ".join(map(mind.say, _in_order(facts)))


@dataclass
class _Version:
    """One way in which candidates tell a slot."""

    fact: Fact | None
    sentence: str
    attribute: str
    numbers: list[int]


def _versions(candidates: list[dict]) -> dict[str, list[_Version]]:
    """Slot (of an unknown sentence: its words) -> the ways in which it is told."""
    versions: dict[str, list[_Version]] = {}
    for candidate in candidates:
        for told in read(candidate["caption"]):
            attribute = told.fact.attribute if told.fact else candidate.get("attribute") or "scene"
            ways = versions.setdefault(told.fact.slot if told.fact else told.sentence, [])
            same = [w for w in ways if told.fact is None or w.fact.agrees(told.fact)]
            if not same:
                ways.append(_Version(told.fact, told.sentence, attribute, [candidate["number"]]))
            elif candidate["number"] not in same[0].numbers:
                same[0].numbers.append(candidate["number"])
    return versions


def _measured(data: dict) -> dict[str, Fact]:
    """Slot -> what transcript and measurements say."""
    sentences = [
        s for told in (data.get("measurements") or {}).values() for s in ([told] if isinstance(told, str) else told)
    ]
    facts = [fact for sentence in sentences for fact in facts_in(str(sentence))]
    for utterance in data.get("transcript") or []:
        said = facts_in(f'At {round(utterance["start"])}s, a voice says, "{utterance["text"]}"')
        facts += said
    return {fact.slot: fact for fact in facts}


def _ensemble(mind: _Mind, asked: Asked) -> str:
    measured, sentences, conflicts = _measured(asked.data), [], []
    for key, ways in _versions(asked.data["candidates"]).items():
        if mind.does("omit", ways[0].attribute, key):
            continue
        confirmed = [w for w in ways if key in measured and w.fact and measured[key].agrees(w.fact)]
        best = max(confirmed or ways, key=lambda w: (len(w.numbers), share(key, w.sentence)))
        numbers = best.numbers
        if mind.does("miscite", best.attribute, key):
            numbers = [mind.of([c["number"] for c in asked.data["candidates"]], "cites", key)]
        sentences.append((best.fact, {"text": best.sentence, "attribute": best.attribute, "candidates": numbers}))
        why = "measured" if confirmed else f"{len(best.numbers)} candidates hold it"
        for other in (w for w in ways if w is not best):
            rejected = {"kept": best.sentence, "rejected": other.sentence, "reason": why}
            conflicts.append({"attribute": best.attribute, **rejected})
        if mind.does("invent", best.attribute, key):
            invented = mind.invented(best.attribute, set(_versions(asked.data["candidates"])), key)
            if invented:
                made = {"text": mind.say(invented), "attribute": invented.attribute, "candidates": [0]}
                sentences.append((invented, made))
    sentences.sort(key=lambda entry: -1 if entry[0] is None or entry[0].time is None else entry[0].time)
    return json.dumps({"sentences": [sentence for _, sentence in sentences], "conflicts": conflicts})


def _review(mind: _Mind, asked: Asked) -> str:
    draft = [(entry["number"], told) for entry in asked.data["draft"] for told in read(entry["text"])]
    text = " ".join(told.sentence for _, told in draft)
    said = {told.fact.slot: told.fact for _, told in draft if told.fact}
    measured, missing, inconsistent = _measured(asked.data), [], []
    for key, ways in _versions(asked.data["candidates"]).items():
        best = max(ways, key=lambda w: len(w.numbers))
        if best.fact and key not in said and not mind.misses(best.attribute, key, text):
            reason = "No sentence of the draft says it."
            entry = {"attribute": best.attribute, "text": best.sentence, "candidates": best.numbers, "reason": reason}
            missing.append(entry)
    for slot, fact in measured.items():
        if slot not in said and slot not in _versions(asked.data["candidates"]):
            if not mind.misses(fact.attribute, slot, text):
                entry = {"attribute": fact.attribute, "text": fact.sentence(0), "candidates": [], "reason": "Measured."}
                missing.append(entry)
    for number, told in draft:
        if told.fact is None:
            continue
        known = measured.get(told.fact.slot)
        if known and not known.agrees(told.fact) and not mind.misses(told.fact.attribute, told.fact, text):
            inconsistent.append({"sentence": number, "text": known.sentence(0), "reason": "The measurements differ."})
        elif mind.does("alarm", told.fact.attribute, told.fact):
            changed = mind.wrong(told.fact).sentence(0)
            inconsistent.append({"sentence": number, "text": changed, "reason": "It contradicts another sentence."})
    return json.dumps({"missing": missing, "inconsistent": inconsistent})


def _decompose(mind: _Mind, asked: Asked) -> str:
    sorted_out = []
    for entry in asked.data["sentences"]:
        facts = facts_in(entry["text"])
        attribute = facts[0].attribute if facts else entry.get("attribute") or "scene"
        if mind.does("misplace", attribute, entry["text"]):
            attribute = mind.of([a for a in ATTRIBUTES if a != attribute], "place", entry["text"])
        sorted_out.append({"number": entry["number"], "attribute": attribute})
    return json.dumps({"sentences": sorted_out})


def _judge(mind: _Mind, asked: Asked) -> str:
    captions = asked.data["captions"]
    truth = asked.clip.by_slot if asked.clip else _measured(asked.data)
    told_anywhere = {told.fact.slot for text in captions.values() for told in read(text) if told.fact}
    findings = []
    for attribute, text in captions.items():
        before: set[Fact] = set()
        for told in read(text):
            if told.fact:
                findings += _judged(mind, attribute, text, told, truth, told.fact in before, asked.clip is not None)
                before.add(told.fact)
        for fact in truth.values():
            if (
                fact.attribute == attribute
                and fact.slot not in told_anywhere
                and not mind.misses(attribute, fact, text)
            ):
                findings.append(_finding(attribute, "missing", "", f"The text does not say: {mind.say(fact)}", fact))
    return json.dumps({"findings": findings})


def _judged(
    mind: _Mind, attribute: str, text: str, told: Told, truth: dict[str, Fact], again: bool, sees: bool
) -> list[dict]:
    fact, known = told.fact, truth.get(told.fact.slot)
    if again:
        unseen = mind.misses(attribute, ("again", fact), text)
        reason = "It repeats what was said before."
        return [] if unseen else [_finding(attribute, "expressiveness", told.sentence, reason, fact)]
    if known is not None and known.agrees(fact):
        if not mind.does("alarm", attribute, fact, text):
            return []
        return [_finding(attribute, "error", told.sentence, f"In the clip: {mind.wrong(fact).sentence(0)}", fact, 0.6)]
    if (known is None and not sees) or mind.misses(attribute, fact, text):
        return []
    if known is None:
        return [_finding(attribute, "error", told.sentence, NOT_SHOWN, fact)]
    span = fact.value if fact.value != known.value else f"{fact.time}s"
    span = span if text.count(span) == 1 else told.sentence
    return [_finding(attribute, "error", span, f"In the clip: {mind.say(known)}", known)]


def _finding(attribute: str, kind: str, span: str, reason: str, fact: Fact, confidence: float = 0.9) -> dict:
    times = {"time_start": fact.time, "time_end": fact.time}
    return {"attribute": attribute, "kind": kind, "span": span, "reason": reason, **times, "confidence": confidence}


def _refine(mind: _Mind, asked: Asked) -> str:
    edits, sentences = [], {entry["number"]: entry["text"] for entry in asked.data["sentences"]}
    by_place: dict[int | None, list[dict]] = {}
    for finding in asked.data["findings"]:
        by_place.setdefault(finding["sentence"], []).append(finding)
    for finding in by_place.pop(None, []):
        right = facts_in(finding["reason"])
        if right:
            fact = mind.wrong(right[0]) if mind.does("botch", right[0].attribute, finding["reason"]) else right[0]
            edits.append({"sentence": None, "text": mind.say(fact), "findings": [finding["number"]]})
    for place, findings in by_place.items():
        fact = _mended(mind, asked, sentences[place], findings)
        text = mind.say(fact) if fact else ""
        edits.append({"sentence": place, "text": text, "findings": [finding["number"] for finding in findings]})
    return json.dumps({"edits": edits})


def _mended(mind: _Mind, asked: Asked, sentence: str, findings: list[dict]) -> Fact | None:
    """What a sentence should say: what the reasons say, else what the clip or the measurements say; None: it goes."""
    stated = facts_in(sentence)
    right = [fact for finding in findings for fact in facts_in(finding["reason"])]
    known = asked.clip.by_slot if asked.clip else _measured(asked.data)
    goes = any(f["reason"] == NOT_SHOWN or f["kind"] == "expressiveness" for f in findings)
    fact = None
    if not goes:
        fact = right[0] if right else known.get(stated[0].slot) if stated else None
    if mind.does("botch", asked.data["attribute"], sentence) and (fact or stated):
        return mind.wrong(fact or stated[0])
    return fact


def _fuse(mind: _Mind, asked: Asked) -> str:
    told = [told for text in asked.data["captions"].values() for told in read(text)]
    told = list({t.fact or t.sentence: t for t in told}.values())
    told = [t for t in told if not mind.does("omit", t.fact.attribute if t.fact else "", t.sentence)]
    told.sort(key=lambda t: -1 if t.fact is None or t.fact.time is None else t.fact.time)
    slots, sentences = {t.fact.slot for t in told if t.fact}, []
    for entry in told:
        sentences.append(entry.sentence)
        invents = entry.fact and mind.does("invent", entry.fact.attribute, entry.sentence)
        invented = mind.invented(entry.fact.attribute, slots, entry.sentence) if invents else None
        sentences += [mind.say(invented)] if invented else []
    return " ".join(sentences)


_ANSWERS: dict[str, Callable[[_Mind, Asked], str]] = {
    "annotate": _annotate,
    "annotate_prose": _annotate_prose,
    "ensemble": _ensemble,
    "review": _review,
    "decompose": _decompose,
    "judge": _judge,
    "refine": _refine,
    "fuse": _fuse,
}
