"""Pictures and sound written by us are what a reader finds: same pictures, same times, same sound."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from asid_hf.media import open_clip
from asid_hf.media_encode import jpeg, mp4, wav


def pictures(count: int, height: int = 84, width: int = 112) -> np.ndarray:
    """Smooth pictures of which no two are alike: (T, 3, H, W) uint8."""
    rows, columns = np.mgrid[0:height, 0:width]
    red = [np.full((height, width), 20 + 200 * i // max(1, count - 1)) for i in range(count)]
    return np.stack([np.stack([r, rows * 2, columns * 2]) for r in red]).astype(np.uint8)


def read(film: bytes) -> tuple[list[float], list[np.ndarray], float]:
    """Times (s), pictures (H, W, 3) and length (s) of a film, by a reader that is not ours."""
    with av.open(io.BytesIO(film)) as container:
        stream = container.streams.video[0]
        frames = [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)
        ]
        return [time for time, _ in frames], [picture for _, picture in frames], container.duration / av.time_base


def test_a_jpeg_holds_the_picture() -> None:
    picture = pictures(1)[0]
    with av.open(io.BytesIO(jpeg(picture)), format="image2pipe", options={"vcodec": "mjpeg"}) as container:
        found = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert found.shape == (84, 112, 3)
    assert np.abs(found.astype(int) - picture.transpose(1, 2, 0)).mean() < 4


def test_a_lesser_quality_is_a_smaller_file() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 112, 112), dtype=np.uint8)
    assert len(jpeg(noise, quality=20)) < 0.6 * len(jpeg(noise, quality=2))


def test_a_wav_holds_the_sound() -> None:
    sound = (0.5 * np.sin(np.arange(8000) / 9)).astype(np.float32)
    clip = open_clip(wav(sound, 16000))
    assert clip.duration == 0.5 and np.abs(clip.audio - sound).max() < 1e-3


def test_sound_beyond_full_scale_is_clipped_and_what_is_no_number_is_silence() -> None:
    sound = np.array([2.0, -3.0, np.nan, np.inf, 0.0] * 400, np.float32)
    audio = open_clip(wav(sound, 16000)).audio[:5]
    assert np.allclose(audio, [1.0, -1.0, 0.0, 1.0, 0.0], atol=1e-3)


def test_a_film_keeps_pictures_and_times() -> None:
    frames, times = pictures(6), np.array([0.0, 0.5, 0.967, 2.0, 2.001, 7.5])
    told, found, length = read(mp4(frames, times, None, 16000, seconds=8.0))
    assert np.allclose(told, times, atol=1e-3) and length == pytest.approx(8.0, abs=0.01)
    for picture, other in zip(frames, found, strict=True):
        assert np.abs(other.astype(int) - picture.transpose(1, 2, 0)).mean() < 12


@pytest.mark.parametrize(
    ("times", "seconds", "length"),
    [([0.0, 0.5, 1.0], None, 1.5), ([0.0, 0.5, 1.0], 4.0, 4.0), ([0.0], 3.0, 3.0), ([0.0, 2.0], 1.0, 2.0)],
)
def test_the_last_picture_stands_until_the_end(times: list[float], seconds: float | None, length: float) -> None:
    film = mp4(pictures(len(times)), np.array(times), None, 16000, seconds)
    assert read(film)[2] == pytest.approx(length, abs=0.01)
    assert open_clip(film).duration == pytest.approx(length, abs=0.01)


def test_times_closer_than_a_millisecond_are_no_trouble() -> None:
    told, _, _ = read(mp4(pictures(4), np.array([0.0, 0.0001, 0.0002, 1.0]), None, 16000))
    assert np.allclose(told, [0.0, 0.001, 0.002, 1.0], atol=1e-6)


def test_sound_stands_where_it_was() -> None:
    sound = np.zeros(64000, np.float32)
    sound[32000:40000] = 0.8 * np.sin(np.arange(8000) / 4)
    audio = open_clip(mp4(pictures(8), np.arange(8) / 2, sound, 16000)).audio
    loud = np.flatnonzero(np.abs(audio) > 0.3)
    assert loud[0] / 16000 == pytest.approx(2.0, abs=0.05) and loud[-1] / 16000 == pytest.approx(2.5, abs=0.05)


@pytest.mark.parametrize("samples", [0, 1, 100, 16000 * 20])
def test_sound_of_any_length_goes_with_a_film(samples: int) -> None:
    clip = open_clip(mp4(pictures(4), np.arange(4) / 2, np.full(samples, 0.1, np.float32), 16000))
    assert (clip.audio is None) == (samples == 0)
    assert clip.duration >= 2.0
