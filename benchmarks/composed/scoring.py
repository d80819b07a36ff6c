"""Score the verifier's findings and repairs against the planted faults; knows nothing of how they were found."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from .faults import Caption
from .planters.drafts import Fault
from .voices import words_of

NEAR = 1.0  # s between a finding's time and that of the fact it misses
SAID_SHARE = 0.5  # of a line's word pairs, where a recogniser may have misheard some
TEXT_RATIO = 0.82  # likeness of a title as read

MOTION_PATTERNS = {
    "pan_left": r"\b(pan|sweep|swing|turn|glid|slid|mov|rotat)\w*[^.]{0,40}\bleft|\bleft\w*[^.]{0,20}\bpan",
    "pan_right": r"\b(pan|sweep|swing|turn|glid|slid|mov|rotat)\w*[^.]{0,40}\bright|\bright\w*[^.]{0,20}\bpan",
    "tilt_up": r"\b(tilt|swing|angl|mov|gaz)\w*[^.]{0,30}\bup|\bup\w*[^.]{0,20}\btilt|\brais\w+[^.]{0,20}gaze",
    "tilt_down": r"\b(tilt|swing|angl|mov|gaz)\w*[^.]{0,30}\bdown|\bdown\w*[^.]{0,20}\btilt|\blower\w+[^.]{0,20}gaze",
    "zoom_in": r"\bzoom\w*[^.]{0,15}\b(in|closer)\b|\binward zoom|push\w* in|clos\w+ in|mov\w+[^.]{0,12}closer",
    "zoom_out": r"\bzoom\w*[^.]{0,15}\bout\b|\boutward zoom|pull\w* (back|out)|mov\w+[^.]{0,12}away",
}
CUT_PATTERN = (
    r"(?<!no )(?<!any )(?<!single )\bcuts?\b|\btransitions?\b|\bswitch\w*|\b(scene|shot|view|picture) (changes|shifts)"
    r"|\b(new|next) shot|\bthe edit\b"
)


@dataclass
class Scores:
    """What a run came to. Counts by kind of fault (planted, found, repaired) and by kind of finding (right, false)."""

    planted: Counter = field(default_factory=Counter)
    found: Counter = field(default_factory=Counter)
    repaired: Counter = field(default_factory=Counter)
    right: Counter = field(default_factory=Counter)
    false: Counter = field(default_factory=Counter)
    clean_captions: int = 0
    clean_false: list[tuple[Caption, dict]] = field(default_factory=list)
    faulty_false: list[tuple[Caption, dict]] = field(default_factory=list)
    unfound: list[tuple[Caption, Fault]] = field(default_factory=list)
    unrepaired: list[tuple[Caption, Fault]] = field(default_factory=list)
    untouched: int = 0
    untouched_changed: list[tuple[Caption, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of planted faults found."""
        return sum(self.found.values()) / max(1, sum(self.planted.values()))

    @property
    def precision(self) -> float:
        """Share of findings on faulty captions that name a planted fault."""
        return sum(self.right.values()) / max(1, sum(self.right.values()) + sum(self.false.values()))

    @property
    def repair_share(self) -> float:
        """Share of planted faults whose caption is right afterwards."""
        return sum(self.repaired.values()) / max(1, sum(self.planted.values()))

    @property
    def false_a_clean_caption(self) -> float:
        """Findings a clean caption; all of them are false."""
        return len(self.clean_false) / max(1, self.clean_captions)


def score(captions: list[Caption], judged: list[dict], refined: list[dict]) -> Scores:
    """Compare findings and repairs with what was planted.

    Args:
        captions: clean and faulty.
        judged: a row a caption (`findings`, `attributes`), from a run that repairs nothing.
        refined: a row a caption (`findings`, `attributes`, `caption`), from a run that repairs.

    Returns:
        The scores.
    """
    scores = Scores()
    for caption, before, after in zip(captions, judged, refined, strict=True):
        findings = after["findings"]
        if not caption.faults:
            scores.clean_captions += 1
            scores.clean_false += [(caption, finding) for finding in findings]
        else:
            _score_findings(scores, caption, findings)
            _score_repairs(scores, caption, after["caption"] or "")
        _score_untouched(scores, caption, before, after)
    return scores


def names(finding: dict, fault: Fault) -> bool:
    """Whether a finding names a planted fault: its kind fits, and its span (or the time of what is missing) does."""
    if fault.accepts == ("missing",):
        return finding["kind"] == "missing" and _is_missing(finding, fault.attribute, fault.times)
    if finding["kind"] not in fault.accepts or finding["text_field"] != "draft":
        return False
    spans = [(fault.sentence_start, fault.sentence_end), *fault.elsewhere]
    return any(finding["char_start"] < end and finding["char_end"] > start for start, end in spans)


def follows(finding: dict, fault: Fault) -> bool:
    """Whether a finding misses a fact that the fault displaced."""
    if finding["kind"] != "missing":
        return False
    return any(_is_missing(finding, implied.attribute, implied.times) for implied in fault.implied)


def repaired(fault: Fault, faulty: str, text: str) -> bool:
    """Whether a caption is free of a fault and says what it ought to; judged by its words alone.

    Args:
        fault: as planted.
        faulty: the caption with the fault.
        text: the caption after repair.
    """
    plain = f" {' '.join(words_of(text))} "
    if any(f" {run} " in plain for run in fault.absent) or any(piece in text for piece in fault.absent_text):
        return False
    if fault.apart and _still_at(text, *fault.apart):
        return False
    if fault.ordered and any(later < earlier for earlier, later in pairwise(anchors_of(text))):
        return False
    return all(_says(kind, what, faulty, text) for kind, what in fault.said)


def anchors_of(text: str) -> list[float]:
    """Seconds that sentences of a caption begin or end with, as this benchmark writes them; of a range the start.

    Example:
        >>> anchors_of("At 3s, a cut. Between 0:05 and 0:09, rain. Four seconds in, wind.")
        [3.0, 5.0, 4.0]
    """
    numbers = "zero one two three four five six seven eight nine ten eleven twelve".split()
    pattern = (
        r"\b(?:at|from|between|around|about|the)\s+(?:(?:about|around|the|second)\s+)*"
        r"(?:(\d+):(\d\d)|(\d+(?:\.\d+)?)(?=\s?s\b|[\s-]seconds?\b| to \d| and \d))"
        rf"|\b({'|'.join(numbers)}) seconds in\b"
    )
    found = []
    for match in re.finditer(pattern, text, re.IGNORECASE):
        minutes, seconds, plain, word = match.groups()
        if word:
            found.append(float(numbers.index(word.lower())))
        else:
            found.append(float(plain) if plain else int(minutes) * 60.0 + int(seconds))
    return found


def _score_findings(scores: Scores, caption: Caption, findings: list[dict]) -> None:
    for fault in caption.faults:
        scores.planted[fault.kind] += 1
        if any(names(finding, fault) for finding in findings):
            scores.found[fault.kind] += 1
        else:
            scores.unfound.append((caption, fault))
    for finding in findings:
        if any(names(finding, fault) or follows(finding, fault) for fault in caption.faults):
            scores.right[finding["kind"]] += 1
        else:
            scores.false[finding["kind"]] += 1
            scores.faulty_false.append((caption, finding))


def _score_repairs(scores: Scores, caption: Caption, text: str) -> None:
    for fault in caption.faults:
        if repaired(fault, caption.text, text):
            scores.repaired[fault.kind] += 1
        else:
            scores.unrepaired.append((caption, fault))


def _score_untouched(scores: Scores, caption: Caption, before: dict, after: dict) -> None:
    """Attributes without a finding ought to be what they are when nothing is repaired, byte for byte."""
    affected = {finding["attribute"] for finding in after["findings"]}
    for attribute, text in before["attributes"].items():
        if attribute in affected:
            continue
        scores.untouched += 1
        if after["attributes"][attribute] != text:
            scores.untouched_changed.append((caption, attribute))


def _is_missing(finding: dict, attribute: str, times: list[tuple[float, float]]) -> bool:
    if finding["attribute"] != attribute:
        return False
    start, end = finding["time_start"], finding["time_end"]
    if start is None:
        return True
    end = start if end is None else end
    return any(start <= last + NEAR and end >= first - NEAR for first, last in times)


def _says(kind: str, what: str, faulty: str, text: str) -> bool:
    if kind == "words":
        return _share_said(what, text) >= SAID_SHARE
    if kind == "text":
        return _likeness(what, text) >= TEXT_RATIO
    pattern = CUT_PATTERN if kind.startswith("cuts") else MOTION_PATTERNS[what]
    told = len(re.findall(pattern, text, re.IGNORECASE))
    if kind.endswith("+"):
        return told > len(re.findall(pattern, faulty, re.IGNORECASE))
    return told > 0


def _share_said(line: str, text: str) -> float:
    """Share of a line's pairs of neighbouring words that the text contains."""
    said, there = list(pairwise(words_of(line))), set(pairwise(words_of(text)))
    return sum(pair in there for pair in said) / max(1, len(said))


def _likeness(title: str, text: str) -> float:
    """The best likeness of a title to any stretch of as many letters, 0..1; a reader may lose or add spaces."""
    wanted, letters = "".join(words_of(title)), "".join(words_of(text))
    matcher = SequenceMatcher(b=wanted, autojunk=False)
    best = 0.0
    for place in range(max(1, len(letters) - len(wanted) + 1)):
        matcher.set_seq1(letters[place : place + len(wanted)])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            best = max(best, matcher.ratio())
    return best


def _still_at(text: str, anchor: str, line: str) -> bool:
    ends = r"(?:(?<=[.!?])|(?<=[.!?][\"'\u201d\u2019]))\s+(?=[A-Z\"'\u201c\u2018\[(])"
    sentences = re.split(ends, text)
    return any(anchor.lower() in sentence.lower() and _share_said(line, sentence) >= 0.6 for sentence in sentences)


def by_kind(counter: Counter, total: Counter) -> dict[str, tuple[int, int]]:
    """Kind -> (count, of how many)."""
    shares = defaultdict(lambda: (0, 0))
    for kind in sorted(total):
        shares[kind] = (counter[kind], total[kind])
    return dict(shares)
