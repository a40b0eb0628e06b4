"""Keeps every state of a work tree before it is changed, and gives it back: undo for whatever a shell command did.

    take     walk -> store what changed -> note it in the journal
    restore  take -> compare -> give back -> note it       so that there is always a way forth again

A store lies outside the project, one for each. The user's repository, if there is one, is never written to.
Work is done in threads; a step that has begun is finished even when its caller is cancelled.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import anyio.to_thread
from msgspec import Struct

from tianting.plumbing.clock import Clock, SystemClock
from tianting.protocol.errors import CheckpointError
from tianting.protocol.ids import NewId, random_uuid
from tianting.worktree.history import History, history_of
from tianting.worktree.shadow.comparison import Difference
from tianting.worktree.shadow.journal import Checkpoint
from tianting.worktree.shadow.limits import Coverage, Retention
from tianting.worktree.shadow.restoring import Refusal, shown
from tianting.worktree.shadow.shelf import Shelf
from tianting.worktree.shadow.walk import LeftOut

_LONGEST_NAME = 40
_COVERAGE = Coverage()
_RETENTION = Retention()
T = TypeVar("T")


class Change(Struct, frozen=True, kw_only=True):
    """A file or a link that is not the same in two states."""

    path: str
    kind: Literal["created", "deleted", "changed"]


class Restored(Struct, frozen=True, kw_only=True):
    """What a restore did, or would do."""

    to: Checkpoint
    saved_as: Checkpoint
    """The state before: restoring it takes everything back."""
    changes: tuple[Change, ...]
    """Files and links; what was refused is not among them."""
    refused: tuple[Refusal, ...] = ()
    """What could not be given back, and why. Everything else was."""
    unsaved: tuple[str, ...] = ()
    """What had changed since the last checkpoint, by whomever; `saved_as` holds it."""


def store_directory(home: Path, root: Path) -> Path:
    """Where the checkpoints of the project at `root` lie, below the agent's own `home`."""
    place = os.path.realpath(root)
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in Path(place).name)
    return home / "checkpoints" / f"{name[:_LONGEST_NAME]}-{digest}"


class Checkpoints:
    """The checkpoints of one work tree. Safe to use from several sessions and processes at a time.

    Every method raises `CheckpointError`: the work tree is then as it was, or, in a restore, partly given back.
    """

    def __init__(
        self,
        root: Path,
        store: Path,
        *,
        coverage: Coverage = _COVERAGE,
        retention: Retention = _RETENTION,
        clock: Clock | None = None,
        new_id: NewId = random_uuid,
    ) -> None:
        self._retention = retention
        self._shelf = Shelf(os.fsencode(os.path.realpath(root)), store, coverage, clock or SystemClock(), new_id)

    async def take(self, label: str, *, prompt_id: str | None = None, tool_call_id: str | None = None) -> Checkpoint:
        """Keep the present state. `label` says what comes next, as a person reads it: `Bash: rm -rf build`."""
        return await self._alone(lambda: self._shelf.take(label, prompt_id=prompt_id, tool_call_id=tool_call_id))

    async def restore(self, checkpoint_id: str, *, dry_run: bool = False) -> Restored:
        """Give back the state of `checkpoint_id`, after keeping the present one.

        With `dry_run` the work tree stays as it is; the answer says what would change.
        """
        return await self._restore("restore", lambda _: self._find(checkpoint_id), dry_run=dry_run)

    async def undo(self, steps: int = 1, *, dry_run: bool = False) -> Restored:
        """Go back by `steps` states, or as far as there are any. One that was killed on its way is finished first."""
        return await self._restore("undo", lambda history: self._back(history, steps), dry_run=dry_run)

    async def redo(self, steps: int = 1, *, dry_run: bool = False) -> Restored:
        """Take back `steps` undone states, or as many as there are. One that was killed is finished first."""
        return await self._restore("redo", lambda history: self._ahead(history, steps), dry_run=dry_run)

    async def rewind(self, prompt_id: str, *, dry_run: bool = False) -> Restored:
        """Give back the state before the prompt `prompt_id`."""
        return await self._restore("rewind", lambda _: self._find_prompt(prompt_id), dry_run=dry_run)

    async def list(self) -> tuple[Checkpoint, ...]:
        """Every checkpoint there is, oldest first."""
        return tuple(await anyio.to_thread.run_sync(self._shelf.checkpoints))

    async def history(self) -> History:
        """Where the work tree is on the line of its states, as the last checkpoint or restore left it."""
        return history_of(await anyio.to_thread.run_sync(self._shelf.records))

    async def diff(self, before: str, after: str) -> tuple[Change, ...]:
        """What changed from checkpoint `before` to checkpoint `after`."""
        return _changes(await self._alone(lambda: self._shelf.compare(self._find(before), self._find(after))))

    async def patch(self, before: str, after: str) -> bytes:
        """The same as a patch, as git writes it; contents may be in any encoding."""
        return await self._alone(lambda: self._shelf.patch(self._find(before), self._find(after)))

    async def count_lines(self, before: str, after: str) -> tuple[int, int]:
        """How many lines were inserted and deleted from checkpoint `before` to checkpoint `after`."""
        return await self._alone(lambda: self._shelf.count_lines(self._find(before), self._find(after)))

    async def left_out(self, checkpoint_id: str) -> dict[str, LeftOut]:
        """What was there at `checkpoint_id` and is not covered by it."""
        found = await self._alone(lambda: self._shelf.left_out(self._find(checkpoint_id)))
        return {shown(path): reason for path, reason in found.items()}

    async def tidy(self) -> int:
        """Let go of what is too old or too much, and pack the rest; the store's size in bytes after it.

        Takes seconds where much was stored: for the background, once a session.
        """
        await self._alone(lambda: self._shelf.forget(self._retention))
        size = await anyio.to_thread.run_sync(self._shelf.tidy)
        if size > self._retention.store_bytes:
            await self._alone(self._forget_half)
            size = await anyio.to_thread.run_sync(self._shelf.tidy)
        return size

    async def _restore(self, verb: str, target: Callable[[History], Checkpoint], *, dry_run: bool) -> Restored:
        return await self._alone(lambda: self._go_to(verb, target, dry_run=dry_run))

    async def _alone(self, work: Callable[[], T]) -> T:
        """Do `work` in a thread, while nobody else works on the store."""

        def locked() -> T:
            with self._shelf.held():
                return work()

        return await anyio.to_thread.run_sync(locked)

    def _go_to(self, verb: str, target: Callable[[History], Checkpoint], *, dry_run: bool) -> Restored:
        former = self._shelf.checkpoints()
        history = history_of(self._shelf.records())
        stands_for = history.present if history.unfinished else None
        saved = self._shelf.take(f"before {verb}", stands_for=stands_for, thorough=True)
        wanted = target(history_of(self._shelf.records()))
        differences = self._shelf.compare(saved, wanted)
        unsaved = self._shelf.compare(former[-1], saved) if former else ()
        refused = () if dry_run else self._shelf.go_to(wanted, differences)
        refused_paths = {refusal.path for refusal in refused}
        return Restored(
            to=wanted,
            saved_as=saved,
            changes=tuple(change for change in _changes(differences) if change.path not in refused_paths),
            refused=refused,
            unsaved=tuple(change.path for change in _changes(unsaved)),
        )

    def _back(self, history: History, steps: int) -> Checkpoint:
        state = history.present if history.unfinished else history.back(steps)
        if state is None:
            raise CheckpointError("There is nothing to undo: no earlier state is kept.")
        return self._find(state)

    def _ahead(self, history: History, steps: int) -> Checkpoint:
        state = history.present if history.unfinished else history.ahead(steps)
        if state is None:
            raise CheckpointError(
                "There is nothing to redo. `tianting checkpoints list` shows every state that is kept."
            )
        return self._find(state)

    def _find(self, checkpoint_id: str) -> Checkpoint:
        for checkpoint in self._shelf.checkpoints():
            if checkpoint.id == checkpoint_id:
                return checkpoint
        raise CheckpointError(f"There is no checkpoint {checkpoint_id!r}. `tianting checkpoints list` shows all.")

    def _find_prompt(self, prompt_id: str) -> Checkpoint:
        for checkpoint in self._shelf.checkpoints():
            if checkpoint.prompt_id == prompt_id:
                return checkpoint
        raise CheckpointError(f"No state is kept from before the prompt {prompt_id!r}.")

    def _forget_half(self) -> None:
        quarter = max(1, len(self._shelf.checkpoints()) // 4)
        self._shelf.forget(Retention(prompts=quarter, others=quarter, days=self._retention.days))


def _changes(differences: Sequence[Difference]) -> tuple[Change, ...]:
    return tuple(
        Change(path=shown(difference.path), kind=difference.kind)
        for difference in differences
        if not difference.is_folder
    )
