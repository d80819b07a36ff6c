"""What each token of a vocabulary does inside a JSON string: whether it may stand there, and how it leaves the string.

A string is read byte by byte, so escapes and characters may be cut anywhere by the tokens.
"""

from __future__ import annotations

import json

import torch

from .decoding_vocabulary import Vocabulary

NORMAL, BACKSLASH, CUT_OFF = 0, 1, 255
# States of a string under way. Escapes "\\uXXXX" by hex digits left (3 behind a D: a surrogate must not follow); then
# UTF-8: continuation bytes left, the first of which is narrower behind some lead bytes.
_HEX = {4: 2, 3: 3, 2: 4, 1: 5}
_HEX_D = 6
_MORE = {1: 7, 2: 8, 3: 9}
_E0, _ED, _F0, _F4 = 10, 11, 12, 13
STATES = 14
_LEFT = {NORMAL: 0, BACKSLASH: 1, 2: 4, 3: 3, 4: 2, 5: 1, _HEX_D: 3, 7: 1, 8: 2, 9: 3, _E0: 2, _ED: 2, _F0: 3, _F4: 3}
"""How many bytes of tokens it takes to be back in NORMAL."""


def _step(state: int, byte: int) -> int:
    """The state behind one more byte of a string's content; CUT_OFF where it cannot stand there."""
    if state == NORMAL:
        return _first(byte)
    if state == BACKSLASH:
        return _HEX[4] if byte == 0x75 else NORMAL if byte in b'"\\/bfnrt' else CUT_OFF
    if state in (*_HEX.values(), _HEX_D):
        return _hex(state, byte)
    low, high = {_E0: (0xA0, 0xBF), _ED: (0x80, 0x9F), _F0: (0x90, 0xBF), _F4: (0x80, 0x8F)}.get(state, (0x80, 0xBF))
    if not low <= byte <= high:
        return CUT_OFF
    return {1: NORMAL, 2: _MORE[1], 3: _MORE[2]}[_LEFT[state]]


def _first(byte: int) -> int:
    if byte < 0x20 or byte == 0x22:
        return CUT_OFF
    if byte < 0x80:
        return BACKSLASH if byte == 0x5C else NORMAL
    if byte in (0xE0, 0xED, 0xF0, 0xF4):
        return {0xE0: _E0, 0xED: _ED, 0xF0: _F0, 0xF4: _F4}[byte]
    return (
        _MORE[1]
        if 0xC2 <= byte < 0xE0
        else _MORE[2]
        if 0xE1 <= byte < 0xF0
        else _MORE[3]
        if 0xF1 <= byte < 0xF4
        else CUT_OFF
    )


def _hex(state: int, byte: int) -> int:
    if byte not in b"0123456789abcdefABCDEF" or (state == _HEX_D and byte in b"89abcdefABCDEF"):
        return CUT_OFF
    if state == _HEX[4] and byte in b"dD":
        return _HEX_D
    return {4: _HEX[3], 3: _HEX[2], 2: _HEX[1], 1: NORMAL}[_LEFT[state]]


class StringTokens:
    """What each token of a vocabulary does inside a JSON string.

    Attributes:
        after: (STATES, size) uint8; the state behind a token, by the state before it; CUT_OFF where it cannot stand.
        left: the same, as bytes it then takes to a whole character; 255 where it cannot stand.
        blank: (size,) of bool; whether a token is nothing but white space.
        closing: by state, the tokens that end the string: (id, bytes from the closing quote on).

    Example:
        >>> tokens = StringTokens(Vocabulary([b"At", b'"', b'.",', b"\\n", b"\\\\", None]))
        >>> (tokens.after[NORMAL] != CUT_OFF).tolist(), tokens.closing[NORMAL]
        ([True, False, False, False, True, False], [(1, b'"'), (2, b'",')])
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        size = len(vocabulary.pieces)
        steps = [bytes(_step(state, byte) for byte in range(256)) for state in range(STATES)]
        after = [bytearray([CUT_OFF]) * size for _ in range(STATES)]
        self.closing: list[list[tuple[int, bytes]]] = [[] for _ in range(STATES)]
        for token, piece in enumerate(vocabulary.pieces):
            for begin in range(STATES) if piece else ():
                state = begin
                for place, byte in enumerate(piece):
                    before, state = state, steps[state][byte]
                    if state == CUT_OFF:
                        if before == NORMAL and byte == 0x22:
                            self.closing[begin].append((token, piece[place:]))
                        break
                after[begin][token] = state
        self.after = torch.stack([torch.frombuffer(states, dtype=torch.uint8) for states in after])
        self.blank = torch.tensor([piece is not None and not piece.strip() for piece in vocabulary.pieces])
        table = torch.full((256,), 255, dtype=torch.uint8)
        table[:STATES] = torch.tensor([_LEFT[state] for state in range(STATES)], dtype=torch.uint8)
        self.left = table[self.after.long()]


def shown(content: bytes) -> bool:
    """Whether some content of a JSON string, as written there, has anything to see.

    Example:
        >>> shown(b"At"), shown(b"\\\\n ")
        (True, False)
    """
    return bool(json.loads(b'"' + content + b'"').strip())
