"""One name for what is told twice: without it a client could not go back to a message, because the transcript would
know it by another uuid than the stream.

The stream tells a block when it is whole, the transcript an answer when it is whole. Whoever comes first names it.
"""

from tianting.protocol.ids import NewId


class LineNames:
    """The uuids of one session's newest lines."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._blocks: dict[int, str] = {}
        self._results: dict[str, str] = {}
        self._is_stored = False

    def begin_answer(self) -> None:
        """What is named from now on belongs to another answer. The one before may have come to nothing."""
        self._blocks.clear()
        self._results.clear()
        self._is_stored = False

    def block(self, index: int) -> str:
        """The uuid of the block at `index`, from 0, of the newest answer."""
        if index not in self._blocks:
            self._blocks[index] = self._new_id()
        return self._blocks[index]

    def answer(self, blocks: int) -> list[str]:
        """The uuids of a whole answer. A second one begins by itself, where nobody streams."""
        if self._is_stored:
            self.begin_answer()
        self._is_stored = True
        return [self.block(index) for index in range(blocks)]

    def result(self, call_id: str) -> str:
        """The uuid of a call's result."""
        if call_id not in self._results:
            self._results[call_id] = self._new_id()
        return self._results[call_id]
