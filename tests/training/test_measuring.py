"""Lengths that are told before anything is decoded are those of the batches."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import av
import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher
from media_files import make_clip, make_sound

from asid_hf.errors import AsidError
from asid_hf.media import open_clip
from asid_hf.training import clip_facts as facts_module
from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig
from asid_hf.training.clip_facts import clip_facts
from asid_hf.training.collator import OmniCollator
from asid_hf.training.formatting import training_features
from asid_hf.training.measuring import Measuring, measured, measured_features

LARGE = {"min_pixels": 4 * 784, "frame_pixels": 40 * 784, "max_frames": 64}
COUNTED = ("length", "text_tokens", "video_tokens", "audio_tokens", "fitted")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, str]) -> dict[str, str]:
    """Clips of every kind: those of the fixture, and lone pictures, sound that ends early or comes late."""
    folder = tmp_path_factory.mktemp("kinds")
    made = {
        "one picture": make_clip(folder / "one.mp4", 0.1, size=(320, 180)),
        "three pictures": make_clip(folder / "three.mp4", 0.3, size=(320, 180), tone=200.0),
        "large": make_clip(folder / "large.mp4", 9.7, size=(640, 360), tone=440.0),
        "tall": make_clip(folder / "tall.mkv", 4.2, rate=25, size=(90, 320), tone=440.0),
        "a moment of sound": make_sound(folder / "moment.wav", 0.01),
        "sound alone, long": make_sound(folder / "long.wav", 20.3),
    }
    for name, (early, late) in {"sound ends early": (3.0, 0.0), "sound comes late": (0.0, 2.0)}.items():
        made[name] = mixed(folder / f"{name}.mkv", made["large"], early, late)
    return clips | {name: str(path) for name, path in made.items()}


def mixed(path: Path, source: Path, early: float, late: float) -> Path:
    """The packets of a clip again, without its last `early` s of sound, or with its sound `late` s later."""
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        targets = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                if packet.pts * packet.time_base > 9.7 - early:
                    continue
                packet.pts += round(late / packet.time_base)
                packet.dts += round(late / packet.time_base)
            packet.stream = targets[packet.stream.index]
            made.mux(packet)
    return path


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("max_length", [None, 4096, 900, 500, 330, 290, 268, 140, 60])
def test_a_rows_length_is_the_one_it_has_in_a_batch(
    small: Path, processor: Any, kinds: dict[str, str], training_row: Any, max_length: int | None, heard: bool
) -> None:
    """Whatever its clip is, whether it fits, is lowered or is refused."""
    measuring = Measuring(small, max_length, LARGE, heard)
    collator = OmniCollator(processor, max_length, LARGE, heard, cache_bytes=0)
    for name in (*kinds, None):
        row = training_row(kinds.get(name))
        told = measuring.row(row)
        try:
            made = collator.prepare(row)
        except AsidError as error:
            reason = told["refused"].partition(": ")[0]
            assert reason == getattr(error, "reason", reason) and told["length"] == 0, name
            assert reason in ("too_large", "too_long", "not_heard"), name
            continue
        tokens = [made.tokens[modality] for modality in ("text", "video", "audio")]
        expected = [made.length, *tokens, made.clips[0]["fitted"] if made.clips else []]
        assert [told[column] for column in COUNTED] == expected, name
        assert told["refused"] is None and (max_length is None or told["length"] <= max_length), name


def test_what_the_packets_say_of_sound_that_does_not_fill_its_clip(kinds: dict[str, str]) -> None:
    for name, seconds in {"sound ends early": 6.7, "sound comes late": 11.7, "large": 9.7}.items():
        facts = clip_facts({"path": kinds[name], "bytes": None})
        clip = open_clip(kinds[name], frames=False)
        assert abs(facts.heard - len(clip.audio)) <= 2 and facts.heard <= facts.most, name
        assert facts.heard / 16000 == pytest.approx(seconds, abs=0.15), name


@pytest.mark.parametrize("name", ["world.mp4", "trailer_bbb.mp4", "obama_speech.mp4", "park.mp4", "cityCC0.mpg"])
def test_real_clips_have_the_length_they_have_in_a_batch(
    small: Path, processor: Any, training_row: Any, real_clip: Any, name: str
) -> None:
    for max_length in (None, 1200):
        row = training_row(str(real_clip(name)))
        told = Measuring(small, max_length).row(row)
        if told["refused"]:
            assert told["refused"].startswith("too_large: ")
            continue
        made = OmniCollator(processor, max_length).prepare(row)
        assert told["video_tokens"] == made.tokens["video"] and told["fitted"] == made.clips[0]["fitted"]
        assert abs(told["length"] - made.length) <= 1  # a decoder may give a sample more or less


def test_a_row_that_cannot_be_trained_on_says_why_and_the_others_are_measured(
    small: Path, clips: dict[str, str], training_row: Any, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film" * 100)
    whole = Path(clips["heard"]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    special = training_row("heard", "It says <|im_end|>.")
    rows = [
        training_row("heard"),
        training_row(str(tmp_path / "missing.mp4")),
        training_row(str(tmp_path / "broken.mp4")),
        training_row(str(tmp_path / "cut.mp4")),
        training_row("heard", "word " * 900),
        special,
        {**training_row("heard"), "refused": "no answer at its end"},
        {**training_row("heard"), "messages": None},
        training_row("seen"),
    ]
    told = Measuring(small, 600)({name: [row[name] for row in rows] for name in training_features()})
    assert list(told) == list(measured_features())
    reasons = [said and said.partition(": ")[0] for said in told["refused"]]
    damaged = reasons[3]
    assert damaged in ("damaged", "not_media")
    assert reasons[:3] == [None, "not_found", "not_media"]
    assert reasons[4:] == ["too_long", "not_allowed", "no answer at its end", "TypeError", None]
    assert [length > 0 for length in told["length"]] == [reason is None for reason in reasons]
    assert "missing.mp4" in told["refused"][1]


def test_a_clip_is_looked_at_once_however_many_rows_ask_about_it(
    small: Path, training_row: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looked = []
    look = facts_module.clip_extent
    monkeypatch.setattr(facts_module, "clip_extent", lambda given: looked.append(given["path"]) or look(given))
    path = make_clip(tmp_path / "asked.mp4", 1.0)
    row, missing = training_row(str(path)), training_row(str(tmp_path / "none.mp4"))
    data = {**row, "video": {"path": None, "bytes": path.read_bytes()}}
    told = [Measuring(small).row(one) for one in [row, missing, data] * 4]
    assert looked == [str(path), str(tmp_path / "none.mp4"), None]
    assert told[:3] == told[9:] and told[0] == told[2]


def test_a_bounded_number_of_clips_is_remembered(monkeypatch: pytest.MonkeyPatch, clips: dict[str, str]) -> None:
    monkeypatch.setattr(facts_module, "KEPT_CLIPS", 2)
    monkeypatch.setattr(facts_module, "_FACTS", OrderedDict())
    for path in clips.values():
        clip_facts({"path": path, "bytes": None})
    assert len(facts_module._FACTS) == 2


def test_a_clip_that_comes_later_or_changes_is_measured_anew(small: Path, training_row: Any, tmp_path: Path) -> None:
    path = tmp_path / "later.mp4"
    rows = Dataset.from_list([training_row(str(path))] * 2, features=training_features())
    arguments = CaptionerArguments(datasets=[{"path": "x"}], max_frames=64)
    training = CaptionerSFTConfig(str(tmp_path), use_cpu=True, bf16=False)
    assert measured(rows, arguments, training, small)["refused"][0].startswith("not_found: ")
    lengths = []
    for seconds in (2.0, 5.0):
        make_clip(path, seconds)
        told = measured(rows, arguments, training, small)
        assert told["refused"][0] is None
        lengths.append(told["length"][0])
    assert lengths[0] < lengths[1]


def test_the_fingerprint_is_the_same_for_the_same_counts_and_another_for_a_new_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [Measuring("a", 100, {"fps": 1.0, "max_frames": 8}), Measuring("a", 100, {"max_frames": 8, "fps": 1.0})]
    first = Hasher.hash(made[0])
    assert Hasher.hash(made[1]) == first
    others = [Measuring("a", 101), Measuring("a", 100, seen="x"), Measuring("b", 100), Measuring("a", 100, {}, False)]
    assert len({first, *map(Hasher.hash, others)}) == 5
    monkeypatch.setattr(Measuring, "version", 99)
    assert Hasher.hash(Measuring("a", 100, {"fps": 1.0, "max_frames": 8})) != first


def test_several_processes_measure_as_one_does(small: Path, training_row: Any, tmp_path: Path) -> None:
    rows = Dataset.from_list([training_row(kind) for kind in ("heard", "seen", None, "sound")] * 2)
    rows = rows.cast(training_features())
    training = CaptionerSFTConfig(str(tmp_path), use_cpu=True, bf16=False)
    told = [
        measured(rows, CaptionerArguments(datasets=[{"path": "x"}], plan_workers=workers), training, small)
        for workers in (1, 2)
    ]
    assert told[0].to_list() == told[1].to_list()
    assert told[0].column_names == [*(name for name in training_features() if name != "refused"), *measured_features()]
