"""Follows what each row of a batch has written, token by token, so that no step reads a whole caption again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import torch


class RowState(Protocol):
    """What was made of a row's tokens so far. A shallow copy has to be one that goes on by itself.

    Example:
        >>> class Last:
        ...     def push(self, token): self.token = token
        >>> rows = Rows(lambda text: Last(), prompt_length=0)
        >>> rows.read(torch.tensor([[4, 5]]))[0].token
        5
    """

    def push(self, token: int) -> None:
        """Read one more token."""


W = TypeVar("W", bound=RowState)


class Rows(Generic[W]):
    """The states of all rows, each a function of the row's ids behind the prompt and of nothing else.

    A row that is the longer one of a state that is known goes on from there (also where beams change places); one that
    is not (a rewound caption) is read from its beginning.

    Args:
        begin: makes the state of an empty row of a text (its index in the batch before beams were laid out).
        prompt_length: tokens before the first generated one, padding counted; or that of each text.
        texts: how many texts; rows are texts times beams. None where all texts begin alike.

    Example:
        >>> class Sum:
        ...     total = 0
        ...     def push(self, token):
        ...         self.total += token
        >>> rows = Rows(lambda text: Sum(), prompt_length=1)
        >>> [row.total for row in rows.read(torch.tensor([[9, 1, 2], [9, 3, 4]]))]
        [3, 7]
        >>> [row.total for row in rows.read(torch.tensor([[9, 3, 4, 1], [9, 3, 4, 2]]))]
        [8, 9]
    """

    def __init__(self, begin: Callable[[int], W], prompt_length: int | Sequence[int], texts: int | None = None) -> None:
        self._begin, self._starts = begin, starts_of(prompt_length)
        self._texts = texts if isinstance(prompt_length, int) else len(self._starts)
        if texts not in (None, self._texts):
            raise ValueError(
                f"{len(self._starts)} prompt lengths were given for {texts} texts. Allowed: one, or one each."
            )
        self._ids: list[list[int]] = []
        self._states: list[W] = []
        self._seen: torch.Tensor | None = None

    def read(self, input_ids: torch.Tensor) -> list[W]:
        """The states of the rows of (rows, n) ids; the same ids give the same states, however often they are asked.

        Raises:
            ValueError: fewer tokens than the prompt has, or rows that are no multiple of the texts.

        Example:
            >>> Rows(lambda text: None, 0).read(torch.zeros((0, 0), dtype=torch.long))
            []
        """
        first = min(self._starts, default=0)
        if input_ids.shape[1] < max(self._starts, default=0):
            raise ValueError(
                f"{input_ids.shape[1]} tokens were given, fewer than the prompt's {max(self._starts)}. "
                "Make one guard for each generation, with its input_ids.shape[1]."
            )
        written = input_ids[:, first:]
        if not self._goes_on(written):
            rows = written.tolist()
            self._match([ids[self.start_of(row, len(rows)) - first :] for row, ids in enumerate(rows)])
        elif written.shape[1] > self._seen.shape[1]:
            for row, token in enumerate(written[:, -1].tolist()):
                self._ids[row].append(token)
                self._states[row].push(token)
        self._seen = written
        return self._states

    def ids(self, row: int) -> list[int]:
        """The generated ids of a row, as last read.

        Example:
            >>> rows = Rows(lambda text: type("Nothing", (), {"push": lambda self, token: None})(), 1)
            >>> _ = rows.read(torch.tensor([[9, 4, 5]]))
            >>> rows.ids(0)
            [4, 5]
        """
        return self._ids[row]

    def text_of(self, row: int, rows: int) -> int:
        """Which text a row belongs to, of so many rows in all.

        Raises:
            ValueError: the rows are no multiple of the texts.

        Example:
            >>> Rows(lambda text: None, 0, texts=2).text_of(3, rows=6)
            1
        """
        if self._texts is None:
            return 0
        if not self._texts or rows % self._texts:
            raise ValueError(
                f"{rows} rows were given for {self._texts} texts. Allowed: a multiple of them (texts times beams); "
                "give one duration for each text of the batch."
            )
        return row // (rows // self._texts)

    def start_of(self, row: int, rows: int) -> int:
        """Tokens before a row's first generated one, of so many rows in all.

        Example:
            >>> Rows(lambda text: None, [3, 5]).start_of(2, rows=4)
            5
        """
        return self._starts[self.text_of(row, rows) if len(self._starts) > 1 else 0]

    def _goes_on(self, written: torch.Tensor) -> bool:
        if self._seen is None or self._seen.shape[0] != written.shape[0]:
            return False
        more = written.shape[1] - self._seen.shape[1]
        return more in (0, 1) and torch.equal(written[:, : self._seen.shape[1]], self._seen)

    def _match(self, rows: list[list[int]]) -> None:
        known: dict[int, list[tuple[list[int], W]]] = {}
        for row, pair in enumerate(zip(self._ids, self._states, strict=True)):
            known.setdefault(self.text_of(row, len(self._ids)), []).append(pair)
        states = []
        for row, ids in enumerate(rows):
            text = self.text_of(row, len(rows))
            read, state = max(
                (pair for pair in known.get(text, []) if ids[: len(pair[0])] == pair[0]),
                key=lambda pair: len(pair[0]),
                default=([], None),
            )
            state = copy.copy(state) if state is not None else self._begin(text)
            for token in ids[len(read) :]:
                state.push(token)
            states.append(state)
        self._ids, self._states = rows, states


def starts_of(prompt_length: int | Sequence[int]) -> list[int]:
    """Prompt lengths as a list.

    Raises:
        ValueError: a length below 0.

    Example:
        >>> starts_of(3), starts_of([3, 4])
        ([3], [3, 4])
    """
    starts = [prompt_length] if isinstance(prompt_length, int) else [int(start) for start in prompt_length]
    for start in starts:
        if start < 0:
            raise ValueError(f"A prompt length of {start} was given. Allowed: 0 or more; give input_ids.shape[1].")
    return starts
