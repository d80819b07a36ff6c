"""Where words that a model quotes stand in a text: letter by letter, or apart from case, spaces and kinds of quotes."""

from __future__ import annotations

import re

_SAME = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00a0": " "})
_LEAST = 2  # characters: fewer stand anywhere


def find_span(text: str, span: str) -> tuple[int, int] | None:
    """Find a quoted part of a text.

    Args:
        text: the whole.
        span: what was quoted of it.

    Returns:
        Half-open character range of its first occurrence; None where it does not stand there.

    Example:
        >>> find_span("The corridor is “dimly lit”.", 'the corridor  is "dimly lit"')
        (0, 26)
        >>> find_span("A dog runs.", "a cat") is None
        True
    """
    span = span.strip()
    if len(span) < _LEAST:
        return None
    start = text.find(span)
    if start >= 0:
        return start, start + len(span)
    plain = text.translate(_SAME)
    words = [re.escape(word) for word in span.translate(_SAME).strip(" .\"'").split()]
    found = re.search(r"\s+".join(words), plain, re.IGNORECASE) if words else None
    return found.span() if found else None
