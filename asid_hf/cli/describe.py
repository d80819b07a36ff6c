"""`asid describe`: what a dataset of ASID rows holds, and how it fits its videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asid_hf.cli.printable import printable
from asid_hf.errors import OutputError

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from asid_hf.dataset_builder.joined import VideoMatch
    from asid_hf.dataset_builder.sources import BadLine

_SPREAD = ("mean", "median", "p5", "p95", "max")
_SECONDS = ("min", "median", "max", "hours")


def describe(
    data_dir: Annotated[
        str,
        typer.Argument(
            metavar="DATA_DIR", help="Folder of a release or of `asid verify`, or a dataset on the Hub: owner/name."
        ),
    ],
    videos: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="Folder, .zip or .tar with the videos; give it again for several."),
    ] = None,
    config: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this configuration; default: all that are there.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only rows of this group.")] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it as JSON to this file, too.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Bad lines and left-over videos to print.")] = 20,
) -> None:
    """Count the rows of a dataset: groups, videos, lengths, time anchors, attributes, findings; and its bad lines.

    Example: asid describe release/ --videos clips/

    Exit codes: 0 done, bad lines or not; 2 nothing found; 4 FILE cannot be written.
    """
    from asid_hf.dataset_builder.joined import match_videos
    from asid_hf.dataset_builder.statistics import release_statistics
    from asid_hf.dataset_builder.videos import VideoIndex

    if videos:
        VideoIndex(videos)  # a place that is not there is told before all is read
    bad: list[BadLine] = []
    asked: dict[tuple[str, str], None] = {}
    told = release_statistics(
        data_dir,
        config,
        group,
        on_reject=lambda line: bad.append(line) if len(bad) < limit else None,
        on_table=lambda _, rows: asked.update(_asked(rows, videos)),
    )
    match = match_videos(({"video": path, "video_id": name} for path, name in asked), videos) if videos else None
    _show(told, bad, match, limit)
    if as_json:
        _write(as_json, {**told, "rejects": [line._asdict() for line in bad], **(match._asdict() if match else {})})


def _asked(rows: pa.Table, videos: list[str] | None) -> dict[tuple[str, str], None]:
    """The videos that rows are about, where somebody wants to know: paths and ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not videos:
        return {}
    paths = rows["video"]
    if pa.types.is_struct(paths.type):  # a Video, with its bytes or without
        paths = pc.struct_field(paths, "path")
    ids = rows["video_id"].to_pylist()
    return dict.fromkeys((path or "", name or "") for path, name in zip(paths.to_pylist(), ids, strict=True))


def _write(file: Path, told: dict) -> None:
    try:
        file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}.") from error


def _show(told: dict, bad: list[BadLine], match: VideoMatch | None, limit: int) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a pipe has none, and would get 80
    configs = told["configs"]
    _show_rows(console, configs)
    _show_captions(console, configs)
    _show_attributes(console, configs)
    if "verified" in configs:
        _show_verification(console, configs["verified"]["verification"])
    _list(console, "lines that hold no caption", sum(told["bad_lines"].values()), [line.text for line in bad])
    if match:
        for what, found in (
            ("videos of rows that are not there", match.rows_without_video),
            ("videos that no row is about", match.videos_without_rows),
        ):
            _list(console, what, len(found), found[:limit])


def _show_rows(console: Console, configs: dict) -> None:
    rows = []
    for name, told in configs.items():
        groups = {**told["groups"], "all": told} if len(told["groups"]) != 1 else told["groups"]
        for group, own in groups.items():
            spans = own["durations"] or {}
            rows.append((name, group, own["rows"], own["videos"], *map(spans.get, _SECONDS)))
    _table(console, ("configuration", "group"), ("rows", "videos", "shortest", "median", "longest", "hours"), rows)


def _show_captions(console: Console, configs: dict) -> None:
    rows = []
    for name, told in configs.items():
        words, anchors = told["words"] or {}, told["anchors"] or {}
        letters = (told["characters"] or {}).get("mean")
        shares = map(_percent, (anchors.get("with_any"), anchors.get("rising")))
        rows.append((name, *map(words.get, _SPREAD), letters, anchors.get("captions"), anchors.get("mean"), *shares))
    words = ("words", "median", "5%", "95%", "most", "characters")
    _table(console, ("captions",), (*words, "looked at", "times", "with any", "never back"), rows)


def _show_attributes(console: Console, configs: dict) -> None:
    from asid_hf.schema import ATTRIBUTE_NAMES

    rows = []
    for key, name in ATTRIBUTE_NAMES.items():
        shares = ((told["attributes"][key]["videos"], told["videos"]) for told in configs.values())
        rows.append((name, *(_percent(part / whole if whole else None) for part, whole in shares)))
    _table(console, ("videos with",), tuple(configs), rows)
    sizes = [
        (name, size, form, rows)
        for name, told in configs.items()
        for size, forms in told.get("sizes", {}).items()
        for form, rows in forms.items()
    ]
    if sizes:
        _table(console, ("instructions", "attributes", "answer"), ("rows",), sizes)


def _show_verification(console: Console, told: dict) -> None:
    kinds = [
        (kind, own["count"], own["resolved"], ", ".join(f"{name} {n}" for name, n in own["attributes"].items()))
        for kind, own in told["findings"].items()
    ]
    _table(console, ("finding",), ("count", "resolved", "attributes"), kinds)
    dropped = [(f"dropped: {reason}", count) for reason, count in told["dropped"].items()]
    sound = [("with sound", told["with_sound"]), ("without sound", told["without_sound"])]
    _table(console, ("videos",), ("count",), [("kept", told["kept"]), *dropped, *sound])


def _table(console: Console, names: tuple[str, ...], numbers: tuple[str, ...], rows: list[tuple]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*names)
    for number in numbers:
        table.add_column(number, justify="right")
    for row in rows:
        table.add_row(*(escape(printable("-" if value is None else str(value))) for value in row))
    console.print(table)


def _list(console: Console, what: str, count: int, first: list[str]) -> None:
    """How many there are, and the first of them."""
    console.print(f"{what}: {count}")
    for text in first:
        console.print(f"  {printable(text)}", markup=False, soft_wrap=True)
    if 0 < len(first) < count:
        console.print(f"  ... and {count - len(first)} more")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
