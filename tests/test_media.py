"""Clips of every odd shape, made here with PyAV: where their pictures and sounds lie in time, and what is refused."""

from __future__ import annotations

import contextlib
import http.server
import importlib
import math
import os
import pickle
import shutil
import socket
import struct
import sys
import threading
import time
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from asid_hf import media, media_film, media_source, media_timeline, media_track
from asid_hf.errors import InputError, MediaError
from asid_hf.media import Clip, open_clip, smart_resize
from asid_hf.media_budget import Budget, frame_count, frame_places, frame_size
from asid_hf.media_threads import Beside

CLICKS = (0.5, 1.5)


def luma(number: int) -> int:
    """The brightness that stands for a picture's number in the synthetic films."""
    return 20 + number * 4


def flat(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """(H, W, 3) uint8, one grey level."""
    return np.full((height, width, 3), luma(number), np.uint8)


def halves(width: int = 96, height: int = 64) -> np.ndarray:
    """(H, W, 3) uint8: top left red, top right green, bottom left blue, bottom right white."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2, 0] = 255
    picture[: height // 2, width // 2 :, 1] = 255
    picture[height // 2 :, : width // 2, 2] = 255
    picture[height // 2 :, width // 2 :] = 255
    return picture


def clicks(seconds: float, rate: int = 48000, at: tuple = CLICKS) -> np.ndarray:
    """(N,) float32: silence with a 1 kHz click of 10 ms at each of `at`."""
    time = np.arange(round(seconds * rate)) / rate
    heard = np.zeros_like(time)
    for start in at:
        heard += np.where((time >= start) & (time < start + 0.01), np.sin(2000 * np.pi * time), 0)
    return heard.astype(np.float32)


def write(
    path: Path,
    pictures: Any = (),
    sound: np.ndarray | None = None,
    *,
    codec: str = "libx264",
    layout: str = "yuv420p",
    times: Any = None,
    rate: int = 25,
    rotation: int | None = None,
    aspect: Fraction | None = None,
    sound_codec: str = "aac",
    sound_rate: int = 48000,
    channels: str = "mono",
    sound_at: float = 0.0,
    sound_first: bool = False,
    options: dict | None = None,
) -> Path:
    """Mux pictures (shown at `times` s, or at `rate`) and a sound track that begins at `sound_at` s."""
    pictures = list(pictures)
    with av.open(str(path), "w", container_options=options or {}) as out:
        makers = {}
        if sound is not None and sound_first:
            makers["sound"] = out.add_stream(sound_codec, rate=sound_rate, layout=channels)
        if pictures:
            height, width = pictures[0].shape[:2]
            stream = makers["film"] = out.add_stream(codec, rate=rate, width=width, height=height, pix_fmt=layout)
            if times is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if rotation is not None:
                stream.set_display_rotation(rotation)
        if sound is not None and "sound" not in makers:
            makers["sound"] = out.add_stream(sound_codec, rate=sound_rate, layout=channels)
        if "film" in makers:
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.time_base = Fraction(1, rate if times is None else 1000)
                frame.pts = number if times is None else round(times[number] * 1000)
                out.mux(makers["film"].encode(frame))
            out.mux(makers["film"].encode(None))
        if sound is not None:
            many = makers["sound"].layout.nb_channels
            for at in range(0, len(sound), 1024):
                part = np.repeat(sound[None, at : at + 1024], many, axis=0)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=channels)
                frame.sample_rate, frame.time_base = sound_rate, Fraction(1, sound_rate)
                frame.pts = at + round(sound_at * sound_rate)
                out.mux(makers["sound"].encode(frame))
            out.mux(makers["sound"].encode(None))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    """50 numbered pictures at 25 a second with B-frames, and stereo sound with clicks."""
    return write(folder / "film.mp4", map(flat, range(50)), clicks(2.0), channels="stereo")


def numbers(pictures: np.ndarray) -> np.ndarray:
    """Read the number of each synthetic picture off its brightness."""
    grey = pictures.reshape(len(pictures), -1).mean(axis=1)
    return (grey - 20) / 4


def heard(clip: Clip) -> list[float]:
    """When each click begins, s."""
    loud = np.flatnonzero(np.abs(clip.audio) > 0.1) / clip.sample_rate
    return [float(time) for last, time in zip([-1.0, *loud], loud, strict=False) if time - last > 0.1]


def refused(source: Any, **options: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        open_clip(source, **options)
    return caught.value


# --- what a clip gives ------------------------------------------------------------------------------------------------


def test_one_open_gives_frames_sound_and_pictures_on_one_axis(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    really_open = av.open
    monkeypatch.setattr(media_source.av, "open", lambda *a, **k: opened.append(a) or really_open(*a, **k))
    clip = open_clip(film, analysis=True)

    assert len(opened) == 1
    assert clip.probe.frame_count == 50
    assert clip.probe.fps == 25.0
    assert clip.duration == pytest.approx(2.0, abs=0.03)
    assert clip.frames.shape == (4, 3, 280, 392)
    assert clip.frames.dtype == np.uint8
    assert clip.frame_times.tolist() == pytest.approx([0, 0.64, 1.32, 1.96])
    assert clip.fps == pytest.approx(3 / 1.96)
    assert numbers(clip.frames) == pytest.approx(clip.frame_times * 25, abs=0.8)
    assert numbers(clip.analysis.images) == pytest.approx(clip.analysis.times * 25, abs=0.8)
    assert heard(clip) == pytest.approx(CLICKS, abs=0.002)
    assert clip.audio.dtype == np.float32


def test_small_pictures_and_stills_have_their_rates_and_sizes(film: Path) -> None:
    analysis = open_clip(film, frames=False, audio=False, analysis=True).analysis
    assert analysis.images.shape == (25, 107, 160, 3)
    assert np.diff(analysis.times) == pytest.approx(0.08)
    assert analysis.stills.shape == (2, 64, 96)
    assert analysis.still_times.tolist() == [0.0, 1.0]


def test_stills_can_be_left_out(film: Path) -> None:
    bare = open_clip(film, frames=False, analysis=True, stills=False)
    whole = open_clip(film, frames=False, analysis=True)
    assert (bare.analysis.stills.shape, bare.analysis.still_times.shape) == ((0, 64, 96), (0,))
    assert np.array_equal(bare.analysis.images, whole.analysis.images)
    assert np.array_equal(bare.audio, whole.audio)


def test_the_axis_is_the_same_whichever_parts_are_read(folder: Path) -> None:
    path = write(folder / "early.mkv", map(flat, range(25)), clicks(2.0), times=np.arange(25) / 25 + 0.4)
    whole = open_clip(path)
    assert whole.frame_times[0] == pytest.approx(0.4, abs=0.03)
    assert np.array_equal(open_clip(path, audio=False).frame_times, whole.frame_times)
    assert np.array_equal(open_clip(path, frames=False).audio, whole.audio)
    assert open_clip(path, frames=False, audio=False).duration == whole.duration


def test_parts_not_asked_for_are_none(film: Path) -> None:
    clip = open_clip(film, frames=False, audio=False)
    assert (clip.frames, clip.audio, clip.analysis, clip.fps) == (None, None, None, 0.0)
    assert clip.frame_times.shape == (0,)
    assert clip.probe.has_video and clip.probe.has_audio
    assert (clip.probe.width, clip.probe.height) == (96, 64)
    assert (clip.probe.video_codec, clip.probe.audio_codec) == ("h264", "aac")
    assert (clip.probe.sample_rate, clip.probe.channels) == (48000, 2)


@pytest.mark.parametrize("kind", ["path", "str", "bytes", "video value with bytes", "video value with path"])
def test_every_kind_of_source_gives_the_same_clip(film: Path, kind: str) -> None:
    data = film.read_bytes()
    sources = {
        "path": film,
        "str": str(film),
        "bytes": data,
        "video value with bytes": {"path": "other.mp4", "bytes": data},
        "video value with path": {"path": str(film), "bytes": None},
    }
    expected, clip = open_clip(film), open_clip(sources[kind])
    assert np.array_equal(clip.frames, expected.frames)
    assert np.array_equal(clip.audio, expected.audio)


def test_names_that_ffmpeg_would_take_for_patterns_or_protocols_are_plain_names(
    film: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for name in ("%03d.mp4", "-i.mp4", "concat:a|b.mp4", "a b?#*.mp4", "ünï.mp4", os.fsdecode(b"\xff.mp4")):
        shutil.copy(film, name)
        assert open_clip(name, audio=False).probe.frame_count == 50


# --- the reference's rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "limits", "expected"),
    [  # as qwen_omni_utils 0.0.9 gives them
        ((720, 1280), (100352, 401408), (448, 840)),
        ((360, 640), (100352, 401408), (364, 644)),
        ((240, 320), (100352, 401408), (280, 392)),
        ((1080, 1920), (100352, 200704), (336, 588)),
        ((1920, 1080), (100352, 200704), (588, 336)),
        ((27, 1000), (100352, 401408), (56, 1932)),
    ],
)
def test_smart_resize_gives_the_sizes_of_the_reference(size: tuple, limits: tuple, expected: tuple) -> None:
    assert smart_resize(*size, min_pixels=limits[0], max_pixels=limits[1]) == expected


def test_the_minimum_goes_before_the_total() -> None:
    assert frame_size(720, 1280, count=60) == (448, 840)
    assert frame_size(720, 1280, count=300) == (252, 476)
    assert frame_size(720, 1280, count=768) == (224, 420)


def test_sizes_are_never_nothing() -> None:
    assert min(smart_resize(20, 3900, min_pixels=100352, max_pixels=105369)) == 28
    with pytest.raises(InputError, match="200 times"):
        smart_resize(1, 201)
    with pytest.raises(InputError, match="max_pixels"):
        smart_resize(10, 10, min_pixels=2, max_pixels=1)


@pytest.mark.parametrize(
    ("total", "rate", "expected"),
    [(1, 25, 1), (2, 25, 2), (3, 25, 2), (7, 25, 4), (250, 25, 20), (901, 30, 60), (14315, 24, 768), (40, 1, 40)],
)
def test_frame_counts_are_those_of_the_reference(total: int, rate: float, expected: int) -> None:
    assert frame_count(total, rate) == expected


def test_frame_places_round_as_torch_does() -> None:
    assert frame_places(6, 4).tolist() == [0, 2, 3, 5]
    assert frame_places(18530, 768)[[0, 1, 383, 384, 766, 767]].tolist() == [0, 24, 9252, 9277, 18505, 18529]
    assert frame_places(12, 3).tolist() == [0, 6, 11]  # 5.5 goes to the even neighbour


@pytest.mark.parametrize(
    "wrong", [{"fps": 0}, {"fps": math.nan}, {"max_frames": 1}, {"min_frames": 9, "max_frames": 8}, {"total_pixels": 0}]
)
def test_budgets_that_contradict_themselves_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Budget(**wrong)
    with pytest.raises(InputError):
        open_clip("never looked at.mp4", **wrong)


def test_same_frames_as_the_reference_loader(film: Path) -> None:
    reference = pytest.importorskip("qwen_omni_utils", reason="the reference loader is not installed")
    video = {"type": "video", "video": str(film), "total_pixels": 20070400, "min_pixels": 100352, "max_pixels": 401408}
    theirs = reference.process_mm_info([{"role": "user", "content": [video]}], use_audio_in_video=False)[2][0].numpy()
    ours = open_clip(film).frames
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 2


# --- short, long, slow, uneven ----------------------------------------------------------------------------------------


def test_a_clip_of_one_picture_gives_it_twice(folder: Path) -> None:
    clip = open_clip(write(folder / "one.mp4", [flat(9)]), analysis=True)
    assert clip.frames.shape[0] == 2
    assert np.array_equal(clip.frames[0], clip.frames[1])
    assert clip.frame_times.tolist() == pytest.approx([0, clip.duration / 2])
    assert math.isfinite(clip.fps)
    assert (len(clip.analysis.images), len(clip.analysis.stills)) == (1, 1)


@pytest.mark.parametrize(("pictures", "frames"), [(2, 2), (3, 2), (5, 4), (8, 4)])
def test_clips_shorter_than_the_least_frames_give_what_they_have(folder: Path, pictures: int, frames: int) -> None:
    clip = open_clip(write(folder / f"short{pictures}.mp4", map(flat, range(pictures))))
    assert len(clip.frames) == frames
    assert numbers(clip.frames)[[0, -1]] == pytest.approx([0, pictures - 1], abs=0.8)
    assert 0 < clip.fps < math.inf
    assert clip.frame_times[-1] < clip.duration == pytest.approx(pictures / 25)


def test_uneven_times_are_kept(folder: Path) -> None:
    times = [0.0, 0.1, 0.2, 0.3, 2.0, 2.5, 3.0, 3.04]
    clip = open_clip(write(folder / "uneven.mkv", map(flat, range(8)), times=times), fps=25)
    assert clip.frame_times.tolist() == pytest.approx(times)
    assert clip.fps == pytest.approx(7 / 3.04)
    assert clip.probe.fps == pytest.approx(8 / clip.duration)


def test_budgets_hold_in_long_clips(folder: Path) -> None:
    times = np.arange(400) * 3.0
    path = write(folder / "long.mkv", (flat(n % 50) for n in range(400)), times=times)
    clip = open_clip(path, max_frames=300, analysis=True)
    assert clip.duration == pytest.approx(1200, abs=4)
    assert clip.frames.shape == (300, 3, 280, 392)
    assert clip.analysis.times.tolist() == pytest.approx(times.tolist())
    assert refused(path, max_duration=600).reason == "too_large"


# --- sound ------------------------------------------------------------------------------------------------------------


def test_a_clip_without_sound_has_none(folder: Path) -> None:
    clip = open_clip(write(folder / "mute.mp4", map(flat, range(10))))
    assert clip.audio is None
    assert not clip.probe.has_audio


def test_digital_silence_is_sound(folder: Path) -> None:
    clip = open_clip(write(folder / "silent.mp4", map(flat, range(25)), np.zeros(48000, np.float32)))
    assert clip.probe.has_audio
    assert len(clip.audio) == pytest.approx(16000, abs=400)
    assert not clip.audio.any()


@pytest.mark.parametrize("name", ["alone.m4a", "alone.wav", "alone.mp3", "alone.flac", "alone.ogg"])
def test_a_clip_of_sound_only_has_no_pictures(folder: Path, name: str) -> None:
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "ogg": "libopus"}.get(name[6:], "aac")
    clip = open_clip(write(folder / name, sound=clicks(2.0), sound_codec=codec), analysis=True)
    assert (clip.frames, clip.analysis) == (None, None)
    assert not clip.probe.has_video
    assert clip.frame_times.shape == (0,)
    assert clip.duration == pytest.approx(2.0, abs=0.05)
    assert heard(clip) == pytest.approx(CLICKS, abs=0.003)


@pytest.mark.parametrize("late", [0.0, 0.7])
@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.ts", "late.mov"])
def test_sound_lies_where_its_times_say(folder: Path, name: str, late: float) -> None:
    path = write(folder / name, map(flat, range(50)), clicks(2.0), sound_at=late, sound_first=True)
    clip = open_clip(path, fps=25)
    shift = clip.frame_times[0]  # containers without edit lists begin with the encoder's silence
    assert 0 <= shift < 0.05
    assert numbers(clip.frames) == pytest.approx((clip.frame_times - shift) * 25, abs=0.8)
    assert heard(clip) == pytest.approx([shift + late + click for click in CLICKS], abs=0.004)
    assert not clip.audio[: int(late * 16000)].any()


def test_sound_that_begins_first_begins_the_axis(folder: Path) -> None:
    path = write(folder / "first.mkv", map(flat, range(25)), clicks(2.0), times=0.5 + np.arange(25) / 25)
    clip = open_clip(path)
    assert clip.frame_times[0] == pytest.approx(0.5, abs=0.03)
    assert heard(clip) == pytest.approx(CLICKS, abs=0.03)


def test_holes_in_the_sound_are_silence(folder: Path) -> None:
    path = folder / "hole.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48000, layout="mono")
        for start in (0.0, 3.0):
            samples = (clicks(1.0, at=(0.25,)) * 20000).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), round(start * 48000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    clip = open_clip(path)
    assert heard(clip) == pytest.approx([0.25, 3.25], abs=0.002)
    assert len(clip.audio) == 4 * 16000
    assert not clip.audio[17000:47000].any()


@pytest.mark.parametrize("channels", ["mono", "stereo", "5.1"])
def test_channels_are_mixed_to_one_without_overflow(folder: Path, channels: str) -> None:
    path = write(folder / f"{channels}.mkv", map(flat, range(50)), clicks(2.0), channels=channels, sound_codec="flac")
    clip = open_clip(path)
    assert clip.audio.ndim == 1
    assert heard(clip) == pytest.approx(CLICKS, abs=0.002)
    assert 0.8 < np.abs(clip.audio).max() < 1.05
    assert clip.probe.channels == {"mono": 1, "stereo": 2, "5.1": 6}[channels]


def test_channels_without_a_known_layout_are_mixed_too(folder: Path) -> None:
    path = folder / "discrete.wav"
    samples = np.repeat((clicks(2.0, 8000) * 20000).astype("<i2")[:, None], 5, axis=1).tobytes()
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(samples),
        b"WAVE",
        b"fmt ",
        16,
        1,
        5,
        8000,
        80000,
        10,
        16,
        b"data",
        len(samples),
    )
    path.write_bytes(header + samples)
    clip = open_clip(path)
    assert clip.probe.channels == 5
    assert heard(clip) == pytest.approx(CLICKS, abs=0.002)


def test_sound_that_needs_no_resampling(folder: Path) -> None:
    path = write(folder / "ready.wav", sound=clicks(2.0, 16000), sound_codec="pcm_f32le", sound_rate=16000)
    assert np.array_equal(open_clip(path).audio, clicks(2.0, 16000))


@pytest.mark.parametrize("samples", [1 << 15, (1 << 16) + 1, 3])
def test_no_sample_is_lost_where_sound_is_resampled_in_batches(folder: Path, samples: int) -> None:
    sound = np.linspace(-0.5, 0.5, samples, dtype=np.float32)
    clip = open_clip(write(folder / f"{samples}.wav", sound=sound, sound_codec="pcm_f32le", sound_rate=16000))
    assert clip.audio == pytest.approx(sound, abs=1e-6)


def test_samples_that_are_no_numbers_become_numbers(folder: Path) -> None:
    sound = clicks(1.0)
    sound[1000:1100], sound[2000:2100] = np.nan, np.inf
    clip = open_clip(write(folder / "nan.wav", sound=sound, sound_codec="pcm_f32le"))
    assert np.isfinite(clip.audio).all()


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "layout", "suffix"),
    [
        ("libx264", "yuv420p", "mp4"),
        ("libx264", "yuv444p", "mkv"),
        ("libx264", "yuv420p10le", "mp4"),
        ("libx264", "gray", "mp4"),
        ("libx265", "yuv420p10le", "mp4"),
        ("libvpx-vp9", "yuv420p", "webm"),
        ("libvpx", "yuv420p", "webm"),
        ("mpeg2video", "yuv420p", "mpg"),
        ("mpeg4", "yuv420p", "avi"),
        ("libx264", "yuv420p", "avi"),
        ("libx264", "yuv420p", "h264"),
        ("libx264", "yuv420p", "flv"),
        ("ffv1", "bgr0", "mkv"),
        ("gif", "rgb8", "gif"),
    ],
)
def test_codecs_layouts_and_containers(folder: Path, codec: str, layout: str, suffix: str) -> None:
    path = write(folder / f"{codec}-{layout}.{suffix}", map(flat, range(50)), codec=codec, layout=layout)
    clip = open_clip(path, analysis=True)
    assert clip.probe.frame_count in (49, 50)  # an MPEG program stream may give two pictures one time
    assert clip.duration == pytest.approx(2.0, abs=0.05)
    tolerance = 8 if suffix == "gif" or layout == "gray" else 1.6
    assert numbers(clip.frames) == pytest.approx(clip.frame_times * 25, abs=tolerance)
    assert numbers(clip.analysis.images) == pytest.approx(clip.analysis.times * 25, abs=tolerance)
    assert numbers(clip.analysis.stills) == pytest.approx(clip.analysis.still_times * 25, abs=tolerance)


def test_pictures_the_decoder_may_pass_over_change_nothing(film: Path) -> None:
    every = open_clip(film, fps=25)  # nothing to pass over
    some = open_clip(film, fps=5)
    assert len(some.frames) == 10
    for frame, shown in zip(some.frames, some.frame_times, strict=True):
        assert np.array_equal(frame, every.frames[np.searchsorted(every.frame_times, shown - 1e-6)])


@pytest.mark.parametrize(("width", "height"), [(97, 61), (35, 501), (2, 2), (33, 33)])
def test_odd_sizes(folder: Path, width: int, height: int) -> None:
    pictures = (flat(n, width, height) for n in range(10))
    clip = open_clip(write(folder / f"{width}x{height}.mkv", pictures, codec="ffv1", layout="yuv420p"), analysis=True)
    assert (clip.probe.width, clip.probe.height) == (width, height)
    assert all(side % 28 == 0 for side in clip.frames.shape[2:])
    assert max(clip.analysis.images.shape[1:3]) == 160
    assert clip.analysis.stills.shape == (1, height, width)
    assert numbers(clip.frames) == pytest.approx(clip.frame_times * 25, abs=1)


@pytest.mark.parametrize("width", [84, 308, 336])
def test_pictures_that_keep_their_size_are_whole_to_the_last_column(folder: Path, width: int) -> None:
    pictures = (np.full((84, width, 3), 100 + n, np.uint8) for n in range(10))
    path = write(folder / f"whole_{width}.mkv", pictures, codec="ffv1", layout="yuv420p")
    frames = open_clip(path, fps=25, min_pixels=84 * 84, frame_pixels=84 * width).frames
    assert frames.shape == (10, 3, 84, width)
    assert np.array_equal(frames, np.broadcast_to(frames[..., :1, :1], frames.shape))
    assert frames[:, 0, 0, 0] == pytest.approx(np.arange(100, 110), abs=1)


CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def corners(picture: np.ndarray) -> list[str]:
    """Names of the colours at the top left, top right, bottom left and bottom right of (H, W, 3)."""
    height, width = picture.shape[:2]
    quarters = [picture[y, x].astype(int) for y in (height // 4, -height // 4) for x in (width // 4, -width // 4)]
    return [min(CORNERS, key=lambda name: np.abs(quarter - CORNERS[name]).sum()) for quarter in quarters]


@pytest.mark.parametrize(
    ("counter_clockwise", "expected"),
    [
        (0, ["red", "green", "blue", "white"]),
        (90, ["green", "white", "red", "blue"]),
        (180, ["white", "blue", "green", "red"]),
        (-90, ["blue", "red", "white", "green"]),
    ],
)
def test_rotated_pictures_are_set_upright(folder: Path, counter_clockwise: int, expected: list) -> None:
    path = write(folder / f"turned{counter_clockwise}.mp4", [halves()] * 10, rotation=counter_clockwise)
    clip = open_clip(path, analysis=True)
    size = (64, 96) if counter_clockwise in (90, -90) else (96, 64)
    assert (clip.probe.width, clip.probe.height) == size
    assert clip.probe.rotation == -counter_clockwise % 360
    assert corners(clip.frames[0].transpose(1, 2, 0)) == expected
    assert corners(clip.analysis.images[0]) == expected
    assert clip.analysis.stills.shape[1:] == size[::-1]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [  # a, b, c, d: where the coded axes are shown
        ((-1, 0, 0, 1), ["green", "red", "white", "blue"]),
        ((1, 0, 0, -1), ["blue", "white", "red", "green"]),
        ((0, 1, 1, 0), ["red", "blue", "green", "white"]),
    ],
)
def test_mirrored_pictures_are_set_upright(folder: Path, matrix: tuple, expected: list) -> None:
    data = bytearray(write(folder / "plain.mp4", [halves()] * 10, rotation=180).read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    old = struct.pack(">iiiii", -(1 << 16), 0, 0, 0, -(1 << 16))
    assert data.count(old) == 1
    at = data.index(old)
    data[at : at + 20] = struct.pack(">iiiii", a, b, 0, c, d)
    clip = open_clip(bytes(data), analysis=True)
    assert corners(clip.frames[0].transpose(1, 2, 0)) == expected
    assert corners(clip.analysis.images[0]) == expected


def test_oblong_pixels_are_made_square(folder: Path) -> None:
    path = write(folder / "oblong.mp4", [halves()] * 10, aspect=Fraction(2, 1))
    clip = open_clip(path, analysis=True)
    assert (clip.probe.width, clip.probe.height) == (192, 64)
    assert clip.analysis.images.shape[1:3] == (53, 160)
    assert clip.analysis.stills.shape[1:] == (64, 192)


def test_edit_lists_hide_what_they_cut(film: Path, folder: Path) -> None:
    path = folder / "trimmed.mp4"
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - 10240, packet.dts - 10240  # 0.8 s into the past
                packet.stream = copy
                out.mux(packet)
    clip = open_clip(path, fps=25)
    assert clip.frame_times[0] == 0.0
    assert np.all(np.diff(clip.frame_times) > 0)
    assert clip.frame_times[-1] < clip.duration
    assert numbers(clip.frames) == pytest.approx(numbers(clip.frames)[0] + clip.frame_times * 25, abs=0.8)


def test_a_cover_picture_is_no_video(folder: Path) -> None:
    song = write(folder / "plain.mp3", sound=clicks(2.0), sound_codec="libmp3lame").read_bytes()
    cover = write(
        folder / "cover.jpg", [halves()], codec="mjpeg", layout="yuvj420p", options={"update": "1"}
    ).read_bytes()
    body = b"\x00image/jpeg\x00\x03\x00" + cover
    frame = b"APIC" + struct.pack(">IH", len(body), 0) + body
    size = bytes((len(frame) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    clip = open_clip(b"ID3\x03\x00\x00" + size + frame + song)
    assert not clip.probe.has_video
    assert clip.frames is None
    assert heard(clip) == pytest.approx(CLICKS, abs=0.1)


def test_the_default_stream_is_taken(folder: Path) -> None:
    path = folder / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("ffv1", rate=25, width=64, height=64, pix_fmt="yuv420p") for _ in range(2)]
        streams[0].disposition, streams[1].disposition = av.stream.Disposition(0), av.stream.Disposition.default
        for number in range(10):
            for stream, shade in zip(streams, (0, 40), strict=True):
                frame = av.VideoFrame.from_ndarray(flat(shade, 64, 64), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    assert numbers(open_clip(path).frames) == pytest.approx(40, abs=0.8)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_by_name(folder: Path) -> None:
    fifo, empty, looping = folder / "fifo.mp4", folder / "empty.mp4", folder / "loop.mp4"
    os.mkfifo(fifo)
    empty.touch()
    looping.symlink_to(looping)
    reasons = {
        folder / "absent.mp4": "not_found",
        folder / "absent" / "clip.mp4": "not_found",
        str(folder / "zero\0byte.mp4"): "not_found",
        folder: "not_a_file",
        fifo: "not_a_file",
        "/dev/zero": "not_a_file",
        looping: "unreadable",
        empty: "empty",
    }
    for source, reason in reasons.items():
        error = refused(source)
        assert error.reason == reason
        assert str(source) in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(film: Path, folder: Path) -> None:
    path = Path(shutil.copy(film, folder / "locked.mp4"))
    path.chmod(0)
    assert refused(path).reason == "unreadable"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "empty"),
        ({"path": None, "bytes": b""}, "empty"),
        ({"path": "named.mp4", "bytes": b""}, "empty"),
        ({"path": None, "bytes": None}, "unsupported_source"),
        ({}, "unsupported_source"),
        (None, "unsupported_source"),
        (7, "unsupported_source"),
        (["clip.mp4"], "unsupported_source"),
    ],
)
def test_what_is_no_source_is_refused(source: Any, reason: str) -> None:
    assert refused(source).reason == reason


@pytest.mark.parametrize("name", ["page.mp4", "page.mkv", "page.mp3", "page.h264", "page"])
@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html>Sign in</html>", b"PK\x03\x04" + bytes(400), b"words\n" * 99]
)
def test_other_files_under_a_media_name_are_not_media(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content)
    error = refused(path)
    assert error.reason in ("not_media", "no_streams", "damaged")
    if name == "page.mp4":
        assert error.reason == "not_media"
        assert str(path) in str(error)


@pytest.mark.parametrize(
    "scheme",
    [
        "concat:",
        "file:",
        "subfile,,start,0,end,0,,:",
        "data:video/mp4;base64,",
        "ftp://h/",
        "pipe:",
        "hf://datasets/",
        "crypto:",
        "lavfi:",
        "rtsp://h/",
        "async:",
    ],
)
def test_protocols_are_refused_always(film: Path, scheme: str) -> None:
    assert refused(f"{scheme}{film}", allow_remote=True).reason == "unsupported_source"


def playlists(target: str) -> dict[str, str]:
    return {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "list.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }


@pytest.mark.parametrize("kind", playlists(""))
@pytest.mark.parametrize("disguise", ["", ".mp4"])
def test_playlists_open_no_other_file(film: Path, folder: Path, kind: str, disguise: str) -> None:
    for target in (film.name, str(film), f"file:{film}"):
        path = folder / (kind + disguise)
        path.write_text(playlists(target)[kind])
        assert refused(path).reason == "not_media"
        assert refused(path.read_bytes()).reason == "not_media"


def test_a_film_cut_off_before_its_index_is_damaged(film: Path, folder: Path) -> None:
    error = refused(film.read_bytes()[:6000])
    assert error.reason == "damaged"
    assert "copy it again" in str(error)


@pytest.fixture(scope="module")
def indexed(folder: Path) -> bytes:
    """A film of noise whose index stands first, 4 s."""
    noise = np.random.default_rng(0).integers(0, 255, (100, 64, 96, 3), np.uint8)
    return write(folder / "indexed.mp4", noise, clicks(4.0), options={"movflags": "faststart"}).read_bytes()


def test_a_film_cut_off_late_gives_what_is_there(indexed: bytes) -> None:
    clip = open_clip(indexed[: int(len(indexed) * 0.8)])
    assert 4 <= len(clip.frames) <= 6
    assert len(clip.frames) % 2 == 0
    assert np.all(np.diff(clip.frame_times) > 0)
    assert clip.frame_times[-1] < clip.duration


def test_a_film_cut_off_early_is_damaged(indexed: bytes) -> None:
    error = refused(indexed[: int(len(indexed) * 0.3)])
    assert error.reason == "damaged"
    assert "%" in str(error)


def test_a_hole_in_the_middle_costs_only_what_it_hits(indexed: bytes) -> None:
    data = bytearray(indexed)
    at = int(len(data) * 0.6)
    data[at : at + 4000] = b"\xff" * 4000
    clip = open_clip(bytes(data), analysis=True)
    assert len(clip.frames) % 2 == 0
    assert len(clip.frames) >= 4
    assert np.all(np.diff(clip.analysis.times) > 0)


def test_overwritten_pictures_are_damaged(indexed: bytes) -> None:
    at = indexed.index(b"mdat") + 4
    assert refused(indexed[:at] + b"\xff" * (len(indexed) - at)).reason == "damaged"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_random_damage_is_refused_or_read_never_anything_else(folder: Path, suffix: str, seed: int) -> None:
    path = folder / f"sound.{suffix}"
    if not path.exists():
        write(path, map(flat, range(50)), clicks(2.0, 44100), sound_rate=44100)
    noise = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for at in noise.integers(0, len(data), 10 ** (seed % 3)):
        data[at] = noise.integers(256)
    hole = noise.integers(0, len(data))
    data[hole : hole + 500 * seed] = bytes(len(data[hole : hole + 500 * seed]))
    try:
        clip = open_clip(bytes(data), analysis=True, timeout=20)
    except MediaError as error:
        assert error.reason in MediaError.REASONS
    else:
        assert math.isfinite(clip.duration)
        assert np.all(np.diff(clip.frame_times) > 0)
        assert np.all((clip.frame_times >= 0) & (clip.frame_times <= clip.duration))


def test_streams_without_content_are_refused(folder: Path) -> None:
    path = folder / "void.wav"
    path.write_bytes(
        struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 0)
    )
    assert refused(path).reason == "no_streams"


@pytest.mark.parametrize(
    ("codec", "layout", "suffix", "mark", "size"),
    [
        ("gif", "rgb8", "gif", b"GIF89a", struct.pack("<HH", 65000, 60000)),
        ("mjpeg", "yuvj420p", "avi", b"\xff\xc0\x00\x11\x08", struct.pack(">HH", 60000, 65000)),
    ],
)
def test_absurd_sizes_are_refused_before_they_are_decoded(
    folder: Path, codec: str, layout: str, suffix: str, mark: bytes, size: bytes
) -> None:
    path = write(folder / f"bomb.{suffix}", map(flat, range(5)), codec=codec, layout=layout)
    parts = path.read_bytes().split(mark)
    assert len(parts) > 1
    error = refused(mark.join([parts[0], *(size + part[4:] for part in parts[1:])]))
    assert error.reason in ("too_large", "damaged")


def test_absurd_sizes_are_named() -> None:
    error = refused(b"YUV4MPEG2 W9000 H9000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(1000))
    assert error.reason == "too_large"
    assert "9000 x 9000" in str(error)


def test_strips_are_refused(folder: Path) -> None:
    path = write(folder / "strip.mkv", [np.zeros((2, 402, 3), np.uint8)] * 3, codec="ffv1", layout="bgr0")
    assert refused(path).reason == "too_large"


def test_absurd_times_are_refused_before_memory_is_taken(folder: Path) -> None:
    path = write(folder / "gap.mkv", map(flat, range(3)), times=[0, 1, 4e6])
    error = refused(path)
    assert error.reason == "too_large"
    assert "max_duration" in str(error)


# --- time limits and the network --------------------------------------------------------------------------------------


def test_a_clip_that_takes_too_long_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch, film: Path) -> None:
    hang = threading.Event()
    monkeypatch.setattr(media_source.av, "open", lambda *a, **k: hang.wait(30))
    error = refused(film, timeout=0.2)
    hang.set()
    assert error.reason == "stalled"
    assert "0.2 s" in str(error)


def test_the_thread_given_up_ends(indexed: bytes) -> None:
    assert refused(indexed, timeout=1e-4).reason == "stalled"
    for thread in threading.enumerate():
        if thread.name.startswith("open_clip"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("name", ["program.mpg", "transport.ts"])
def test_a_stream_whose_first_sound_lies_behind_the_first_picture_keeps_that(folder: Path, name: str) -> None:
    pictures = [flat(number % 40, 320, 240) for number in range(50)]
    path = write(folder / name, pictures, clicks(2.0), codec="mpeg4", sound_codec="mp2")
    clip = open_clip(path, analysis=True)
    with av.open(str(path)) as container:
        late = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        late -= next(container.decode(audio=0)).time
    assert clip.probe.frame_count == 50
    assert (clip.analysis.times[0], clip.frame_times[0]) == pytest.approx((late, late), abs=1e-3)


def test_sound_that_cannot_be_decoded_is_no_silence(folder: Path) -> None:
    path = write(folder / "odd.mkv", [flat(number) for number in range(20)], clicks(0.8))
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    clip = open_clip(path)
    assert (clip.audio, clip.probe.has_audio, len(clip.frames) > 0) == (None, True, True)


# --- the sound ahead --------------------------------------------------------------------------------------------------


def test_the_sound_is_told_before_the_first_picture_is_decoded(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[np.ndarray] = []
    pictures = media_film.Film.feed

    def wait_for_sound(self: Any, packet: Any) -> None:
        deadline = time.monotonic() + 10
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
        assert told, "no sound after 10 s"
        pictures(self, packet)

    monkeypatch.setattr(media_film.Film, "feed", wait_for_sound)
    clip = open_clip(film, on_audio=told.append)
    assert len(told) == 1
    np.testing.assert_array_equal(told[0], clip.audio)


@pytest.mark.parametrize("options", [{}, {"audio": False}])
def test_sound_too_large_to_keep_is_read_beside_the_pictures_and_is_the_same(
    film: Path, monkeypatch: pytest.MonkeyPatch, options: dict
) -> None:
    kept = open_clip(film, analysis=True, **options)
    told: list[Any] = []
    monkeypatch.setattr(media_timeline, "KEPT_SOUND", 1000)
    read = open_clip(film, analysis=True, on_audio=told.append, **options)
    assert read.probe == kept.probe
    np.testing.assert_array_equal(read.frames, kept.frames)
    np.testing.assert_array_equal(read.analysis.images, kept.analysis.images)
    if options:
        assert told == [None] and kept.audio is read.audio is None
    else:
        np.testing.assert_array_equal(read.audio, kept.audio)
        np.testing.assert_array_equal(told[0], kept.audio)


def test_a_clip_without_sound_tells_so(folder: Path) -> None:
    told: list[Any] = []
    open_clip(write(folder / "untold.mp4", [flat(k) for k in range(10)]), on_audio=told.append)
    assert told == [None]


def test_what_the_listener_raises_reaches_the_caller(film: Path) -> None:
    def fail(_: Any) -> None:
        raise ArithmeticError("cannot be measured")

    with pytest.raises(ArithmeticError, match="cannot be measured"):
        open_clip(film, on_audio=fail)


# --- the thread beside ------------------------------------------------------------------------------------------------


def test_work_beside_is_done_in_order_before_the_end() -> None:
    done: list[int] = []
    with Beside() as beside:
        for number in range(50):
            beside(done.append, number)
    assert done == list(range(50))


def test_an_error_beside_reaches_the_caller_and_ends_the_work() -> None:
    done: list[int] = []

    def fail() -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"), Beside() as beside:
        beside(fail)
        for number in range(10_000):  # more than may wait: none of them may block
            beside(done.append, number)
    assert done == []


def test_an_error_of_the_caller_is_the_one_raised_and_the_thread_ends() -> None:
    with pytest.raises(KeyError, match="mine"), Beside() as beside:
        beside(threading.Event().wait, 0.01)
        raise KeyError("mine")
    assert "open_clip beside" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("reader", "step"), [(media_film._Wanted, "take"), (media_track.Track, "_lay")])
def test_what_fails_beside_fails_the_clip(film: Path, monkeypatch: pytest.MonkeyPatch, reader: type, step: str) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(reader, step, fail)
    with pytest.raises(MemoryError, match="no room"):
        open_clip(film)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("open_clip")]


@contextlib.contextmanager
def serve(handler: type) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def answering(film: Path) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/film.mp4":
                self.send_response(200)
                data = film.read_bytes()
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            elif self.path == "/list.m3u8":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(playlists(str(film))["list.m3u8"].encode())
            elif self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", f"file://{film}")
                self.end_headers()
            else:
                self.send_error(404 if self.path == "/absent" else 500)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def test_remote_clips_need_leave(film: Path) -> None:
    with serve(answering(film)) as host:
        assert refused(f"{host}/film.mp4").reason == "remote_not_allowed"
        assert open_clip(f"{host}/film.mp4", allow_remote=True, timeout=20).probe.frame_count == 50
        reasons = {"absent": "not_found", "broken": "unreadable", "list.m3u8": "not_media", "elsewhere": None}
        for name, reason in reasons.items():
            error = refused(f"{host}/{name}", allow_remote=True, timeout=20)
            assert error.reason == reason or reason is None
            assert f"{host}/{name}" in str(error)


def test_a_host_that_says_nothing_is_stalled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4"
        assert refused(address, allow_remote=True, timeout=0.5).reason == "stalled"


# --- manners ----------------------------------------------------------------------------------------------------------


def test_nothing_is_printed(film: Path, indexed: bytes, capfd: pytest.CaptureFixture) -> None:
    open_clip(film, analysis=True)
    open_clip(indexed[: int(len(indexed) * 0.8)])
    refused(b"no media")
    assert capfd.readouterr() == ("", "")


def test_containers_are_closed(film: Path, indexed: bytes) -> None:
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(3):
        open_clip(film)
        refused(indexed[: int(len(indexed) * 0.3)])
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == before


def test_errors_cross_process_borders(folder: Path) -> None:
    error = pickle.loads(pickle.dumps(refused(folder / "absent.mp4")))
    assert (error.reason, "absent.mp4" in str(error)) == ("not_found", True)


def test_the_files_work_as_remote_code_beside_each_other(
    folder: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = folder / "remote_code"
    room.mkdir()
    here = Path(media.__file__).parent
    for file in [here / "errors.py", *here.glob("media*.py")]:
        shutil.copy(file, room)
    for name in [name for name in sys.modules if name.split(".")[0] == "asid_hf"]:
        monkeypatch.setitem(sys.modules, name, None)
    package = types.ModuleType("remote_room")
    package.__path__ = [str(room)]
    monkeypatch.setitem(sys.modules, "remote_room", package)
    alone = importlib.import_module("remote_room.media")
    assert alone.open_clip.__module__ == "remote_room.media"
    assert alone.open_clip(film).frames.shape == (4, 3, 280, 392)


# --- real clips -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "pictures", "seconds", "sound"),
    [
        ("obama_speech.mp4", (320, 240), 105, 8.75, "aac"),
        ("small.mp4", (560, 320), 166, 5.57, "aac"),
        ("park.mp4", (640, 480), 17, 0.57, "aac"),
        ("bigbuckbunny.mp4", (1280, 720), 132, 5.31, "aac"),
        ("bikes.mp4", (640, 272), 250, 10.0, None),
        ("cityCC0.mpg", (720, 405), 190, 7.6, None),
        ("world.mp4", (480, 270), 901, 30.53, "aac"),
    ],
)
def test_real_clips(real_clip: Any, name: str, size: tuple, pictures: int, seconds: float, sound: str | None) -> None:
    clip = open_clip(real_clip(name), analysis=True)
    probe = clip.probe
    assert ((probe.width, probe.height), probe.frame_count, probe.audio_codec) == (size, pictures, sound)
    assert clip.duration == pytest.approx(seconds, abs=0.01)
    assert clip.frames.shape[0] == frame_count(pictures, probe.fps)
    for times in (clip.frame_times, clip.analysis.times, clip.analysis.still_times):
        assert np.all(np.diff(times) > 0)
        assert 0 <= times[0] <= times[-1] < clip.duration
    if sound:
        assert len(clip.audio) / 16000 == pytest.approx(clip.duration, abs=0.05)
        assert np.abs(clip.audio).max() > 0.05 or name == "world.mp4"
