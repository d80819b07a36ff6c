"""A finished run on the terminal: a short table, and for the demo what was found and repaired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asid_hf.verify.estimate import Estimate
from asid_hf.verify.transcribe import UNDECODABLE


def show_report(report: dict, output: str | Path) -> None:
    """Print the counts of a run.

    Args:
        report: as `report.json` holds it.
        output: the folder it was written to.

    Example:
        >>> show_report({"rows": 0, "kept": 0, "dropped": {}, "findings": {}, "errors": {}, "seconds": 0.0,
        ...              "captions": {"bad_lines": 0, "without_video": []}}, "out")  # doctest: +ELLIPSIS
        0 clips: 0 kept, 0 dropped...
    """
    console = Console(highlight=False, soft_wrap=True)
    done = "nothing to do, all was finished" if report.get("resumed") else f"{report['seconds']:.1f} s"
    dropped = ", ".join(f"{reason} {count}" for reason, count in sorted(report["dropped"].items()))
    clips = "1 clip" if report["rows"] == 1 else f"{report['rows']} clips"
    console.print(
        f"{clips}: {report['kept']} kept, {sum(report['dropped'].values())} dropped"
        f"{f' ({dropped})' if dropped else ''}; {done}"
    )
    if report["findings"]:
        table = Table("finding", "count", "resolved", "attributes")
        for kind, counts in report["findings"].items():
            where = ", ".join(f"{name} {count}" for name, count in counts["by_attribute"].items())
            table.add_row(kind, str(counts["total"]), str(counts["resolved"]), where)
        console.print(table)
    if report.get("calls_by_stage"):
        console.print(_calls(report["calls_by_stage"]))
    judge = report.get("judge") or {}
    if judge.get("shared_with"):
        console.print(
            f"[yellow]circular: the judge {escape(judge['model'])} is also {escape(', '.join(judge['shared_with']))}; "
            "a judge that wrote nothing of it (--independent-judge) would say more[/yellow]"
        )
    if "remote_not_allowed" in report["dropped"]:
        console.print("addresses are fetched with --allow-remote")
    captions = report["captions"]
    passing = {step: count for step, count in report["errors"].items() if not step.endswith(UNDECODABLE)}
    undecodable = sum(report["errors"].values()) - sum(passing.values())
    for count, one, more in (
        (undecodable, "clip has sound that cannot be decoded", "clips have sound that cannot be decoded"),
        (captions["bad_lines"], "line of the captions file is no caption", "lines of the captions file are no caption"),
        (len(captions["without_video"]), "video with captions is not here", "videos with captions are not here"),
        (
            sum(passing.values()) - sum(report["dropped"].values()),
            "step failed: see `errors` of its row; run again to repeat it",
            "steps failed: see `errors` of their rows; run again to repeat them",
        ),
    ):
        if count > 0:
            console.print(f"{count} {one if count == 1 else more}")
    console.print(f"written: {escape(str(output))} (data/, report.json, rejects.jsonl, config.yaml)")


def _calls(stages: dict[str, dict]) -> Table:
    table = Table("stage", "calls", "from the ledger", "failed attempts", "tokens in", "tokens out")
    for stage, counts in stages.items():
        names = ("calls", "hits", "failures", "input_tokens", "output_tokens")
        table.add_row(stage, *(f"{counts[name]:,}" for name in names))
    return table


def show_estimate(entries: list[Estimate], rows: int, left_out: Sequence[str] = ()) -> None:
    """Print what a run would cost.

    Args:
        entries: see `asid_hf.verify.estimate`.
        rows: how many clips.
        left_out: ids of clips beside those, which cannot be read.

    Example:
        >>> show_estimate([], 2, ["clip"])
        left out, since it cannot be read: clip
        2 clips, no model is asked
    """
    console = Console(highlight=False, soft_wrap=True)
    if left_out:
        more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        which = "it" if len(left_out) == 1 else "they"
        console.print(f"left out, since {which} cannot be read: {escape(', '.join(left_out[:5]))}{more}")
    if not entries:
        console.print(f"{rows} clip{'' if rows == 1 else 's'}, no model is asked")
        return
    table = Table("stage", "model", "calls", "tokens in", "tokens out", "cost up to about")
    for e in entries:
        ranges = ((e.least_calls, e.most_calls), (e.least_input, e.most_input), (e.least_output, e.most_output))
        cells = (f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in ranges)
        table.add_row(e.stage, e.model, *cells, "" if e.cost is None else f"{e.cost:,.2f}")
    console.print(table)
    console.print(
        f"{rows} clip{'' if rows == 1 else 's'}; calls: from all clean at first to every round, attribute and re-ask "
        "used, which few runs come near; tokens and costs are guessed from them. Answers that the ledger holds cost "
        "nothing and are not deducted. Nothing was asked."
    )


def show_findings(output: str | Path) -> None:
    """Print the findings, the caption before and the caption after, of each row of a small output.

    Args:
        output: the folder of a finished run.

    Example:
        >>> show_findings("demo-asid")  # doctest: +SKIP
    """
    import pyarrow.parquet as parquet

    console = Console(highlight=False, soft_wrap=True)
    for row in parquet.read_table(Path(output, "data")).to_pylist():
        console.print(f"\n[bold]{escape(row['video_id'])}[/bold] was given\n{escape(row['draft'])}\n")
        for finding in row["findings"]:
            mark = "repaired" if finding["resolved"] else "open"
            span = f'"{finding["span"]}": ' if finding["span"] else ""
            console.print(escape(f"- {finding['kind']} / {finding['attribute']} / {span}{finding['reason']} [{mark}]"))
            console.print(f"  measured: {escape(finding['evidence'])}")
        console.print(f"\nand became\n{escape(row['caption'])}")
