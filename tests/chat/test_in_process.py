"""Models in this process: small ones of random weights, loaded and asked for real."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiny_chat_models as tiny
from media_files import make_clip, make_sound

from asid_hf.chat.asking import Asker, asker_of, request_of
from asid_hf.chat.attachments import NO_PICTURES, NO_SOUND, clip_part
from asid_hf.chat.in_process import InProcess
from asid_hf.chat.ledger import Ledger
from asid_hf.chat.local_loading import load_model
from asid_hf.chat.local_model import LocalModel
from asid_hf.chat.messages import ChatBackend, ChatError, ChatReply, ChatRequest, ClipPart, Message
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.chat.shown_clip import show
from asid_hf.errors import EndpointError, MissingExtraError

TORCH = find_spec("torch") is not None and find_spec("transformers") is not None


def spec_of(model: Path, **fields: object) -> ModelSpec:
    sizes = {"max_tokens": 12, "max_pixels": 112 * 112, "max_frames": 8}
    return ModelSpec(str(model), backend="transformers", **{**sizes, **fields})


def request(spec: ModelSpec, *parts: str | ClipPart, seed: int = 0) -> ChatRequest:
    turns = [Message("system", ("you describe the clip",)), Message("user", parts or ("a red car",))]
    return request_of(spec, "describe@1", turns, seed=seed)


def answers(spec: ModelSpec, *requests: ChatRequest) -> list[ChatReply | Exception]:
    """Ask all at once; errors stand where replies would, and each was told of before."""
    told: list[ChatError] = []

    async def on_fault(error: ChatError) -> None:
        told.append(error)

    async def together() -> list:
        backend = InProcess(spec)
        return await asyncio.gather(*(backend.complete(r, on_fault) for r in requests), return_exceptions=True)

    done = asyncio.run(together())
    assert [error for error in done if isinstance(error, ChatError)] == told
    return done


def video(path: Path) -> ClipPart:
    return clip_part({"path": str(path), "bytes": None})


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny.skip_without_torch()
    return tiny.build_text_model(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture(scope="module")
def omni(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny.skip_without_torch("torchvision")
    return tiny.build_omni(tmp_path_factory.mktemp("omni") / "model")


@pytest.mark.skipif(TORCH, reason="torch and transformers are here")
def test_without_its_packages_it_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match="pip install"):
        InProcess(ModelSpec("a-model", backend="transformers"))


def test_it_is_a_backend_whose_answers_are_kept(text_model: Path, tmp_path: Path) -> None:
    spec = spec_of(text_model, extra_body=(("forced_eos_token_id", tiny.WORDS.index("<|im_end|>")),))
    assert isinstance(InProcess(spec), ChatBackend)
    asker = asker_of(spec, str(tmp_path / "ledger.sqlite"))
    first, again = (asyncio.run(asker.ask("annotate", request(spec))) for _ in range(2))
    assert (first.hit, again.hit, again.text) == (False, True, first.text)


def test_temperature_none_and_zero_are_greedy_whatever_the_model_suggests(text_model: Path) -> None:
    texts = {
        reply.text
        for temperature in (None, 0.0)
        for spec in [spec_of(text_model, temperature=temperature)]
        for reply in answers(spec, *(request(spec, seed=seed) for seed in range(3)))
    }
    assert len(texts) == 1 and texts.pop()


def test_a_drawn_reply_depends_on_its_seed_and_on_nothing_asked_before(text_model: Path) -> None:
    spec = spec_of(text_model, temperature=1.0)
    calls = [request(spec, "a man", seed=seed) for seed in range(6)]
    forwards = [reply.text for reply in answers(spec, *calls)]
    backwards = [reply.text for reply in answers(spec, *reversed(calls))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) > 3


def test_drawing_leaves_the_programs_own_random_numbers_alone(text_model: Path) -> None:
    import torch

    spec = spec_of(text_model, temperature=1.0)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    answers(spec, request(spec))
    assert torch.equal(torch.rand(3), expected)


def test_tokens_are_counted_and_the_end_named(text_model: Path) -> None:
    spec = spec_of(text_model, max_tokens=5)
    (reply,) = answers(spec, request(spec))
    assert (reply.output_tokens, reply.finish_reason) == (5, "length")
    turns = "system you describe the clip", "user a red car"
    assert reply.input_tokens == sum(len(turn.split()) + 2 for turn in turns) + 2  # begun and ended, and one begun
    assert reply.latency > 0
    spec = spec_of(text_model, max_tokens=400, temperature=1.5)
    ended = [reply for reply in answers(spec, *(request(spec, seed=seed) for seed in range(5)))]
    assert {reply.finish_reason for reply in ended if not isinstance(reply, ChatError)} == {"stop"}
    assert all("<|" not in reply.text for reply in ended if not isinstance(reply, ChatError))


def test_parameters_reach_the_model_and_unknown_ones_are_refused(text_model: Path) -> None:
    plain, varied = (spec_of(text_model, extra_body=extra) for extra in ((), (("no_repeat_ngram_size", 1),)))
    (repeated,), (new,) = (answers(spec, request(spec)) for spec in (plain, varied))
    assert len(set(repeated.text.split())) < len(repeated.text.split())
    assert len(set(new.text.split())) == len(new.text.split())
    (error,) = answers(wrong := spec_of(text_model, extra_body=(("frequency_penalty", 1.0),)), request(wrong))
    assert error.kind == "rejected" and "frequency_penalty" in str(error)


def test_the_event_loop_goes_on_while_the_model_answers(text_model: Path) -> None:
    spec = spec_of(text_model, max_tokens=300, extra_body=(("min_new_tokens", 300),))

    async def beside() -> int:
        async def on_fault(error: ChatError) -> None: ...

        answering = asyncio.ensure_future(InProcess(spec).complete(request(spec), on_fault))
        ticks = 0
        while not answering.done():
            await asyncio.sleep(0.001)
            ticks += 1
        await answering
        return ticks

    assert asyncio.run(beside()) > 10


def test_a_reply_that_takes_too_long_is_a_timeout(text_model: Path) -> None:
    spec = spec_of(text_model, max_tokens=100_000, timeout=0.2, extra_body=(("min_new_tokens", 4000),))
    (error,) = answers(spec, request(spec))
    assert error.kind == "timeout" and "in 0.2 s" in str(error)


def test_a_cancelled_call_makes_room_for_the_next(text_model: Path) -> None:
    endless = spec_of(text_model, max_tokens=100_000, timeout=250, extra_body=(("min_new_tokens", 50_000),))
    short = spec_of(text_model)

    async def cancel_and_ask() -> ChatReply:
        async def on_fault(error: ChatError) -> None: ...

        task = asyncio.ensure_future(InProcess(endless).complete(request(endless), on_fault))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await InProcess(short).complete(request(short), on_fault)

    assert asyncio.run(asyncio.wait_for(cancel_and_ask(), 60)).output_tokens == 12


def test_more_tokens_than_the_model_takes_are_refused(text_model: Path) -> None:
    spec = spec_of(text_model)
    long, fine = answers(spec, request(spec, "a dog " * 3000), request(spec))
    assert long.kind == "rejected" and "takes 4096" in str(long)
    assert fine.text


def test_running_out_of_memory_is_named_and_the_next_call_is_answered(text_model: Path) -> None:
    beyond = (("num_return_sequences", 10**14),)  # no machine can address it
    spec = spec_of(text_model, temperature=1.0, extra_body=beyond)
    (error,) = answers(spec, request(spec))
    assert error.kind == "overloaded" and "ran out of memory" in str(error)
    assert answers(plain := spec_of(text_model), request(plain))[0].text


def test_what_cannot_be_loaded_ends_the_run(text_model: Path, tmp_path: Path) -> None:
    for model in (tmp_path / "nothing", tmp_path):
        (error,) = answers(spec := spec_of(model), request(spec))
        assert isinstance(error, EndpointError) and "cannot be loaded" in str(error)
    (error,) = answers(spec := spec_of(text_model, accepts=("audio",)), request(spec))
    assert isinstance(error, EndpointError) and "takes no audio" in str(error)
    untaught = tiny.build_text_model(tmp_path / "untaught", template="")
    (error,) = answers(spec := spec_of(untaught), request(spec))
    assert isinstance(error, EndpointError) and "no chat template" in str(error)


def test_weights_that_are_missing_are_not_made_up(text_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    lame = tiny.build_text_model(tmp_path / "lame")
    weights = load_file(lame / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, lame / "model.safetensors", {"format": "pt"})
    with pytest.raises(EndpointError, match=r"lacks weights: 1, as model\.layers\.1\.mlp\.up_proj\.weight"):
        load_model(str(lame))


def test_a_model_is_loaded_once(text_model: Path) -> None:
    from asid_hf.chat import in_process

    answers(first := spec_of(text_model), request(first))
    before = in_process._loaded.cache_info()
    answers(other := spec_of(text_model, max_tokens=3), request(other))
    after = in_process._loaded.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "loud": make_clip(folder / "loud.mp4", 3.0, tone=440.0),
        "silent": make_clip(folder / "silent.mp4", 1.5),
        "sound": make_sound(folder / "sound.wav", 2.0),
        "long": make_clip(folder / "long.mp4", 12.0, rate=2, tone=440.0),
    }


def count(inputs: object, word: str) -> int:
    return int((inputs["input_ids"] == tiny.WORDS.index(word)).sum())


def shown(model: LocalModel, clip: Path, *accepts: str, **fields: object) -> object:
    spec = spec_of(Path(model.name), accepts=accepts, **fields)
    return model.inputs(show(request(spec, video(clip), "describe the clip"), spec, model.sound_in_film))


def test_a_film_is_shown_at_its_true_rate_with_its_sound_inside(omni: Path, clips: dict[str, Path]) -> None:
    inputs = shown(load_model(str(omni)), clips["loud"], "video", "audio", fps=1.0)
    grid, seconds = inputs["video_grid_thw"][0].tolist(), float(inputs["video_second_per_grid"][0])
    assert grid[0] == 2  # four pictures, two and two
    assert seconds == pytest.approx(2 * 2.9 / 3, rel=0.01)  # s a pair: the four lie on 0 to 2.9 s, not one a second
    assert count(inputs, "<|VIDEO|>") == grid[0] * grid[1] * grid[2] // 4
    assert count(inputs, "<|AUDIO|>") == pytest.approx(3.0 * 25, abs=2)
    assert inputs["use_audio_in_video"] is True
    assert (count(inputs, "<|audio_bos|>"), count(inputs, "<|vision_bos|>")) == (1, 1)


def test_a_silent_film_and_sound_alone_are_told_in_words(omni: Path, clips: dict[str, Path]) -> None:
    model = load_model(str(omni))
    silent = shown(model, clips["silent"], "video", "audio")
    assert "input_features" not in silent and "use_audio_in_video" not in silent
    alone = shown(model, clips["sound"], "video", "audio")
    assert "pixel_values_videos" not in alone and count(alone, "<|AUDIO|>") == pytest.approx(50, abs=2)
    spec = spec_of(omni, accepts=("video", "audio"))
    words = [
        part.get("text")
        for name in ("silent", "sound")
        for turn in show(request(spec, video(clips[name])), spec).turns
        for part in turn["content"]
    ]
    assert NO_SOUND in words and NO_PICTURES in words


def test_pictures_are_shown_with_their_times(omni: Path, clips: dict[str, Path]) -> None:
    inputs = shown(load_model(str(omni)), clips["loud"], "frames")
    assert inputs["image_grid_thw"].shape[0] == 6 and "pixel_values_videos" not in inputs
    assert count(inputs, "<|vision_bos|>") == 6
    spec = spec_of(omni, accepts=("frames",))
    content = show(request(spec, video(clips["loud"])), spec).turns[1]["content"]
    assert content[0]["text"] == "At 0.0 s:" and content[1] == {"type": "image"}


@pytest.mark.parametrize("accepts", [("video", "audio"), ("video",), ("audio",), ("frames", "audio"), ()])
def test_a_model_answers_about_clips_of_every_kind(
    omni: Path, clips: dict[str, Path], accepts: tuple[str, ...]
) -> None:
    spec = spec_of(omni, accepts=accepts)
    calls = [request(spec, video(clips[name]), "describe the clip") for name in ("loud", "silent", "sound")]
    replies = answers(spec, *calls)
    assert all(isinstance(reply, ChatReply) and reply.output_tokens > 0 for reply in replies), replies
    if accepts:
        assert len({reply.input_tokens for reply in replies}) == 3


def test_a_clip_that_cannot_be_shown_is_a_fault_of_its_own(omni: Path, clips: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    spec = spec_of(omni, accepts=("video", "audio"))
    broken, long, fine = answers(
        spec, *(request(spec, video(path)) for path in (tmp_path / "broken.mp4", clips["long"], clips["loud"]))
    )
    assert broken.kind == "media"
    assert isinstance(long, ChatReply) and isinstance(fine, ChatReply)
    (limited,) = answers(
        limit := spec_of(omni, accepts=("video",), max_seconds=2.0), request(limit, video(clips["loud"]))
    )
    assert limited.kind == "media" and "takes 2 s (max_seconds)" in str(limited)
    (two,) = answers(spec, request(spec, video(clips["loud"]), video(clips["silent"])))
    assert two.kind == "rejected"


def test_an_omni_is_our_captioner_which_fits_a_clip_into_its_context(omni: Path, clips: dict[str, Path]) -> None:
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    assert type(load_model(str(omni)).model) is AsidCaptionerForConditionalGeneration
    spec = spec_of(omni, accepts=("video", "audio"))
    model = load_model(str(omni))
    call = show(request(spec, video(clips["long"])), spec, model.sound_in_film)
    whole = model.inputs(call)["input_ids"].shape[1]
    assert model.inputs(call, room=4096 - whole + 3)["input_ids"].shape[1] <= whole - 3


def test_a_failed_call_fails_alike_offline(omni: Path, clips: dict[str, Path], tmp_path: Path) -> None:
    spec = spec_of(omni, accepts=("video", "audio"), max_seconds=2.0)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    told = []
    for offline in (False, True):
        with pytest.raises(ChatError) as error:
            call = request(spec, video(clips["long"]), "describe the clip")
            asyncio.run(Asker(InProcess(spec), ledger, offline).ask("annotate", call))
        told.append((error.value.kind, str(error.value)))
    assert told[0] == told[1] and told[0][0] == "media"
