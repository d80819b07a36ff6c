"""The model judge: a language model compares attribute captions with the clip; its findings are checked before use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import ATTRIBUTES, canonical_attribute
from asid_hf.verify.case import Case
from asid_hf.verify.confirm import confirmed_claims
from asid_hf.verify.decompose import Placed
from asid_hf.verify.findings import JUDGE, Verdict
from asid_hf.verify.model_stage import ModelStage, clip_facts, settled
from asid_hf.verify.spans import find_span
from asid_hf.verify.stage import Row

NOT_IN_CAPTION = "span_not_in_caption"


@dataclass(frozen=True)
class JudgeModel:
    """A model that judges.

    Args:
        model: the model.
        per_attribute: one call for each attribute, as the paper has it, instead of one for all eight.

    Example:
        >>> JudgeModel(ModelSpec("a-model")).per_attribute
        False
    """

    model: ModelSpec
    per_attribute: bool = False


@dataclass(frozen=True)
class Judgement:
    """What a model said of a text, with offsets in it, and of which attributes: where a call failed, it said nothing.

    Example:
        >>> Judgement((), frozenset()).verdicts
        ()
    """

    verdicts: tuple[Verdict, ...]
    judged: frozenset[str]


async def model_verdicts(
    stage: ModelStage, judge: JudgeModel, row: Row, case: Case, attributes: Sequence[str] = ATTRIBUTES
) -> Judgement:
    """Let a model judge a text, attribute by attribute.

    A finding whose span does not stand in its attribute's text is left out, and recorded in the row's errors; where
    most are such, the model is asked again. One that calls wrong what was measured to be right is `disputed_by` the
    measurement.

    Args:
        stage: in whose name it is asked.
        judge: the model.
        row: the clip; failed calls are recorded in its errors.
        case: the text to judge, with its sentences filed.
        attributes: which to judge.

    Returns:
        The judgement.

    Raises:
        EndpointError: the endpoint answers nobody.
    """
    texts = {a: " ".join(p.text for p in case.placed if p.attribute == a) for a in attributes}
    groups = [{a: text} for a, text in texts.items()] if judge.per_attribute else [texts]

    async def ask(captions: dict[str, str]) -> list[Verdict] | None:
        lost: list[dict] = []

        def check(value: dict) -> list[Verdict]:
            lost.clear()
            verdicts = [_verdict(finding, captions, case, lost) for finding in value["findings"]]
            if len(lost) > len(verdicts) - len(lost):
                raise ChatError("invalid", f"{len(lost)} spans do not stand in the texts: {lost[0]['span'][:80]!r}.")
            return [verdict for verdict in verdicts if verdict]

        try:
            reply = await stage.ask(judge.model, "judge", row, check, captions=captions, **clip_facts(row))
        except ChatError as error:
            stage.note(row, error, f"{judge.model.name} gave no judgement of {', '.join(captions)}")
            return None
        for finding in lost:
            message = (
                f"{judge.model.name} found fault with what {finding['attribute']} does not say: {finding['span']!r}"
            )
            row["errors"].append({"stage": stage.name, "kind": NOT_IN_CAPTION, "message": message[:500]})
        return reply.parsed

    answers = await settled(map(ask, groups))
    said = [verdict for answer in answers for verdict in answer or []]
    judged = {name for group, answer in zip(groups, answers, strict=True) if answer is not None for name in group}
    return Judgement(tuple(_disputed(said, case)), frozenset(judged))


def with_dispute(measured: list[Verdict], told: Judgement, judge: str) -> list[Verdict]:
    """Mark measured verdicts that a model judge, asked about the same text, does not share.

    Args:
        measured: the measured judge's verdicts.
        told: the model's judgement of the same text.
        judge: the model's name.

    Example:
        >>> wrong = Verdict("error", "camera", 3, 7, "", "still")
        >>> silent, alike = (Judgement(said, frozenset({"camera"})) for said in ((), (wrong,)))
        >>> [with_dispute([wrong], told, "a-model")[0].disputed_by for told in (silent, alike)]
        ['a-model', None]
    """

    def disputed(verdict: Verdict) -> bool:
        return verdict.attribute in told.judged and not any(_alike(verdict, other) for other in told.verdicts)

    return [replace(verdict, disputed_by=judge) if disputed(verdict) else verdict for verdict in measured]


def _alike(one: Verdict, other: Verdict) -> bool:
    if "missing" in (one.kind, other.kind):
        return one.kind == other.kind and one.attribute == other.attribute
    return one.start < other.end and other.start < one.end


def _disputed(verdicts: list[Verdict], case: Case) -> list[Verdict]:
    confirmed = confirmed_claims(case) if any(verdict.kind == "error" for verdict in verdicts) else []

    def undone(verdict: Verdict) -> bool:
        inside = [c for c in confirmed if c.start < verdict.end and verdict.start < c.end]
        others = [c for c in case.claims if c.start < verdict.end and verdict.start < c.end and c.kind != "time"]
        return verdict.kind == "error" and bool(inside) and len(inside) == len(others)

    return [replace(verdict, disputed_by=JUDGE) if undone(verdict) else verdict for verdict in verdicts]


def _verdict(finding: dict, captions: dict[str, str], case: Case, lost: list[dict]) -> Verdict | None:
    attribute = canonical_attribute(finding["attribute"])
    place = (len(case.draft), len(case.draft))
    if finding["kind"] != "missing":
        place = _place(finding["span"], [p for p in case.placed if p.attribute == attribute])
    if attribute not in captions or place is None:
        lost.append(finding)
        return None
    return Verdict(
        finding["kind"],
        attribute,
        *place,
        evidence="",
        reason=finding["reason"].strip()[:1000],
        confidence=float(finding["confidence"]),
        time=_time(finding["time_start"], finding["time_end"], case.duration),
    )


def _time(start: float | None, end: float | None, duration: float) -> tuple[float, float] | None:
    """A finding's time within the clip, the right way round; None where it names none there."""
    named = sorted(float(time) for time in (start, end) if time is not None)
    if not named or named[0] > duration or named[-1] < 0:
        return None
    return max(0.0, named[0]), min(duration, named[-1])


def _place(span: str, sentences: list[Placed]) -> tuple[int, int] | None:
    """Where a span of an attribute's text stands in the draft: its part in the first of its sentences."""
    for sentence in sentences:
        found = find_span(sentence.text, span)
        if found:
            return sentence.start + found[0], sentence.start + found[1]
    found = find_span(" ".join(sentence.text for sentence in sentences), span)
    position = 0
    for sentence in sentences if found else []:
        if found[0] < position + len(sentence.text):
            start = max(0, found[0] - position)
            return sentence.start + start, sentence.start + min(len(sentence.text), found[1] - position)
        position += len(sentence.text) + 1
    return None
