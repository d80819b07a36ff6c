"""Decoded pictures and sound back into files that others read: JPEG, WAV, MP4."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import av
import numpy as np

_CODECS = ("libx264", "mpeg4")  # the first that the FFmpeg inside PyAV has
_TICKS = 1000  # a second


def jpeg(picture: np.ndarray, quality: int = 3) -> bytes:
    """Encode one picture.

    Args:
        picture: (3, H, W) uint8 RGB.
        quality: FFmpeg's quantiser scale: 2 is best, 31 worst.

    Returns:
        A JPEG file.

    Example:
        >>> jpeg(np.zeros((3, 56, 84), np.uint8))[:2].hex()
        'ffd8'
    """
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.shape[2], picture.shape[1], "yuvj420p"
    encoder.time_base = Fraction(1, _TICKS)
    encoder.qmin = encoder.qmax = quality
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.transpose(1, 2, 0)), format="rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def wav(audio: np.ndarray, sample_rate: int) -> bytes:
    """Encode sound as 16-bit PCM.

    Args:
        audio: (N,) float mono, full scale -1 to 1; what is beyond is clipped.
        sample_rate: Hz.

    Returns:
        A WAV file.

    Example:
        >>> wav(np.zeros(160, np.float32), 16000)[:4]
        b'RIFF'
    """
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(np.nan_to_num(audio), -1, 1) * 32767).astype("<i2").tobytes())
    return target.getvalue()


def mp4(
    frames: np.ndarray, times: np.ndarray, audio: np.ndarray | None, sample_rate: int, seconds: float | None = None
) -> bytes:
    """Encode pictures at their times, with their sound.

    Args:
        frames: (T, 3, H, W) uint8 RGB, H and W even.
        times: (T,) s, increasing; kept to the millisecond.
        audio: (N,) float mono from 0 s, or None.
        sample_rate: Hz.
        seconds: until when the last picture stands; without it, as long as the one before.

    Returns:
        An MP4 file.

    Example:
        >>> mp4(np.zeros((2, 3, 56, 56), np.uint8), np.array([0.0, 0.5]), None, 16000)[4:8]
        b'ftyp'
    """
    target = io.BytesIO()
    codec = next(name for name in _CODECS if name in av.codecs_available)
    with av.open(target, "w", format="mp4") as container:
        film = container.add_stream(codec, rate=Fraction(_TICKS, 1))
        film.width, film.height, film.pix_fmt = frames.shape[3], frames.shape[2], "yuv420p"
        film.codec_context.time_base = film.time_base = Fraction(1, _TICKS)
        film.codec_context.max_b_frames = 0  # so that the last packet is the last picture, and ends when it ends
        heard = audio is not None and len(audio) > 0
        track = container.add_stream("aac", rate=sample_rate, layout="mono") if heard else None
        ticks = _ticks(times)
        packets = []
        for picture, tick in zip(frames, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.transpose(1, 2, 0)), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
            packets += film.encode(frame)
        packets += film.encode()
        end = 2 * ticks[-1] - ticks[max(0, len(ticks) - 2)] if seconds is None else round(seconds * _TICKS)
        packets[-1].duration = max(1, end - ticks[-1])
        container.mux(packets)
        if track is not None:
            samples = np.clip(np.nan_to_num(audio), -1, 1).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, 0
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return target.getvalue()


def _ticks(times: np.ndarray) -> list[int]:
    """Times in ticks; two that fall on one are a tick apart."""
    ticks: list[int] = []
    for time in times:
        tick = round(float(time) * _TICKS)
        ticks.append(max(tick, ticks[-1] + 1) if ticks else tick)
    return ticks
