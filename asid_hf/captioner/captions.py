"""What captioning gives: the text, by attribute where it can be told apart, its times, and what the model was shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

try:
    from asid_hf.anchors import Anchor, parse_anchors
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import Anchor, parse_anchors

FINISHES = ("stop", "length", "loop", "time", "error")
"""Why a text ended: the model was done; max_new_tokens; it repeated itself; it insisted on times that the clip does not
have; the clip could not be read."""


@dataclass(frozen=True)
class Caption:
    """A clip's caption.

    Attributes:
        text: as a person reads it; of an answer in JSON, one labelled paragraph an attribute.
        attributes: text by attribute; {} where the answer is one paragraph about several of them.
        instruction: what was asked.
        raw: what the model wrote.
        finish_reason: one of `FINISHES`.
        tokens: by modality: text (the prompt's words), video, audio, image, and new (written). An `audio` of 0 says
            that nothing was heard.
        duration: s.
        windows: (start, end) s of each part of a long clip that was captioned by itself.
        clips: of each window, how many frames of which size at which rate were seen, and what was lowered to fit.
        error: why there is no text, or None.

    Example:
        >>> Caption("At 3s, he waves.", {"actions": "At 3s, he waves."}).anchors[0].times
        (3.0,)
    """

    text: str
    attributes: dict[str, str] = field(default_factory=dict)
    instruction: str = ""
    raw: str = ""
    finish_reason: str = "stop"
    tokens: dict[str, int] = field(default_factory=dict)
    duration: float = 0.0
    windows: list[tuple[float, float]] = field(default_factory=list)
    clips: list[dict] = field(default_factory=list)
    error: str | None = None

    @property
    def anchors(self) -> list[Anchor]:
        """The times that the text names, with their places in it."""
        return parse_anchors(self.text)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON-ready values, with the anchors of `text`."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**told, "anchors": [anchor._asdict() for anchor in self.anchors]}
