"""What a run did, counted: rows, findings, drops, errors, seconds; and the rejects, each with its reason."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.chat.usage import Usage
from asid_hf.dataset_builder.sources import BadLine
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.findings import JUDGE
from asid_hf.version import __version__

if TYPE_CHECKING:
    from datasets import Dataset


def summarise(
    dataset: Dataset, bad_lines: list[BadLine], unmatched: list[str], stages: list[dict], seconds: float
) -> dict:
    """Count a finished run.

    Args:
        dataset: the rows with all columns, `timings` among them.
        bad_lines: lines of the captions file that were no captions.
        unmatched: video ids of captions without a video.
        stages: the stages and their configuration.
        seconds: wall time of this run.

    Returns:
        A JSON-ready dict; every number in it is counted from the rows.

    Example:
        >>> from asid_hf.verify.pipeline import MEASURED, run_stages
        >>> import tempfile
        >>> summarise(run_stages([], MEASURED, Path(tempfile.mkdtemp())), [], [], [], 0.0)["rows"]
        0
    """
    findings: dict[str, Counter] = defaultdict(Counter)
    dropped, errors, written, heard = Counter(), Counter(), Counter(), Counter()
    spent: dict[str, Counter] = defaultdict(Counter)
    agreement: dict[str, list[float]] = defaultdict(list)
    captioned = total = 0
    for row in dataset.remove_columns("video"):
        total += 1
        captioned += any(not c["annotator"].startswith("measured/") for c in row["candidates"])
        if row["status"] == "dropped":
            dropped[row["drop_reason"]] += 1
        for error in row["errors"]:
            errors[f"{error['stage']}: {error['kind']}"] += 1
        for timing in row["timings"]:
            spent[timing["stage"]].update({name: value for name, value in timing.items() if name != "stage"})
        for finding in row["findings"]:
            findings[finding["kind"]][finding["attribute"]] += 1
            findings[finding["kind"]]["resolved" if finding["resolved"] else "unresolved"] += 1
            findings[finding["kind"]]["disputed"] += bool(finding["disputed_by"])
            findings[finding["kind"]]["measured"] += finding["judge"] == JUDGE
        for attribute in ATTRIBUTES:
            written[attribute] += bool((row["attributes"] or {}).get(attribute))
            share = (row["agreement"] or {}).get(attribute)
            agreement[attribute] += [] if share is None else [share]
        speech = (row["evidence"] or {}).get("speech") or {"utterances": []}
        heard.update(utterance["status"] for utterance in speech["utterances"])
    return {
        "asid_hf": __version__,
        "rows": total,
        "kept": total - sum(dropped.values()),
        "dropped": dict(dropped),
        "with_given_caption": captioned,
        "captions": {"bad_lines": len(bad_lines), "without_video": unmatched},
        "attributes_written": dict(written),
        "utterances": dict(heard),
        "findings": {
            kind: {
                "total": counts["resolved"] + counts["unresolved"],
                "resolved": counts["resolved"],
                "measured": counts["measured"],
                "disputed": counts["disputed"],
                "by_attribute": {a: counts[a] for a in ATTRIBUTES if counts[a]},
            }
            for kind, counts in sorted(findings.items())
        },
        "errors": dict(errors),
        "agreement": {name: round(sum(shares) / len(shares), 4) for name, shares in agreement.items() if shares},
        "seconds_by_stage": {stage: round(counts["seconds"], 3) for stage, counts in spent.items()},
        "calls_by_stage": {
            stage: {name: counts[name] for name in Usage().counts()}
            for stage, counts in spent.items()
            if any(counts[name] for name in Usage().counts())
        },
        "seconds": round(seconds, 3),
        "stages": stages,
    }


def write(
    output: Path, report: dict, dataset: Dataset, bad_lines: list[BadLine], places: dict[str, str] | None = None
) -> None:
    """Write `report.json` and `rejects.jsonl` (dropped clips and bad caption lines, each with its reason).

    Args:
        output: folder, there already.
        report: as `summarise` gives it.
        dataset: all rows.
        bad_lines: of the captions file.
        places: relative path by video id, for clips that are files: an id alone finds none.

    Example:
        >>> write(Path("out"), {}, dataset, [])  # doctest: +SKIP
    """
    places = places or {}
    (output / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    with (output / "rejects.jsonl").open("w", encoding="utf-8") as stream:
        for row in dataset.remove_columns("video"):
            if row["status"] == "dropped":
                last = row["errors"][-1]
                reject = {"video_id": row["video_id"], "stage": last["stage"], "reason": row["drop_reason"]}
                if row["video_id"] in places:
                    reject["path"] = places[row["video_id"]]
                stream.write(json.dumps({**reject, "message": last["message"]}, ensure_ascii=False) + "\n")
        for line in bad_lines:
            reject = {"file": line.file, "line": line.line, "stage": "captions", "reason": "bad_caption_line"}
            stream.write(json.dumps({**reject, "message": line.message}, ensure_ascii=False) + "\n")
