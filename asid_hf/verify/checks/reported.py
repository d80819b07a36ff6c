"""Speech told in other words ("she says that the road is closed"): the clauses that hold what was said."""

from __future__ import annotations

import re
from itertools import pairwise

from asid_hf.verify.case import Case
from asid_hf.verify.claims import Claim
from asid_hf.verify.spotting.speech import REPORTING

_TELLS = rf"(?:{REPORTING}|points? out|pointing out|(?:learn|hear|know)s? from [\w' -]{{1,40}})"
_TO_WHOM = r"(?: (?:to )?(?:us|him|her|them|me|you|(?:the|his|her|their) [\w-]+))?"
_HEAD = re.compile(rf"\b{_TELLS}{_TO_WHOM} that,? (?=\S)|\baccording to [\w' -]{{1,40}}, (?=\S)", re.IGNORECASE)
_BESIDE = re.compile(  # where the clause ends and something else is told
    r"[;:\"“”](?!\d)|,? \b(?:while|before|after|when|instead|followed)\b|,? \bas (?:he|she|they|it|the|an?)\b|"
    r", (?:and |but |with |\w+ing\b|which )"
    r"|,? and (?:then )?(?:he|she|they|it|at|from|the (?:camera|man|woman)|\w+s that)\b"
)
_BETWEEN = re.compile(r"\s*(?:(?!and\b|or\b|to\b)\w+\s+){0,2}")  # from a voice to the verb it tells with


def told_clauses(sentence: str) -> list[tuple[int, int, int]]:
    """Where a sentence tells what is said: (start of the verb, start of the clause, end of the clause), in order.

    Example:
        >>> text = "She says that it rains, and then he adds that it pours."
        >>> [text[start:end] for _, start, end in told_clauses(text)]
        ['it rains', 'it pours']
    """
    heads = [(match.start(), match.end()) for match in _HEAD.finditer(sentence)]
    found = []
    for (verb, start), (following, _) in pairwise([*heads, (len(sentence), 0)]):
        beside = _BESIDE.search(sentence, start, following)
        clause = sentence[start : beside.start() if beside else following].rstrip(".,!? ")
        found.append((verb, start, start + len(clause)))
    return found


def told_clause(claim: Claim, case: Case) -> str | None:
    """The words that tell what a voice says, their times left out.

    Args:
        claim: of speech, without a quotation.
        case: the case it belongs to.

    Returns:
        The clause, or None where the claim only tells that somebody speaks.

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
    first, last = claim.start - sentence.start, claim.end - sentence.start
    for verb, start, end in told_clauses(sentence.text):
        tells = first < start and (last > verb or _BETWEEN.fullmatch(sentence.text[last:verb]))
        if tells:
            return _without_times(sentence.text, start, end, sentence.start, case)
    return None


def _without_times(text: str, start: int, end: int, offset: int, case: Case) -> str:
    for anchor in sorted(case.anchors, key=lambda anchor: -anchor.start):
        first, last = anchor.start - offset, anchor.end - offset
        if start <= first and last <= end:
            text, end = text[:first] + text[last:], end - (last - first)
    return " ".join(text[start:end].split())
