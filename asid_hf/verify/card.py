"""The dataset card of an output: what a reader has to know before using it, rendered from the report alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from asid_hf.verify.earlier import WORK
from asid_hf.verify.output import CARD, is_our_card

# The card names no `configs`: `datasets` would then know two folders of one name, or one before and after another run,
# by the card alone, and open the earlier one's rows out of its cache.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(output: Path, report: dict) -> None:
    """Write `README.md` into an output, so that the folder can be pushed to the Hub as it is; one edited since stays.

    Args:
        output: the folder of a run.
        report: as `report.json` holds it.

    Example:
        >>> write_card(Path("out"), {})  # doctest: +SKIP
    """
    if (output / CARD).is_file() and not is_our_card(output):
        return
    for path in (output / WORK / CARD, output / CARD):
        path.write_text(render_card(report), encoding="utf-8")


def render_card(report: dict) -> str:
    """Render the card; a fact that is missing is an error, never an empty place.

    Example:
        >>> report = dict.fromkeys(("dropped", "findings", "agreement", "calls_by_stage", "attributes_written"), {})
        >>> report |= {"rows": 1, "kept": 1, "asid_hf": "0", "models": [], "prompts": []}
        >>> "circular" in render_card({**report, "judge": {"model": "m", "shared_with": ["annotator a"]}})
        True
    """
    from jinja2 import Environment, StrictUndefined

    template = files("asid_hf.verify").joinpath("card.md.jinja").read_text(encoding="utf-8")
    size = next((name for most, name in _SIZES if report["rows"] < most), "n>1M")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    return environment.from_string(template).render(report=report, size=size)
