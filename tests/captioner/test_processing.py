"""The processor: the reference's inputs where they are right, each clip's own rate and length, mixed batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import make_clip, make_sound

from asid_hf.errors import InputError, MediaError
from asid_hf.media import Clip, open_clip

SMALL = {"min_pixels": 4 * 28 * 28, "frame_pixels": 12 * 28 * 28}
CLIPS = ("obama_speech.mp4", "small.mp4", "bigbuckbunny.mp4", "bikes.mp4", "park.mp4")


@pytest.fixture(scope="module")
def processor(captioner: Any) -> Any:
    return captioner.processor


def prompt(processor: Any, *kinds: str, words: str = "Describe.") -> str:
    parts = [{"type": kind, kind: "x"} for kind in kinds]
    talk = [{"role": "user", "content": [*parts, {"type": "text", "text": words}]}]
    return processor.apply_chat_template(talk, add_generation_prompt=True)


@pytest.mark.parametrize("name", CLIPS)
def test_inputs_are_the_reference_processors_at_two_frames_a_second(
    processor: Any, omni: Path, real_clip: Callable[[str], Path], name: str
) -> None:
    """Given the same frames and sound: the same tokens and grids bit for bit, the same features and pixels."""
    import torch
    from transformers import Qwen2_5OmniProcessor

    clip = replace(open_clip(real_clip(name), max_frames=12), fps=2.0)  # the reference knows one rate
    reference = Qwen2_5OmniProcessor.from_pretrained(omni)
    text = prompt(processor, "video")
    heard = clip.audio is not None
    sound = {"audio": [clip.audio], "load_audio_from_video": True, "audio_from_video_indices": [0]} if heard else {}
    frames = {"videos": [torch.from_numpy(clip.frames)], "do_resize": False, "do_sample_frames": False, "fps": 2.0}
    theirs = reference(text=text, return_tensors="pt", sampling_rate=16000, **frames, **sound)
    ours = processor(text, videos=[clip])
    assert set(ours) == set(theirs)
    for key in ("input_ids", "attention_mask", "video_grid_thw"):
        assert torch.equal(ours[key], theirs[key]), key
    assert ours["video_second_per_grid"].tolist() == torch.as_tensor(theirs["video_second_per_grid"]).tolist() == [1.0]
    torch.testing.assert_close(ours["pixel_values_videos"], theirs["pixel_values_videos"], atol=1e-6, rtol=1e-6)
    if heard:
        length = int(theirs["feature_attention_mask"].sum())
        assert ours["input_features"].shape[2] == length == int(ours["feature_attention_mask"].sum())
        assert theirs["input_features"].shape[2] == 30_000  # 300 s, whatever the clip
        assert torch.equal(ours["input_features"][0], theirs["input_features"][0, :, :length])


def test_the_time_axis_is_each_clips_own(processor: Any, tmp_path: Path) -> None:
    """A clip at 10 pictures a second cannot give 2 a second exactly; the reference calls it 2 all the same."""
    paths = [make_clip(tmp_path / f"{seconds}.mp4", seconds) for seconds in (1.0, 3.0, 7.5)]
    text = [prompt(processor, "video")] * 3
    inputs = processor(text, videos=paths, **SMALL)
    clips = [open_clip(path, **SMALL) for path in paths]
    assert inputs["video_second_per_grid"].tolist() == pytest.approx([2 / clip.fps for clip in clips])
    assert len(set(inputs["video_second_per_grid"].tolist())) == 3
    for clip, step in zip(clips, inputs["video_second_per_grid"].tolist(), strict=True):
        assert np.abs(np.arange(len(clip.frames) // 2) * step - clip.frame_times[::2]).max() < 0.1


def test_paths_bytes_video_values_clips_and_frames_give_the_same(processor: Any, tmp_path: Path) -> None:
    import torch

    path = make_clip(tmp_path / "a.mp4", 3.0, tone=300.0)
    clip = open_clip(path, **SMALL)
    decoded = {"frames": clip.frames, "frame_times": clip.frame_times, "audio": clip.audio}
    channels_last = {**decoded, "frames": torch.from_numpy(clip.frames).permute(0, 2, 3, 1)}
    video = {"path": str(path), "bytes": None}
    text = prompt(processor, "video")
    first = processor(text, videos=[str(path)], **SMALL)
    for given in (
        path,
        path.read_bytes(),
        video,
        {"path": None, "bytes": path.read_bytes()},
        clip,
        decoded,
        channels_last,
    ):
        other = processor(text, videos=[given], **SMALL)
        for key, value in first.items():
            torch.testing.assert_close(other[key], value, atol=2e-5, rtol=1e-6, msg=key)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    """What a batch may mix: kind of its part, and the medium."""
    folder = tmp_path_factory.mktemp("mixed")
    silent = {"frames": np.random.default_rng(0).integers(0, 255, (8, 84, 112, 3), dtype=np.uint8), "fps": 2.0}
    return {
        "audible": ("video", make_clip(folder / "audible.mp4", 4.0, tone=500.0)),
        "soundless": ("video", make_clip(folder / "soundless.mp4", 2.0)),
        "silent": ("video", {**silent, "audio": np.zeros(64000, np.float32)}),
        "sound alone, as a film": ("video", make_sound(folder / "sound.wav", 3.0)),
        "sound alone": ("audio", make_sound(folder / "other.wav", 1.0)),
        "image": ("image", np.random.default_rng(1).integers(0, 255, (90, 120, 3), dtype=np.uint8)),
        "short": ("video", make_clip(folder / "short.mp4", 0.2, tone=200.0)),
        "words": ("text", None),
    }


def test_each_row_of_a_mixed_batch_has_the_positions_and_logits_that_it_has_alone(
    captioner: Any, processor: Any, mixed: dict[str, tuple[str, Any]]
) -> None:
    import torch

    texts = [
        prompt(processor, *([] if kind == "text" else [kind]), words=f"Describe {name}.")
        for name, (kind, _) in mixed.items()
    ]
    media = {kind: [one for own, one in mixed.values() if own == kind] for kind in ("image", "video", "audio")}
    batch = processor(texts, media["image"], media["video"], media["audio"], return_metadata=True, **SMALL)
    told = batch.pop("metadata")
    by_name = dict(zip(mixed, told, strict=True))
    assert {name for name, one in by_name.items() if one["tokens"]["audio"]} == set(mixed) - {
        "soundless",
        "image",
        "words",
    }
    assert {name for name, one in by_name.items() if one["tokens"]["video"]} == {
        "audible",
        "soundless",
        "silent",
        "short",
    }
    for padding_side in ("left", "right"):
        batch = processor(texts, media["image"], media["video"], media["audio"], padding_side=padding_side, **SMALL)
        logits = captioner(**batch).logits
        positions, _ = captioner.get_rope_index(
            batch["input_ids"],
            batch["image_grid_thw"],
            batch["video_grid_thw"],
            batch["attention_mask"],
            second_per_grids=batch["video_second_per_grid"],
        )
        for place, (kind, medium) in enumerate(mixed.values()):
            given = {"image": None, "video": None, "audio": None} | ({} if kind == "text" else {kind: [medium]})
            lone = processor(texts[place], given["image"], given["video"], given["audio"], **SMALL)
            seen = batch["attention_mask"][place] == 1
            assert torch.equal(batch["input_ids"][place][seen], lone["input_ids"][0])
            own, _ = captioner.get_rope_index(
                lone["input_ids"],
                lone.get("image_grid_thw"),
                lone.get("video_grid_thw"),
                second_per_grids=lone.get("video_second_per_grid"),
            )
            assert torch.equal(positions[:, place, seen], own[:, 0])
            torch.testing.assert_close(logits[place][seen], captioner(**lone).logits[0], atol=2e-5, rtol=1e-4)


def test_generation_in_a_mixed_batch_says_what_each_row_says_alone(
    captioner: Any, processor: Any, mixed: dict[str, tuple[str, Any]]
) -> None:
    names = ("audible", "soundless", "silent", "sound alone, as a film")
    texts = [prompt(processor, "video", words=name) for name in names]
    batch = processor(texts, videos=[mixed[name][1] for name in names], **SMALL)
    options = {"max_new_tokens": 6, "do_sample": False}
    together = captioner.generate(**batch, **options)[:, batch["input_ids"].shape[1] :]
    for place, name in enumerate(names):
        lone = processor(texts[place], videos=[mixed[name][1]], **SMALL)
        assert (
            captioner.generate(**lone, **options)[0, lone["input_ids"].shape[1] :].tolist() == together[place].tolist()
        )


def test_a_clip_is_fitted_into_a_context_instead_of_being_dropped(processor: Any, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "long.mp4", 20.0, rate=4, size=(320, 240), tone=400.0)
    text = prompt(processor, "video")
    whole = processor(text, videos=[path], return_metadata=True)
    length = whole["input_ids"].shape[1]
    assert whole["metadata"][0]["clips"][0]["fitted"] == []
    lowered = []
    for most in (length, length - 1, 3100, 2000, 800):
        inputs = processor(text, videos=[path], max_length=most, return_metadata=True)
        told = inputs["metadata"][0]
        assert inputs["input_ids"].shape[1] == sum(told["tokens"].values()) <= most
        assert told["tokens"]["audio"] == whole["metadata"][0]["tokens"]["audio"]  # sound is never cut
        lowered.append(tuple(told["clips"][0]["fitted"]))
    assert lowered[0] == ()
    assert lowered[1] and "rate" in lowered[-1]
    with pytest.raises(MediaError, match="tokens"):
        processor(text, videos=[path], max_length=520)
    with pytest.raises(InputError, match="leaves none for its media"):
        processor(text, videos=[path], max_length=10)


def test_frames_that_are_decoded_already_are_fitted_by_the_same_rule(processor: Any, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 20.0, rate=4, size=(320, 240), tone=400.0)
    clip = open_clip(path)
    text = prompt(processor, "video")
    for most in (5000, 3000, 1500):
        opened, decoded = (
            processor(text, videos=[given], max_length=most, return_metadata=True)["metadata"][0]
            for given in (path, clip)
        )
        assert opened["tokens"] == decoded["tokens"]
        assert opened["clips"][0]["fitted"] == decoded["clips"][0]["fitted"]


def test_a_clip_that_is_not_heard_has_no_sound_tokens(processor: Any, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 2.0, tone=400.0)
    inputs = processor(prompt(processor, "video"), videos=[path], load_audio_from_video=False, **SMALL)
    assert "input_features" not in inputs
    assert processor.audio_token_id not in inputs["input_ids"]


def test_sound_beyond_300_seconds_is_heard_to_its_end(processor: Any) -> None:
    sound = {"audio": (np.random.default_rng(0).standard_normal(16000 * 310) / 9).astype(np.float32)}
    inputs = processor(prompt(processor, "audio"), audio=[sound])
    assert inputs["input_features"].shape == (1, 128, 31_000)
    assert int((inputs["input_ids"] == processor.audio_token_id).sum()) == 7750


def test_what_cannot_be_done_is_said(processor: Any, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", 1.0)
    text = prompt(processor, "video")
    frames = np.zeros((4, 64, 64, 3), np.uint8)
    for given, said in (
        ({"videos": [path, path]}, "has 1 places <|VIDEO|>, and 2 are given"),
        ({"videos": []}, "and 0 are given"),
        ({"videos": [path], "colour": 3}, "No options of the processor: colour"),
        ({"videos": [{"frames": frames}]}, "give fps"),
        ({"videos": [{"frames": frames.astype(float), "fps": 2}]}, "uint8"),
        ({"videos": [{"frames": frames, "fps": 2, "audio": np.zeros(100), "sampling_rate": 8000}]}, "8000 Hz"),
        ({"videos": [{"frames": frames, "frame_times": [0, 2, 1, 3]}]}, "rising"),
        ({"videos": [{"frames": frames, "frame_times": [0, 1, 2, float("nan")]}]}, "rising"),
        ({"videos": [{"frames": frames, "fps": float("inf")}]}, "fps=inf"),
        ({"videos": [path], "padding": "max_length"}, "to the longest row"),
        ({"videos": [path], "truncation": True}, "truncation=True: here it is False"),
        ({"videos": [path], "padding_side": "up"}, 'Allowed: "left", "right"'),
    ):
        with pytest.raises(InputError) as caught:
            processor(text, **given)
        assert said in str(caught.value)
    with pytest.raises(InputError, match=r"has <\|VIDEO\|> in its text"):
        prompt(processor, "video", words="Describe <|VIDEO|>.")
    with pytest.raises(MediaError) as lost:
        processor(text, videos=["nowhere.mp4"])
    assert lost.value.reason == "not_found"
    with pytest.raises(MediaError, match="The image cannot be read"):
        processor(prompt(processor, "image"), images=[str(tmp_path / "no.png")])


def test_arguments_by_modality_are_taken_as_other_processors_take_them(processor: Any, tmp_path: Path) -> None:
    import torch

    path = make_clip(tmp_path / "a.mp4", 2.0, tone=300.0)
    texts = [prompt(processor, "video"), prompt(processor, "video", words="Describe the sound of the clip.")]
    plain = processor(texts, videos=[path, path], padding_side="right", max_frames=4, **SMALL)
    nested = processor(
        texts,
        videos=[path, path],
        text_kwargs={"padding": True, "padding_side": "right"},
        videos_kwargs={"max_frames": 4, "seconds_per_chunk": 2.0, **SMALL},
        audio_kwargs={"sampling_rate": 16000},
        common_kwargs={"return_tensors": "pt"},
    )
    assert all(torch.equal(plain[name], nested[name]) for name in plain)
    sound = np.sin(np.arange(16000) / 9).astype(np.float32)  # sound that is decoded already, as it comes
    assert processor(prompt(processor, "audio"), audio=[sound])["input_features"].shape == (1, 128, 100)


def test_a_conversation_may_hold_several_clips(processor: Any, tmp_path: Path) -> None:
    first, second = make_clip(tmp_path / "a.mp4", 2.0, tone=300.0), make_clip(tmp_path / "b.mp4", 3.0)
    parts = [{"type": "video", "path": str(first)}, "and", {"type": "video", "video": open_clip(second, **SMALL)}]
    talk = [{"role": "system", "content": "You compare."}, {"role": "user", "content": parts}]
    inputs = processor.apply_chat_template([talk, talk], tokenize=True, return_dict=True, return_metadata=True, **SMALL)
    assert [len(row["clips"]) for row in inputs["metadata"]] == [2, 2]
    assert inputs["video_grid_thw"].shape == (4, 3)
    assert [clip["heard"] for clip in inputs["metadata"][0]["clips"]] == [True, False]
    assert isinstance(parts[2]["video"], Clip)  # the caller's conversation is left as it was
