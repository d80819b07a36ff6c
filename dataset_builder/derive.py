"""Instruction rows out of verified captions: all attributes, single ones, and subsets of them in one answer.

A subset's answer is made of the verified single-attribute captions as they are, one labelled paragraph each or one JSON
object, never rewritten: the published model lost the following of instructions, and this is data against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

try:
    from asid_hf.instructions import ANSWERS, draw, draw_instruction, draw_some
    from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .instructions import ANSWERS, draw, draw_instruction, draw_some
    from .schema import ATTRIBUTE_NAMES, ATTRIBUTES

from .release import PUBLISHED_GROUPS
from .sources import CaptionRow, as_extra

SUBSET_SIZES = (2, 3, 4, 5, 6, 7)
_OTHER = "videos"  # the group of rows that tell of no source
_HELD_OUT = "held out"  # part of the key, so that no other draw goes the same way
_SHARES = 10**9


def derived_rows(
    config: str,
    row: Mapping,
    seed: int = 0,
    sizes: Sequence[int] = SUBSET_SIZES,
    answers: Sequence[str] = ANSWERS,
) -> Iterator[CaptionRow]:
    """The instruction rows of one verified row; none of a row that was dropped.

    Args:
        config: "all_attributes", "single_attribute" or "multi_attribute".
        row: a verified row, at least its `video_id`, `video`, `source`, `duration`, `status`, `attributes`, `caption`.
        seed, sizes, answers: see `subset_rows`; the seed also draws the instructions.

    Yields:
        Rows, in canonical order of their attributes, or of their number.

    Example:
        >>> row = {"video_id": "a", "status": "kept", "caption": "A dog runs.", "attributes": {"actions": "It runs."}}
        >>> [r["caption"] for c in ("all_attributes", "single_attribute") for r in derived_rows(c, row)]
        ['A dog runs.', 'It runs.']
    """
    if row.get("status") != "kept":
        return
    video, group = (row.get("video") or {}).get("path") or "", group_of_source(row.get("source"))
    told = {"duration": row["duration"]} if row.get("duration") is not None else {}
    texts = row.get("attributes") or {}
    captions = {name: text for name in ATTRIBUTES if (text := (texts.get(name) or "").strip())}
    if config == "all_attributes":
        if caption := (row.get("caption") or "").strip():
            yield _row(row["video_id"], group, ATTRIBUTES, caption, video, seed, told)
    elif config == "single_attribute":
        for name, text in captions.items():
            yield _row(row["video_id"], group, (name,), text, video, seed, told)
    else:
        yield from subset_rows(row["video_id"], captions, video, group, seed, sizes, answers, told)


def subset_rows(
    video_id: str,
    captions: Mapping[str, str],
    video: str,
    group: str,
    seed: int = 0,
    sizes: Sequence[int] = SUBSET_SIZES,
    answers: Sequence[str] = ANSWERS,
    told: Mapping[str, object] | None = None,
) -> Iterator[CaptionRow]:
    """One row a size: a drawn subset of the attributes that a video has, asked for in one instruction.

    Args:
        video_id, video, group: of the video.
        captions: attribute -> its caption.
        seed: of the draws.
        sizes: numbers of attributes; those above what the video has are left out.
        answers: forms of the answer to draw from, of `ANSWERS`.
        told: more to keep in `extra`, beside the drawn form of the answer.

    Yields:
        Rows; `extra` tells `answer_form`, "text" or "json".

    Example:
        >>> captions = {"scene": "A room.", "camera": "It stands still."}
        >>> print(next(subset_rows("a", captions, "a.mp4", "g", answers=["text"]))["caption"])
        Scene: A room.
        <BLANKLINE>
        Camera: It stands still.
    """
    there = [name for name in ATTRIBUTES if name in captions]
    for size in sizes:
        if size > len(there):
            continue
        chosen = draw_some(there, size, seed, video_id)
        answer = answers[draw(len(answers), seed, video_id, size, "answer")]
        caption = _answer(chosen, captions, answer)
        yield _row(video_id, group, chosen, caption, video, seed, {"answer_form": answer, **(told or {})}, answer)


def _answer(chosen: list[str], captions: Mapping[str, str], answer: str) -> str:
    if answer == "json":
        return json.dumps({name: captions[name] for name in chosen}, ensure_ascii=False)
    return "\n\n".join(f"{ATTRIBUTE_NAMES[name].capitalize()}: {captions[name]}" for name in chosen)


def _row(
    video_id: str,
    group: str,
    attributes: Sequence[str],
    caption: str,
    video: str,
    seed: int,
    told: Mapping[str, object],
    answer: str = "text",
) -> CaptionRow:
    return CaptionRow(
        video_id=video_id,
        group=group,
        attributes=list(attributes),
        instruction=draw_instruction(attributes, video_id, seed, answer),
        caption=caption,
        video=video,
        extra=as_extra(dict(told)),
    )


def group_of_source(source: str | None) -> str:
    """The group of a verified row: the published one its source names, else the source's last part.

    Example:
        >>> [group_of_source(s) for s in ("lmms-lab/LLaVA-Video-178K/0_30_s_youtube_v0_1", "my clips", None)]
        ['0_30_s_youtube_v0_1', 'my_clips', 'videos']
    """
    name = (source or "").rstrip("/").rpartition("/")[2]
    if name.lower() in PUBLISHED_GROUPS:
        return name.lower()
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name).lstrip(".")
    return safe[:80] or _OTHER


def is_held_out(video_id: str, share: float) -> bool:
    """Whether a video belongs to the held-out split: decided by its id alone, so that it stays there as data grows.

    Args:
        video_id: of the video.
        share: of all videos, 0 to 1; a larger share holds out the same videos and more.

    Example:
        >>> sum(is_held_out(str(i), 0.1) for i in range(10_000)) in range(900, 1100)
        True
    """
    return draw(_SHARES, _HELD_OUT, video_id) < share * _SHARES


class CaptionsByVideo:
    """Single-attribute rows gathered video by video; a video is given out once it has all eight captions.

    Held in memory are the videos under way: few where the rows of a video follow each other, as published.

    Attributes:
        passed_over: rows that stand in no answer: of no known attribute, or of one that the video has already.

    Example:
        >>> gathered = CaptionsByVideo()
        >>> gathered.add("a", ["scene"], "A room.", "a.mp4") is None
        True
        >>> list(gathered.rest())
        [('a', 'a.mp4', {'scene': 'A room.'})]
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], dict[str, str]] = {}
        self.passed_over = 0

    def add(
        self, video_id: str, attributes: Sequence[str], caption: str, video: str
    ) -> tuple[str, str, dict[str, str]] | None:
        """Add a row. Returns a video that is whole now; videos of one id in two folders are two."""
        captions = self._under_way.setdefault((video_id, video), {})
        if len(attributes) != 1 or captions.setdefault(attributes[0], caption) != caption:
            self.passed_over += 1
            return None
        if len(captions) < len(ATTRIBUTES):
            return None
        return video_id, video, self._under_way.pop((video_id, video))

    def rest(self) -> Iterable[tuple[str, str, dict[str, str]]]:
        """The videos that lack an attribute, at the end."""
        return [(*key, captions) for key, captions in self._under_way.items() if captions]
