"""The base of the tiny recipes, hardly trained: it is saved whole, opens as a captioner, and sees clips unscaled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def tiny() -> Iterator[SimpleNamespace]:
    """The recipes' modules."""
    for package in ("torch", "transformers", "torchvision"):
        pytest.importorskip(package, reason="the packages of the captioner are not installed")
    import make_base
    import score
    import tiny_omni
    import torch
    import world

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield SimpleNamespace(make_base=make_base, score=score, tiny_omni=tiny_omni, world=world)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tiny: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the data and of a base after two steps of everything."""
    output = tmp_path_factory.mktemp("tiny")
    steps = {"seen_steps": 2, "heard_steps": 2, "text_steps": 2, "shown_steps": 2, "checked": 4}
    tiny.make_base.make_base(output, **steps, threads=1, short=30, long=12, spoken=False, processes=1)
    return output


@pytest.fixture(scope="module")
def captioner(base: Path) -> object:
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    return AsidCaptionerForConditionalGeneration.from_pretrained(base / "base")


def test_the_report_tells_each_fact(tiny, base):
    report = json.loads((base / "base_report.json").read_text())
    assert {*tiny.world.VALUES, "long background"} <= set(report["accuracy"])
    assert 1_000_000 < report["parameters"] < 3_000_000


def test_it_is_a_whole_omni(base, captioner):
    from transformers import Qwen2_5OmniForConditionalGeneration, Qwen2_5OmniProcessor

    whole = Qwen2_5OmniForConditionalGeneration.from_pretrained(base / "base")
    assert whole.has_talker
    assert whole.thinker.state_dict().keys() == captioner.state_dict().keys()
    assert (whole.thinker.lm_head.weight == captioner.lm_head.weight).all()
    assert Qwen2_5OmniProcessor.from_pretrained(base / "base").tokenizer.eos_token == "<|im_end|>"


def test_the_ids_are_those_of_the_tokenizer(captioner):
    config, words = captioner.config, captioner.processor.tokenizer
    for name, token in (
        ("audio_token_index", "<|AUDIO|>"),
        ("video_token_index", "<|VIDEO|>"),
        ("image_token_index", "<|IMAGE|>"),
        ("audio_start_token_id", "<|audio_bos|>"),
        ("vision_end_token_id", "<|vision_eos|>"),
    ):
        assert getattr(config, name) == words.convert_tokens_to_ids(token)
    assert config.text_config.vocab_size == len(words)
    text = 'A voice says: "tomato", ünïcode, 日本.\n'
    assert words.decode(words(text)["input_ids"]) == text


def test_the_words_of_the_world_are_one_token_each(tiny, captioner):
    words = captioner.processor.tokenizer
    for value in (*tiny.world.COLOURS, *tiny.world.SHAPES, *tiny.world.BACKGROUNDS):
        assert len(words(f" {value}")["input_ids"]) == 1
    lengths = [
        len(words(tiny.world.paragraph(tiny.world.texts_of(tiny.world.draw_facts(name), name)))["input_ids"])
        for name in tiny.world.name_clips("short", 0, 20)
    ]
    assert max(lengths) < 90


def test_a_clip_is_shown_as_it_is_and_captioned(base, captioner):
    videos = sorted((base / "data" / "videos").glob("*.mp4"))
    long, short = str(videos[0]), str(videos[-1])
    captions = captioner.caption([long, short], ["speech"], max_new_tokens=12)
    assert all(caption.text and caption.error is None for caption in captions)
    # Nine cells a pair of pictures: of 28 pixels each, as the clip has them.
    assert captions[0].tokens["video"] in (5 * 9, 6 * 9)
    assert captions[1].tokens["video"] == 3 * 9


def test_captions_of_held_out_clips_are_marked_in_every_condition(tiny, base, captioner):
    score = tiny.score
    told = score.score(captioner, base, clips=2, conditions=list(score.CONDITIONS), follow=2)
    assert told["clips"]["short"] == 2
    assert list(told["exact"]) == [*score.CONDITIONS, score.LONGER]
    for shares in (*told["exact"].values(), told["chance"], told["majority"]):
        assert shares.keys() == tiny.world.FACTS_OF.keys()
        assert all(0 <= share <= 1 for share in shares.values())
    assert told["chance"]["objects"] == pytest.approx(1 / 12)
    assert told["chance"]["speech"] == pytest.approx(1 / 5)  # without spoken words
    assert told["follow"] == {"one": 0, "several": 0}  # two steps of training
    assert "pictures out of order" in score.render(told)


def test_a_caption_is_right_where_all_facts_of_the_attribute_are(tiny, base):
    world, mark = tiny.world, tiny.score.mark
    true = [world.draw_facts(name) for name in world.name_clips("short", 5, 40)]
    texts = [world.paragraph(world.texts_of(facts, "a")) for facts in true]
    told = [facts.told for facts in true]
    assert all(mark(name, texts, told) == 1 for name in world.FACTS_OF)
    others = texts[1:] + texts[:1]
    for name, facts in world.FACTS_OF.items():
        same = [
            all(one[fact] == other[fact] for fact in facts)
            for one, other in zip(told, told[1:] + told[:1], strict=True)
        ]
        assert mark(name, others, told) == sum(same) / len(same) < 1
        assert mark(name, ["", *texts[1:]], told) == 39 / 40
