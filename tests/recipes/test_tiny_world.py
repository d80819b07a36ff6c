"""The small world of the tiny recipes: what is drawn, told and read back, the files, and the data they are part of."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import asid_hf  # noqa: F401, makes "asid-1m" known
from asid_hf.media import open_clip
from asid_hf.schema import ATTRIBUTES

TINY = Path(__file__).parents[2] / "recipes" / "tiny"
SIDE = 84


@pytest.fixture(scope="module")
def tiny() -> SimpleNamespace:
    """The recipes' modules."""
    import make_data
    import rendering
    import world

    return SimpleNamespace(world=world, rendering=rendering, make_data=make_data)


def every_clip(world, count: int = 400, **options) -> list:
    return [(clip_id, world.draw_facts(clip_id, **options)) for clip_id in world.name_clips("short", 7, count)]


def test_an_id_has_the_same_facts_and_each_fact_is_drawn_evenly(tiny):
    world = tiny.world
    clips = every_clip(world, 2000, sounds=world.sounds_of(spoken=True))
    assert clips == every_clip(world, 2000, sounds=world.sounds_of(spoken=True))
    for name, values in world.VALUES.items():
        counts = Counter(getattr(facts, name) for _, facts in clips)
        assert set(counts) == set(values)
        assert max(counts.values()) < 1.35 * 2000 / len(values)
    silent = Counter(facts.track for _, facts in clips if facts.sound == "silence")
    assert abs(silent[True] - silent[False]) < 80
    assert all(facts.track for _, facts in clips if facts.sound != "silence")


def test_facts_are_independent_of_each_other(tiny):
    clips = every_clip(tiny.world, 4000)
    for one, other in itertools.combinations([*tiny.world.FACTS_OF["objects"], "background", "direction", "camera"], 2):
        pairs = Counter((getattr(facts, one), getattr(facts, other)) for _, facts in clips)
        wanted = len(tiny.world.VALUES[one]) * len(tiny.world.VALUES[other])
        assert len(pairs) == wanted
        assert max(pairs.values()) < 1.5 * 4000 / wanted


def test_spoken_words_change_nothing_but_the_sound(tiny):
    world = tiny.world
    for (clip_id, with_words), (_, without) in zip(
        every_clip(world, sounds=world.sounds_of(spoken=True)), every_clip(world), strict=True
    ):
        one, other = with_words.told, without.told
        del one["sound"], other["sound"]
        assert one == other, clip_id


@pytest.mark.parametrize("wording", ["dataset", "base"])
def test_every_wording_is_read_back(tiny, wording):
    world = tiny.world
    for clip_id, facts in every_clip(world, sounds=world.sounds_of(spoken=True)):
        texts = world.texts_of(facts, clip_id, wording)
        assert list(texts) == list(ATTRIBUTES)
        assert world.read_facts(world.paragraph(texts)) == facts.told
        for name, text in texts.items():
            told = {fact: value for fact, value in world.read_facts(text).items() if value is not None}
            assert told == {fact: facts.told[fact] for fact in world.FACTS_OF.get(name, ())}


def test_every_sentence_tells_of_its_own_attribute_alone(tiny):
    for name, sentences in tiny.world.all_sentences().items():
        for sentence in sentences:
            assert tiny.world.attributes_told(sentence) == {name}, sentence
            assert 3 <= len(sentence.split()) <= 10


@pytest.mark.parametrize("count", [2, 3, 8])
def test_the_attributes_of_several_sentences_are_told_apart(tiny, count):
    world = tiny.world
    for number, (clip_id, facts) in enumerate(every_clip(world, 56)):
        chosen = list(itertools.combinations(ATTRIBUTES, count))
        names = chosen[number % len(chosen)]
        for wording in (world.DATASET, world.BASE):
            texts = world.texts_of(facts, clip_id, wording)
            assert world.attributes_told(" ".join(texts[name] for name in names)) == set(names)
            labelled = "\n\n".join(f"{name.replace('_', ' ').capitalize()}: {texts[name]}" for name in names)
            assert world.attributes_told(labelled) == set(names)


def test_what_is_told_twice_differently_or_not_at_all_is_not_read(tiny):
    world = tiny.world
    clips = every_clip(world, 40)
    for (clip_id, facts), (other_id, others) in itertools.pairwise(clips):
        both = world.paragraph(world.texts_of(facts, clip_id)) + world.paragraph(world.texts_of(others, other_id))
        for name, value in world.read_facts(both).items():
            assert value == (facts.told[name] if facts.told[name] == others.told[name] else None)
    assert set(world.read_facts("").values()) == {None}
    assert world.attributes_told("") == set()


def test_the_wordings_have_no_sentence_in_common_and_few_words(tiny):
    world = tiny.world
    ours, others = (
        {text for own in world.all_sentences([wording]).values() for text in own}
        for wording in (world.DATASET, world.BASE)
    )
    assert not ours & others
    assert len({word for text in ours | others for word in text.lower().strip(".").split()}) < 250


def test_a_clip_is_opened_as_its_facts_say_and_has_the_same_bytes_again(tiny, tmp_path):
    world, rendering = tiny.world, tiny.rendering
    clips = [clip for clip in every_clip(world) if clip[1].sound == "silence"][:6] + every_clip(world)[:8]
    assert {facts.track for _, facts in clips} == {True, False}
    for clip_id, facts in clips:
        path, again = tmp_path / f"{clip_id}.mp4", tmp_path / "again.mp4"
        rendering.write_clip(path, facts, clip_id)
        rendering.write_clip(again, facts, clip_id)
        assert path.read_bytes() == again.read_bytes()
        clip = open_clip(str(path), fps=2, min_pixels=SIDE * SIDE, frame_pixels=SIDE * SIDE)
        assert clip.frames.shape == (6, 3, SIDE, SIDE)
        assert (clip.audio is not None) == facts.track
        assert clip.duration == pytest.approx(3, abs=0.1)
        drawn = rendering.pictures(facts, clip_id, rendering.seen_times(facts.seconds))
        # What the codec costs, to the last column.
        assert abs(clip.frames.astype(int) - drawn).mean(axis=(0, 1, 2)).max() < 12
        if facts.track:
            assert (abs(clip.audio).max() < 1e-3) == (facts.sound == "silence")


def test_what_stays_in_the_picture_and_what_moves(tiny):
    world, rendering = tiny.world, tiny.rendering
    made = {"background": "sky", "colour": "white", "shape": world.SHAPES[0], "sound": "low", "track": True}
    for direction, camera in itertools.product(("still", "left"), world.CAMERAS):
        facts = world.Facts(**made, direction=direction, camera=camera, seconds=3.0)
        first, last = rendering.pictures(facts, "clip", np.array([0.0, 2.5])).astype(int)
        assert (abs(first - last).mean() > 1) == (direction != "still" or camera != "static")


def test_a_zoom_backwards_is_the_other_zoom(tiny):
    world, rendering = tiny.world, tiny.rendering
    made = {"background": "wall", "colour": "red", "shape": "circle", "sound": "low", "track": True, "seconds": 3.0}
    times = np.array([0.5, 1.5, 2.5])
    inward, outward = (
        rendering.pictures(world.Facts(**made, direction="still", camera=camera), "clip", times)
        for camera in ("zoom_in", "zoom_out")
    )
    assert np.array_equal(inward, outward[::-1])
    assert abs(inward[0].astype(int) - inward[-1]).mean() > 5


def test_a_voice_is_heard_where_it_is_installed(tiny):
    world, rendering = tiny.world, tiny.rendering
    if not world.has_voice():
        pytest.skip("pip install espeakng-loader==0.2.4")
    clip_id, facts = next(
        clip for clip in every_clip(world, sounds=world.sounds_of(spoken=True)) if clip[1].sound in world.WORDS
    )
    track = rendering.soundtrack(facts, clip_id)
    assert len(track) == 48000
    assert abs(track).max() > 0.05
    # It is said the same way when it was said before, and by another process.
    rendering._voices.cache_clear()
    assert (rendering.soundtrack(facts, clip_id) == track).all()
    code = f"import sys; sys.path.insert(0, {str(TINY)!r}); from rendering import soundtrack; from world import *; "
    code += f"print(soundtrack(draw_facts({clip_id!r}, sounds_of(True)), {clip_id!r}).tobytes().hex()[:4000:7])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == track.tobytes().hex()[:4000:7]


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("tiny")
    tiny.make_data.make_data(output, seed=3, short=24, long=6, spoken=False, processes=1)
    return output


def test_the_data_is_loaded_as_a_release(tiny, made):
    from datasets import load_dataset

    rows = load_dataset(
        "asid-1m",
        "single_attribute",
        data_dir=str(made / "data"),
        with_video=True,
        videos=str(made / "data" / "videos"),
        held_out=0.2,
    )
    assert len(rows["train"]) + len(rows["validation"]) == 8 * 30
    assert not set(rows["train"]["video_id"]) & set(rows["validation"]["video_id"])
    truth = tiny.make_data.read_truth(made)
    for row in rows["train"]:
        (name,) = row["attributes"]
        assert row["caption"] == truth[row["video_id"]]["texts"][name]
        assert Path(row["video"]["path"]).is_file()
        assert json.loads(row["extra"])["duration"] == truth[row["video_id"]]["facts"]["seconds"]
    assert set(rows["train"]["group"]) == set(tiny.make_data.GROUPS)
    whole = load_dataset("asid-1m", "all_attributes", data_dir=str(made / "data"), split="train")
    assert len(whole) == 30
    assert all(tiny.world.attributes_told(text) == set(ATTRIBUTES) for text in whole["caption"])


def test_long_clips_are_as_long_as_is_told(tiny, made):
    truth = tiny.make_data.read_truth(made)
    long = [told for told in truth.values() if told["video_id"].startswith("long")]
    assert len(long) == 6
    for told in long:
        clip = open_clip(str(made / "data" / "videos" / f"{told['video_id']}.mp4"), audio=False)
        assert clip.duration == pytest.approx(told["facts"]["seconds"], abs=0.1)


def test_what_is_there_is_kept_and_what_is_missing_is_made_again(tiny, made, tmp_path, capsys):
    options = {"seed": 3, "short": 24, "long": 6, "spoken": False, "processes": 1}
    files = {path: path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()}
    tiny.make_data.make_data(made, **options)
    assert "already" in capsys.readouterr().out
    (made / "truth.jsonl").unlink()
    next((made / "data" / "videos").iterdir()).unlink()
    tiny.make_data.make_data(made, **options)
    assert {path: path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()} == files
    with pytest.raises(SystemExit, match="other options"):
        tiny.make_data.make_data(made, **{**options, "seed": 4})
