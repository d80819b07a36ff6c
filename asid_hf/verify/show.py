"""A finished run on the terminal: a short table, and for the demo what was found and repaired."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

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
    console.print(f"written: {escape(str(output))} (data/, report.json, rejects.jsonl)")


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
