"""Text on the picture: read on luma stills, followed from still to still, gated against false readings.

A still is searched for lines once; a line is read again only where its pixels changed. Readings of one line in
neighbouring stills make one entry, whose text is the reading with the most votes. Nothing is reported on one look: the
line is cut out a second time, with another margin, and has to read the same. Textures that look like letters (windows,
foliage, gears) read differently every time; text does not.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from asid_hf.errors import InputError
from asid_hf.evidence.text_lines import TIGHT, Line, bounds, line_reader, lines_in, overlap
from asid_hf.evidence.text_match import SAME_TEXT, found_in, normalise, same_text
from asid_hf.schema import ScreenText, Shot

MIN_CONFIDENCE = 0.8
"""What a text seen in two stills or more needs: mean confidence of its readings, and of the second look (0..1)."""

MIN_CONFIDENCE_ONCE = 0.9
"""What a text seen in one still needs, and one of up to three letters in any case (0.97 where seen once)."""

MIN_CONFIDENCE_FOREIGN = 0.95
"""What letters other than Latin, Greek and Cyrillic need: in footage that has none of them textures read as such."""


class _Track:
    """One line of text over time."""

    def __init__(self) -> None:
        self.stills: list[int] = []
        self.lines: list[Line] = []

    def add(self, index: int, line: Line) -> None:
        self.stills.append(index)
        self.lines.append(line)


def read_screen_text(stills: np.ndarray, times: np.ndarray, shots: Sequence[Shot], duration: float) -> list[ScreenText]:
    """Read the text shown in a clip: titles, captions, signs.

    Times: a text starts half-way between the still before it and the first still that shows it, or at a cut between
    the two, and ends likewise: an error is at most half the distance of stills, unless it starts near a cut without
    having to do with it. In the first still it starts with that still, in the last it lasts to the end of the clip. A
    text missed in one still goes on; one that comes back later is another entry. The box is where it was read best.

    Args:
        stills: (S, H, W) uint8 luma, in time order; about one a second.
        times: (S,) s, increasing, within 0 and `duration`.
        shots: the takes of the clip; their boundaries sharpen start and end. May be empty.
        duration: s.

    Returns:
        The texts by start, then from top to bottom, one a line. Single characters are never reported.

    Raises:
        InputError: shapes, types or times that are not as above.
        MissingExtraError: rapidocr, OpenCV or the weights are not installed. Nothing is ever downloaded.

    Example:
        >>> read_screen_text(np.zeros((2, 90, 160), np.uint8), np.array([0.0, 1.0]), [], 2.0)
        []
    """
    times = np.asarray(times, float)
    _check(stills, times, duration)
    tracks: list[_Track] = []
    lines: list[Line] = []
    for index in range(len(stills)):
        lines = lines_in(stills, index, lines)
        _follow(tracks, index, [line for line in lines if line.text], float(np.hypot(*stills.shape[1:])))
    tracks = _without_misreadings(tracks)
    edges = sorted({edge for shot in shots for edge in (shot["start"], shot["end"])})
    entries = [_entry(track, stills, times, edges, float(duration)) for track in tracks]
    return sorted(filter(None, entries), key=lambda entry: (entry["start"], entry["box"][1], entry["box"][0]))


def _check(stills: np.ndarray, times: np.ndarray, duration: float) -> None:
    if not isinstance(stills, np.ndarray) or stills.ndim != 3 or stills.dtype != np.uint8:
        given = f"{getattr(stills, 'dtype', type(stills).__name__)} {getattr(stills, 'shape', '')}"
        raise InputError(f"stills are {given}; they must be an array of uint8, (stills, height, width).")
    if times.shape != stills.shape[:1] or not np.all(np.diff(times) > 0):
        raise InputError(f"times must be {len(stills)} increasing seconds, one a still; they are {times}.")
    if not np.isfinite(duration) or (len(times) and not 0 <= times[0] <= times[-1] <= duration):
        raise InputError(f"times {times} must lie within 0 and the duration, {duration} s.")


# --- lines over time -------------------------------------------------------------------------------------------------


def _follow(tracks: list[_Track], index: int, lines: list[Line], diagonal: float) -> None:
    """Give each line of a still to the open track it continues, the surest pairs first, or to a new track."""
    open_tracks = [track for track in tracks if track.stills[-1] >= index - 2]
    pairs = [
        (likeness, track, place)
        for track in open_tracks
        for place, line in enumerate(lines)
        if (likeness := _likeness(track.lines[-1], line, diagonal)) > 0.0
    ]
    free = dict(enumerate(lines))
    for _, track, place in sorted(pairs, key=lambda pair: -pair[0]):
        if place in free and track.stills[-1] < index:
            track.add(index, free.pop(place))
    for line in free.values():
        tracks.append(_Track())
        tracks[-1].add(index, line)


def _likeness(line: Line, other: Line, diagonal: float) -> float:
    """Above 0 where two readings in neighbouring stills may be of one line; the more the surer."""
    common = overlap(line.corners, other.corners)
    distance = float(np.hypot(*(line.corners.mean(axis=0) - other.corners.mean(axis=0)))) / diagonal
    if common < 0.5 and distance > 0.3:
        return 0.0
    first, second = (normalise(reading.text).replace(" ", "") for reading in (line, other))
    if first == second:
        return 2.0 + common - distance if common >= 0.5 or len(first) > 2 else 0.0
    roughly = SequenceMatcher(None, first, second, autojunk=False).ratio()
    if roughly < 0.5:
        return 0.0
    if _alike(line.text, other.text):
        return 1.0 + common - distance if common >= 0.5 or len(first) > 2 else 0.0
    unsure = min(line.confidence, other.confidence) < MIN_CONFIDENCE_ONCE
    return roughly if unsure and common >= 0.5 else 0.0


def _alike(a: str, b: str) -> bool:
    """Whether two readings are of one text, one of them perhaps with an end cut off."""
    if same_text(a, b) >= SAME_TEXT:
        return True
    part, whole = sorted((a, b), key=lambda text: len(normalise(text)))
    return len(normalise(part)) >= 0.6 * len(normalise(whole)) and found_in(part, whole) >= SAME_TEXT


def _without_misreadings(tracks: list[_Track]) -> list[_Track]:
    """Give a short track to the longer one whose text it is, misread: next to it if it is one still, else between its
    stills (two texts at one place do not take turns)."""
    kept: list[_Track] = []
    for track in sorted(tracks, key=lambda track: -len(track.stills)):
        owner = next((other for other in kept if _belongs(track, other)), None)
        if owner is None:
            kept.append(track)
        else:
            for index, line in zip(track.stills, track.lines, strict=True):
                owner.add(index, line)
    return kept


def _belongs(short: _Track, lasting: _Track) -> bool:
    reach = 2 if len(short.stills) == 1 < len(lasting.stills) else -1
    apart = min(short.stills) - max(lasting.stills) > reach or min(lasting.stills) - max(short.stills) > reach
    if apart or set(short.stills) & set(lasting.stills):
        return False
    index, line = short.stills[0], short.lines[0]
    nearest = min(zip(lasting.stills, lasting.lines, strict=True), key=lambda seen: abs(seen[0] - index))[1]
    return overlap(line.corners, nearest.corners) >= 0.3 and _misread(_voted(short), _voted(lasting))


def _misread(reading: str, text: str) -> bool:
    """Whether a reading may be of this text, letters wrong or an end lost: most of the shorter is in the longer."""
    (letters, digits), (others, other_digits) = _letters_and_digits(reading), _letters_and_digits(text)
    if digits not in other_digits and other_digits not in digits:
        return False
    shorter, longer = sorted((len(letters), len(others)))
    blocks = SequenceMatcher(None, letters, others, autojunk=False).get_matching_blocks()
    return shorter >= 0.4 * longer and sum(block.size for block in blocks) >= 0.75 * shorter


def _letters_and_digits(text: str) -> tuple[str, str]:
    characters = normalise(text).replace(" ", "")
    return "".join(c for c in characters if not c.isdigit()), "".join(c for c in characters if c.isdigit())


# --- from tracks to entries ------------------------------------------------------------------------------------------


def _entry(
    track: _Track, stills: np.ndarray, times: np.ndarray, edges: list[float], duration: float
) -> ScreenText | None:
    """The track as an entry, or None where its text does not hold."""
    text = _voted(track)
    agreeing = [line for line in track.lines if _alike(line.text, text)]
    readings = list({line.read_in: line for line in agreeing}.values())
    exact = [line for line in readings if line.text == text]
    best = max(exact, key=lambda line: line.confidence)
    needed = _needed(text, len(agreeing))
    mean = float(np.mean([line.confidence for line in readings]))
    if mean < needed:
        return None
    [(again, second)] = line_reader().read(stills[best.read_in], [best.corners], TIGHT)
    if second < needed or not _alike(again, text):
        return None
    height, width = stills.shape[1:]
    shown = [index for index, line in zip(track.stills, track.lines, strict=True) if _misread(line.text, text)]
    start, end = _span(min(shown), max(shown), times, edges, duration)
    return ScreenText(
        text=text,
        start=start,
        end=end,
        box=[round(float(side), 4) for side in np.clip(bounds(best.corners) / (width, height, width, height), 0, 1)],
        confidence=round(min(mean, second), 4),
    )


def _voted(track: _Track) -> str:
    """The reading with the most confidence summed over stills; a cut-off one votes for a whole one half as strong."""
    votes: defaultdict[str, float] = defaultdict(float)
    spellings: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in {line.read_in: line for line in track.lines}.values():
        key = normalise(line.text).replace(" ", "")
        votes[key] += line.confidence
        spellings[key][line.text] += line.confidence
    for part in sorted(votes, key=len):
        for whole in sorted(votes, key=len):
            longer = len(part) < len(whole) and votes[whole] >= 0.5 * votes[part]
            if longer and _alike(part, whole) and found_in(part, whole) >= SAME_TEXT:
                votes[whole] += votes[part]
                votes[part] = 0.0
                break
    key = max(votes, key=lambda key: (votes[key], len(key)))
    return max(spellings[key], key=lambda spelling: (spellings[key][spelling], len(spelling)))


def _needed(text: str, stills: int) -> float:
    """The confidence a text needs; above 1 where none is enough."""
    letters = normalise(text).replace(" ", "")
    if len(letters) < 2 or 2 * len(letters) < len(text.replace(" ", "")):
        return 2.0
    needed = MIN_CONFIDENCE if stills > 1 else MIN_CONFIDENCE_ONCE
    if len(letters) <= 3:
        needed = MIN_CONFIDENCE_ONCE if stills > 1 else 0.97
    return max(needed, MIN_CONFIDENCE_FOREIGN) if any(map(_is_foreign, letters)) else needed


def _is_foreign(letter: str) -> bool:
    return letter.isalpha() and unicodedata.name(letter, "").split(" ")[0] not in ("LATIN", "GREEK", "CYRILLIC")


def _span(first: int, last: int, times: np.ndarray, edges: list[float], duration: float) -> tuple[float, float]:
    start, end = float(times[first]), duration
    if first > 0:
        before = float(times[first - 1])
        start = max((edge for edge in edges if before < edge <= start), default=(before + start) / 2)
    if last + 1 < len(times):
        after = float(times[last + 1])
        shown = float(times[last])
        end = min((edge for edge in edges if shown < edge <= after), default=(shown + after) / 2)
    return round(start, 3), round(min(end, duration), 3)
