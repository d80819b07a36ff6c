"""Speech told in other words ("she says that the road is closed"): the clause that holds what was said."""

from __future__ import annotations

import re

from asid_hf.verify.case import Case
from asid_hf.verify.claims import Claim
from asid_hf.verify.spotting.speech import REPORTING

_TELLS = rf"(?:{REPORTING}|points? out|pointing out|(?:learn|hear|know)s? from [\w' -]{{1,40}})"
_TO_WHOM = r"(?: (?:to )?(?:us|him|her|them|me|you|(?:the|his|her|their) [\w-]+))?"
_CLAUSE = re.compile(
    rf"\b{_TELLS}{_TO_WHOM} that (?P<that>.+)|\baccording to [\w' -]{{1,40}}, (?P<according>.+)", re.IGNORECASE
)
_BESIDE = re.compile(  # where the clause ends and something else is told
    r"[;:\"“”]|,? \b(?:while|before|after|when)\b|,? \bas (?:he|she|they|it|the|an?)\b|, (?:and |with |\w+ing\b|which )"
)
NEAR = 30  # characters from the words that tell of speech to the clause's verb


def told_clause(claim: Claim, case: Case) -> str | None:
    """The words of a sentence that tell what is said, its times left out.

    Args:
        claim: of speech, without a quotation.
        case: the case it belongs to.

    Returns:
        The clause, or None where the sentence only tells that somebody speaks.

    Example:
        >>> from asid_hf.verify.claims import parse_claims
        >>> from asid_hf.verify.decompose import Placed
        >>> text = "At 3s, she says that the road is closed, pointing at a sign."
        >>> case = Case(text, {}, [], 9.0, True, (Placed(text, 0, len(text), "speech"),))
        >>> told_clause(next(c for c in parse_claims(text) if c.kind == "speech"), case)
        'the road is closed'
    """
    sentence = case.sentence_at(claim.start)
    if sentence is None:
        return None
    for match in _CLAUSE.finditer(sentence.text):
        at = sentence.start + match.start()
        if at - NEAR <= claim.end and claim.start <= sentence.start + match.end():
            group = "that" if match["that"] else "according"
            start, end = match.span(group)
            beside = _BESIDE.search(sentence.text, start)
            end = min(end, beside.start()) if beside else end
            return _without_times(sentence.text, start, end, sentence.start, case)
    return None


def _without_times(text: str, start: int, end: int, offset: int, case: Case) -> str:
    for anchor in sorted(case.anchors, key=lambda anchor: -anchor.start):
        first, last = anchor.start - offset, anchor.end - offset
        if start <= first and last <= end:
            text, end = text[:first] + text[last:], end - (last - first)
    return " ".join(text[start:end].split()).rstrip(".,!? ")
