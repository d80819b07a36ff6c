"""Measured facts in the dataset's words: one sentence a fact, used to annotate, to judge and to repair alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from asid_hf.schema import CameraMove, Colour, LightEvidence, ScreenText, Shot, SoundEvidence, Utterance

MOVE_PHRASES = {
    "pan_left": "pans left",
    "pan_right": "pans right",
    "tilt_up": "tilts up",
    "tilt_down": "tilts down",
    "zoom_in": "zooms in",
    "zoom_out": "zooms out",
    "shake": "shakes",
    "static": "stays still",
}
LEVEL_PHRASES = {
    "dark": "The picture is dark",
    "dim": "The picture is dimly lit",
    "normal": "The picture is evenly lit",
    "bright": "The picture is bright",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def anchor(seconds: float, duration: float) -> str:
    """A point in time as captions write it, never beyond the clip's last whole second.

    Example:
        >>> anchor(2.6, 10.0), anchor(9.9, 9.95)
        ('3s', '9s')
        >>> anchor(2.5, 10.0), anchor(3.5, 10.0)
        ('3s', '4s')
    """
    return f"{max(0, min(math.floor(seconds + 0.5), math.floor(duration)))}s"


def span_of(start: float, end: float, duration: float) -> str:
    """A stretch of time as an opening of a sentence.

    Example:
        >>> span_of(2.1, 4.8, 10.0), span_of(2.1, 2.3, 10.0)
        ('From 2s to 5s', 'At 2s')
    """
    first, last = anchor(start, duration), anchor(end, duration)
    return f"At {first}" if first == last else f"From {first} to {last}"


def count_word(count: int) -> str:
    """A small number in words.

    Example:
        >>> count_word(3), count_word(40)
        ('three', '40')
    """
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def quoted(text: str) -> str:
    """Words between double quotation marks, with any marks of their own made single.

    Example:
        >>> quoted('the "big" one')
        '"the \\'big\\' one"'
    """
    for mark in '"“”':
        text = text.replace(mark, "'")
    return f'"{" ".join(text.split())}"'


def say_utterance(utterance: Utterance, duration: float) -> str:
    """The sentence that reports an utterance.

    Example:
        >>> say_utterance({"start": 1.2, "end": 3.0, "speaker": None, "text": "Come in.", "confidence": None}, 5.0)
        'At 1s, a voice says, "Come in."'
    """
    stop = "" if utterance["text"].rstrip().endswith((".", "!", "?", "…")) else "."
    return f"At {anchor(utterance['start'], duration)}, a voice says, {quoted(utterance['text'])}{stop}"


def say_screen_text(text: ScreenText, duration: float) -> str:
    """The sentence that reports text on screen: when, where, until when.

    Example:
        >>> say_screen_text({"text": "EXIT", "start": 2, "end": 4, "box": [0.4, 0.8, 0.6, 0.9], "confidence": 1}, 9.0)
        'At 2s, the text "EXIT" appears at the bottom of the picture, until 4s.'
    """
    left, top, right, bottom = text["box"]
    row = ("top", "middle", "bottom")[min(2, int((top + bottom) / 2 * 3))]
    column = ("left", "", "right")[min(2, int((left + right) / 2 * 3))]
    place = f"{row} {column}".strip()
    first, last = anchor(text["start"], duration), anchor(text["end"], duration)
    until = f", until {last}" if first != last else ""
    return f"At {first}, the text {quoted(text['text'])} appears at the {place} of the picture{until}."


def say_move(move: CameraMove, duration: float) -> str:
    """The sentence that reports a camera move.

    Example:
        >>> move = {"shot": 0, "start": 2, "end": 4, "motion": "pan_left", "magnitude": 0.4, "confidence": 1}
        >>> say_move(move, 9.0)
        'From 2s to 4s, the camera pans left.'
    """
    return f"{span_of(move['start'], move['end'], duration)}, the camera {MOVE_PHRASES[move['motion']]}."


def say_cut(seconds: float, duration: float) -> str:
    """The sentence that reports a cut.

    Example:
        >>> say_cut(3.1, 9.0)
        'At 3s, the picture cuts to another shot.'
    """
    return f"At {anchor(seconds, duration)}, the picture cuts to another shot."


def say_shots(shots: Sequence[Shot]) -> str:
    """The sentence that reports how the clip is cut.

    Example:
        >>> say_shots([{"start": 0, "end": 4}])
        'The clip is one continuous shot without a cut.'
        >>> say_shots([{"start": 0, "end": 4}, {"start": 4, "end": 9}])
        'The clip consists of two shots, the shortest 4.0 and the longest 5.0 seconds long.'
    """
    if len(shots) <= 1:
        return "The clip is one continuous shot without a cut."
    lengths = [shot["end"] - shot["start"] for shot in shots]
    return (
        f"The clip consists of {count_word(len(shots))} shots, the shortest {min(lengths):.1f} "
        f"and the longest {max(lengths):.1f} seconds long."
    )


def say_light(light: LightEvidence) -> str:
    """The sentence that reports light and colours.

    Example:
        >>> colours = [{"name": "blue", "share": 0.6}, {"name": "grey", "share": 0.3}]
        >>> say_light({"level": "dark", "temperature": "cool", "colours": colours, "brightness": 0.1})
        'The picture is dark, with cool colours, mainly blue and grey.'
    """
    tone = "" if light["temperature"] == "neutral" else f", with {light['temperature']} colours"
    return f"{LEVEL_PHRASES[light['level']]}{tone}{_main_colours(light['colours'])}."


def say_light_change(start: float, level: str, duration: float) -> str:
    """The sentence that reports a change of light.

    Example:
        >>> say_light_change(4.2, "dark", 9.0)
        'At 4s, the picture becomes dark.'
    """
    words = {"dark": "dark", "dim": "dim", "normal": "evenly lit", "bright": "bright"}[level]
    return f"At {anchor(start, duration)}, the picture becomes {words}."


def say_sound(sound: SoundEvidence | None, duration: float) -> list[str]:
    """The sentences that report what can be heard besides words.

    Example:
        >>> say_sound(None, 4.0)
        ['The clip has no sound.']
    """
    if sound is None:
        return ["The clip has no sound."]
    if sound["silent"]:
        return ["The clip is silent throughout."]
    names = {"music": "music plays", "singing": "singing is heard", "other": "sounds without speech are heard"}
    return [
        f"{span_of(span['start'], span['end'], duration)}, {names[span['kind']]}."
        for span in sound["spans"]
        if span["kind"] in names and span["end"] - span["start"] >= 1.0
    ]


def _main_colours(colours: Iterable[Colour]) -> str:
    names = [colour["name"] for colour in colours if colour["share"] >= 0.15][:3]
    if not names:
        return ""
    return ", mainly " + (names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1])
