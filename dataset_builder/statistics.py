"""What a release holds, counted from its files: for its dataset card, and for `asid describe`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from asid_hf.errors import InputError

from .choice import Choice
from .counting import counts_of
from .lines import CHUNK, Part
from .reading import Reader
from .release import INSTRUCTIONS, VERIFIED, DataFile, find_files
from .sources import BadLine

CONFIGS = (*INSTRUCTIONS, VERIFIED)


def release_statistics(
    data_dir: str | None = None,
    configs: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    on_reject: Callable[[BadLine], None] | None = None,
    on_table: Callable[[str, pa.Table], None] | None = None,
) -> dict:
    """Count what the files of a release hold; what would be derived from them is not counted.

    Args:
        data_dir, groups, revision, token: see `find_files`.
        configs: leave out all others; default: those that are there.
        on_reject: told of each line that holds no caption; it is counted, and the reading goes on.
        on_table: told of each table of rows, with its configuration.

    Returns:
        JSON-able: "configs", configuration -> `rows`, `videos`, `splits`, `groups`, `durations` (in seconds, each video
        once), `words` and `characters` of a caption, `anchors` (see `AnchorSample`), `attributes` (rows and videos of
        each), and of instruction rows `sizes` (number of attributes -> form of the answer -> rows) and `instructions`
        (different ones), of verified rows `verification`; and "bad_lines", file -> how many.

    Raises:
        InputError: no such place or configuration, or nothing in it; a file of other rows, or one that is damaged.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "annotations", "finevideo", "train")
        >>> folder.mkdir(parents=True)
        >>> _ = (folder / "raw_finevideo.jsonl").write_text('{"video_id": "a", "caption": "A dog."}\\nnonsense')
        >>> told = release_statistics(str(folder.parents[2]))
        >>> told["configs"]["raw"]["rows"], told["bad_lines"]
        (1, {'annotations/finevideo/train/raw_finevideo.jsonl': 1})
    """
    from datasets.utils import tqdm

    found = _held_files(data_dir, configs, groups, revision, token)
    bad_lines: Counter[str] = Counter()

    def refuse(line: BadLine) -> None:
        bad_lines[line.file] += 1
        if on_reject:
            on_reject(line)

    told, choice = {}, Choice(groups=tuple(groups) if groups is not None else None)
    size = sum(file.size for files in found.values() for file in files)
    with tqdm(total=size, desc="counting", unit="B", unit_scale=True, disable=None) as progress:
        for config, files in found.items():
            counts, reader = counts_of(config), Reader(config, token=token)
            for file in files:
                for table in _tables(file, reader, refuse, progress.update):
                    table = choice.of(table)
                    counts.add(table, file.split)
                    if on_table:
                        on_table(config, table)
            told[config] = counts.summary()
    return {"configs": told, "bad_lines": dict(bad_lines)}


def _held_files(
    data_dir: str | None, configs: Sequence[str] | None, groups: Sequence[str] | None, *place: object
) -> dict[str, list[DataFile]]:
    """The files that hold a configuration's own rows, by configuration."""
    if configs is not None and (isinstance(configs, str) or not configs or not set(configs) <= set(CONFIGS)):
        raise InputError(f"configs={configs!r}: give a list of one or more of {', '.join(CONFIGS)}.")
    found, errors = {}, []
    for config in CONFIGS if configs is None else dict.fromkeys(configs):
        try:
            files = [file for file in find_files(config, data_dir, groups, *place) if file.holds == config]
        except InputError as error:
            errors.append(error)
        else:
            found |= {config: files} if files else {}
    if not found and errors:
        raise errors[0]
    if not found:
        asked = ", ".join(configs or CONFIGS)
        raise InputError(f"No file holds rows of {asked}: they would be derived from others, which are not counted.")
    return found


def _tables(
    file: DataFile, reader: Reader, on_bad: Callable[[BadLine], None], progress: Callable[[int], object]
) -> Iterator[pa.Table]:
    """A file's tables. It is one part: a bad line's number is then known without counting those before it again."""
    left = file.size
    try:
        for table in reader.read(Part(file.address, file.name, file.group, file.holds, 0, file.size), on_bad):
            yield table
            step = min(left, CHUNK) if not file.name.endswith(".parquet") else 0
            progress(step)
            left -= step
    except (pa.ArrowException, OSError) as error:
        if not file.name.endswith(".parquet"):
            raise
        raise InputError(f"{file.name} cannot be read: {str(error).splitlines()[0]}") from error
    progress(left)
