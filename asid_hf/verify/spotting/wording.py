"""What quoted words look like by themselves: an utterance, the name of something, or lettering."""

from __future__ import annotations

import re

_ADDRESSING = re.compile(
    r"\b(?:i|i'm|you|you're|your|we|my|me|let's|don't|it's|that's|gonna|what|why|how|yeah|yep|yes|no|nope|oh|okay|hey|"
    r"please|thanks?|um+|uh+|hm+|ah+|wow|haha|oops|ouch|huh|whoa)\b",
    re.IGNORECASE,
)
_WRITTEN_LOOK = re.compile(r"^(?=[^a-z]*[A-Z0-9])[^a-z]{2,}$")
_FOREIGN = re.compile(r"[\u0400-\u1fff\u2e80-\ud7ff\uf900-\ufaff]")


def addresses(words: str) -> bool:
    """Whether words speak to somebody, or are a cry.

    Example:
        >>> addresses("Let's go"), addresses("Main Street")
        (True, False)
    """
    return _ADDRESSING.search(words) is not None


def begins_as_cry(words: str) -> bool:
    """Whether the first word is one by which somebody is addressed or which is cried out.

    Example:
        >>> begins_as_cry("Wow, nice"), begins_as_cry("Nice, wow")
        (True, False)
    """
    return _ADDRESSING.match(words) is not None


def is_utterance(words: str) -> bool:
    """Whether words look spoken: five or more, or a stop at their end, or they address somebody.

    Example:
        >>> is_utterance("Nice!"), is_utterance("Fresh Bread")
        (True, False)
    """
    return len(words.split()) >= 5 or words.endswith(("!", "?", ".", "…")) or addresses(words)


def is_title(words: str, most: int = 5) -> bool:
    """Whether words look like a name: at most so many, each but the small ones with a capital, no stop.

    Example:
        >>> is_title("The Art of War"), is_title("Come here.")
        (True, False)
    """
    parts = words.split()
    return len(parts) <= most and words[-1].isalnum() and all(part[0].isupper() or len(part) < 4 for part in parts)


def is_lettering(words: str, style: str) -> bool:
    """Whether words look like lettering: all capitals or digits, or in a script that captions only show.

    Args:
        words: what stands between the marks.
        style: the mark, "single" or "double"; figures in double marks are not told apart from prices and the like.

    Example:
        >>> is_lettering("NO EXIT", "double"), is_lettering("出口", "single"), is_lettering("42", "double")
        (True, True, False)
    """
    capitals = _WRITTEN_LOOK.search(words) and (style == "single" or words.upper() != words.lower())
    return bool(_FOREIGN.search(words) or capitals)
