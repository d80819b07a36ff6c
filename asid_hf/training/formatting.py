"""Rows of datasets into training rows: the turns of one conversation, and the clip that it is about.

The turns that ask are the ones of `AsidCaptionerForConditionalGeneration.caption`: the same system turn, the same pools
of instructions, drawn by video and seed. (The published system prompts of training and inference differ.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asid_hf.errors import InputError
from asid_hf.instructions import ANSWERS, SYSTEM_PROMPT, clip_id, draw_instruction, requested_attributes
from asid_hf.schema import canonical_attributes, list_feature, video_feature

if TYPE_CHECKING:
    from datasets import Features

VIDEO_TAG = "<video>"
"""Leads the turn that a clip belongs to, as in ms-swift's rows."""

INSTRUCTIONS = ("pool", "given")
ROLES = ("system", "user", "assistant")
_SHAPES = "instruction and caption; messages; or prompt and completion"


def training_features() -> Features:
    """The columns of a training row.

    `messages`: turns {role, content}; the user turn that a clip belongs to begins with `VIDEO_TAG`. `video`: that clip,
    not decoded, or None. `attributes`: what is asked for, canonical names; none of a general row. `form`: "text" or
    "json". `refused`: why the row cannot be trained on, or None.

    Example:
        >>> list(training_features())
        ['video_id', 'attributes', 'form', 'messages', 'video', 'refused']
    """
    from datasets import Features, Value

    text = Value("string")
    return Features(
        {
            "video_id": text,
            "attributes": list_feature(text),
            "form": text,
            "messages": list_feature({"role": text, "content": text}),
            "video": video_feature(),
            "refused": text,
        }
    )


@dataclass(frozen=True)
class Formatting:
    """Turns rows into training rows, for `Dataset.map(..., batched=True)`.

    Rows may have `instruction` and `caption` (those of `load_dataset("asid-1m")`), `messages` (with a video, or of text
    only), or `prompt` and `completion`. A row that lacks something is kept, with the reason in `refused`.

    Args:
        instructions: "pool": instructions are drawn anew from our pools for rows that ask for attributes: those that
            say so in a column `attributes`, and `messages` whose question is a known instruction (see
            `instructions.requested_attributes`); "given": they stay as the rows have them.
        seed: of what is drawn.
        system_prompt: the system turn of rows about a clip that have none; "" for none.

    Raises:
        InputError: from the call, rows of none of these shapes.

    Example:
        >>> rows = {"instruction": ["Describe the camera."], "caption": ["It pans."], "video": ["a.mp4"]}
        >>> [turn["role"] for turn in Formatting()(rows)["messages"][0]]
        ['system', 'user', 'assistant']
    """

    instructions: str = "pool"
    seed: int = 0
    system_prompt: str = SYSTEM_PROMPT

    version = 3  # raise it with every change of what the rows become: it is part of the cache's fingerprint

    def __post_init__(self) -> None:
        if self.instructions not in INSTRUCTIONS:
            raise InputError(f"instructions={self.instructions!r}. Allowed: {', '.join(INSTRUCTIONS)}.")

    def __call__(self, rows: Mapping[str, list]) -> dict[str, list]:
        """Columns of rows in, columns of training rows out, see `training_features`."""
        names = list(rows)
        made = [self.row(dict(zip(names, values, strict=True))) for values in zip(*map(rows.get, names), strict=True)]
        return {name: [one[name] for one in made] for name in training_features()}

    def __reduce__(self) -> tuple:  # `version` decides the fingerprint, too
        return _formatting, (self.instructions, self.seed, self.system_prompt, self.version)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One row as a training row.

        Raises:
            InputError: it has none of the shapes.
        """
        video = _video(row)
        made = {"video_id": str(row.get("video_id") or clip_id(video)), "attributes": [], "form": "text"}
        made |= {"messages": [], "video": video, "refused": None}
        try:
            turns = _turns(row)
            made["attributes"], made["form"] = _asked(row, turns)
        except _Refused as reason:
            return {**made, "refused": str(reason)}
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            return {**made, "refused": f"its turns are malformed: {type(error).__name__}: {error}"[:300]}
        if any(turn["content"].startswith(VIDEO_TAG) for turn in turns):
            turns = self._of_clip(turns, made)
            if video is None:
                made["refused"] = "its clip is not there"
        else:
            made["video"] = None
        return {**made, "messages": turns}

    def _of_clip(self, turns: list[dict], made: dict) -> list[dict]:
        if self.instructions == "pool" and made["attributes"]:
            place = next(i for i, turn in enumerate(turns) if turn["content"].startswith(VIDEO_TAG))
            drawn = draw_instruction(made["attributes"], made["video_id"], self.seed, made["form"])
            turns = [*turns[:place], {"role": "user", "content": VIDEO_TAG + drawn}, *turns[place + 1 :]]
        if self.system_prompt and turns[0]["role"] != "system":
            turns = [{"role": "system", "content": self.system_prompt}, *turns]
        return turns


def _formatting(instructions: str, seed: int, system_prompt: str, version: int) -> Formatting:
    return Formatting(instructions, seed, system_prompt)


def conversation(row: Mapping[str, Any]) -> list[dict]:
    """A training row's turns as a processor takes them, its clip in its place.

    Example:
        >>> turns = [{"role": "user", "content": "<video>Describe it."}, {"role": "assistant", "content": "A dog."}]
        >>> conversation({"messages": turns, "video": {"path": "a.mp4", "bytes": None}})[0]["content"][1]
        {'type': 'text', 'text': 'Describe it.'}
    """
    turns = []
    for turn in row["messages"]:
        words = turn["content"].removeprefix(VIDEO_TAG)
        clip = [{"type": "video", "video": row["video"]}] if words != turn["content"] else []
        turns.append({"role": turn["role"], "content": [*clip, {"type": "text", "text": words}]})
    return turns


class _Refused(ValueError):
    """Why a row cannot be trained on."""


def _video(row: Mapping[str, Any]) -> dict | None:
    """The row's clip as a Video value."""
    given = row.get("video")
    if given is None and row.get("videos"):
        if len(row["videos"]) > 1:
            return None
        given = row["videos"][0]
    if given is None:
        given = next((part.get("video") or part.get("path") for part in _video_parts(row)), None)
    if isinstance(given, str):
        given = {"path": given, "bytes": None}
    if isinstance(given, Mapping) and (given.get("path") or given.get("bytes")):
        return {"path": given.get("path"), "bytes": given.get("bytes")}
    return None


def _video_parts(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for turns in (row.get("messages"), row.get("prompt")):
        for turn in turns if isinstance(turns, list | tuple) else ():
            content = turn.get("content") if isinstance(turn, Mapping) else None
            for part in content if isinstance(content, list | tuple) else ():
                if isinstance(part, Mapping) and part.get("type") == "video":
                    yield part


def _turns(row: Mapping[str, Any]) -> list[dict]:
    """The turns of a row, in whichever shape it has them; the clip's turn begins with its tag."""
    if "instruction" in row and "caption" in row:
        turns = [("user", VIDEO_TAG + (row["instruction"] or "")), ("assistant", row["caption"])]
    elif "messages" in row:
        turns = [(turn.get("role"), _words(turn.get("content"))) for turn in row["messages"] or []]
    elif "prompt" in row and "completion" in row:
        turns = [*_as_turns(row["prompt"], "user"), *_as_turns(row["completion"], "assistant")]
    else:
        raise InputError(f"Rows with the columns {', '.join(map(str, row))} are none to train on. Accepted: {_SHAPES}.")
    if len(row.get("videos") or ()) > 1:
        raise _Refused(f"{len(row['videos'])} clips: a conversation has one at most")
    for kind in ("image", "images", "audio", "audios"):
        if (given := row.get(kind)) and not _is_clip(given, _video(row)):
            raise _Refused(f"it has {kind}: clips and text can be trained on (sound alone is given as its video)")
    return _checked(turns, bool(_video(row)))


def _checked(turns: list[tuple], clip: bool) -> list[dict]:
    if not turns or turns[-1][0] != "assistant":
        raise _Refused("no answer at its end")
    if unknown := [role for role, _ in turns if role not in ROLES]:
        raise _Refused(f"the role {unknown[0]!r}; there are {', '.join(ROLES)}")
    if any(words is not None and not isinstance(words, str) for _, words in turns):
        raise _Refused("a turn that is no text")
    if any(words is None or not words.strip() for role, words in turns if role != "system"):
        raise _Refused("an empty turn")
    asks = next((place for place, (role, _) in enumerate(turns) if role == "user"), None)
    if clip and asks is not None and not any(VIDEO_TAG in words for _, words in turns):
        turns[asks] = ("user", VIDEO_TAG + turns[asks][1])  # a clip that no turn names belongs to the first question
    tags = [place for place, (_, words) in enumerate(turns) if VIDEO_TAG in words]
    if len(tags) > 1 or (tags and (turns[tags[0]][0] != "user" or turns[tags[0]][1].count(VIDEO_TAG) > 1)):
        raise _Refused(f"{VIDEO_TAG} stands in other places than once in a user's turn")
    if tags:  # wherever it stood: the clip comes first, as in use
        role, words = turns[tags[0]]
        turns[tags[0]] = (role, VIDEO_TAG + words.replace(VIDEO_TAG, "").strip())
    return [{"role": role, "content": words.strip()} for role, words in turns]


def _as_turns(given: Any, role: str) -> list[tuple]:
    if isinstance(given, str) or given is None:
        return [(role, given)]
    return [(turn.get("role"), _words(turn.get("content"))) for turn in given]


def _words(content: Any) -> str | None:
    """The words of a turn; a part that is a video becomes the tag."""
    if isinstance(content, str) or content is None:
        return content
    parts = []
    for part in content:
        kind = part.get("type", "text")
        if kind not in ("text", "video"):
            raise _Refused(f"a part of type {kind!r}: clips and text can be trained on")
        parts.append(VIDEO_TAG if kind == "video" else part.get("text") or "")
    return "".join(parts)


def _is_clip(given: Any, clip: Mapping[str, Any] | None) -> bool:
    """Whether it is the clip itself, as where the sound of a film is named beside it."""
    only = given[0] if isinstance(given, list | tuple) and len(given) == 1 else given
    path = only.get("path") if isinstance(only, Mapping) else only
    return clip is not None and path is not None and path == clip["path"]


def _asked(row: Mapping[str, Any], turns: list[dict]) -> tuple[list[str], str]:
    """The attributes that a row asks for, and the form of its answer."""
    answer = turns[-1]["content"]
    form = ANSWERS[1] if _is_json(answer) else ANSWERS[0]
    named = row.get("attributes")
    if isinstance(named, Mapping):  # of a verified row: what it tells, not what it asks for
        named = None
    if named is None and "messages" in row and 2 <= len(turns) <= 3:
        named = requested_attributes(turns[-2]["content"].removeprefix(VIDEO_TAG).strip())
        named = named if turns[-2]["content"].startswith(VIDEO_TAG) else []
    try:
        names = [named] if isinstance(named, str) else list(named or ())
        return list(canonical_attributes(names)) if names else [], form
    except ValueError as error:
        raise _Refused(f"its attributes: {error}") from None


def _is_json(answer: str) -> bool:
    if not answer.startswith("{"):
        return False
    try:
        return isinstance(json.loads(answer), dict)
    except (ValueError, RecursionError):
        return False
