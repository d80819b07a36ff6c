"""A clip as an endpoint takes it: as it is where it fits, else smaller; never beyond the limits."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest
from media_files import make_clip, make_sound

from asid_hf.chat import attachments
from asid_hf.chat.attachments import NO_PICTURES, NO_SOUND, clip_part, clip_parts
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import MediaError
from asid_hf.media import Clip, open_clip


def parts_of(path: Path | bytes, accepts: tuple[str, ...], **limits: object) -> list[dict]:
    """What a model is sent of a clip."""
    video = {"path": None, "bytes": path} if isinstance(path, bytes) else {"path": str(path), "bytes": None}
    return asyncio.run(clip_parts(clip_part(video), ModelSpec("m", accepts=accepts, **limits)))


def data_of(part: dict) -> tuple[str, bytes]:
    """Media type and content of a part."""
    if part["type"] == "input_audio":
        return part["input_audio"]["format"], base64.b64decode(part["input_audio"]["data"])
    kind, _, data = part[part["type"]]["url"].removeprefix("data:").partition(";base64,")
    return kind, base64.b64decode(data, validate=True)


def opened(part: dict, **budget: object) -> Clip:
    return open_clip(data_of(part)[1], **budget)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "film.mp4", 4.0, size=(320, 240), tone=330.0)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "silent.mp4", 2.0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sound(tmp_path_factory.mktemp("clips") / "sound.mkv", 3.0)


def test_a_model_of_text_alone_is_sent_nothing(film: Path) -> None:
    assert parts_of(film, ()) == []


def test_a_small_film_is_sent_as_it_is(film: Path) -> None:
    (part,) = parts_of(film, ("video",))
    assert data_of(part) == ("video/mp4", film.read_bytes())
    assert parts_of(film.read_bytes(), ("video",)) == [part]


def test_a_film_of_a_kind_that_few_servers_open_is_encoded_anew(tmp_path: Path) -> None:
    old = make_clip(tmp_path / "old.avi", 3.0, size=(160, 120), tone=330.0)
    (part,) = parts_of(old, ("video",))
    kind, _ = data_of(part)
    clip = opened(part)
    assert kind == "video/mp4" and clip.duration == pytest.approx(3.0, abs=0.15)
    assert clip.audio is not None and np.abs(clip.audio).max() > 0.1
    assert np.allclose(clip.frame_times, open_clip(old).frame_times, atol=0.11)


def test_a_film_that_is_too_large_is_made_smaller(film: Path) -> None:
    most = 60_000
    assert film.stat().st_size > most
    (part,) = parts_of(film, ("video",), max_bytes=most, max_pixels=112 * 84)
    kind, data = data_of(part)
    clip = open_clip(data)
    assert kind == "video/mp4" and len(data) <= most
    assert clip.duration == pytest.approx(4.0, abs=0.1)
    assert clip.probe.width * clip.probe.height <= 112 * 84 and clip.probe.frame_count <= 8


def test_a_film_that_cannot_be_made_small_enough_is_a_fault(film: Path) -> None:
    with pytest.raises(ChatError, match=r"at its smallest; m takes 500 \(max_bytes\)") as caught:
        parts_of(film, ("video",), max_bytes=500)
    assert caught.value.kind == "media"


def test_sound_beyond_the_limit_is_a_fault(film: Path) -> None:
    with pytest.raises(ChatError, match=r"sound is \d+ bytes; m takes 100000 \(max_bytes\)") as caught:
        parts_of(film, ("audio",), max_bytes=100_000)
    assert caught.value.kind == "media"


def test_a_clip_that_is_too_long_is_a_fault(film: Path) -> None:
    with pytest.raises(ChatError, match=r"lasts 4\.\d s; m takes 3 s \(max_seconds\)") as caught:
        parts_of(film, ("video", "audio"), max_seconds=3.0)
    assert caught.value.kind == "media"
    assert parts_of(film, ("video",), max_seconds=5.0)


def test_sound_goes_beside_the_film_or_alone(film: Path) -> None:
    both = parts_of(film, ("video", "audio"))
    assert [part["type"] for part in both] == ["video_url", "input_audio"]
    (alone,) = parts_of(film, ("audio",))
    kind, data = data_of(alone)
    assert kind == "wav" and alone == both[1]
    assert np.allclose(open_clip(data).audio, open_clip(film).audio.clip(-1, 1), atol=1e-3)


def test_still_pictures_are_led_by_their_times(film: Path) -> None:
    parts = parts_of(film, ("frames",), fps=1.0, max_pixels=112 * 84)
    texts, pictures = parts[::2], parts[1::2]
    assert [part["text"] for part in texts] == ["At 0.0 s:", "At 1.3 s:", "At 2.6 s:", "At 3.9 s:"]
    for picture in pictures:
        kind, data = data_of(picture)
        assert kind == "image/jpeg" and data[:2] == b"\xff\xd8"


def test_no_more_pictures_than_are_taken(film: Path) -> None:
    parts = parts_of(film, ("frames",), fps=5.0, max_frames=6)
    assert sum(part["type"] == "image_url" for part in parts) == 6


def test_a_model_of_films_is_sent_no_stills_beside(film: Path) -> None:
    assert [part["type"] for part in parts_of(film, ("video", "frames"))] == ["video_url"]


def test_a_model_that_hears_is_told_of_silence(silent: Path) -> None:
    assert parts_of(silent, ("audio",)) == [{"type": "text", "text": NO_SOUND}]
    film, told = parts_of(silent, ("video", "audio"))
    assert film["type"] == "video_url" and told["text"] == NO_SOUND
    assert [part["type"] for part in parts_of(silent, ("video",))] == ["video_url"]


@pytest.mark.parametrize("accepts", [("video",), ("frames",)])
def test_a_model_that_sees_is_told_of_missing_pictures(sound: Path, accepts: tuple[str, ...]) -> None:
    assert parts_of(sound, accepts) == [{"type": "text", "text": NO_PICTURES}]
    told, heard = parts_of(sound, (*accepts, "audio"))
    assert told["text"] == NO_PICTURES and opened(heard).duration == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("content", [b"", b"no film at all", b"\x00\x00\x00\x20ftypisom" + b"\x00" * 64])
def test_what_is_no_clip_is_a_fault(content: bytes) -> None:
    for accepts in (("video",), ("audio",), ("frames",)):
        with pytest.raises(ChatError) as caught:
            parts_of(content, accepts)
        assert caught.value.kind == "media"


def test_a_trouble_of_the_encoder_is_a_fault_of_this_clip(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*things: object) -> bytes:
        raise ValueError("no encoder")

    monkeypatch.setattr(attachments, "mp4", broken)
    with pytest.raises(ChatError, match="cannot be sent: ValueError") as caught:
        parts_of(film, ("video",), max_bytes=60_000)
    assert caught.value.kind == "media"


def test_a_clip_is_made_ready_once_for_all_its_calls(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_ones = []
    original = attachments.open_clip
    monkeypatch.setattr(attachments, "open_clip", lambda *a, **k: opened_ones.append(a) or original(*a, **k))
    part, spec = clip_part({"path": str(film), "bytes": None}), ModelSpec("m", accepts=("frames",), max_frames=4)

    async def together() -> list:
        return await asyncio.gather(*(clip_parts(part, spec) for _ in range(5)))

    ready = asyncio.run(together())
    assert len(opened_ones) == 1 and all(parts == ready[0] for parts in ready)
    assert asyncio.run(clip_parts(part, spec)) == ready[0]  # another loop makes its own


def test_few_clips_are_kept_in_memory(tmp_path: Path, silent: Path) -> None:
    spec = ModelSpec("m", accepts=("video",))
    data = silent.read_bytes()

    async def many() -> int:
        for number in range(3 * attachments.KEPT):
            video = {"path": None, "bytes": data + bytes([0, 0, 0, 9]) + b"free" + bytes([number])}
            assert len(await clip_parts(clip_part(video), spec)) == 1
        return len(attachments._forms)

    assert asyncio.run(many()) <= attachments.KEPT


def test_one_who_is_cancelled_does_not_take_the_clip_from_the_others(film: Path) -> None:
    part, spec = clip_part({"path": str(film), "bytes": None}), ModelSpec("m", accepts=("frames",), max_frames=6)

    async def run() -> list[dict]:
        first, second = (asyncio.create_task(clip_parts(part, spec)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert len(asyncio.run(run())) == 12


def test_a_clips_digest_is_that_of_its_content(tmp_path: Path, film: Path) -> None:
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    assert clip_part({"path": str(film), "bytes": None}).digest == digest
    assert clip_part({"path": None, "bytes": film.read_bytes()}).digest == digest
    changing = tmp_path / "changing.mp4"
    changing.write_bytes(b"one")
    before = clip_part({"path": str(changing), "bytes": None}).digest
    changing.write_bytes(b"three")
    assert clip_part({"path": str(changing), "bytes": None}).digest != before


def test_a_clip_that_is_gone_is_named(tmp_path: Path) -> None:
    for path in (str(tmp_path / "gone.mp4"), "a\0b.mp4"):
        with pytest.raises(MediaError, match="does not exist any more"):
            clip_part({"path": path, "bytes": None})
