"""Make the data of the tiny recipes: a release in the published layout, of clips whose every fact is known.

    python recipes/tiny/make_data.py --output tiny

writes `tiny/data/annotations/<group>/train/<config>_<group>.jsonl`, `tiny/data/videos/*.mp4`, `tiny/truth.jsonl`. The
group of clips of one to two minutes holds clips of five to six seconds, which stand for long ones. What is there
already is kept, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rendering import write_clip
from tqdm import tqdm
from world import LONG, SHORT, draw_facts, has_voice, name_clips, paragraph, sounds_of, texts_of

from asid_hf.instructions import draw_instruction
from asid_hf.schema import ATTRIBUTES

GROUPS = {"0_30_s_youtube_v0_1": ("short", SHORT), "1_2_m_youtube_v0_1": ("long", LONG)}
"""Group -> kind and lengths (s) of its clips."""

CONFIGS = ("single_attribute", "all_attributes")
OPTIONS, TRUTH = "options.json", "truth.jsonl"


def make_data(
    output: Path, seed: int = 0, short: int = 1600, long: int = 300, spoken: bool | None = None, processes: int = 2
) -> Path:
    """Write the release, or what is missing of it.

    Args:
        output: folder.
        seed: other seeds give other clips.
        short, long: how many clips of each kind.
        spoken: whether some clips have spoken words; None: where the synthesiser is installed.
        processes: how many draw clips.

    Returns:
        The folder of the release, for `load_dataset("asid-1m", ..., data_dir=...)`.

    Raises:
        SystemExit: the folder holds data of other options, or the synthesiser is asked for and missing.

    Example:
        >>> import tempfile
        >>> make_data(Path(tempfile.mkdtemp()), short=2, long=1, spoken=False, processes=1).name
        'data'
    """
    if spoken and not has_voice():
        raise SystemExit("Spoken words need the synthesiser: pip install espeakng-loader==0.2.4, or pass --no-spoken.")
    output.mkdir(parents=True, exist_ok=True)
    note = output / OPTIONS
    had = json.loads(note.read_text()) if note.exists() else {}
    spoken = spoken if spoken is not None else had.get("spoken", has_voice())
    options = {"seed": seed, "short": short, "long": long, "spoken": spoken}
    if had and had != options:
        raise SystemExit(f"{output} holds data of other options: {had}, not {options}. Name another folder.")
    note.write_text(json.dumps(options) + "\n")
    data = output / "data"
    if (output / TRUTH).exists():  # written last
        print(f"{output}: the data is there already")
        return data
    (data / "videos").mkdir(parents=True, exist_ok=True)
    sounds, truth = sounds_of(spoken), []
    for group, (kind, lengths) in GROUPS.items():
        ids = name_clips(kind, seed, options[kind])
        truth += [_truth(clip_id, group, draw_facts(clip_id, sounds, lengths)) for clip_id in ids]
    _write_clips(truth, data / "videos", sounds, processes)
    for group in GROUPS:
        told = [one for one in truth if one["group"] == group]
        if told:
            folder = data / "annotations" / group / "train"
            _write(folder / f"single_attribute_{group}.jsonl", (row for one in told for row in _single_rows(one, seed)))
            _write(folder / f"all_attributes_{group}.jsonl", (_all_row(one, seed) for one in told))
    _write(output / TRUTH, iter(truth))
    print(f"{output}: {len(truth)} clips, {'with' if spoken else 'without'} spoken words")
    return data


def read_truth(output: Path) -> dict[str, dict]:
    """What is true of each clip: video id -> group, facts (as `world.Facts` has them) and the texts of its attributes.

    Example:
        >>> read_truth(Path("tiny"))["short_0_00000"]["facts"]["sound"]  # doctest: +SKIP
        'low'
    """
    with (output / TRUTH).open(encoding="utf-8") as lines:
        return {told["video_id"]: told for told in map(json.loads, lines)}


def _truth(clip_id: str, group: str, facts: object) -> dict:
    return {"video_id": clip_id, "group": group, "facts": asdict(facts), "texts": texts_of(facts, clip_id)}


def _write_clips(truth: list[dict], folder: Path, sounds: tuple[str, ...], processes: int) -> None:
    lengths = dict(GROUPS.values())
    missing = [one["video_id"] for one in truth if not (folder / f"{one['video_id']}.mp4").exists()]
    work = partial(_write_one, folder=folder, sounds=sounds, lengths=lengths)
    with tqdm(total=len(truth), initial=len(truth) - len(missing), desc="clips", mininterval=1) as bar:
        if processes < 2 or len(missing) < 2:
            for clip_id in missing:
                bar.update(work(clip_id))
            return
        # A fresh process would have to import all that this one's script does, which takes longer than many clips.
        with get_context("fork" if sys.platform == "linux" else None).Pool(processes) as pool:
            for count in pool.imap_unordered(work, missing, chunksize=16):
                bar.update(count)


def _write_one(clip_id: str, folder: Path, sounds: tuple[str, ...], lengths: dict[str, tuple[float, ...]]) -> int:
    facts = draw_facts(clip_id, sounds, lengths[clip_id.partition("_")[0]])
    write_clip(folder / f"{clip_id}.mp4", facts, clip_id)
    return 1


def _single_rows(told: dict, seed: int) -> Iterator[dict]:
    for name in ATTRIBUTES:
        yield _row(told, draw_instruction([name], told["video_id"], seed), told["texts"][name])


def _all_row(told: dict, seed: int) -> dict:
    return _row(told, draw_instruction(ATTRIBUTES, told["video_id"], seed), paragraph(told["texts"]))


def _row(told: dict, instruction: str, caption: str) -> dict:
    turns = [{"role": "user", "content": f"<video>{instruction}"}, {"role": "assistant", "content": caption}]
    videos = [f"videos/{told['video_id']}.mp4"]
    return {
        "messages": turns,
        "videos": videos,
        "video_id": told["video_id"],
        "duration": told["facts"]["seconds"],
    }


def _write(path: Path, rows: Iterator[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_suffix(".partial")
    partial_path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    partial_path.replace(path)


def data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the data to a script's.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> data_options(parser)
        >>> parser.parse_args(["--short", "8"]).short
        8
    """
    parser.add_argument("--output", type=Path, default=Path("tiny"), help="folder of all that is made (default: tiny)")
    parser.add_argument("--seed", type=int, default=0, help="other seeds give other clips (default: 0)")
    parser.add_argument("--short", type=int, default=1600, help="clips of 3 s (default: 1600)")
    parser.add_argument("--long", type=int, default=300, help="clips of 5 to 6 s (default: 300)")
    parser.add_argument(
        "--spoken",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether some clips have spoken words (default: where espeakng-loader is installed)",
    )
    parser.add_argument("--processes", type=int, default=2, help="processes that draw clips (default: 2)")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    data_options(options)
    make_data(**vars(options.parse_args()))
