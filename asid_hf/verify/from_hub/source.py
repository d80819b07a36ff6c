"""A dataset on the Hub as input: `hf://datasets/<owner>/<name>`, listed without fetching a video."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.from_hub.access import trust
from asid_hf.verify.from_hub.address import HubAddress, parse_address
from asid_hf.verify.from_hub.any import read_any
from asid_hf.verify.from_hub.files import HubOptions
from asid_hf.verify.from_hub.pool import read_finevideo, read_llava_video
from asid_hf.verify.from_hub.reader import HubVideo, Reader
from asid_hf.verify.from_hub.repo import HubRepo, open_repo
from asid_hf.verify.inputs import MAX_CAPTION

READERS: dict[str, Reader] = {
    "lmms-lab/llava-video-178k": read_llava_video,
    "huggingfacefv/finevideo": read_finevideo,
}
_MAX_ID = 200  # characters


def hub_records(given: str, options: HubOptions | None = None) -> list[dict]:
    """List the videos of a dataset on the Hub, each with an address that never changes.

    Args:
        given: hf://datasets/<owner>/<name>, then, where wanted, @<revision>, /<file, folder or pattern>, and
            ?<option>=<value>&... with the options of `HubOptions`.
        options: for what the address leaves open.

    Returns:
        Records as `asid_hf.verify.inputs.new_rows` takes them: `video` (whose path is an address at a commit),
        `video_id`, `source`, and `captions` where asked for.

    Raises:
        InputError: the address or an option cannot be understood, there is no such dataset, it is gated or not to be
            had, or holds no video that fits.

    Example:
        >>> hub_records("hf://datasets/HuggingFaceFV/finevideo?limit=1&max_duration=180")  # doctest: +SKIP
        [{'video': 'hf://datasets/HuggingFaceFV/finevideo@8b1d.../data/train-00000-of-01357.parquet#mp4/0', ...}]
    """
    from huggingface_hub.utils import tqdm

    address = parse_address(given)
    options = _asked(address, options or HubOptions())
    try:
        repo = open_repo(address.repo, address.revision)
        trust(repo.repo)
        fitting = (video for video in _videos(repo, address, options) if _fits(video.duration, options))
        videos = tqdm(_named(itertools.islice(fitting, options.limit)), desc=f"listing {repo.repo}", unit=" videos")
        records = [_record(video) for video in videos]
    except MediaError as error:
        raise InputError(str(error)) from error
    if not records:
        raise InputError(f"{given} holds no video that fits. Check the path, the split and the durations asked for.")
    return records


def _asked(address: HubAddress, options: HubOptions) -> HubOptions:
    """The options with those of the address in their place."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(HubOptions)}
    given = {}
    for name, value in parse_qsl(address.query, keep_blank_values=True):
        if name not in kinds:
            raise InputError(f"{name!r} is no option of a dataset's address. Allowed: {', '.join(kinds)}.")
        given[name] = _value(name, value, kinds[name])
    return dataclasses.replace(options, **given)


def _value(name: str, value: str, kind: str) -> object:
    try:
        if "bool" in kind:
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        return int(value) if "int" in kind else float(value) if "float" in kind else value
    except (ValueError, KeyError):
        allowed = "true or false" if "bool" in kind else "a number"
        raise InputError(f"{name}={value!r} cannot be understood. Give {allowed}.") from None


def _videos(repo: HubRepo, address: HubAddress, options: HubOptions) -> Iterator[HubVideo]:
    if address.member is not None:
        one = repo.address(address.path, address.member)
        return iter([HubVideo(one.text, one.name, one.member, repo.repo)])
    return READERS.get(repo.repo.lower(), read_any)(repo, address.path, options)


def _fits(duration: float | None, options: HubOptions) -> bool:
    """Whether a video is to be fetched; one of unknown duration is."""
    low, high = options.min_duration or 0.0, options.max_duration or float("inf")
    return duration is None or low <= duration <= high


def _named(videos: Iterator[HubVideo]) -> Iterator[HubVideo]:
    """Videos whose ids are their own: the first of a name keeps it, others are called by their place."""
    taken: set[str] = set()
    for video in videos:
        names = (_storable(name) for name in (video.video_id, video.place))
        numbered = (f"{_storable(video.place)} ({number})" for number in itertools.count(2))
        name = next(name for name in itertools.chain(names, numbered) if name and name not in taken)
        taken.add(name)
        yield dataclasses.replace(video, video_id=name)


def _storable(name: str) -> str:
    """A name that somebody else gave as an id: no folders upwards, nothing that cannot be shown, not endless."""
    name = re.sub(r"[\x00-\x1f\x7f\\\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))[:_MAX_ID]


def _record(video: HubVideo) -> dict:
    record = {"video": video.path, "video_id": video.video_id, "source": _storable(video.source)}
    captions = [caption for caption in video.captions if len(caption) <= MAX_CAPTION]
    return {**record, "captions": captions} if captions else record
