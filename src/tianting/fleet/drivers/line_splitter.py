"""Cuts an agent's output into lines: without it a line that never ends would fill our memory."""

from collections.abc import Iterator

LONGEST_LINE = 16 << 20
"""Bytes. Agents keep their lines under 1 MiB; some forget to."""
_HEAD = 200


class LineSplitter:
    """Keeps no more than one line. Of a line that is too long it gives the first 200 bytes, which are no JSON."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._pending = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes, without their line feeds."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._keep(piece)
            yield self.rest()
        self._keep(rest)

    def rest(self) -> bytes:
        """What came after the last line feed."""
        line = bytes(self._pending)
        self._pending.clear()
        self._cut = False
        return line

    def _keep(self, piece: bytes) -> None:
        if self._cut:
            return
        self._pending += piece
        if len(self._pending) > self._longest:
            del self._pending[_HEAD:]
            self._cut = True
