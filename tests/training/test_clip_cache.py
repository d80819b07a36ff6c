"""Clips that are kept are those that would be opened anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_files import make_clip

from asid_hf.captioner.clips import as_clip
from asid_hf.media_budget import audio_tokens, picture_tokens
from asid_hf.training.clip_cache import ClipCache

MEDIA = {"min_pixels": 4 * 784, "frame_pixels": 40 * 784, "max_frames": 8}


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A clip whose sound ends 2 s before its pictures: fitted as if it had up to 0.1 s more of it."""
    import av

    folder = tmp_path_factory.mktemp("cached")
    whole, path = make_clip(folder / "whole.mp4", 5.0, size=(320, 180), tone=300.0), folder / "early.mkv"
    with av.open(str(whole)) as given, av.open(str(path), "w") as made:
        targets = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            late = packet.stream.type == "audio" and packet.pts is not None and packet.pts * packet.time_base > 3
            if packet.dts is not None and not late:
                packet.stream = targets[packet.stream.index]
                made.mux(packet)
    return {"path": str(path), "bytes": None}


@pytest.mark.parametrize("spare", range(-2, 6))
def test_what_comes_out_does_not_depend_on_what_is_kept(early: dict, spare: int) -> None:
    cache = ClipCache(2**28)
    clip = cache(early, MEDIA)
    room = picture_tokens(len(clip.frames), *clip.frames.shape[2:]) + audio_tokens(len(clip.audio)) + spare
    kept, anew = cache(early, MEDIA, None, room), as_clip(early, MEDIA, None, room)
    assert kept.fitted == anew.fitted and np.array_equal(kept.frames, anew.frames)


def test_a_clip_that_fits_with_room_to_spare_is_opened_once(early: dict) -> None:
    cache = ClipCache(2**28)
    assert cache(early, MEDIA, None, 5000) is cache(early, MEDIA, None, 4000) is cache(early, MEDIA)
    assert (cache.hits, cache.misses) == (2, 1)


def test_no_more_is_kept_than_there_is_room_for(early: dict, tmp_path: Path) -> None:
    other = {"path": str(make_clip(tmp_path / "other.mp4", 5.0, size=(320, 180))), "bytes": None}
    sizes = [
        clip.frames.nbytes + (0 if clip.audio is None else clip.audio.nbytes) for clip in map(_opened, (early, other))
    ]
    cache = ClipCache(max(sizes))
    for given in (early, other, early):
        cache(given, MEDIA)
        assert cache.bytes <= max(sizes)
    assert (cache.hits, cache.misses) == (0, 3)


def _opened(given: dict) -> object:
    return as_clip(given, MEDIA)
