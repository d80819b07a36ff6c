"""From a clip's path to a model's inputs: `AsidCaptionerProcessor` beside the reference path; and batched captioning.

    python benchmarks/processing.py --clip FILM

cuts 4, 30 and 120 s out of FILM at 360p and prints medians of alternating runs in fresh processes (a run does it once
for the memory, then thrice, warm, for the median time), and the median of the ratios of each run to the one beside it:
(a) `qwen_omni_utils.process_mm_info` and `Qwen2_5OmniProcessor`, as its own page has it, beside one call of ours: same
    pixel budget, 2 frames a second, sound among the pictures; wall time, added peak memory, whether the tokens and
    grids are the same, and how far the pixels (other scalers: swscale here, torchvision there) and the log-mel spectra
    (swresample here, soxr there) lie apart;
(b) captions of 16 clips by a small random model, in batches of 8 sorted by length, beside one by one.

(a) needs the peer, and what it needs, in the environment that runs this: pip install "qwen-omni-utils==0.0.9"
"torchcodec>=0.17" librosa, and FFmpeg (its libraries for torchcodec, its program for audioread). Without the peer it
shows our side alone. The vocabulary is the real one, out of the folder that ASID_HF_TEST_CLIPS names
(`python tests/real_clips.py DIR`). Memory is read from /proc: Linux.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from media_loading import _peak, cut

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
PIXELS = {"min_pixels": 128 * 28 * 28, "total_pixels": 50 * 512 * 28 * 28}
FRAME_PIXELS = 512 * 28 * 28
WARM = 3
MEASURED = ("seconds", "memory")


def main() -> None:
    """Make the clips and a small model, run both comparisons, print one line a side."""
    options = _arguments()
    if options.side:
        print(json.dumps(_measure(options.side, options.clip, options.model, options.keep)))
        return
    import tiny_captioners

    with tempfile.TemporaryDirectory() as folder:
        model = tiny_captioners.build_whole_omni(Path(folder, "omni"), Path(folder, "vocabulary"))
        peer = importlib.util.find_spec("qwen_omni_utils") is not None
        if not peer:
            print('The peer is absent: pip install "qwen-omni-utils==0.0.9" "torchcodec>=0.17" librosa')
        for seconds in () if options.generation_only else options.seconds:
            clip = cut(options.clip, Path(folder) / f"{seconds}s.mp4", 360, options.start, seconds)
            print(f"\n{seconds:g} s at 360p, {options.runs} runs a side")
            _compare([*(["peer"] if peer else []), "ours"], clip, model, options.runs, Path(folder))
        clips = [
            cut(options.clip, Path(folder) / f"g{place}.mp4", 120, options.start + 3 * place, 1.5 + place % 4)
            for place in range(16)
        ]
        _generation(clips, model, options.runs)


def _arguments() -> argparse.Namespace:
    default = Path(os.environ.get("ASID_HF_TEST_CLIPS", ".")) / "bbb.mp4"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=default, help="a film of over 200 s (default: %(default)s)")
    parser.add_argument("--start", type=float, default=60.0, help="where the cuts begin, s")
    parser.add_argument("--seconds", type=float, nargs="+", default=[4, 30, 120], help="lengths of the cuts, s")
    parser.add_argument("--runs", type=int, default=5, help="runs a side, alternating (default: %(default)s)")
    parser.add_argument("--generation-only", action="store_true", help="only (b), which needs no peer")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        parser.error(f"{options.clip} does not exist: give --clip or set ASID_HF_TEST_CLIPS")
    return options


def _compare(sides: list[str], clip: Path, model: Path, runs: int, folder: Path) -> None:
    results: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            kept = folder / f"{side}.npz"
            results[side].append(in_fresh_process(__file__, side=side, clip=clip, model=model, keep=kept))
    for side, told in results.items():
        seconds, memory = (statistics.median(run[key] for run in told) for key in MEASURED)
        print(
            f"  {side:5} {seconds:7.3f} s, memory +{memory:5.0f} MB, {told[0]['tokens']} tokens, grid {told[0]['grid']}"
        )
    if len(sides) == 2:
        pairs = list(zip(*results.values(), strict=True))
        faster = statistics.median(peer["seconds"] / ours["seconds"] for peer, ours in pairs)
        memory = statistics.median(ours["memory"] / peer["memory"] for peer, ours in pairs)
        print(f"  ours is {faster:.1f} times as fast, with {memory:.2f} of the memory")
        _show_apart(*(np.load(folder / f"{side}.npz") for side in sides))


def _show_apart(theirs: Any, ours: Any) -> None:
    """Print which inputs are equal, and how far apart the others lie."""
    for name in ("input_ids", "video_grid_thw", "video_second_per_grid"):
        equal = np.array_equal(theirs[name], ours[name])
        print(f"  {name}: {'equal' if equal else f'{theirs[name]} there, {ours[name]} here'}")
    for name, what, scale in (
        ("pixel_values_videos", "pixels, of 255", 255 * 0.27),  # what they are divided by when normalised
        ("input_features", "log-mel spectra, of -1 to 1.5", 1),
    ):
        if name in ours and (name not in theirs or len(theirs[name]) != len(ours[name])):
            print(f"  {what}: there {theirs[name].shape if name in theirs else 'none'}, here {ours[name].shape}")
        elif name in ours:
            apart = scale * np.abs(theirs[name][..., : ours[name].shape[-1]] - ours[name])
            print(f"  {what}: {apart.mean():.4f} apart in the mean, 99th percentile {np.quantile(apart, 0.99):.3f}")


def in_fresh_process(script: str, **options: object) -> dict[str, Any]:
    """What a script prints last, as JSON, when it is run with these options in a process of its own."""
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths, "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure(side: str, clip: Path, model: Path, keep: Path) -> dict[str, Any]:
    """In a fresh process: added peak memory of the first time, median seconds of the next ones."""
    process = SIDES[side](model)
    before = _peak(reset=True)
    inputs = process(clip)
    memory = (_peak() - before) / 1e6
    told = {"tokens": inputs["input_ids"].shape[1], "grid": inputs["video_grid_thw"][0].tolist()}
    np.savez(keep, **{name: np.asarray(value) for name, value in inputs.items()})
    del inputs
    times = []
    for _ in range(WARM):
        start = time.perf_counter()
        process(clip)
        times.append(time.perf_counter() - start)
    return {"seconds": statistics.median(times), "memory": memory, **told}


def _talk(clip: Path, **more: Any) -> list[dict]:
    video = {"type": "video", "video": str(clip), **more}
    return [{"role": "user", "content": [video, {"type": "text", "text": "Describe the video."}]}]


def _ours(model: Path) -> Callable[[Path], Any]:
    from asid_hf.captioner import AsidCaptionerProcessor

    processor = AsidCaptionerProcessor.from_pretrained(model)
    options = {"tokenize": True, "return_dict": True, "add_generation_prompt": True, "frame_pixels": FRAME_PIXELS}
    return lambda clip: processor.apply_chat_template(_talk(clip), **options, **PIXELS)


def _peer(model: Path) -> Callable[[Path], Any]:
    from qwen_omni_utils import process_mm_info
    from transformers import Qwen2_5OmniProcessor

    processor = Qwen2_5OmniProcessor.from_pretrained(model)
    processor.video_processor.cap_pixels_per_frame = True

    def process(clip: Path) -> Any:
        talk = _talk(clip, max_pixels=FRAME_PIXELS, **PIXELS)
        audio, images, videos = process_mm_info(talk, use_audio_in_video=True)
        text = processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        media = {"audio": audio, "images": images, "videos": videos, "fps": 2.0, "do_sample_frames": False}
        heard = {"load_audio_from_video": True, "audio_from_video_indices": [0]}
        return processor(text=text, return_tensors="pt", padding=True, **media, **heard)

    return process


def _generation(clips: list[Path], model: Path, runs: int) -> None:
    """Clips a second, in batches and one by one; both sides in turn."""
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration

    captioner = AsidCaptionerForConditionalGeneration.from_pretrained(model)
    sides = {"one by one": 1, "batches of 8": 8}
    times: dict[str, list[float]] = {side: [] for side in sides}
    captioner.caption(clips[:2], max_new_tokens=4)
    for _ in range(runs):
        for side, size in sides.items():
            start = time.perf_counter()
            captioner.caption(clips, batch_size=size, max_new_tokens=64)
            times[side].append(time.perf_counter() - start)
    print(f"\n{len(clips)} clips of 1.5 to 4.5 s, 64 new tokens each, {runs} runs a side")
    for side, told in times.items():
        print(f"  {side:12} {len(clips) / statistics.median(told):6.2f} clips/s")
    ratio = statistics.median(one / many for one, many in zip(*times.values(), strict=True))
    print(f"  batches are {ratio:.2f} times as fast")


SIDES = {"ours": _ours, "peer": _peer}

if __name__ == "__main__":
    main()
