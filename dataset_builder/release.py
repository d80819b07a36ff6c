"""Where the files of a configuration are: in a folder or in a dataset repository, looked up by name, never globbed.

Three layouts hold ASID rows: the published one (annotations/<group>/train/<config>_<group>.jsonl, also without the
folder "annotations"), the parquet that `asid build` writes (data/<config>/), and what `asid verify` writes (data/). Of
a folder with a hundred thousand videos nothing but these few places is looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

try:
    from asid_hf.errors import InputError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import InputError

from .sources import group_of

PUBLISHED = "AudioVisual-Caption/ASID-1M"
PUBLISHED_GROUPS = ("0_30_s_youtube_v0_1", "30_60_s_youtube_v0_1", "1_2_m_youtube_v0_1", "finevideo")
INSTRUCTIONS = ("all_attributes", "single_attribute", "raw", "multi_attribute")
VERIFIED = "verified"
_REPO = re.compile(r"(?:hf://)?(?:datasets/)?([\w][\w.\-]*/[\w][\w.\-]*)(?:@([\w./\-]+))?/?")
UNKNOWN = 2**62
_DEPTH = 3  # of the files of a release: annotations/<group>/train
_PARTS = ("annotations", "data", "videos")
LINE_SPLITS = ("train", "validation")
"""Folders of the published layout; of the published dataset there is only the first."""
_HUB = "hf://datasets/"
_PINNED = re.compile(r"hf://datasets/([^/@]+/[^/@]+)@([^/]+)/(.+)")
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class DataFile:
    """One file of a configuration.

    Attributes:
        address: absolute path, or hf://datasets/<owner>/<name>@<commit>/<path>.
        name: what messages call it: its path inside the release.
        group: of its rows; "" where each row tells its own.
        holds: the configuration whose rows it holds, which may be one that the wanted one is derived from.
        size: bytes; `UNKNOWN` of a file that a user names by its address.
        state: changes when its content does: time of its last change in ns, or the id of its content on the Hub.
        split: "train", "validation" or "test".

    Example:
        >>> DataFile("hf://datasets/owner/name@main/a/b.jsonl", "a/b.jsonl", "a", "raw", 9, "1").on_the_hub
        ('owner/name', 'main', 'a/b.jsonl')
    """

    address: str
    name: str
    group: str
    holds: str
    size: int
    state: str
    split: str = "train"

    @property
    def is_remote(self) -> bool:
        """Whether it is elsewhere: on the Hub, or at another address."""
        return "://" in self.address

    @property
    def on_the_hub(self) -> tuple[str, str, str] | None:
        """Repository, commit, and path in it; None of a file that is elsewhere, or at no commit."""
        place = _PINNED.fullmatch(self.address)
        return place and (place[1], place[2], place[3])


class _Folder:
    """A folder on this machine."""

    def __init__(self, root: str) -> None:
        self.root, self.label = os.path.abspath(os.path.expanduser(root)), root

    def children(self, folder: str, folders: bool) -> list[str]:
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir() == folders and entry.name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return []

    def look_up(self, paths: Iterable[str]) -> dict[str, tuple[str, int, str]]:
        """path -> address, size and state, of those that are there."""
        found = {}
        for path in paths:
            place = os.path.join(self.root, path)
            if os.path.isfile(place):
                status = os.stat(place)
                found[path] = (place, status.st_size, str(status.st_mtime_ns))
        return found


class _Repository:
    """A dataset repository on the Hub, at the commit that its revision stands for now."""

    def __init__(self, repo: str, revision: str | None, token: str | bool | None) -> None:
        from huggingface_hub import HfApi

        self.api, self.repo, self.label = HfApi(token=token), repo, repo
        self.commit = self.api.dataset_info(repo, revision=revision).sha

    def children(self, folder: str, folders: bool) -> list[str]:
        from huggingface_hub import RepoFolder
        from huggingface_hub.utils import EntryNotFoundError

        if folders and folder == "annotations" and self.repo == PUBLISHED:
            return list(PUBLISHED_GROUPS)
        try:
            entries = list(
                self.api.list_repo_tree(self.repo, folder or None, repo_type="dataset", revision=self.commit)
            )
        except EntryNotFoundError:
            return []
        return sorted(e.path.rpartition("/")[2] for e in entries if isinstance(e, RepoFolder) == folders)

    def look_up(self, paths: Iterable[str]) -> dict[str, tuple[str, int, str]]:
        infos = self.api.get_paths_info(self.repo, list(paths), repo_type="dataset", revision=self.commit)
        root = f"{_HUB}{self.repo}@{self.commit}/"
        return {info.path: (root + info.path, info.size, info.blob_id) for info in infos if hasattr(info, "blob_id")}


def find_files(
    config: str,
    data_dir: str | None = None,
    groups: Iterable[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    derive: bool = False,
) -> list[DataFile]:
    """Find the files of a configuration.

    Args:
        config: one of `INSTRUCTIONS`, or `VERIFIED`.
        data_dir: a folder, or a dataset on the Hub ("owner/name", hf://datasets/owner/name@revision); default:
            the published dataset.
        groups: leave out all others.
        revision: branch, tag or commit of a dataset on the Hub.
        token: of the Hub, as in huggingface_hub.
        derive: pass over files that hold the rows themselves, for those that they can be derived from.

    Returns:
        Files in the order of their groups, the published ones first. Offline, what was found the last time.

    Raises:
        InputError: there is no such folder or dataset, or none of the configuration's files in it.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "annotations", "finevideo", "train")
        >>> folder.mkdir(parents=True)
        >>> _ = (folder / "raw_finevideo.jsonl").write_text("{}")
        >>> [file.name for file in find_files("raw", str(folder.parents[2]))]
        ['annotations/finevideo/train/raw_finevideo.jsonl']
    """
    wanted = list(groups) if groups is not None else None
    if data_dir is not None and os.path.isdir(os.path.expanduser(data_dir)):
        return _find_here(_Folder(data_dir), config, wanted, derive)
    address = _REPO.fullmatch(data_dir or PUBLISHED)
    if address is None:
        raise InputError(
            f"There is no folder {data_dir}. Give a folder with a release, or a dataset on the Hub (owner/name)."
        )
    repo, revision = address[1], revision or address[2]
    note = _note_of(repo, revision, config, wanted, derive)
    try:
        files = _find(_Repository(repo, revision, token), config, wanted, derive)
    except InputError:
        raise
    except Exception as error:  # of the Hub, the network, or the libraries under them
        if _is_no_answer(error) and (known := _recall(note)):
            return known
        raise InputError(_explain(error, data_dir, repo, revision)) from error
    _keep(note, files)
    return files


def _find_here(place: _Folder, config: str, wanted: list[str] | None, derive: bool) -> list[DataFile]:
    """The files in a folder; where it has none but is part of a release, the error names that."""
    try:
        return _find(place, config, wanted, derive)
    except InputError as error:
        for parent in list(Path(place.root).parents)[:_DEPTH]:
            if Path(place.root).relative_to(parent).parts[0] not in _PARTS:
                continue
            try:
                _find(_Folder(str(parent)), config, wanted, derive)
            except (InputError, OSError):  # or a folder that may not be looked into
                continue
            raise InputError(f"{error} The folder of the whole release is {parent}.") from None
        raise


def _find(place: _Folder | _Repository, config: str, wanted: list[str] | None, derive: bool) -> list[DataFile]:
    steps: list[Callable[[], list[DataFile]]] = []
    if config != VERIFIED and not derive:
        steps.append(lambda: _published(place, config, "annotations", wanted))
    if not derive:
        steps.append(lambda: _parquet(place, f"data/{config}", config))
    if config == "multi_attribute":
        steps.append(lambda: _published(place, "single_attribute", "annotations", wanted))
    if config != "raw":
        steps.append(lambda: _parquet(place, "data", VERIFIED) or _parquet(place, f"data/{VERIFIED}", VERIFIED))
    if config != VERIFIED and not derive:
        steps.append(lambda: _published(place, config, "", wanted))
    for look in steps:
        if files := look():
            return files
    raise InputError(
        f"{place.label} holds no rows of {config!r}. Looked for annotations/<group>/train/{config}_<group>.jsonl, "
        f"data/{config}/*.parquet and the output of `asid verify`. Check the folder"
        + (f"; of the groups {', '.join(wanted)} it has none." if wanted else ".")
        + (f" Its groups: {', '.join(there)}." if (there := place.children("annotations", folders=True)) else "")
    )


def _published(place: _Folder | _Repository, holds: str, folder: str, wanted: list[str] | None) -> list[DataFile]:
    there = wanted or place.children(folder, folders=True)
    known = {group: number for number, group in enumerate(PUBLISHED_GROUPS)}
    groups = sorted(dict.fromkeys(there), key=lambda group: (known.get(group, len(known)), group))
    lead = f"{folder}/" if folder else ""
    paths = {
        f"{lead}{group}/{split}/{holds}_{group}.jsonl": (group, split) for split in LINE_SPLITS for group in groups
    }
    found = place.look_up(paths) if paths else {}
    have = {group for path, (group, _) in paths.items() if path in found}
    if found and wanted and (missing := [group for group in groups if group not in have]):
        others = ", ".join(place.children(folder, folders=True))
        raise InputError(f"{place.label} has no group {', '.join(missing)} of {holds!r}. It has {others}.")
    return [
        DataFile(found[path][0], path, group, holds, *found[path][1:], split=split)
        for path, (group, split) in paths.items()
        if path in found
    ]


def _parquet(place: _Folder | _Repository, folder: str, holds: str) -> list[DataFile]:
    names = [name for name in place.children(folder, folders=False) if name.endswith(".parquet")]
    found = place.look_up(f"{folder}/{name}" for name in names) if names else {}
    return [
        DataFile(found[path][0], path, "", holds, *found[path][1:], split=_split_of(path)) for path in sorted(found)
    ]


def _split_of(path: str) -> str:
    return _SPLITS.get(path.rpartition("/")[2].partition("-")[0], "train")


def named_files(config: str, data_files: dict[str, list[str]]) -> list[DataFile]:
    """The files that a user names, split by split, in place of those of a release.

    Args:
        config: whose rows they hold; parquet files may hold verified rows instead, which tell it themselves.
        data_files: split -> paths or addresses, as `datasets` resolved them.

    Raises:
        InputError: a file is named as those of another configuration are.

    Example:
        >>> [file.group for file in named_files("raw", {"train": ["/data/finevideo/train/raw.jsonl"]})]
        ['finevideo']
    """
    files = []
    for split, paths in data_files.items():
        for path in paths:
            group = "" if path.endswith(".parquet") else group_of(Path(path).parts)
            status = os.stat(path) if os.path.isfile(path) else None
            name = path.rpartition("/")[2]
            holds = next((known for known in INSTRUCTIONS if name.startswith(f"{known}_")), config)
            if holds != config and (holds, config) != ("single_attribute", "multi_attribute"):
                raise InputError(f"{name} holds rows of {holds!r}, not of {config!r}: name that configuration.")
            size, state = (status.st_size, str(status.st_mtime_ns)) if status else (UNKNOWN, path)
            files.append(DataFile(path, name, group, holds, size, state, split))
    return files


def _note_of(repo: str, revision: str | None, *key: object) -> Path:
    from huggingface_hub import constants

    digest = hashlib.sha256(json.dumps([repo, revision, *key, constants.ENDPOINT]).encode()).hexdigest()[:32]
    return Path(constants.HF_ASSETS_CACHE, "asid_hf", "releases", f"{digest}.json")


def _keep(note: Path, files: list[DataFile]) -> None:
    """Note what was found, for the day when the Hub cannot be asked."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps([asdict(file) for file in files]), encoding="utf-8")
        draft.replace(note)
    except OSError:  # a cache that cannot be written costs nothing now
        return


def _recall(note: Path) -> list[DataFile] | None:
    try:
        return [DataFile(**file) for file in json.loads(note.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _is_no_answer(error: Exception) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    answered = getattr(error, "response", None) is not None
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OfflineModeIsEnabled | ConnectionError | TimeoutError) or (
        not answered and bool(names & {"ConnectError", "ConnectTimeout", "ReadTimeout", "TransportError"})
    )


def _explain(error: Exception, data_dir: str | None, repo: str, revision: str | None) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    given = f"There is no folder {data_dir}, and the" if data_dir and "://" not in data_dir else "The"
    if isinstance(error, GatedRepoError):
        return f"The dataset {repo} is gated. Accept its conditions on its page, then log in with `hf auth login`."
    if isinstance(error, RepositoryNotFoundError):
        return f"{given} Hub has no dataset {repo}, or it is private: check the name, log in with `hf auth login`."
    if isinstance(error, RevisionNotFoundError):
        return f"The dataset {repo} has no revision {revision}. Name a branch, a tag or a commit."
    return (
        f"{given} Hub did not tell the files of {repo} ({type(error).__name__}). Check the network, or give the folder "
        "of a local copy (load_dataset: data_dir=...)."
    )
