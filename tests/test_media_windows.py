"""Windows of clips: the same pictures and the same sound as the whole clip has there, decoded from near there on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from asid_hf import media, media_film, media_source, media_timeline, media_track
from asid_hf.errors import InputError, MediaError
from asid_hf.media import Clip, open_clip

SECONDS, RATE, GROUP = 16.0, 12, 24  # of the films made here; pictures between two key pictures
EVERY = {"fps": 200, "max_frames": 100000, "min_frames": 2, "min_pixels": 784, "frame_pixels": 784 * 6}
WINDOWS = ((0.0, 16.0), (0.0, 2.5), (12.3, 13.7), (5.01, 11.9), (14.0, None), (15.5, 99.0))


def picture(number: int) -> np.ndarray:
    """(72, 96, 3) uint8: a texture that moves on with each picture, so that they need one another to be decoded."""
    y, x = np.mgrid[:72, :96]
    waves = np.sin((x + 2 * number) / 5) + np.cos((y - number) / 7) + np.sin((x * y) / 300)
    moving = np.stack([waves, np.roll(waves, 30, 1), np.roll(waves, 20, 0)], axis=2)
    return (128 + 40 * moving).astype(np.uint8)


def voice(seconds: float, rate: int) -> np.ndarray:
    """(N,) float32: a tone that rises and falls, in noise."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.3 * np.sin(2000 * time + 200 * np.sin(time)) + 0.05 * noise).astype(np.float32)


def make(
    path: Path,
    codec: str | None = "libx264",
    sound: str | None = "aac",
    *,
    times: Any = None,
    options: dict | None = None,
    reordered: int | None = None,
    rate: int = 44100,
    late: float = 0.0,
    seconds: float = SECONDS,
) -> Path:
    """Mux a film of `picture`s, shown at `times` s or at `RATE`, and a `voice` that begins at `late` s."""
    with av.open(str(path), "w") as out:
        film = track = None
        if codec:
            film = out.add_stream(codec, rate=RATE, width=96, height=72, pix_fmt="yuv420p", options=options or {})
            film.codec_context.gop_size = GROUP
            if reordered is not None:
                film.codec_context.max_b_frames = reordered
            if times is not None:
                film.codec_context.time_base = Fraction(1, 1000)
        if sound:
            quiet = {"aac_pns": "0"} if sound == "aac" else {}  # its noise is drawn by chance
            track = out.add_stream(sound, rate=rate, layout="mono", options=quiet)
        pieces = list(sounds(voice(seconds, rate), rate, track, late)) if track else []
        shown = np.arange(seconds * RATE) / RATE if times is None else times
        for number, time in enumerate(shown if film else ()):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.time_base = Fraction(1, RATE if times is None else 1000)
            frame.pts = number if times is None else round(time * 1000)
            out.mux(film.encode(frame))
            while pieces and pieces[0].time < time:
                out.mux(track.encode(pieces.pop(0)))
        if film:
            out.mux(film.encode(None))
        for piece in pieces:
            out.mux(track.encode(piece))
        if track:
            out.mux(track.encode(None))
    return path


def sounds(samples: np.ndarray, rate: int, track: Any, late: float) -> Iterator[av.AudioFrame]:
    size = track.codec_context.frame_size
    size = size if size > 1 else 1024
    for at in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = at + round(late * rate)
        yield frame


def check_window(window: Clip, whole: Clip, start: float, end: float | None, tolerance: float = 0.0) -> None:
    """Compare a window with that part of the whole clip, opened with all its pictures (an even number of them)."""
    end = min(math.inf if end is None else end, whole.duration)
    assert window.probe == whole.probe
    assert (window.offset, window.duration) == (start, pytest.approx(end - start))
    if whole.frames is not None:
        times = whole.frame_times
        first = max(0, np.searchsorted(times, start + 1e-6, side="right") - 1)
        places = np.arange(first, np.searchsorted(times, end - 1e-6))
        expected = np.maximum(times[places] - start, 0)
        assert len(window.frames) == len(places) // 2 * 2
        found = np.abs(window.frame_times[:, None] - expected).argmin(axis=1)
        assert window.frame_times == pytest.approx(expected[found], abs=1e-9)
        assert np.array_equal(window.frames, whole.frames[places[found]])
    if whole.audio is not None:
        sound = whole.audio[round(start * 16000) : round(end * 16000)]
        assert (window.audio is None) == (len(sound) == 0)
        if len(sound):
            assert window.audio.shape == sound.shape
            assert np.abs(window.audio - sound).max() <= tolerance


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("windows")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    """16 s at 12 pictures a second, a key picture every 2 s, sound."""
    return make(folder / "film.mp4")


# --- the same as in the whole clip ------------------------------------------------------------------------------------

X264_OPEN = {"x264-params": f"open-gop=1:bframes=3:keyint={GROUP}"}
X264_REFRESH = {"x264-params": f"intra-refresh=1:keyint={GROUP}"}
X265_OPEN = {"x265-params": f"open-gop=1:keyint={GROUP}:log-level=none"}
X265_LEADING = {"x265-params": f"open-gop=0:radl=2:keyint={GROUP}:log-level=none"}
DITHER = 1e-4  # of decoders that draw it by chance


@pytest.mark.parametrize(
    ("name", "codec", "sound", "given", "tolerance"),
    [
        ("closed.mp4", "libx264", "aac", {}, 0),
        ("open.mp4", "libx264", "aac", {"options": X264_OPEN}, 0),
        ("open.ts", "libx264", "aac", {"options": X264_OPEN}, 0),
        ("refresh.mkv", "libx264", "aac", {"options": X264_REFRESH}, 0),
        ("leading.mp4", "libx265", "aac", {"options": X265_LEADING}, 0),
        ("open.mkv", "libx265", "flac", {"options": X265_OPEN}, 0),
        ("open.webm", "libvpx-vp9", "libopus", {"options": {"cpu-used": "8"}, "rate": 48000}, 0),
        ("program.mpg", "mpeg2video", "mp2", {"reordered": 2}, DITHER),
        ("counted.avi", "mpeg4", "libmp3lame", {}, 0),
        ("reordered.avi", "libx264", "libmp3lame", {}, 0),
        ("raw.h264", "libx264", None, {}, 0),
        ("mute.mp4", "libx264", None, {}, 0),
        ("late.mp4", "libx264", "aac", {"late": 3.0}, 0),
        ("pcm.mov", "libx264", "pcm_s16le", {}, 0),
        ("uneven.mkv", "libx264", "aac", {"times": np.cumsum(np.tile([0.01, 0.2, 0.03, 0.15], 40))}, 0),
        ("alone.wav", None, "pcm_s16le", {}, 0),
        ("strange.wav", None, "pcm_s16le", {"rate": 11027}, 0),  # the grids of its samples and ours meet once a second
        ("alone.m4a", None, "aac", {}, 0),
        ("alone.mp3", None, "libmp3lame", {}, 0),
        ("alone.flac", None, "flac", {}, 0),
        ("alone.ogg", None, "libopus", {"rate": 48000}, 0),
    ],
)
def test_a_window_has_the_pictures_and_the_sound_of_the_whole_clip(
    folder: Path, name: str, codec: str | None, sound: str | None, given: dict, tolerance: float
) -> None:
    path = make(folder / name, codec, sound, **given)
    whole = open_clip(path, **EVERY)
    for start, end in WINDOWS if name != "raw.h264" else WINDOWS[:2]:  # it is shown at another rate
        check_window(open_clip(path, start=start, end=end, **EVERY), whole, start, end, tolerance)


@pytest.mark.parametrize("name", ["bikes.mp4", "world.mp4", "trailer_bbb.mp4", "cityCC0.mpg", "small.mp4"])
def test_windows_of_real_clips(real_clip: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = real_clip(name)
    with monkeypatch.context() as patch:  # an odd number of pictures, too, so that none is left out
        patch.setattr(media_film, "frame_count", lambda total, *_: total)
        patch.setattr(media, "_frames", lambda film, start, end: film.taken(0, start))
        whole = open_clip(path, **EVERY)
    for share, length in ((0.0, 2.0), (0.37, 1.5), (0.8, 4.0), (0.95, 99.0)):
        start = round(share * whole.duration, 2)
        check_window(open_clip(path, start=start, end=start + length, **EVERY), whole, start, start + length)


def test_the_whole_clip_as_a_window_is_the_whole_clip(film: Path) -> None:
    whole = open_clip(film, analysis=True)
    window = open_clip(film, analysis=True, end=whole.duration + 5)
    assert (window.offset, window.duration, window.fps) == (0.0, whole.duration, whole.fps)
    assert (whole.offset, whole.fitted) == (0.0, ())
    for part in ("frames", "frame_times", "audio"):
        assert np.array_equal(getattr(window, part), getattr(whole, part))
    for part in ("images", "times", "stills", "still_times"):
        assert np.array_equal(getattr(window.analysis, part), getattr(whole.analysis, part))


def test_frames_of_a_window_are_as_many_a_second_as_of_a_clip(film: Path) -> None:
    for start, end in ((4.0, 14.0), (3.7, 13.7), (5.01, 15.01)):
        clip = open_clip(film, start=start, end=end)
        assert len(clip.frames) == 20
        assert clip.frame_times[0] == pytest.approx(0, abs=1e-9)
        assert clip.frame_times[-1] < 10
    assert len(open_clip(film, start=4, end=4.5).frames) == 4  # min_frames
    assert len(open_clip(film, start=4, end=14, fps=1, max_frames=8).frames) == 8


def test_measuring_pictures_of_a_window_count_from_its_start(film: Path) -> None:
    whole = open_clip(film, frames=False, analysis=True).analysis
    part = open_clip(film, frames=False, analysis=True, start=6.0, end=9.0).analysis
    assert part.still_times.tolist() == pytest.approx([0, 1, 2])
    assert np.array_equal(part.stills, whole.stills[6:9])
    assert np.array_equal(part.images, whole.images[72:108])
    assert part.times == pytest.approx(whole.times[72:108] - 6)


def test_windows_side_by_side_hold_all_the_sound(film: Path) -> None:
    edges = [0.0, 3.3333, 7.1, 7.2, 12.00001, 20.0]
    parts = [open_clip(film, start=a, end=b, frames=False).audio for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), open_clip(film, frames=False).audio)


# --- little of the file is decoded ------------------------------------------------------------------------------------


def test_decoding_begins_near_the_window_and_ends_with_it(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, pictures, stretches = [], [], []
    really_open, add, hear = av.open, media_film.Film._add, media_track.Track._add
    monkeypatch.setattr(media_source.av, "open", lambda *a, **k: opened.append(a) or really_open(*a, **k))
    monkeypatch.setattr(media_film.Film, "_add", lambda self, frame: pictures.append(frame.time) or add(self, frame))
    monkeypatch.setattr(
        media_track.Track, "_add", lambda self, frame: stretches.append(frame.time) or hear(self, frame)
    )
    open_clip(film, start=13.0, end=14.0, fps=RATE)
    assert len(opened) == 1
    assert pictures[0] == 12.0
    assert len(pictures) <= 2 * RATE + 8
    assert 9.9 < stretches[0] < 10.1
    assert max(stretches) < 14.6


@pytest.mark.parametrize("name", ["film.mp4", "open.ts"])
def test_wrong_marks_of_key_pictures_cost_time_only(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = folder / name
    if not path.exists():
        make(path, options=X264_OPEN)
    right = open_clip(path, start=13.4, end=15.0, **EVERY)
    entries = []
    scan, enter = media.scan, media_film.Film._enter
    monkeypatch.setattr(media, "scan", lambda *a: (lambda made: replace(made, keys=made.keys | True))(scan(*a)))
    monkeypatch.setattr(media_film.Film, "_enter", lambda self: enter(self) or entries.append(self.entry))
    clip = open_clip(path, start=13.4, end=15.0, **EVERY)
    assert len(entries) > 1 and entries == sorted(entries, reverse=True)
    assert np.array_equal(clip.frames, right.frames)
    assert np.array_equal(clip.frame_times, right.frame_times)
    assert np.array_equal(clip.audio, right.audio)


def test_sound_that_was_not_kept_is_read_from_the_file(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    kept = open_clip(film, start=12.3, end=14.0)
    monkeypatch.setattr(media_timeline, "KEPT_SOUND", 1000)
    read = open_clip(film, start=12.3, end=14.0, on_audio=told.append)
    assert np.array_equal(read.frames, kept.frames)
    assert np.array_equal(read.audio, kept.audio)
    assert np.array_equal(told[0], kept.audio)


def test_a_container_that_cannot_go_back_is_opened_twice(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = open_clip(film, start=12.3, end=14.0)
    monkeypatch.setattr(media_timeline.Timeline, "rewind", lambda *_: False)
    again = open_clip(film, start=12.3, end=14.0)
    assert np.array_equal(again.frames, right.frames)
    assert np.array_equal(again.audio, right.audio)


def test_sound_with_holes_lies_where_it_does_in_the_whole_clip(folder: Path) -> None:
    path = folder / "holes.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=44100, layout="mono")
        for start in (0.0, 2.0103, 9.5, 14.0):
            frame = av.AudioFrame.from_ndarray((voice(1.5, 44100) * 9e3).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.time_base, frame.pts = 44100, Fraction(1, 44100), round(start * 44100)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    whole = open_clip(path)
    for start, end in ((0.5, 3.0), (10.0, 10.9), (11.2, 13.0), (9.2, 14.5), (15.0, None)):
        check_window(open_clip(path, start=start, end=end), whole, start, end)


# --- slow pictures, missing parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["slides.mp4", "slides.mkv"])
def test_the_picture_on_screen_as_a_window_opens_belongs_to_it(folder: Path, name: str) -> None:
    path = make(folder / name, sound=None, times=[0, 5, 10, 15])
    whole = open_clip(path, fps=25)
    between = open_clip(path, start=6.0, end=9.0)
    assert np.array_equal(between.frames, whole.frames[[1, 1]])
    assert between.frame_times.tolist() == pytest.approx([0, 1.5])
    across = open_clip(path, start=6.0, end=12.0)
    assert np.array_equal(across.frames, whole.frames[[1, 2]])
    assert across.frame_times.tolist() == pytest.approx([0, 4])
    exactly = open_clip(path, start=10.0, end=14.0)
    assert np.array_equal(exactly.frames, whole.frames[[2, 2]])


def test_a_window_of_a_lone_picture(folder: Path) -> None:
    path = make(folder / "lone.mp4", times=[0], seconds=4.0)
    clip = open_clip(path, start=0.02, end=1.0)
    assert np.array_equal(clip.frames, open_clip(path).frames)
    assert clip.frame_times[0] == 0 < clip.frame_times[1] < 0.1


def test_a_window_without_pictures_or_without_sound_lacks_that_part(folder: Path) -> None:
    longer = make(folder / "longer.mkv", times=np.arange(24) / 12, seconds=6.0)
    clip = open_clip(longer, start=4.0, end=5.0, analysis=True)
    assert (clip.frames, clip.frame_times.shape, clip.fps) == (None, (0,), 0.0)
    assert (clip.analysis.images.shape[0], clip.analysis.stills.shape[0]) == (0, 0)
    assert len(clip.audio) == 16000
    assert clip.probe == open_clip(longer).probe
    shorter = make(folder / "shorter.mkv", times=np.arange(72) / 12, seconds=2.0)
    clip = open_clip(shorter, start=4.0, end=5.0)
    assert clip.audio is None
    assert clip.probe.has_audio and len(clip.frames) == 4


def test_before_late_sound_there_is_silence(folder: Path) -> None:
    path = make(folder / "silence.mp4", late=8.0)
    clip = open_clip(path, start=1.0, end=3.0)
    assert len(clip.audio) == 32000 and not clip.audio.any()


def test_parts_not_asked_for_are_not_given_in_windows_either(film: Path) -> None:
    clip = open_clip(film, start=4.0, end=6.0, frames=False, audio=False)
    assert (clip.frames, clip.audio, clip.analysis, clip.duration) == (None, None, None, 2.0)
    assert clip.probe == open_clip(film).probe


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1.0, None), (3.0, 3.0), (3.0, 2.0), (0.0, 0.0), (math.nan, None), (math.inf, None), (1, math.nan)],
)
def test_windows_that_are_none_are_refused(start: float, end: float | None) -> None:
    with pytest.raises(InputError, match="start"):
        open_clip("never looked at.mp4", start=start, end=end)


@pytest.mark.parametrize("start", [16.1, 100.0])
def test_a_window_after_the_end_is_empty(film: Path, start: float) -> None:
    with pytest.raises(MediaError, match=r"lasts 16\.0\d s: nothing of it lies at start=") as caught:
        open_clip(film, start=start)
    assert caught.value.reason == "empty"


def test_a_window_that_begins_with_the_end_is_empty(film: Path) -> None:
    with pytest.raises(MediaError) as caught:
        open_clip(film, start=open_clip(film, frames=False).duration)
    assert caught.value.reason == "empty"


def test_the_longest_duration_is_that_of_the_window(film: Path) -> None:
    assert open_clip(film, start=4.0, end=6.0, max_duration=3).duration == 2.0
    with pytest.raises(MediaError, match="max_duration") as caught:
        open_clip(film, start=4.0, max_duration=3)
    assert caught.value.reason == "too_large"


def test_a_damaged_clip_gives_windows_of_what_is_whole(folder: Path, film: Path) -> None:
    data = bytearray(film.read_bytes())
    at = len(data) // 2
    data[at : at + 2000] = b"\xff" * 2000
    for start in (0.0, 4.0, 7.0, 8.0, 9.0, 13.0):
        clip = open_clip(bytes(data), start=start, end=start + 2)
        assert len(clip.frames) % 2 == 0
        assert np.all(np.diff(clip.frame_times) > 0)
        assert 0 <= clip.frame_times[0] <= clip.frame_times[-1] < 2
