"""Text of somebody's file on a terminal."""


def printable(text: object) -> str:
    """Text without what a terminal would carry out; its lines stay.

    Example:
        >>> printable("a\\x1b]0;title\\x07b")
        'a ]0;title b'
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in str(text))
