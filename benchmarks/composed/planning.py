"""Draw up a clip: which footage, joined where, how the crop moves, what is written, spoken and heard. All seeded."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np

from . import voices
from .footage import STRETCHES, Stretch
from .lines import OTHER_LINES, STATEMENTS, TITLES
from .sources import Footage
from .truth import Line, Move, Shot, Title, Truth, Window

VERSION = "5"
"""Of the plans: another version composes all clips anew."""

FILM_WEIGHT = 0.72
VISIBLE_CUT = 24.0  # mean difference of thumbnails (0..255) from which anybody sees the join
SIZES = ((640, 360),) * 5 + ((480, 270),) * 3 + ((854, 480),) * 2 + ((960, 540),)
MOTIONS = ("pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out")
PLACES = (
    "top",
    "bottom",
    "middle",
    "bottom",
    "top left corner",
    "top right corner",
    "bottom left corner",
    "bottom right corner",
)
COLOURS = ("white", "white", "white", "yellow", "black", "red", "green", "blue", "orange")


def plan_clip(seed: int, index: int, footage: dict[str, Footage], work: Path, librivox: Path | None = None) -> Truth:
    """Draw up clip `index` of the collection `seed`.

    Args:
        seed, index: decide everything.
        footage: what there is to cut from.
        work: cache of spoken lines.
        librivox: folder of the LibriVox utterances, if there.

    Returns:
        The truth of the clip, complete but for `luma`, which the composer measures.
    """
    rng = random.Random(f"{seed}/{index}")
    kind = rng.choices(("usual", "brief", "long", "statement"), (0.85, 0.055, 0.045, 0.05))[0]
    shots = _draw_shots(rng, kind, footage)
    width, height = rng.choice(SIZES)
    if any(footage[shot.stretch].width < 600 for shot in shots):
        width, height = 480, 270
    fps = rng.choice((24, 24, 25, 30))
    for shot in shots:
        shot.start, shot.end = round(shot.start * fps) / fps, round(shot.end * fps) / fps
    truth = Truth(f"composed_{index:04d}", seed, shots[-1].end, width, height, fps, shots)
    truth.moves = [move for number in range(len(shots)) for move in _draw_move(rng, truth, number)]
    truth.light, truth.gain = _draw_light(rng, shots, footage)
    truth.titles = _draw_titles(rng, truth)
    _draw_sound(rng, truth, kind, work, librivox)
    return truth


def _draw_shots(rng: random.Random, kind: str, footage: dict[str, Footage]) -> list[Shot]:
    if kind == "statement":
        return _shots_around_statement(rng, footage)
    if kind == "brief":
        goal, count = rng.uniform(1.0, 3.0), 1
    elif kind == "long":
        goal, count = rng.uniform(28.0, 35.0), rng.randint(7, 10)
    else:
        goal, count = rng.uniform(4.0, 14.0), rng.choices((1, 2, 3, 4, 5), (0.34, 0.26, 0.22, 0.12, 0.06))[0]
        goal = min(goal, rng.uniform(3.5, 7.2)) if count == 1 and rng.random() < 0.8 else goal
        count = min(count, int(goal // 1.4))
    shots: list[Shot] = []
    clock = 0.0
    for number in range(count):
        wanted = (goal - clock) / (count - number) * rng.uniform(0.75, 1.25)
        stretch = _draw_stretch(rng, shots, max(wanted, min(goal, 1.2)), footage, single=count == 1)
        length = min(wanted, stretch.length - 0.05)
        cut_in = rng.uniform(0, stretch.length - 0.04 - length)
        shots.append(_still(rng, clock, clock + length, stretch.name, cut_in))
        clock += length
    return shots


def _shots_around_statement(rng: random.Random, footage: dict[str, Footage]) -> list[Shot]:
    """The speech is shown whole, alone or with another shot before or behind it."""
    shots: list[Shot] = []
    clock = 0.0
    parts = rng.choice((["statement"], ["other", "statement"], ["statement", "other"]))
    for part in parts:
        if part == "statement":
            shots.append(_still(rng, clock, clock + 8.6, "statement", 0.0))
            clock += 8.6
            continue
        stretch = _draw_stretch(rng, shots or [_still(rng, 0, 1, "statement", 0)], 3.0, footage, single=False)
        length = min(rng.uniform(1.8, 3.5), stretch.length - 0.05)
        shots.append(_still(rng, clock, clock + length, stretch.name, rng.uniform(0, stretch.length - 0.04 - length)))
        clock += length
    return shots


def _draw_stretch(
    rng: random.Random, before: list[Shot], wanted: float, footage: dict[str, Footage], single: bool
) -> Stretch:
    """A stretch long enough, not seen yet, and visibly another picture than the one before."""
    used = {shot.stretch for shot in before}
    groups = {STRETCHES[name].group for name in used} - {""}
    fits = []
    for entry in footage.values():
        stretch = entry.stretch
        enough = stretch.length >= (wanted if single else max(1.0, min(wanted, 2.6) - 0.9))
        if stretch.name in used or stretch.group in groups or stretch.name == "statement" or not enough:
            continue
        if single and not (stretch.steady or stretch.natural):
            continue
        if before:
            last = footage[before[-1].stretch].thumbnail
            if float(np.abs(last - entry.thumbnail).mean()) < VISIBLE_CUT:
                continue
        weight = min(stretch.length, wanted) * (
            0.3 if stretch.length > 15 else 1.0
        )  # the two long takes serve too often
        fits.append((stretch, weight * (FILM_WEIGHT if "bbb" in stretch.source else 2.2 * (1 - FILM_WEIGHT))))
    if not fits:
        raise ValueError(f"No footage is left for a shot of {wanted:.1f} s behind {sorted(used)}.")
    return rng.choices([fit[0] for fit in fits], [fit[1] for fit in fits])[0]


def _still(rng: random.Random, start: float, end: float, name: str, cut_in: float) -> Shot:
    """A shot whose window stands still, around what matters in it."""
    stretch = STRETCHES[name]
    share = 1.0 if stretch.text or name in ("globe", "statement") or rng.random() < 0.4 else rng.uniform(0.78, 1.0)
    window = _window(stretch.focus, share)
    return Shot(start, end, name, cut_in, window, Window(window.x, window.y, share))


def _window(focus: tuple[float, float], share: float) -> Window:
    half = share / 2
    return Window(min(max(focus[0], half), 1 - half), min(max(focus[1], half), 1 - half), share)


def _draw_move(rng: random.Random, truth: Truth, number: int) -> list[Move]:
    """Let the window of a shot pan, tilt or zoom, in place: a second to four, at a speed an eye follows."""
    shot = truth.shots[number]
    stretch, length = STRETCHES[shot.stretch], shot.end - shot.start
    if stretch.natural and length >= 1.5:
        return [Move(stretch.natural[0], shot.start, shot.end, stretch.natural[1] * length, number)]
    if not (stretch.roams and stretch.steady) or length < 1.8 or rng.random() < 0.42:
        return []
    motion = rng.choice(MOTIONS)
    seconds = rng.uniform(1.3, min(4.0, length - 0.2))
    begin = shot.start + rng.choice((0.0, rng.uniform(0, length - seconds)))
    begin = min(begin, shot.end - seconds)
    if motion.startswith("zoom"):
        magnitude = min(rng.uniform(0.08, 0.28) * seconds, 0.6)
        wide = rng.uniform(0.8, 1.0)
        far = _window(stretch.focus, wide)
        near = Window(far.x, far.y, wide / math.exp(magnitude))  # about the same point: a zoom that does not pan
        shot.first, shot.last = (far, near) if motion == "zoom_in" else (near, far)
    else:
        magnitude = _slide(rng, shot, motion, stretch.focus, seconds)
    shot.moves_from, shot.moves_to = begin, begin + seconds
    return [Move(motion, begin, begin + seconds, magnitude, number)]


def _slide(rng: random.Random, shot: Shot, motion: str, focus: tuple[float, float], seconds: float) -> float:
    """Set the window's path for a pan or tilt through the focus; returns widths or heights travelled."""
    share = rng.uniform(0.5, 0.66)
    room = 1 - share
    travel = min(room, rng.uniform(0.1, 0.5) * seconds * share)
    forward = motion in ("pan_right", "tilt_down")
    axis = 0 if motion.startswith("pan") else 1
    low = min(max(focus[axis] - travel / 2, share / 2), 1 - share / 2 - travel)
    path = (low, low + travel) if forward else (low + travel, low)
    across = min(max(focus[1 - axis], share / 2), 1 - share / 2)
    points = [(place, across) if axis == 0 else (across, place) for place in path]
    shot.first, shot.last = Window(*points[0], share), Window(*points[1], share)
    return travel / share


def _draw_light(rng: random.Random, shots: list[Shot], footage: dict[str, Footage]) -> tuple[str, float]:
    """Darken or brighten a clip: the gain is a factor of the luma, or of its distance from white when negative."""
    lumas = [footage[shot.stretch].luma for shot in shots]
    seconds = [shot.end - shot.start for shot in shots]
    mean = sum(luma * span for luma, span in zip(lumas, seconds, strict=True)) / sum(seconds)
    apart = [
        float(np.abs(footage[one.stretch].thumbnail - footage[two.stretch].thumbnail).mean())
        for one, two in pairwise(shots)
    ]
    wish = rng.random()
    if wish < 0.15 and all(difference > 40 for difference in apart) and min(lumas) > 0.25:
        return "dark", rng.uniform(0.085, 0.115) / mean
    if wish > 0.82 and min(lumas) > 0.45:
        return "bright", -(1 - rng.uniform(0.76, 0.84)) / (1 - mean)
    return "normal", 1.0


def _draw_titles(rng: random.Random, truth: Truth) -> list[Title]:
    """The footage's own words, and up to two titles of our own, mostly inside one shot."""
    titles = _own_titles(truth)
    if rng.random() > 0.48 or truth.duration < 1.5:
        return titles
    texts = rng.sample(TITLES, 2)
    for number in range(1 if truth.duration < 6 else rng.choice((1, 1, 2))):
        shot = truth.shots[min(int(rng.random() * len(truth.shots)), len(truth.shots) - 1)]
        over = rng.random() < 0.15
        begin, end = (0.0, truth.duration) if over else (shot.start, shot.end)
        length = min(rng.uniform(1.3, 5.0), end - begin - 0.1)
        start = begin + rng.choice((0.0, rng.uniform(0, end - begin - length)))
        start = round(start * truth.fps) / truth.fps
        stop = round((start + length) * truth.fps) / truth.fps
        busy = any(title.start < stop + 0.4 and start < title.end + 0.4 for title in titles)
        if truth.light != "normal":  # in so flat a picture the letters are all that the eye, or a tracker, holds on to
            busy = busy or any(move.start < stop and start < move.end for move in truth.moves)
        if length < 1.25 or busy:
            continue
        place, colour = rng.choice(PLACES), rng.choice(COLOURS)
        titles.append(Title(texts[number], start, stop, place, colour, str(rng.randrange(10**6))))
    return sorted(titles, key=lambda title: title.start)


def _own_titles(truth: Truth) -> list[Title]:
    titles = []
    for shot in truth.shots:
        text = STRETCHES[shot.stretch].text
        if shot.stretch == "statement":
            title = "PRESIDENT OBAMA STATEMENT ON IRAN"
            titles.append(Title(title, shot.start + 2.9, shot.end, "bottom", "white"))
        elif text:
            place = "top" if shot.stretch == "presents" else "middle"
            titles.append(Title(text, shot.start, shot.end, place, "white"))
    return titles


def _draw_sound(rng: random.Random, truth: Truth, kind: str, work: Path, librivox: Path | None) -> None:
    """Choose what is heard and lay the spoken lines, in place."""
    if kind == "statement":
        shot = next(shot for shot in truth.shots if shot.stretch == "statement")
        text = (
            "Today, after two years of negotiations, the United States, together with our international partners, "
            "has achieved"
        )
        truth.lines = [Line(text, shot.start + 0.1, shot.end, "speaker")]
        return
    choices = ("none", "silence", "ambience", "music", "voice", "voice+ambience", "voice+music")
    scene = rng.choices(choices, (0.13, 0.11, 0.15, 0.16, 0.21, 0.1, 0.14))[0]
    if truth.duration < 2.2 and scene.startswith("voice"):
        scene = "ambience"
    truth.sound = scene if scene in ("none", "silence") else "audible"
    truth.music, truth.ambience = "music" in scene, "ambience" in scene
    if "voice" in scene:
        truth.lines = _draw_lines(rng, truth, work, librivox)
        if not truth.lines and scene == "voice":
            truth.ambience = True


def _draw_lines(rng: random.Random, truth: Truth, work: Path, librivox: Path | None) -> list[Line]:
    """Lay lines one behind the other with pauses, each whole inside the clip."""
    voice = voices.Voice(rng.uniform(0.95, 1.15), rng.choice((1.0, 1.0, 0.93, 1.06)))
    clock, lines = rng.uniform(0.2, 2.0), []
    used: set[str] = set()
    for _ in range(rng.choice((1, 1, 2, 3)) if truth.duration > 5 else 1):
        name = rng.choice(sorted(voices.LIBRIVOX)) if librivox and not lines and rng.random() < 0.08 else None
        room = truth.duration - 0.15 - clock
        if name and librivox:
            text, wave = voices.LIBRIVOX[name], voices.read_utterance(librivox / name)
        else:
            # a line takes about 0.33 s a word: choose among those that ought to fit before speaking one
            fits = [text for text in STATEMENTS + OTHER_LINES if len(text.split()) * 0.36 * voice.pace < room]
            if not fits:
                return lines
            text = rng.choice(fits)
            wave = voices.spoken_line(text, voice, work)
        length = len(wave) / voices.RATE
        if length > room or text in used:
            return lines
        speaker = f"librivox:{name}" if name else "joe"
        lines.append(Line(text, round(clock, 3), round(clock + length, 3), speaker, voice.pace, voice.pitch))
        used.add(text)
        clock += length + rng.uniform(0.9, 3.0)
        if name:
            return lines
    return lines
