"""Which files of a dataset repository are meant: by path or pattern, or by config and split as its card tells them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.from_hub.repo import HubRepo

_DATA = "data_files"


@dataclass(frozen=True)
class HubOptions:
    """What is taken from a dataset on the Hub.

    Args:
        config: one of its configs; default: its default, or the only one.
        split: one of its splits; default: all.
        column: the column that holds the videos; default: `video`, or the only one that can be.
        captions: take its own captions as given candidates.
        limit: videos to take.
        min_duration, max_duration: seconds; videos whose metadata says otherwise are not fetched at all.
        seed: take files, shards and archives in an order drawn by it; inside one the order stays, since a shard or an
            archive can only be read from its start.

    Raises:
        InputError: a number that cannot be.

    Example:
        >>> HubOptions(limit=0)
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: limit=0: give a number from 1 on.
    """

    config: str | None = None
    split: str | None = None
    column: str | None = None
    captions: bool = False
    limit: int | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit={self.limit}: give a number from 1 on.")
        for name in ("min_duration", "max_duration"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise InputError(f"{name}={value}: give seconds from 0 on.")

    def ordered(self, paths: Iterable[str]) -> list[str]:
        """Paths in natural order ("videos_2" before "videos_10"), or in the order that the seed draws."""
        paths = sorted(
            paths, key=lambda path: [(len(p), p) if p.isdigit() else (0, p) for p in re.split(r"(\d+)", path)]
        )
        if self.seed is not None:
            random.Random(self.seed).shuffle(paths)
        return paths


def chosen_files(repo: HubRepo, path: str, options: HubOptions) -> list[str]:
    """The files of a repository that a path, or a config and a split, stand for.

    Args:
        repo: the repository.
        path: a file, a folder or a pattern in it; "" for what `options` name.
        options: `config` and `split` are used.

    Returns:
        Paths in the repository, ordered as the options say.

    Raises:
        MediaError: there is nothing of that name; the message lists what there is.

    Example:
        >>> chosen_files(repo, "clips/*.mp4", HubOptions())  # doctest: +SKIP
        ['clips/a.mp4', 'clips/b.mp4']
    """
    files = repo.files()
    if path:
        chosen = [path] if path in files else _below(files, path) or _matching(files, path)
        if not chosen:
            raise MediaError("not_found", f"The dataset {repo.repo} has no {path}. Check the path and the revision.")
        return options.ordered(_of_split(chosen, options.split) if options.split else chosen)
    patterns = _patterns(repo, options)
    if patterns is None:
        chosen = _below(files, options.config) if options.config else list(files)
        chosen = _of_split(chosen, options.split) if options.split else chosen
        if not chosen:
            wanted = " ".join(filter(None, [options.config, options.split]))
            raise MediaError(
                "not_found", f"The dataset {repo.repo} has no files of {wanted}. Its card names no configs."
            )
    else:
        chosen = [file for pattern in patterns for file in _matching(files, pattern)]
    return options.ordered(dict.fromkeys(chosen))


def _patterns(repo: HubRepo, options: HubOptions) -> list[str] | None:
    """The patterns that the dataset's card names for a config and split; None where it names none at all."""
    configs = {str(c.get("config_name")): c for c in _card(repo).get("configs") or [] if isinstance(c, dict)}
    if not configs:
        return None
    name = options.config or next((n for n, c in configs.items() if c.get("default")), None)
    name = name or ("default" if "default" in configs else next(iter(configs)) if len(configs) == 1 else None)
    if name not in configs:
        chosen = f"no config {name}" if name else "several configs"
        raise MediaError(
            "not_found", f"The dataset {repo.repo} has {chosen}: choose with ?config= one of {', '.join(configs)}."
        )
    splits = _splits(configs[name])
    if options.split and options.split not in splits:
        raise MediaError(
            "not_found", f"The config {name} of {repo.repo} has no split {options.split}: it has {', '.join(splits)}."
        )
    return [pattern for split in ([options.split] if options.split else splits) for pattern in splits[split]]


def _splits(config: dict) -> dict[str, list[str]]:
    """Patterns by split of one config of a card, in every form that cards have."""
    given, folder = config.get(_DATA), str(config.get("data_dir") or "").strip("/")
    if given is None:
        return {"train": [f"{folder}/**" if folder else "**"]}
    splits: dict[str, list[str]] = {}
    for entry in given if isinstance(given, list) else [given]:
        split, path = (entry.get("split"), entry.get("path")) if isinstance(entry, dict) else ("train", entry)
        patterns = [str(pattern) for pattern in (path if isinstance(path, list) else [path]) if pattern]
        splits.setdefault(str(split), []).extend(f"{folder}/{pattern}" if folder else pattern for pattern in patterns)
    return splits


def _card(repo: HubRepo) -> dict:
    """The metadata of the dataset's card; none where there is none, or none that can be read."""
    if "README.md" not in repo.files():
        return {}
    known = repo.recall("card")
    if known is None:
        import yaml
        from huggingface_hub import metadata_load

        try:
            card = metadata_load(repo.download("README.md")) or {}
        except (ValueError, yaml.YAMLError):
            card = {}
        known = {"configs": card.get("configs") if isinstance(card.get("configs"), list) else []}
        repo.note("card", known)
    return known


def _below(files: Iterable[str], folder: str) -> list[str]:
    return [path for path in files if path.startswith(f"{folder}/")]


def _matching(files: Iterable[str], pattern: str) -> list[str]:
    from fsspec.utils import glob_translate

    matches = re.compile(glob_translate(pattern.removeprefix("./"))).match
    return [path for path in files if matches(path)]


def _of_split(paths: Iterable[str], split: str) -> list[str]:
    """Files whose path names the split as a word, as `datasets` finds splits without a card."""
    word = re.compile(rf"(^|[/._ -]){re.escape(split)}([/._ -]|$)")
    return [path for path in paths if word.search(path)]
