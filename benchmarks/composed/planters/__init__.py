"""One planter a kind of fault: spoils a caption in the making and says how, or finds that the clip forbids it."""

from __future__ import annotations

from collections.abc import Callable

from . import camera, form, omission, picture, sound, speech, timing
from .drafts import Draft, Fault

PLANTERS: dict[str, Callable[[Draft, str], Fault | None]] = {
    "speech_misquoted": speech.misquoted,
    "speech_invented": speech.invented,
    "speech_claimed": speech.claimed,
    "speech_wrong_time": speech.wrong_time,
    "sound_in_silence": sound.in_silence,
    "silence_over_speech": sound.silence_over_speech,
    "camera_direction": camera.wrong_direction,
    "camera_invented": camera.invented_move,
    "static_over_move": camera.static_over_move,
    "cut_invented": camera.invented_cut,
    "take_over_cuts": camera.take_over_cuts,
    "text_misread": picture.misread,
    "text_invented": picture.invented_text,
    "dark_for_bright": picture.dark_for_bright,
    "bright_for_dark": picture.bright_for_dark,
    "anchor_beyond_end": timing.beyond_end,
    "anchors_out_of_order": timing.out_of_order,
    "range_reversed": timing.reversed_range,
    "event_twice": timing.twice,
    "missing_speech": omission.left_out("missing_speech"),
    "missing_text": omission.left_out("missing_text"),
    "missing_move": omission.left_out("missing_move"),
    "missing_cut": omission.left_out("missing_cut"),
    "repetition": form.repetition,
    "malformed_time": form.malformed_time,
    "stray_symbols": form.stray_symbols,
}
"""Kind of fault -> its planter, in the order of the tables."""
