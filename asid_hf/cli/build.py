"""`asid build`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asid_hf.cli.printable import printable
from asid_hf.errors import InputError


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in _names(text))
    except ValueError:
        raise InputError(f"--subset-sizes {text!r} is no list of numbers, as 2,3,4.") from None


def build(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Outputs of `asid verify`, or such datasets on the Hub: owner/name."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the release.")] = ...,
    layouts: Annotated[
        str,
        typer.Option(
            "--format",
            help="With commas: published (JSON lines as ASID-1M has them, for ms-swift), parquet (opened by "
            "load_dataset without this package), sharegpt (for LLaMA-Factory).",
        ),
    ] = "published,parquet,sharegpt",
    configs: Annotated[
        str, typer.Option("--config", help="With commas; verified rows are written as parquet alone.")
    ] = "all_attributes,single_attribute,multi_attribute,verified",
    group: Annotated[str | None, typer.Option(help="Group of all rows; default: as each row's source tells.")] = None,
    seed: Annotated[int, typer.Option(help="Of the instructions and subsets that are drawn.")] = 0,
    held_out: Annotated[float, typer.Option(help='Share of the videos for the split "validation".')] = 0.0,
    subset_sizes: Annotated[str, typer.Option(help="Attributes in one answer of multi_attribute.")] = "2,3,4,5,6,7",
    answers: Annotated[str, typer.Option(help="Forms of these answers: text, json.")] = "text,json",
    copy_videos: Annotated[
        bool, typer.Option("--copy-videos", help="Put the videos into the release; else their paths lead to them.")
    ] = False,
    video_root: Annotated[
        Path | None, typer.Option(help="Folder that videos may be copied from; default: each input's own.")
    ] = None,
    pretty_name: Annotated[str, typer.Option(help="Title of the card.")] = "Verified attribute captions",
    license: Annotated[str, typer.Option(help="Of the captions, as the Hub spells it: cc-by-4.0, ...")] = "other",
    overwrite: Annotated[bool, typer.Option(help="Take the place of an earlier build.")] = False,
) -> None:
    """Turn verified rows into a release: instructions and captions for training, and the card.

    The same rows and options give the same bytes. Example: asid build verified -o release --held-out 0.01

    Exit codes: 0 done; 2 inputs or options that cannot be used; 4 output.
    """
    from asid_hf.dataset_builder.build import BuildOptions
    from asid_hf.dataset_builder.build import build as run

    options = BuildOptions(
        layouts=_names(layouts),
        configs=_names(configs),
        group=group,
        seed=seed,
        held_out=held_out,
        subset_sizes=_numbers(subset_sizes),
        answers=_names(answers),
        copy_videos=copy_videos,
        pretty_name=pretty_name,
        license=license,
    )
    facts = run(inputs, output, options, video_root, overwrite)
    for config, groups in facts["rows"].items():
        typer.echo(f"{config}: {sum(groups.values())} rows in {len(groups)} group(s)")
    if facts["dropped"]:
        left_out = ", ".join(f"{count} {reason}" for reason, count in facts["dropped"].items())
        typer.echo(f"left out, for they were dropped: {printable(left_out)}")
    if facts["not_in_lines"]:
        typer.echo(
            f"in parquet alone, without a video or with a trainer's tag in the caption: {facts['not_in_lines']} rows"
        )
    if facts["videos_missing"]:
        typer.secho(f"not copied, for they are not here: {facts['videos_missing']} videos", fg="yellow")
    typer.echo(f"written: {output}")
