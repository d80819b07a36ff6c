"""Stage 8: do the draft's times hold together: inside the clip, in order, ranges forward, one event at one time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from asid_hf.anchors import Anchor
from asid_hf.verify.case import TOLERANCE, Case, case_of
from asid_hf.verify.checks.reported import told_clauses
from asid_hf.verify.decompose import Placed
from asid_hf.verify.ensemble import word_overlap
from asid_hf.verify.findings import Verdict, findings_of
from asid_hf.verify.stage import Row, Stage

ROUNDING = 1.0  # an anchor may be rounded up past the clip's end
SAME_EVENT = 0.7  # word overlap, times left out, from which two sentences tell one event


@dataclass(frozen=True)
class CheckTimeline(Stage):
    """Add timeline findings: anchors beyond the clip, reversed ranges, times out of order, one event at two times.

    Example:
        >>> CheckTimeline().writes
        ('findings',)
    """

    name = "check_timeline"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio")
    writes = ("findings",)

    def run(self, row: Row) -> Row:
        """Judge one row's anchors."""
        return {"findings": findings_of(row, self.name, row["draft"] or "", check_timeline(case_of(row)))}


def check_timeline(case: Case) -> list[Verdict]:
    """Judge the anchors of a draft by themselves; what happens at those times is for the other checks.

    Returns:
        Verdicts of kind timeline. A suggestion equal to the span says that the sentence belongs elsewhere.

    Example:
        >>> [v.reason for v in check_timeline(Case("At 40s, he waves.", {}, [], 9.0, True))]
        ["beyond the clip's end"]
    """
    verdicts = [verdict for anchor in case.anchors if (verdict := _judge(anchor, case))]
    faulty = {verdict.start for verdict in verdicts}
    return verdicts + _out_of_order(case, faulty) + _at_two_times(case, faulty)


def _judge(anchor: Anchor, case: Case) -> Verdict | None:
    evidence = f"The clip lasts {case.duration:.2f} s."
    if anchor.kind == "range" and len(anchor.times) == 2 and anchor.times[0] > anchor.times[1]:
        return _verdict(anchor, case, evidence, "the range runs backwards", _swapped(anchor))
    if anchor.malformed or not anchor.times:
        return None  # a fault of form, for repair_format
    if anchor.times[-1] > case.duration + ROUNDING and not _time_of_day(anchor, case):
        reason = "longer than the clip" if anchor.kind == "duration" else "beyond the clip's end"
        return _verdict(anchor, case, evidence, reason, "")
    return None


def _time_of_day(anchor: Anchor, case: Case) -> bool:
    """Whether a clock's time belongs to what somebody is told to say: "that the train leaves at 9:30"."""
    sentence = case.sentence_at(anchor.start)
    if sentence is None or ":" not in anchor.span:
        return False
    place = anchor.start - sentence.start
    return any(start <= place < end for _, start, end in told_clauses(sentence.text))


def _out_of_order(case: Case, faulty: set[int]) -> list[Verdict]:
    """Sentences whose first time breaks the longest run of times that never fall."""
    timed = [(placed, anchor) for placed in case.placed if (anchor := _first_point(placed, case, faulty))]
    in_order = _longest_rising([anchor.times[0] for _, anchor in timed])
    return [
        _verdict(anchor, case, "Times in a caption increase.", "told out of order", anchor.span)
        for index, (_, anchor) in enumerate(timed)
        if index not in in_order
    ]


def _at_two_times(case: Case, faulty: set[int]) -> list[Verdict]:
    timed = [(placed, anchor) for placed in case.placed if (anchor := _first_point(placed, case, faulty))]
    timed = timed[:200]  # pairs: a caption of more timed sentences is no caption of a clip
    words = [_told(placed, anchor) for placed, anchor in timed]
    verdicts = []
    for later in range(len(timed)):
        for earlier in range(later):
            (one, first), (two, second) = timed[earlier], timed[later]
            apart = abs(first.times[0] - second.times[0]) > TOLERANCE
            if apart and one.attribute != two.attribute and word_overlap(words[earlier], words[later]) >= SAME_EVENT:
                evidence = f"Told of {first.span} under {one.attribute}."
                verdicts.append(_verdict(second, case, evidence, "the same event at two times", first.span))
                break
    return verdicts


def _first_point(placed: Placed, case: Case, faulty: set[int]) -> Anchor | None:
    inside = [a for a in case.anchors if placed.start <= a.start < placed.end]
    usable = [a for a in inside if a.kind != "duration" and not a.malformed and a.times and a.start not in faulty]
    return usable[0] if usable else None


def _told(placed: Placed, anchor: Anchor) -> str:
    return placed.text[: anchor.start - placed.start] + placed.text[anchor.end - placed.start :]


def _longest_rising(times: list[float]) -> set[int]:
    """Indices of a longest non-decreasing subsequence (patience sorting, Fredman 1975)."""
    tails: list[float] = []
    ends: list[int] = []
    before: list[int] = []
    for index, time in enumerate(times):
        place = bisect_right(tails, time)
        before.append(ends[place - 1] if place else -1)
        tails[place : place + 1] = [time]
        ends[place : place + 1] = [index]
    kept, index = set(), ends[-1] if ends else -1
    while index >= 0:
        kept.add(index)
        index = before[index]
    return kept


def _swapped(anchor: Anchor) -> str:
    first, last = f"{anchor.times[1]:g}s", f"{anchor.times[0]:g}s"
    return f"{'From' if anchor.span[:1].isupper() else 'from'} {first} to {last}"


def _verdict(anchor: Anchor, case: Case, evidence: str, reason: str, suggestion: str) -> Verdict:
    time = (min(anchor.times), max(anchor.times)) if anchor.kind != "duration" else None
    attribute = case.attribute_at(anchor.start, "narrative_elements")
    return Verdict("timeline", attribute, anchor.start, anchor.end, evidence, reason, suggestion, time=time)
