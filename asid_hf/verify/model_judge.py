"""The model judge: a language model compares attribute captions with the clip; its findings are checked before use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import ATTRIBUTES, canonical_attribute
from asid_hf.verify.case import Case
from asid_hf.verify.confirm import confirmed_claims
from asid_hf.verify.decompose import Placed
from asid_hf.verify.findings import JUDGE, Verdict
from asid_hf.verify.model_stage import ModelStage, clip_facts
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


async def model_verdicts(
    stage: ModelStage, judge: JudgeModel, row: Row, case: Case, attributes: Sequence[str] = ATTRIBUTES
) -> list[Verdict] | None:
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
        The verdicts, with offsets in the case's text; None where no call gave an answer.

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

    answers = [answer for answer in await asyncio.gather(*map(ask, groups)) if answer is not None]
    if not answers:
        return None
    return _disputed([verdict for answer in answers for verdict in answer], case)


def with_dispute(measured: list[Verdict], told: list[Verdict], judge: str) -> list[Verdict]:
    """Mark measured verdicts that a model judge, asked about the same text, does not share.

    Args:
        measured, told: the two judges' verdicts on one text.
        judge: the model's name.

    Example:
        >>> wrong = Verdict("error", "camera", 3, 7, "", "still")
        >>> [with_dispute([wrong], told, "a-model")[0].disputed_by for told in ([], [wrong])]
        ['a-model', None]
    """
    return [v if any(_alike(v, other) for other in told) else replace(v, disputed_by=judge) for v in measured]


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
    time = (finding["time_start"], finding["time_end"])
    if time[0] is not None and time[1] is None:
        time = (time[0], time[0])
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
        time=None if time[0] is None else tuple(map(float, time)),
    )


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
