"""Makes a captioner answer with the JSON object it was asked for: these keys in this order, each with a string.

What is no string content is written for it; inside a string it may say whatever a JSON string can hold. It ends each
string itself, but for when the tokens run out: then strings are ended early enough for all keys to follow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from .decoding_json_strings import CUT_OFF, NORMAL, StringTokens, shown
from .decoding_rows import Rows
from .decoding_vocabulary import vocabulary_of


class JsonFields(LogitsProcessor):
    """Makes each row a JSON object of these string keys, in order, and then ends it. Give it as the last processor.

    No field takes more than half of what is left when it begins, beyond what the other keys need; the last may take all
    of it. A field is never blank but for an empty one. What is allowed is a function of the ids behind the prompt.

    Args:
        tokenizer: of the captioner.
        keys: of the object, at least one.
        prompt_length: tokens before the first generated one, padding counted; or that of each text.
        max_new_tokens: tokens that a row may have behind its prompt.
        eos_token_ids: what ends a row.

    Raises:
        ValueError: no keys, one twice, no end token, or fewer tokens than the object takes with empty strings.

    Example:
        >>> from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        >>> from transformers import PreTrainedTokenizerFast
        >>> made = Tokenizer(models.BPE({letter: place for place, letter in enumerate('{"a:Ġ}<')}, []))
        >>> made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        >>> made.decoder = decoders.ByteLevel()
        >>> tokenizer = PreTrainedTokenizerFast(tokenizer_object=made)
        >>> fields = JsonFields(tokenizer, ["a"], prompt_length=0, max_new_tokens=9, eos_token_ids=7)
        >>> fields(torch.zeros((1, 0), dtype=torch.long), torch.zeros(1, 8)).argmax().item()  # {
        0
        >>> fields(torch.tensor([[0, 1, 2, 1, 3, 4, 1]]), torch.zeros(1, 8)).argmax().item()  # the string has to end
        1
    """

    supports_continuous_batching = False

    def __init__(
        self,
        tokenizer: object,
        keys: Sequence[str],
        prompt_length: int | Sequence[int],
        max_new_tokens: int,
        eos_token_ids: int | Sequence[int],
    ) -> None:
        if not keys or len(set(keys)) < len(keys):
            raise ValueError(f"The keys {list(keys)} were given. Allowed: one or more, none of them twice.")
        self._ends = [eos_token_ids] if isinstance(eos_token_ids, int) else list(eos_token_ids)
        if not self._ends:
            raise ValueError("No end token was given. Give the tokenizer's eos_token_id.")
        self._plan = _Plan(tokenizer, list(keys))
        bare = self._plan.length(self._plan.opening) + self._plan.finish[0]
        if max_new_tokens < bare:
            raise ValueError(
                f"max_new_tokens is {max_new_tokens}, and an object of the keys {', '.join(keys)} with empty strings "
                f"takes {bare} tokens. Give at least {bare}, or fewer keys."
            )
        self._limit = max_new_tokens
        self._rows = Rows(lambda text: _Writing(self._plan, self._limit), prompt_length)
        self._states: list[_Writing] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Allow what may come next.

        Args:
            input_ids: (rows, n) ids, prompt and generated ones.
            scores: (rows, vocabulary) scores of the next token.

        Returns:
            (rows, vocabulary) scores, -inf where nothing may come; each row has a finite one, also where all that may
            come was at -inf before.

        Raises:
            ValueError: generated ids that are no beginning of such an object.

        Example:
            >>> JsonFields.__call__.__name__
            '__call__'
        """
        self._states = self._rows.read(input_ids)
        masked = scores.clone()
        for row, state in enumerate(self._states):
            barred, fallback = self._barred(state, scores.shape[1])
            if barred is None:
                score = scores[row, fallback]
                masked[row] = -math.inf
                masked[row, fallback] = score if score.isfinite() else 0.0
                continue
            masked[row].masked_fill_(barred.to(scores.device), -math.inf)
            if masked[row].max() == -math.inf:
                masked[row, fallback] = 0.0
        return masked

    def field_of(self, row: int) -> str | None:
        """The key whose string a row is in, as of the last call; None outside of strings.

        Example:
            >>> JsonFields.field_of.__name__
            'field_of'
        """
        state = self._states[row] if row < len(self._states) else None
        return self._plan.keys[state.field] if state is not None and state.in_string else None

    def close(self, row: int, input_ids: torch.LongTensor) -> tuple[int, ...]:
        """The ids that end the string that a row of (rows, n) ids is in, and lead to the next one.

        () outside of strings, and inside of an escape or a character that is not whole yet: there none may end.

        Example:
            >>> JsonFields.close.__name__
            'close'
        """
        state = self._rows.read(input_ids)[row]
        may_end = state.in_string and state.string == NORMAL
        return self._plan.tokens(self._plan.behind[state.field]) if may_end else ()

    def cut(self, row: int) -> bool:
        """Whether a string of a row was ended because its tokens ran out, as of the last call.

        Example:
            >>> JsonFields.cut.__name__
            'cut'
        """
        return row < len(self._states) and self._states[row].cut

    def _barred(self, state: _Writing, size: int) -> tuple[torch.Tensor | None, int]:
        """(size,) of bool, what must not come, and what to take where the rest is ruled out; None: nothing but that."""
        if state.done:
            barred = torch.ones(size, dtype=torch.bool)
            barred[self._ends] = False
            return barred, self._ends[0]
        if not state.in_string:
            return None, self._plan.first(state.structure)
        if state.room <= 0:
            return None, self._plan.first(self._plan.behind[state.field])
        return self._plan.barred(state, size)


class _Plan:
    """What stands between the strings, in bytes and tokens."""

    def __init__(self, tokenizer: object, keys: list[str]) -> None:
        self.keys, self._tokenizer = keys, tokenizer
        self.vocabulary = vocabulary_of(tokenizer)
        self.strings = self.vocabulary.once(StringTokens)
        quoted = [json.dumps(key, ensure_ascii=False) for key in keys]
        self.opening = f'{{{quoted[0]}: "'.encode()
        self.behind = [f'", {key}: "'.encode() for key in quoted[1:]] + [b'"}']
        self._known: dict[bytes, tuple[int, ...]] = {}
        self._barred: dict[tuple, tuple[torch.Tensor, int]] = {}
        # Tokens from inside a field to the end of the object, all later strings empty.
        self.finish = [sum(self.length(text) for text in self.behind[field:]) for field in range(len(keys))]

    def tokens(self, text: bytes) -> tuple[int, ...]:
        """The tokens that write some structure."""
        if text not in self._known:
            ids = tuple(self._tokenizer(text.decode(), add_special_tokens=False)["input_ids"])
            pieces = [self.vocabulary.piece(token) for token in ids]
            if None in pieces or b"".join(pieces) != text:
                raise ValueError(
                    f"The tokenizer writes {text.decode()!r} otherwise than it is given. Give a byte-level tokenizer "
                    "(that of Qwen2.5-Omni is one), and keys that it can write."
                )
            self._known[text] = ids
        return self._known[text]

    def first(self, text: bytes) -> int:
        """The token to write next of some structure."""
        return self.tokens(text)[0]

    def length(self, text: bytes) -> int:
        """Tokens it takes to write some structure, one `first` after the other."""
        count = 0
        while text:
            text = text[len(self.vocabulary.pieces[self.first(text)]) :]
            count += 1
        return count

    def barred(self, state: _Writing, size: int) -> tuple[torch.Tensor, int]:
        """What must not come inside a string, and what to take where all else is ruled out."""
        enough = max(self.length(text) for text in self.behind) + 1
        room, to_close = min(state.room, 5), min(state.room_to_close, enough)
        key = (state.string, state.field, room, to_close, state.blank, state.empty, size)
        if key not in self._barred:
            allowed = self.strings.left[state.string] < room
            if state.blank:
                allowed = allowed & ~self.strings.blank
            inside = int(allowed.any()) and int(self.strings.left[state.string].masked_fill(~allowed, 255).argmin())
            closing = self._closing(state, to_close)
            allowed = allowed.index_fill(0, torch.tensor(closing, dtype=torch.long), True)
            barred = torch.ones(size, dtype=torch.bool)
            barred[: len(allowed)] = ~allowed[:size]
            end = self.first(self.behind[state.field])
            self._barred[key] = barred, end if end in closing or not allowed.any() else inside
        return self._barred[key]

    def _closing(self, state: _Writing, room: int) -> list[int]:
        """Tokens that end the string and go on as they have to, with `room` tokens behind them for the rest."""
        behind = self.behind[state.field]
        return [
            token
            for token, written in self.strings.closing[state.string]
            if behind.startswith(written)
            and self.length(behind[len(written) :]) <= room
            and (not state.blank or self._may_close(state, token, written))
        ]

    def _may_close(self, state: _Writing, token: int, written: bytes) -> bool:
        """Whether a string of nothing but blanks so far may end: empty, or with something to see."""
        content = self.vocabulary.pieces[token][: -len(written)]
        return state.empty if not content else state.string == NORMAL and shown(content)


class _Writing:
    """How far a row is."""

    def __init__(self, plan: _Plan, limit: int) -> None:
        self._plan, self._limit = plan, limit
        self.written = 0
        self.field = -1
        self.in_string = self.done = self.cut = False
        self.structure = plan.opening
        self.string = NORMAL
        self.blank = True  # the string holds nothing that can be seen
        self._taken = self._most = 0
        self._blanks = b""

    @property
    def room(self) -> int:
        """Tokens that may still be written of the field's string, its end not counted."""
        return min(self._most - self._taken, self._limit - self.written - self._plan.finish[self.field])

    @property
    def room_to_close(self) -> int:
        """Tokens that the way from this field's string to the next may take behind the next token."""
        later = self._plan.finish[self.field + 1] if self.field + 1 < len(self._plan.keys) else 0
        return self._limit - self.written - 1 - later

    @property
    def empty(self) -> bool:
        """Whether the string holds nothing."""
        return not self._taken

    def push(self, token: int) -> None:
        """Read one more token."""
        if self.done:
            return
        full = self.in_string and self.room <= 0
        self.written += 1
        piece = self._plan.vocabulary.piece(token)
        if not piece:  # a row that something else has ended: what follows is padding
            self.done, self.in_string = True, False
        elif self.in_string:
            self._read_string(piece, token)
            self.cut = self.cut or full
        else:
            self._read_structure(piece)

    def _read_string(self, piece: bytes, token: int) -> None:
        state = int(self._plan.strings.after[self.string, token])
        if state == CUT_OFF:
            for closing, written in self._plan.strings.closing[self.string]:
                if closing == token:
                    self.in_string = False
                    self.structure = self._plan.behind[self.field]
                    self._read_structure(written)
                    return
            raise ValueError(f"{piece!r} cannot stand in a JSON string. Go on from replies that JsonFields has made.")
        self.string = state
        self._taken += 1
        if self.blank:
            self._blanks += piece
            self.blank = state != NORMAL or not shown(self._blanks)

    def _read_structure(self, piece: bytes) -> None:
        if not self.structure.startswith(piece):
            raise ValueError(
                f"{piece!r} stands where {self.structure!r} has to come. Go on from replies that JsonFields has made."
            )
        self.structure = self.structure[len(piece) :]
        if self.structure:
            return
        self.field += 1
        if self.field == len(self._plan.keys):
            self.done = True
            return
        self.in_string, self.string, self.blank, self._blanks, self._taken = True, NORMAL, True, b"", 0
        left = self._limit - self.written - self._plan.finish[self.field]
        self._most = left if self.field + 1 == len(self._plan.keys) else (left + 1) // 2
