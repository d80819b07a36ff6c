"""Captioning: results in order, whatever fails beside them; windows; streams; and no running away."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import make_clip, make_sound

from asid_hf.anchors import parse_anchors
from asid_hf.errors import InputError, MediaError
from asid_hf.schema import ATTRIBUTES

SMALL = {"min_pixels": 4 * 28 * 28, "frame_pixels": 6 * 28 * 28}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "long": make_clip(folder / "long.mp4", 6.0, rate=4, tone=440.0),
        "short": make_clip(folder / "short.mp4", 1.0, tone=300.0),
        "silent": make_clip(folder / "silent.mp4", 3.0),
        "sound": make_sound(folder / "sound.wav", 2.0),
    }


def test_captions_come_in_order_and_a_clip_that_fails_spoils_none(captioner: Any, clips: dict[str, Path]) -> None:
    given = [clips["long"], "nowhere.mp4", clips["short"], b"no film", clips["silent"], clips["sound"]]
    told: dict[int, Any] = {}
    captions = captioner.caption(
        given, batch_size=2, max_new_tokens=5, on_caption=lambda place, caption: told.update({place: caption}), **SMALL
    )
    assert [told[place] for place in range(6)] == captions
    assert [caption.finish_reason for caption in captions] == ["length", "error", "length", "error", "length", "length"]
    assert "nowhere.mp4 does not exist" in captions[1].error
    assert all(caption.instruction for caption in captions)  # also of those that failed
    assert [round(caption.duration) for caption in captions] == [6, 0, 1, 0, 3, 2]
    heard = [caption.tokens.get("audio", 0) for caption in captions]
    assert heard[0] == pytest.approx(150, abs=2) and heard[4] == 0 and heard[5] == pytest.approx(50, abs=2)
    assert captions[5].tokens["video"] == 0
    assert all(caption.tokens["new"] == 5 for caption in captions if not caption.error)


def test_batches_say_what_each_clip_says_alone(captioner: Any, clips: dict[str, Path]) -> None:
    given = list(clips.values())
    options = {"max_new_tokens": 6, "repetition_penalty": 1.0, **SMALL}
    together = captioner.caption(given, batch_size=4, **options)
    assert [one.raw for one in together] == [captioner.caption(clip, **options)[0].raw for clip in given]


def test_json_always_has_the_keys_asked_for(captioner: Any, clips: dict[str, Path]) -> None:
    caption = captioner.caption(clips["short"], format="json", max_new_tokens=100, **SMALL)[0]
    assert tuple(caption.attributes) == ATTRIBUTES
    assert caption.finish_reason == "length"  # it closed its strings because there was no room
    few = captioner.caption(clips["short"], ["camera", "Narrative elements"], "json", max_new_tokens=30, **SMALL)[0]
    assert list(few.attributes) == ["narrative_elements", "camera"]
    assert "camera" in few.instruction
    off = captioner.caption(clips["short"], format="json", max_new_tokens=30, json_guard=False, **SMALL)[0]
    assert off.attributes == {}


def test_the_same_seed_asks_and_draws_the_same(captioner: Any, clips: dict[str, Path]) -> None:
    options = {"max_new_tokens": 8, "do_sample": True, "temperature": 1.5, **SMALL}
    first, again, other = (captioner.caption(clips["short"], seed=seed, **options)[0] for seed in (1, 1, 2))
    assert first == again
    assert first.raw != other.raw
    asked = {
        captioner.caption(clips["short"], ["scene"], seed=seed, max_new_tokens=1, **SMALL)[0].instruction
        for seed in range(6)
    }
    assert len(asked) > 2


def test_a_long_clip_is_captioned_in_windows_on_its_own_axis(captioner: Any, clips: dict[str, Path]) -> None:
    caption = captioner.caption(clips["long"], ["speech"], window=2.5, overlap=0.5, max_new_tokens=4, **SMALL)[0]
    assert [start for start, _ in caption.windows] == pytest.approx([0, 2.0, 3.75], abs=0.01)
    assert caption.windows[-1][1] == pytest.approx(caption.duration) == pytest.approx(6.0, abs=0.1)
    assert [clip["offset"] for clip in caption.clips] == [start for start, _ in caption.windows]
    assert caption.tokens["new"] == 12
    assert caption.tokens["audio"] == pytest.approx(62 + 2 * 56, abs=6)
    whole = captioner.caption(clips["short"], window=2.5, max_new_tokens=4, **SMALL)[0]
    assert whole.windows == []


def test_a_stream_says_what_a_caption_says(captioner: Any, clips: dict[str, Path]) -> None:
    options = {"max_new_tokens": 8, **SMALL}
    pieces = list(captioner.stream_caption(clips["short"], ["speech"], **options))
    assert len(pieces) > 1
    assert "".join(pieces).strip() == captioner.caption(clips["short"], ["speech"], **options)[0].text
    with pytest.raises(MediaError):
        list(captioner.stream_caption("nowhere.mp4"))
    with pytest.raises(InputError, match="num_beams=1"):
        list(captioner.stream_caption(clips["short"], num_beams=2))


def test_an_image_is_captioned_too(captioner: Any, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (120, 90), "red").save(tmp_path / "red.png")
    data = (tmp_path / "red.png").read_bytes()
    for image in (tmp_path / "red.png", Image.open(tmp_path / "red.png"), data, {"bytes": data, "path": None}):
        caption = captioner.caption(image, max_new_tokens=3)[0]
        assert caption.tokens["image"] > 0 and caption.tokens["video"] == 0


def test_what_cannot_be_asked_is_refused_before_anything_is_opened(captioner: Any) -> None:
    for options, said in (
        ({"attributes": ["weather"]}, "'weather' is no attribute"),
        ({"attributes": []}, "No attributes were named"),
        ({"format": "xml"}, "Allowed: text, json"),
        ({"window": 5.0, "overlap": 6.0}, "0 <= overlap < window"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"max_length": 0}, "max_length=0"),
        ({"max_new_tokens": "8"}, "max_new_tokens='8'"),
        ({"window": "60"}, "window='60'"),
        ({"overlap": 3.0}, "overlap=3.0 belongs to a window"),
        ({"media": {"x": 1}}, "Not of a media budget: x"),
        ({"stop_strings": ["STOP"]}, "No options of caption(): stop_strings"),
        ({"colour": 1}, "No options of caption(): colour"),
    ):
        with pytest.raises(InputError) as caught:
            captioner.caption("nowhere.mp4", **options)
        assert said in str(caught.value)


def test_the_any_to_any_pipeline_opens_it(captioner: Any, clips: dict[str, Path], tmp_path: Path) -> None:
    from transformers import pipeline

    captioner.save_pretrained(tmp_path)
    captioner.processor.save_pretrained(tmp_path)
    talk = [
        {"role": "user", "content": [{"type": "video", "path": str(clips["short"])}, {"type": "text", "text": "Hi"}]}
    ]
    told = pipeline("any-to-any", model=str(tmp_path))(text=talk, max_new_tokens=4, return_full_text=False)
    assert told[0]["generated_text"]


@pytest.fixture(scope="module")
def runaways(omni: Path) -> dict[str, Any]:
    """One that writes prose, and one that writes JSON: so small, one that has learned both mixes them up at times."""
    from counting_captioner import counting_captioner

    return {"text": counting_captioner(omni, in_json=0.0), "json": counting_captioner(omni, in_json=1.0)}


@pytest.fixture(scope="module")
def looping(omni: Path) -> Any:
    """One that says one sentence for ever, in each text."""
    from counting_captioner import counting_captioner

    return counting_captioner(omni, steps=220, looping=1.0)


def shown(seconds: int) -> dict:
    return {"frames": np.zeros((4, 56, 56, 3), np.uint8), "fps": 4 / seconds}


def caption_all(model: Any, format: str, **options: Any) -> list[Any]:
    import counting_captioner as counting

    instruction = counting.JSON if format == "json" else counting.PROSE
    given = {"instruction": instruction, "system_prompt": counting.SYSTEM, "repetition_penalty": 1.0, **SMALL}
    clips = [shown(seconds) for seconds in (3, 4, 5, 6, 7, 9)]
    drawn = {"do_sample": True, "temperature": 0.8, "top_k": 40, "max_new_tokens": 80}
    return model.caption(clips, counting.KEYS, format, batch_size=6, **{**given, **drawn, **options})


def faults(caption: Any) -> list[str]:
    """Times beyond the end or out of order, by text; numbers left without their unit."""
    texts = caption.attributes.values() if len(caption.attributes) > 1 else [caption.text]
    found = []
    for text in texts:
        times = [anchor.times[0] for anchor in parse_anchors(text) if anchor.kind != "duration" and anchor.times]
        found += [f"beyond: {time}" for time in times if time > caption.duration]
        found += ["back"] if times != sorted(times) else []
        found += re.findall(r"\b(?:At|From) \d+\b(?!s| s|$)", text)  # at the end the text was cut off
    return found


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_captioner_that_wants_to_count_on_names_no_time_that_its_clip_does_not_have(
    runaways: dict[str, Any], format: str
) -> None:
    free = caption_all(runaways[format], format, anchor_guard=False)
    held = caption_all(runaways[format], format)
    assert sum(bool(faults(caption)) for caption in free) > len(free) / 2  # the wish is there
    assert [faults(caption) for caption in held] == [[]] * len(held)
    assert sum(bool(caption.anchors) for caption in held) >= len(held) / 2  # it does name times
    if format == "json":
        assert all(len(caption.attributes) == 2 for caption in held)


def test_a_caption_that_loops_is_cut_to_one_copy(runaways: dict[str, Any]) -> None:
    """Drawn greedily, and kept from the times it wants, it says one sentence for ever."""
    options = {"do_sample": False, "temperature": None, "top_k": None, "max_new_tokens": 160}
    free = caption_all(runaways["text"], "text", loop_guard=False, **options)
    held = caption_all(runaways["text"], "text", **options)
    looping = [place for place, caption in enumerate(held) if caption.finish_reason == "loop"]
    assert looping
    for place in looping:
        assert held[place].tokens["new"] < free[place].tokens["new"]
        assert free[place].raw.startswith(held[place].raw)
    assert "loop" not in {caption.finish_reason for caption in free}


def test_a_field_that_loops_keeps_one_copy_and_the_others_are_written(looping: Any, tokenizer: Any) -> None:
    import counting_captioner as counting

    from asid_hf.captioner.decoding_loops import find_loop
    from asid_hf.captioner.decoding_vocabulary import digit_ids

    def loop(caption: Any) -> bool:
        texts = caption.attributes.values()
        return any(find_loop(tokenizer(text)["input_ids"], digit_ids(tokenizer)) for text in texts if text)

    options = {"do_sample": False, "temperature": None, "top_k": None, "max_new_tokens": 160}
    free = caption_all(looping, "json", loop_guard=False, **options)
    held = caption_all(looping, "json", **options)
    assert any(map(loop, free)) and not any(map(loop, held))
    cut = [caption for caption in held if caption.finish_reason == "loop"]
    assert cut
    for caption in cut:
        assert tuple(caption.attributes) == counting.KEYS and all(caption.attributes.values())
        assert len(caption.text) < len(caption.raw)


def test_a_time_that_the_end_cut_off_is_taken_off(one_thread: None) -> None:
    """What "At 0:4" was to be is decided by the token behind it, which a full text does not have."""
    import torch

    from asid_hf.captioner.caption_request import CaptionRequest
    from asid_hf.captioner.generating import _caption, _Part
    from asid_hf.captioner.rows import Row
    from asid_hf.captioner.writing import Written

    part = _Part(0, 0, 1, "Describe.", Row(torch.float32), 9.0)
    raw = '{"scene": "At 3s, he sits. At 0:45", "camera": "It pans at 8s"}'
    request = CaptionRequest(("scene", "camera"), "json")
    caption = _caption([(part, Written(raw, "stop", 30))], replace(request, loop_guard=False), None)
    assert caption.attributes == {"scene": "At 3s, he sits.", "camera": "It pans at 8s"}
    prose = _caption(
        [(part, Written("At 3s, he sits. At 0:45", "length", 9))], CaptionRequest(("scene", "camera")), None
    )
    assert prose.text == "At 3s, he sits."
