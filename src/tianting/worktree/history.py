"""Undo and redo as arithmetic: from the journal to a line of states, and the place on it where the work tree is.

    past … present … future        undo and redo walk along the line
    something new after an undo    the future is left behind: listed and restorable, but no longer ahead

Checkpoints that found nothing changed stand for the state that was there.
"""

from collections.abc import Iterable

from msgspec import Struct

from tianting.worktree.shadow.journal import Checkpoint, Moved, Moving, Record


class History(Struct, frozen=True, kw_only=True):
    """The states of a work tree, by the id of the checkpoint that saw each first."""

    past: tuple[str, ...] = ()
    """Oldest first."""
    present: str | None = None
    """None before the first checkpoint."""
    future: tuple[str, ...] = ()
    """Next first."""
    unfinished: bool = False
    """A restore of the present state began and did not end."""
    states: dict[str, str] = {}
    """Every checkpoint, and the state it stands for."""

    def back(self, steps: int) -> str | None:
        """The state `steps` (from 1) before the present one, or the oldest; None when there is none."""
        return self.past[max(0, len(self.past) - steps)] if self.past else None

    def ahead(self, steps: int) -> str | None:
        """The state `steps` (from 1) after the present one, or the newest; None when there is none."""
        return self.future[min(steps, len(self.future)) - 1] if self.future else None


def history_of(records: Iterable[Record]) -> History:
    """Follow the journal, oldest record first."""
    line = _Line()
    for record in records:
        match record:
            case Checkpoint():
                line.see(record)
            case Moving(to=checkpoint):
                line.go_to(checkpoint, unfinished=True)
            case Moved(to=checkpoint):
                line.go_to(checkpoint, unfinished=False)
    return line.history()


class _Line:
    def __init__(self) -> None:
        self._line: list[str] = []
        self._place = -1
        self._tree = ""
        """As it was seen last; it may be short of the present state's."""
        self._unfinished = False
        self._states: dict[str, str] = {}
        self._trees: dict[str, str] = {}

    def see(self, checkpoint: Checkpoint) -> None:
        self._trees[checkpoint.id] = checkpoint.tree
        state = self._states.get(checkpoint.stands_for or "")
        if state is None and self._line and checkpoint.tree == self._tree:
            state = self._line[self._place]
        if state is None:
            state = checkpoint.id
            self._line[self._place + 1 :] = [state]
            self._place += 1
            self._unfinished = False
        self._states[checkpoint.id] = state
        self._tree = checkpoint.tree

    def go_to(self, checkpoint: str, *, unfinished: bool) -> None:
        state = self._states.get(checkpoint)
        if state is None:  # retention took it
            return
        if state not in self._line:
            self._line[self._place + 1 :] = [state]
        self._place = self._line.index(state)
        self._tree = self._trees[checkpoint]
        self._unfinished = unfinished

    def history(self) -> History:
        if not self._line:
            return History()
        return History(
            past=tuple(self._line[: self._place]),
            present=self._line[self._place],
            future=tuple(self._line[self._place + 1 :]),
            unfinished=self._unfinished,
            states=self._states,
        )
