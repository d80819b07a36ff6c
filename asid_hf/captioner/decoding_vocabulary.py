"""What each token writes: the bytes behind every id of a vocabulary."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_KNOWN: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Vocabulary:
    """The bytes that each id adds to a text.

    Attributes:
        pieces: bytes by id; None for special tokens and for ids that no token has.
        texts: the same as text by id; None also for pieces that are no whole UTF-8 (a cut character).

    Example:
        >>> Vocabulary([b"At", None, b"\\xe2\\x80"]).texts
        ['At', None, None]
    """

    def __init__(self, pieces: list[bytes | None]) -> None:
        self.pieces = pieces
        self._made: dict = {}
        self.texts = [None if piece is None else _text(piece) for piece in pieces]

    def piece(self, token: int) -> bytes | None:
        """The bytes of one id; None as in `pieces`, and for ids beyond the vocabulary.

        Example:
            >>> Vocabulary([b"At"]).piece(7) is None
            True
        """
        return self.pieces[token] if 0 <= token < len(self.pieces) else None

    def once(self, kind: Callable[[Vocabulary], T]) -> T:
        """`kind(self)`, made when it is first asked for, and the same from then on.

        Example:
            >>> vocabulary = Vocabulary([b"At"])
            >>> vocabulary.once(lambda own: len(own.pieces))
            1
        """
        if kind not in self._made:
            self._made[kind] = kind(self)
        return self._made[kind]


def vocabulary_of(tokenizer: object) -> Vocabulary:
    """The vocabulary of a tokenizer, worked out once for each.

    Byte-level BPE (Qwen, GPT) is read exactly. Of any other kind, a token writes what it adds behind another one.

    Args:
        tokenizer: a tokenizer of transformers.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models
        >>> from transformers import PreTrainedTokenizerFast
        >>> made = Tokenizer(models.BPE({"A": 0, "t": 1, "Ġ": 2}, []))
        >>> made.decoder = decoders.ByteLevel()
        >>> vocabulary_of(PreTrainedTokenizerFast(tokenizer_object=made)).pieces
        [b'A', b't', b' ']
    """
    if tokenizer not in _KNOWN:
        _KNOWN[tokenizer] = Vocabulary(_pieces(tokenizer))
    return _KNOWN[tokenizer]


def digit_ids(tokenizer: object) -> frozenset[int]:
    """The ids of tokens that are nothing but digits, worked out once for each tokenizer.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models
        >>> from transformers import PreTrainedTokenizerFast
        >>> made = Tokenizer(models.BPE({"A": 0, "7": 1}, []))
        >>> made.decoder = decoders.ByteLevel()
        >>> sorted(digit_ids(PreTrainedTokenizerFast(tokenizer_object=made)))
        [1]
    """
    return vocabulary_of(tokenizer).once(_digits)


def _digits(vocabulary: Vocabulary) -> frozenset[int]:
    return frozenset(token for token, piece in enumerate(vocabulary.pieces) if piece and piece.isdigit())


def _pieces(tokenizer: object) -> list[bytes | None]:
    special = set(tokenizer.all_special_ids) | {
        token for token, added in tokenizer.added_tokens_decoder.items() if added.special
    }
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    if _is_byte_level(tokenizer):
        values = {letter: byte for byte, letter in enumerate(_byte_letters())}
        return [None if token in special or text is None else _bytes(text, values) for token, text in enumerate(tokens)]
    first = next((token for token in range(len(tokens)) if token not in special and tokens[token]), 0)
    before = len(tokenizer.decode([first]))
    return [
        None if token in special or text is None else tokenizer.decode([first, token])[before:].encode()
        for token, text in enumerate(tokens)
    ]


def _is_byte_level(tokenizer: object) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return "ByteLevel" in repr(getattr(backend, "decoder", None))


def _bytes(text: str, values: dict[str, int]) -> bytes:
    try:
        return bytes(map(values.__getitem__, text))
    except KeyError:  # an added token, written as it is
        return text.encode()


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level BPE: itself where it prints, else one from 256 on."""
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in prints]
    return [chr(byte) if byte in prints else chr(256 + others.index(byte)) for byte in range(256)]


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None
