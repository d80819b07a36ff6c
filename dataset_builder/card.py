"""The dataset card of a release: what a reader has to know before using it, rendered from what was counted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from asid_hf.schema import ATTRIBUTE_NAMES

from .counting import UNTOLD
from .release import VERIFIED

if TYPE_CHECKING:
    from datasets import DatasetInfo

DEFAULT = "all_attributes"
LAYOUTS = {
    "parquet": "`data/<configuration>/`: parquet, which `load_dataset` and the Hub's viewer read",
    "published": "`annotations/<group>/<split>/<configuration>_<group>.jsonl`: JSON lines as ASID-1M is published, "
    "which ms-swift reads",
    "sharegpt": "`sharegpt/` and `dataset_info.json`: what LLaMA-Factory reads, with this folder as its `dataset_dir`",
}
"""What the layouts of `asid build` are, for a reader."""

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)
_TAGS = ["asid", "video-captioning", "audio-visual", "structured-captions"]
_SHOWN = 100  # characters of a name
_MARKS = re.compile(r"([\\`*_\[\]<>|&~#$@!])")  # what markdown may read as markup


@dataclass(frozen=True)
class CardFacts:
    """What the rows themselves do not tell of a release.

    Attributes:
        pretty_name: its name for people.
        license: of the captions, as the Hub spells it.
        seed: of the instructions and subsets that were drawn.
        held_out: share of videos in the split "validation".
        instructions_version: of the pools that instructions were drawn from.
        asid_hf_version: that built it.
        layouts: in which its rows are written; see `LAYOUTS`.
    """

    pretty_name: str
    license: str
    seed: int
    held_out: float
    instructions_version: int
    asid_hf_version: str
    layouts: tuple[str, ...]


def render_card(
    statistics: dict, configs: Mapping[str, Mapping[str, str]], infos: Mapping[str, DatasetInfo], facts: CardFacts
) -> str:
    """Render the card; a fact that is missing is an error, never an empty place.

    Args:
        statistics: from `release_statistics`.
        configs: configuration -> split -> pattern of its parquet files in the release; may be empty.
        infos: configuration -> its features, splits and sizes; where they have `download_checksums` (any digests of its
            files), no cache of an earlier build in the same folder is opened in place of this one.
        facts: the rest.

    Returns:
        `README.md`: YAML that the Hub's viewer and `datasets` read, and the text. Names that come from the rows stand
        in it as code, so that none is read as markdown or HTML.

    Example:
        >>> from asid_hf.dataset_builder.counting import InstructionCounts
        >>> facts = CardFacts("Clips", "cc-by-4.0", 0, 0.0, 1, "0.2", ("published",))
        >>> card = render_card({"configs": {"raw": InstructionCounts().summary()}, "bad_lines": {}}, {}, {}, facts)
        >>> card.splitlines()[:2]
        ['---', 'pretty_name: Clips']
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {"code": code, "plain": plain, "number": _number, "share": _share}
    template = files("asid_hf.dataset_builder").joinpath("card.md.jinja").read_text(encoding="utf-8")
    counted = statistics["configs"]
    return environment.from_string(template).render(
        metadata=_metadata(counted, configs, infos, facts),
        facts=facts,
        configs=configs,
        counted=counted,
        instructions={name: told for name, told in counted.items() if name != VERIFIED},
        verified=counted[VERIFIED]["verification"] if VERIFIED in counted else None,
        first=_default(configs or counted),
        bad_lines=sum(statistics["bad_lines"].values()),
        attributes=ATTRIBUTE_NAMES,
        layouts=[LAYOUTS.get(name) or code(name) for name in facts.layouts],
        forms=sorted({form for told in counted.values() for own in told.get("sizes", {}).values() for form in own}),
        untold=UNTOLD,
    )


def code(name: object) -> str:
    """Somebody's text as code in a table's cell: one line, with nothing in it that ends the code or the cell.

    Example:
        >>> code("a`b | <b>c")
        "`a'b \\\\| <b>c`"
    """
    text = _line(name).replace("`", "'").replace("\\", "/").replace("|", "\\|")
    return f"`{text}`" if text else "(no name)"


def plain(text: object) -> str:
    """Somebody's text in a paragraph or heading: one line, none of it read as markup.

    Example:
        >>> print(plain("<b>*Clips*"))
        \\<b\\>\\*Clips\\*
    """
    return _MARKS.sub(r"\\\1", _line(text))


def _line(text: object) -> str:
    """On one line, without characters that do not show (some turn the reading round), and not too long."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = " ".join(shown.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _default(names: Mapping[str, object]) -> str:
    return DEFAULT if DEFAULT in names else next(iter(names), DEFAULT)


def _metadata(
    counted: dict, configs: Mapping[str, Mapping[str, str]], infos: Mapping[str, DatasetInfo], facts: CardFacts
) -> str:
    """The YAML, without its marks; written by the libraries that read it."""
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    rows = sum(told["rows"] for told in counted.values())
    data = DatasetCardData(
        pretty_name=_line(facts.pretty_name),
        license=_line(facts.license),
        language=["en"],
        task_categories=["video-text-to-text"],
        size_categories=[next((name for most, name in _SIZES if rows < most), "100M<n<1B")],
        tags=_TAGS,
    )
    default = _default(configs)
    listed = {}
    for config, patterns in configs.items():
        listed[config] = {"data_files": [{"split": split, "path": path} for split, path in patterns.items()]}
        listed[config] |= _content(infos.get(config))
        if config == default:
            listed[config]["default"] = True
    MetadataConfigs(listed).to_dataset_card_data(data)
    DatasetInfosDict(infos).to_dataset_card_data(data)
    return data.to_yaml(original_order=["pretty_name", "license", "language", "task_categories"])


def _content(info: DatasetInfo | None) -> dict[str, str]:
    """What tells one build from the next: `datasets` knows a local folder that has a card by its card alone, and would
    open the earlier build's rows out of its cache where all sizes happen to be the same.
    """
    if info is None or not info.download_checksums:
        return {}
    told = json.dumps(info.download_checksums, sort_keys=True).encode()
    return {"description": f"content {hashlib.sha256(told).hexdigest()[:16]}"}
