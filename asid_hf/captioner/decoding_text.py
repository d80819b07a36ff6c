"""The text that a caption is at: token by token, which field or paragraph, and which time it told last.

An answer holds one text or several: each string of a JSON object and each labelled paragraph is one by itself, and its
times begin anew. Only the end of the present text is kept; the times before it are settled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

try:
    from asid_hf.anchors import Anchor, parse_anchors
    from asid_hf.schema import canonical_attribute
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import Anchor, parse_anchors
    from .schema import canonical_attribute

from .decoding_vocabulary import Vocabulary

LONGEST = 420  # characters kept of a text, more than any anchor and what decides about it
KEPT = 200
_FIELD = re.compile(r'"([^"\n]{3,24})"\s{0,3}:\s{0,3}"$')
_LABEL = re.compile(r"[ \t]{0,3}(?:[#*>-]{1,4}[ \t]?)?\*{0,2}([A-Za-z][A-Za-z _-]{2,20}?)[ \t]?\*{0,2}:")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


class CaptionText:
    """The end of the text that the generated tokens are at.

    Args:
        vocabulary: of the tokens.
        limit: seconds; a time beyond it is none of the clip's.

    Attributes:
        text: the end of the present text, escapes of JSON undone; begins with "…" where it was cut.
        owners: for each of its characters, which generated token wrote it (counted from 0).
        rest: bytes of a character that is not whole yet.
        last: seconds; start of the last anchor before `text` begins, 0 where there is none.
        ended: whether a special token came, which ends a caption.

    Example:
        >>> text = CaptionText(Vocabulary([b'{"scene": "', b"At 3s, ", b'he", "camera": "', b"It"]), limit=9)
        >>> for token in (0, 1, 2, 3): text.push(token)
        >>> text.text, text.owners, text.in_json
        ('It', [3, 3], True)
    """

    def __init__(self, vocabulary: Vocabulary, limit: float) -> None:
        self.text, self.owners, self.rest, self.last = "", [], b"", 0.0
        self.in_json = self.ended = False
        self._escape = ""
        self._vocabulary, self._limit = vocabulary, limit
        self._count = 0

    def __copy__(self) -> CaptionText:
        twin = object.__new__(CaptionText)
        twin.__dict__.update(self.__dict__)
        twin.owners = self.owners.copy()
        return twin

    def push(self, token: int) -> None:
        """Read one more token; special tokens write nothing.

        Example:
            >>> text = CaptionText(Vocabulary([b"At", None]), limit=9)
            >>> text.push(0), text.push(1), text.text
            (None, None, 'At')
        """
        piece = self._vocabulary.piece(token)
        self._count += 1
        self.ended = self.ended or piece is None
        if not piece or self.ended:
            return
        letters, self.rest = _decode(self.rest + piece)
        if '"' not in letters and (self.in_json or (":" not in letters)) and not (self.in_json and "\\" in letters):
            if not self._escape:
                self._write(letters)
                letters = ""
        for letter in letters:
            self._read(letter)
        if len(self.text) > LONGEST:
            self._settle()

    def view(self) -> tuple[str, int]:
        """The end of the text that decides about its last anchor, and where in `text` it begins (less its first "…").

        Example:
            >>> text = CaptionText(Vocabulary([b"He sits down. " * 20 + b"At 3s"]), limit=9)
            >>> text.push(0)
            >>> text.view()
            ('… He sits down. He sits down. He sits down. At 3s', 236)
        """
        if len(self.text) <= 120:
            return self.text, 0
        size = len(self.text)
        place = self.text.rfind(". ", max(0, size - 150), size - 45)
        place = place + 1 if place >= 0 else self.text.find(" ", max(0, size - 180), size - 120)
        if place <= 0:
            return self.text, 0
        return "…" + self.text[place:], place - 1

    def _read(self, letter: str) -> None:
        if self.in_json:
            self._read_json(letter)
            return
        self._write(letter)
        if letter == '"':
            field = _FIELD.search(self.text, max(0, len(self.text) - 40))
            if field and _is_field(field[1]):
                self._begin(in_json=True)
        elif letter == ":":
            label = _LABEL.fullmatch(self.text, self.text.rfind("\n") + 1)
            if label and _is_attribute(label[1]):
                self._begin(in_json=False)

    def _read_json(self, letter: str) -> None:
        if self._escape:
            self._escape += letter
            if self._escape[1] != "u":
                self._write(_ESCAPES.get(letter, letter))
                self._escape = ""
            elif len(self._escape) == 6:
                self._write(_from_hex(self._escape[2:]))
                self._escape = ""
        elif letter == "\\":
            self._escape = letter
        elif letter == '"':
            self._begin(in_json=False)
        else:
            self._write(letter)

    def _write(self, letters: str) -> None:
        self.text += letters
        self.owners += [self._count - 1] * len(letters)

    def _begin(self, in_json: bool) -> None:
        self.text, self.owners, self.last, self.in_json = "", [], 0.0, in_json

    def _settle(self) -> None:
        """Cut the text at a space in no anchor, and remember the last time before it."""
        anchors = parse_anchors(self.text)
        cut = self.text.rfind(" ", 0, len(self.text) - KEPT)
        while cut > 0 and any(anchor.start <= cut < anchor.end for anchor in anchors):
            cut = self.text.rfind(" ", 0, cut)
        if cut <= 0:
            cut = len(self.text) - KEPT
        self.last = told([anchor for anchor in anchors if anchor.end <= cut], self.last, self._limit)[1]
        self.text, self.owners = "…" + self.text[cut:], [self.owners[cut], *self.owners[cut:]]


def without_cut_time(text: str, limit: float) -> str:
    """A text whose last word is a time that its end cut off ("At 0:4", of 0:45), without it.

    Such a time is decided by the token behind it, which a text that was full does not have.

    Args:
        text: one text, of one field or paragraph.
        limit: seconds; the last time that is inside the clip.

    Example:
        >>> without_cut_time("At 3s, he sits. At 0:45", limit=9.0), without_cut_time("At 3s he sits at 8s", limit=9.0)
        ('At 3s, he sits.', 'At 3s he sits at 8s')
    """
    while True:
        faults = told(parse_anchors(text), 0.0, limit)[0]
        if not faults or faults[-1].end < len(text.rstrip()):
            return text
        text = text[: faults[-1].start].rstrip()


def told(anchors: Iterable[Anchor], last: float, limit: float) -> tuple[list[Anchor], float]:
    """Which anchors are faulty, and the start of the last one that is not.

    Faulty is what lies beyond the clip's end, begins before the anchor before it, or runs backwards. Lengths of time
    ("for 5 seconds") are no places in time and pass; of a malformed anchor the largest number counts.

    Args:
        anchors: in order.
        last: seconds; start of the anchor before them.
        limit: seconds; the last time that is inside the clip.

    Example:
        >>> faults, last = told(parse_anchors("At 3s he sits. At 2s he runs, until 40s."), 0.0, limit=9.0)
        >>> [anchor.span for anchor in faults], last
        (['At 2s', 'until 40s'], 3.0)
    """
    faults = []
    for anchor in anchors:
        if anchor.kind == "duration":
            continue
        times = anchor.times or (max(map(float, _NUMBERS.findall(anchor.span)), default=0.0),)
        if max(times) > limit or (anchor.times and (times[0] < last or times[-1] < times[0])):
            faults.append(anchor)
        elif anchor.times:
            last = times[0]
    return faults, last


def _decode(data: bytes) -> tuple[str, bytes]:
    try:
        return data.decode(), b""
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return data[: error.start].decode(errors="replace"), data[error.start :]
        return data.decode(errors="replace"), b""


def _is_field(name: str) -> bool:
    return name == "caption" or _is_attribute(name)


def _is_attribute(name: str) -> bool:
    try:
        canonical_attribute(name)
    except ValueError:
        return False
    return True


def _from_hex(digits: str) -> str:
    try:
        return chr(int(digits, 16))
    except ValueError:
        return "\ufffd"
