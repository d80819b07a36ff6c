"""A stream that is read and skipped forward, within declared sizes: what tarfile is given in place of a file."""

from __future__ import annotations

import io
from typing import BinaryIO

from asid_hf.errors import MediaError

MAX_RATIO = 20  # unpacked bytes a byte sent; videos do not shrink
ONE_READ = 2**20  # bytes; tarfile reads a header's extension at once, however large it says that it is


class ForwardReader(io.RawIOBase):
    """A stream as tarfile takes it: read and skipped forward, a little at a time, up to a declared size.

    Args:
        stream: what is read.
        most: bytes it may give in all.

    Example:
        >>> reader = ForwardReader(io.BytesIO(b"abcdef"), most=100)
        >>> reader.seek(2), reader.read(2), reader.tell()
        (2, b'cd', 4)
    """

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._most, self._at = stream, most, 0
        self.last = b""  # what was read last; tarfile takes a broken header for the end of the archive

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer at the end.

        Raises:
            MediaError: more than the archive may hold, or more at once than any header needs.
        """
        if not 0 <= size <= ONE_READ:
            raise MediaError("damaged", f"The archive has a header of {size} bytes. It was not read.")
        if self._at > self._most:
            raise MediaError(
                "too_large", f"The archive unpacks to more than {MAX_RATIO} times its size. It was not read."
            )
        self.last = self._stream.read(size)
        self._at += len(self.last)
        return self.last

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Skip forward to a position.

        Raises:
            MediaError: it lies behind; headers with sizes below zero say so.
        """
        if whence != io.SEEK_SET or position < self._at:
            raise MediaError("damaged", "The archive's headers lead backwards. It was not read.")
        while self._at < position and self.read(min(ONE_READ, position - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at

    def close(self) -> None:
        """Let go of the stream."""
        self._stream.close()
        super().close()
