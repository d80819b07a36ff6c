"""Loading a clip: `asid_hf.media.open_clip` beside `qwen_omni_utils.process_mm_info`, and the cost of measuring.

    python benchmarks/media_loading.py --clip FILM

cuts 30 s out of FILM at 360p and at 720p (PyAV, x264, AAC) and prints medians of alternating runs in fresh processes
(a run loads the clip once for the memory, then thrice, warm, for the median time), and the median of the ratios of each
run to the one beside it, which a busy machine moves less:
(a) frames and sound inside the same pixel budget, beside the reference: wall and processor time, added peak memory,
    frames and their size, how far the pixels lie apart;
(b) the evidence pass without speech and text (small pictures, sound, and the sensors for sound, shots, camera and
    light) beside decoding alone (PyAV, threads AUTO, nothing converted); with --evidence-only nothing else;
(c) with --whole, one run over the whole film with everything: what a long clip costs.

(a) needs the peer in the environment that runs this: pip install "qwen-omni-utils==0.0.9" torch torchvision torchcodec
librosa, and FFmpeg (its libraries for torchcodec, its program for audioread). Without the peer it shows our side alone.
(b) needs asid_hf[embedded]. Memory is read from /proc: Linux.
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

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
BUDGET = {"min_pixels": 128 * 28 * 28, "total_pixels": 50 * 512 * 28 * 28}
FRAME_PIXELS = 512 * 28 * 28
MEASURED = ("seconds", "processor", "memory")
WARM_LOADS = 3


def main() -> None:
    """Cut the clips, run both comparisons at both sizes, print one line a side."""
    options = _arguments()
    if options.side:
        print(json.dumps(_measure(options.side, options.clip, options.keep)))
        return
    peer = importlib.util.find_spec("qwen_omni_utils") is not None
    if not peer and not options.evidence_only:
        print('The peer is absent: pip install "qwen-omni-utils==0.0.9" torch torchvision torchcodec librosa')
    with tempfile.TemporaryDirectory() as folder:
        for height in options.heights:
            clip = cut(options.clip, Path(folder) / f"{height}p.mp4", height, options.start, options.seconds)
            print(f"\n{height}p, {options.seconds:g} s of {options.clip.name}, {options.runs} runs a side")
            if not options.evidence_only:
                _compare("peer" if peer else None, "loading", clip, options.runs)
            _compare("decoding", "evidence", clip, options.runs)
    if options.whole:
        print(f"\nall of {options.clip.name}, one run")
        _compare(None, "everything", options.clip, runs=1)


def _arguments() -> argparse.Namespace:
    default = Path(os.environ.get("ASID_HF_TEST_CLIPS", ".")) / "bbb.mp4"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=default, help="a film of over 90 s (default: %(default)s)")
    parser.add_argument("--start", type=float, default=60.0, help="where the cut begins, s")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the cut is, s")
    parser.add_argument("--heights", type=int, nargs="+", default=[360, 720], help="sizes to measure")
    parser.add_argument("--runs", type=int, default=7, help="runs a side, alternating (default: %(default)s)")
    parser.add_argument("--evidence-only", action="store_true", help="only (b), which needs no peer")
    parser.add_argument("--whole", action="store_true", help="measure the whole film too")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        parser.error(f"{options.clip} does not exist: give --clip or set ASID_HF_TEST_CLIPS")
    return options


def cut(source: Path, target: Path, height: int, start: float, seconds: float) -> Path:
    """Transcode `seconds` of `source` from `start` on to H.264 of `height` lines and AAC; return `target`."""
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        seen = film.streams.video[0]
        width = round(seen.width * height / seen.height / 2) * 2
        picture = out.add_stream("libx264", rate=seen.average_rate, width=width, height=height, pix_fmt="yuv420p")
        heard = film.streams.audio[0] if film.streams.audio else None
        sound = out.add_stream("aac", rate=heard.rate) if heard else None
        film.seek(int(start * 1_000_000))
        for packet in film.demux([stream for stream in (seen, heard) if stream]):
            for frame in packet.decode():
                if frame.time < start or frame.time >= start + seconds:
                    continue
                stream = picture if packet.stream is seen else sound
                frame.pts -= round(start / frame.time_base)
                if stream is picture:
                    frame.pict_type = 0  # let the encoder choose
                out.mux(stream.encode(frame))
            if packet.stream is seen and packet.pts is not None and packet.pts * packet.time_base > start + seconds + 1:
                break
        for stream in filter(None, (picture, sound)):
            out.mux(stream.encode(None))
    return target


def _compare(left: str | None, right: str, clip: Path, runs: int) -> None:
    """Run both sides alternately in fresh processes; print medians, and the median ratio of runs beside each other."""
    sides = [side for side in (left, right) if side]
    with tempfile.TemporaryDirectory() as folder:
        results: dict[str, list[dict]] = {side: [] for side in sides}
        for _ in range(runs):
            for side in sides:
                results[side].append(_run(side, clip, Path(folder) / f"{side}.npy"))
        for side in sides:
            seconds, processor, memory = (statistics.median(run[key] for run in results[side]) for key in MEASURED)
            shape = results[side][0]["shape"]
            print(f"  {side:10} {seconds:7.3f} s, processor {processor:7.3f} s, memory +{memory:5.0f} MB  {shape}")
        if left:
            pairs = list(zip(results[right], results[left], strict=True))
            time, processor, memory = (statistics.median(new[key] / old[key] for new, old in pairs) for key in MEASURED)
            print(f"  {right} : {left} = {time:.2f} in time, {processor:.2f} in processor time, {memory:.2f} in memory")
        if left == "peer":
            theirs, ours = (np.load(Path(folder) / f"{side}.npy").astype(np.float32) for side in sides)
            same = theirs.shape == ours.shape
            print(f"  mean absolute difference {np.abs(theirs - ours).mean():.2f} of 255" if same else "  sizes differ")


def _run(side: str, clip: Path, keep: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--side", side, "--clip", str(clip), "--keep", str(keep)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure(side: str, clip: Path, keep: Path) -> dict[str, Any]:
    """In a fresh process: added peak memory of the first load, median time of the next ones."""
    load = SIDES[side]()
    before = _peak(reset=True)
    result = load(clip)
    memory = (_peak() - before) / 1e6
    if result is not None:
        np.save(keep, result.astype(np.uint8))
    shape = list(result.shape) if result is not None else ""
    del result
    timed = [_timed(load, clip) for _ in range(WARM_LOADS)]
    seconds, processor = (statistics.median(times) for times in zip(*timed, strict=True))
    return {"seconds": seconds, "processor": processor, "memory": memory, "shape": shape}


def _timed(load: Callable, clip: Path) -> tuple[float, float]:
    """Wall and processor time of a load, s; with the children's, for the peer runs the program ffmpeg."""
    start, busy = time.perf_counter(), sum(os.times()[:4])
    load(clip)
    return time.perf_counter() - start, sum(os.times()[:4]) - busy


def _peak(reset: bool = False) -> float:
    """Bytes of memory at the highest since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024.0 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def _loading() -> Callable[[Path], np.ndarray]:
    from asid_hf.media import open_clip

    return lambda clip: open_clip(clip, frame_pixels=FRAME_PIXELS, **BUDGET).frames


def _peer() -> Callable[[Path], np.ndarray]:
    from qwen_omni_utils import process_mm_info

    def load(clip: Path) -> np.ndarray:
        video = {"type": "video", "video": str(clip), "max_pixels": FRAME_PIXELS, **BUDGET}
        return process_mm_info([{"role": "user", "content": [video]}], use_audio_in_video=True)[2][0].numpy()

    return load


def _decoding() -> Callable[[Path], None]:
    def load(clip: Path) -> None:
        with av.open(str(clip)) as container:
            for stream in container.streams:
                stream.thread_type = "AUTO"
            for _ in container.decode(container.streams.video[0], *container.streams.audio[:1]):
                pass

    return load


def _evidence() -> Callable[[Path], None]:
    from asid_hf.verify.clips import hear_clip
    from asid_hf.verify.observe import measure
    from asid_hf.verify.transcribe import SENSORS

    def load(path: Path) -> None:
        if failures := measure(hear_clip(path, stills=False), dict.fromkeys(SENSORS), screen_text=False):
            raise SystemExit(f"not measured: {failures}")

    return load


def _everything() -> Callable[[Path], np.ndarray]:
    from asid_hf.media import open_clip

    return lambda path: open_clip(path, analysis=True).frames


SIDES = {"peer": _peer, "loading": _loading, "decoding": _decoding, "evidence": _evidence, "everything": _everything}

if __name__ == "__main__":
    main()
