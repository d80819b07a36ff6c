"""Readers of the paper's pool: the YouTube part of LLaVA-Video-178K, and FineVideo."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from asid_hf.errors import MediaError
from asid_hf.verify.from_hub.annotations import read_annotations
from asid_hf.verify.from_hub.archive import ARCHIVES
from asid_hf.verify.from_hub.files import HubOptions, chosen_files
from asid_hf.verify.from_hub.reader import AHEAD, HubVideo, members_of, rows_of, seconds, stem, text
from asid_hf.verify.from_hub.repo import HubRepo

_SPLITS = {"caption": "cap", "open_ended": "oe", "multi_choice": "mc"}  # of LLaVA-Video: what its files are marked by
_FIELDS = {  # of FineVideo
    "duration": ("json.duration_seconds",),
    "file": ("json.original_video_filename", "json.original_json_filename"),
    "title": ("json.youtube_title",),
    "channel": ("json.youtube_channel",),
    "description": ("json.content_metadata.description",),
}


def read_llava_video(repo: HubRepo, path: str, options: HubOptions) -> Iterator[HubVideo]:
    """The videos of one config of LLaVA-Video-178K, each once, in the order of its archives.

    A config is a folder with annotations (`*_cap_processed.json`, `*_oe_*`, `*_mc_*`: JSON arrays whose rows name a
    `video` and hold `conversations`) and archives (`<config>_videos_<n>.tar.gz`). Which video lies in which archive is
    told nowhere: archives are streamed through once to list them, as far as videos are asked for.

    Args:
        repo: the repository.
        path: the config, where `options` name none.
        options: `split` chooses the rows that name the videos, "caption" by default; with `captions` the answers of
            the caption rows are given candidates.

    Yields:
        Videos that a row names and an archive holds.

    Raises:
        MediaError: no such config or split, or annotations or archives that are not to be had.

    Example:
        >>> next(read_llava_video(repo, "", HubOptions(config="0_30_s_youtube_v0_1"))).video_id  # doctest: +SKIP
        'ytb_-2mGjhNd2hA'
    """
    files = repo.files()
    archives = [file for file in files if file.endswith(ARCHIVES)]
    configs = sorted({posixpath.dirname(file) for file in archives})
    config = options.config or path
    if config not in configs:
        raise MediaError(
            "not_found", f"{repo.repo} has videos of these configs: {', '.join(configs)}. Name one with ?config=."
        )
    split = options.split or "caption"
    if split not in _SPLITS:
        raise MediaError("not_found", f"{repo.repo} has no split {split}: it has {', '.join(_SPLITS)}.")
    named: dict[str, list[str]] = {}
    for video in _llava_rows(repo, config, split, answered=False):
        named.setdefault(posixpath.basename(video), []).append(video)
    captions = _llava_rows(repo, config, "caption", answered=True) if options.captions else {}
    for member, archive in members_of(repo, options.ordered(a for a in archives if posixpath.dirname(a) == config)):
        alike = named.get(posixpath.basename(member.name), [])
        video = next((video for video in alike if _same_file(video, member.name)), None)
        if video is not None:
            alike.remove(video)  # an archive may hold it again
            yield HubVideo(
                path=repo.address(archive, member.name).text,
                video_id=stem(member.name),
                place=f"{config}/{member.name}",
                source=f"{repo.repo}/{config}",
                captions=tuple(captions.get(video, ())),
            )


def _same_file(one: str, other: str) -> bool:
    """Whether two paths may be of one file, where either may leave out its first folders."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _llava_rows(repo: HubRepo, config: str, split: str, answered: bool) -> dict[str, list[str]]:
    """The videos that a split's rows name, and, if wanted, the answers in those rows."""
    mark = re.compile(rf"{re.escape(config)}/[^/]*{_SPLITS[split]}[^/]*\.json")
    answers: dict[str, list[str]] = {}
    for file in filter(mark.fullmatch, repo.files()):
        for row in read_annotations(repo.download(file)):
            if isinstance(row.get("video"), str):
                texts = answers.setdefault(row["video"].removeprefix("./"), [])
                texts += _answers(row) if answered else []
    return answers


def _answers(row: dict) -> list[str]:
    turns = row.get("conversations")
    turns = [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    said = (turn.get("value") for turn in turns if turn.get("from") == "gpt")
    return [answer.strip() for answer in said if isinstance(answer, str) and answer.strip()]


def read_finevideo(repo: HubRepo, path: str, options: HubOptions) -> Iterator[HubVideo]:
    """The videos of FineVideo, from its metadata: parquet shards with `mp4` (bytes) and `json` (a struct).

    Of a shard only the fields needed are read, so that a duration out of range costs nothing. Title and channel, by
    which its licence asks to be named, go into `source`; with `captions` its description is a given candidate. Its
    transcript is left where it is: speech is recognised here.

    Args:
        repo: the repository.
        path: a shard or a pattern of some; "" for all.
        options: see `HubOptions`.

    Yields:
        Videos in the order of the shards.

    Raises:
        MediaError: no such shard, or not to be had; the dataset is gated.

    Example:
        >>> next(read_finevideo(repo, "", HubOptions())).duration  # doctest: +SKIP
        208.0
    """
    shards = [file for file in chosen_files(repo, path, options) if file.endswith(".parquet")]
    for shard, rows in rows_of(repo, shards, _FIELDS, ahead=1 if options.limit else AHEAD):
        for row in rows:
            made = ": ".join(filter(None, [text(row["channel"]), text(row["title"])]))
            described = text(row["description"])
            yield HubVideo(
                path=repo.address(shard, f"{options.column or 'mp4'}/{row['row']}").text,
                video_id=stem(text(row["file"])) or f"{stem(shard)}-{row['row']:05d}",
                place=f"{stem(shard)}-{row['row']:05d}",
                source=f"{repo.repo} ({made})" if made else repo.repo,
                duration=seconds(row["duration"]),
                captions=(described,) if options.captions and described else (),
            )
