"""The checkpoints of one work tree, step by step, for whoever holds its lock.

    <store>/lock            one at a time
    <store>/objects.git     contents and trees
    <store>/journal.jsonl   what was taken, and where the work tree was taken back to
    <store>/latest          the newest snapshot, so that the next one is cheap

A checkpoint is in the journal when all of it is in the store. What a crash leaves unnamed, `tidy` removes.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tianting.plumbing.clock import Clock
from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.errors import CheckpointError
from tianting.protocol.ids import NewId
from tianting.worktree.shadow import journal
from tianting.worktree.shadow.comparison import Difference, compare
from tianting.worktree.shadow.git import run_git
from tianting.worktree.shadow.journal import Checkpoint, Moved, Moving, Record
from tianting.worktree.shadow.latest import LatestSnapshot
from tianting.worktree.shadow.limits import Coverage, Retention
from tianting.worktree.shadow.lock import locked
from tianting.worktree.shadow.objects import ObjectReader, ObjectStore
from tianting.worktree.shadow.restoring import Refusal, give_back
from tianting.worktree.shadow.snapshot import FILES, LEFT_OUT, Snapshot, snapshot
from tianting.worktree.shadow.trees import TreeEntry, decode_tree
from tianting.worktree.shadow.walk import LeftOut, walk

_ID_LENGTH = 8


class Shelf:
    """One store and the tree it belongs to. All of it blocks; all of it raises `CheckpointError` or `OSError`."""

    def __init__(self, root: bytes, directory: Path, coverage: Coverage, clock: Clock, new_id: NewId) -> None:
        self._root = root
        self._directory = directory
        self._own = os.fsencode(os.path.realpath(directory))
        self._coverage = coverage
        self._clock = clock
        self._new_id = new_id
        self._repository = directory / "objects.git"
        self._objects = ObjectStore(self._repository)
        self._journal = directory / "journal.jsonl"
        self._latest = LatestSnapshot(directory / "latest", root, coverage)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else works on the store during the block. Raises `CheckpointError` alone."""
        try:
            make_private_directory(self._directory)
            with locked(self._directory / "lock"):
                self._objects.create()
                yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise CheckpointError(f"Checkpoints in {self._directory} do not work: {reason}.") from error

    def records(self) -> Sequence[Record]:
        """The journal, oldest first. Needs no lock."""
        return journal.read(self._journal)

    def checkpoints(self) -> Sequence[Checkpoint]:
        """Those that are kept, oldest first. Needs no lock."""
        return [record for record in self.records() if isinstance(record, Checkpoint)]

    def take(
        self,
        label: str,
        *,
        prompt_id: str | None = None,
        tool_call_id: str | None = None,
        stands_for: str | None = None,
        thorough: bool = False,
    ) -> Checkpoint:
        """Keep the present state."""
        taken = self._snapshot(thorough=thorough)
        checkpoint = Checkpoint(
            id=self._new_id()[:_ID_LENGTH],
            at=self._clock.now(),
            label=label,
            tree=taken.tree.hex(),
            root=taken.root.hex(),
            prompt_id=prompt_id,
            tool_call_id=tool_call_id,
            stands_for=stands_for,
        )
        journal.append(self._journal, checkpoint)
        return checkpoint

    def compare(self, before: Checkpoint, after: Checkpoint) -> Sequence[Difference]:
        """What leads from one state to the other."""
        with self._objects.reader() as reader:
            return compare(_files(before, reader), _files(after, reader), reader)

    def patch(self, before: Checkpoint, after: Checkpoint) -> bytes:
        """The same as text, by git."""
        plain = ("--no-ext-diff", "--no-textconv", "--no-color", "-M", "-p", "-r")
        return run_git(self._repository, "diff-tree", *plain, before.tree, after.tree)

    def count_lines(self, before: Checkpoint, after: Checkpoint) -> tuple[int, int]:
        """Lines inserted and deleted on the way from one to the other. Binary files count for nothing."""
        told = run_git(self._repository, "diff-tree", "--numstat", "--no-renames", "-r", before.tree, after.tree)
        counts = [line.split(b"\t")[:2] for line in told.splitlines()]
        inserted, deleted = (sum(int(count[index]) for count in counts if count[0] != b"-") for index in (0, 1))
        return inserted, deleted

    def left_out(self, checkpoint: Checkpoint) -> dict[bytes, LeftOut]:
        """What was there and is not covered."""
        with self._objects.reader() as reader:
            return _left_out(checkpoint, reader)

    def go_to(self, wanted: Checkpoint, differences: Sequence[Difference]) -> tuple[Refusal, ...]:
        """Carry out `differences`, which lead from the checkpoint just taken to `wanted`."""
        present = self._latest.get()
        assert present is not None, "a checkpoint was taken just now"
        journal.append(self._journal, Moving(to=wanted.id, at=self._clock.now()))
        with self._objects.reader() as reader:
            refused = give_back(self._root, differences, present, _left_out(wanted, reader), reader)
        journal.append(self._journal, Moved(to=wanted.id, at=self._clock.now()))
        if self._snapshot(thorough=True).tree.hex() != wanted.tree:
            self.take(f"what could be given back of {wanted.id}", stands_for=wanted.id)
        return tuple(refused)

    def forget(self, retention: Retention) -> None:
        """Let go of what `retention` does not keep."""
        records = self.records()
        kept = journal.retained(records, retention, self._clock.now())
        if len(kept) < len(records):
            journal.rewrite(self._journal, kept)
        latest = self._latest.get()  # the next checkpoint builds on it, even where the journal does not name it
        roots = {latest.root} if latest else set()
        self._objects.release_all_but(
            roots | {bytes.fromhex(record.root) for record in kept if isinstance(record, Checkpoint)}
        )

    def tidy(self) -> int:
        """Pack the store; its size in bytes. Takes seconds and needs no lock."""
        return self._objects.tidy()

    def _snapshot(self, *, thorough: bool) -> Snapshot:
        former = self._latest.get()
        seen = walk(
            self._root, self._coverage, own=self._own, former=former.walk if former else None, thorough=thorough
        )
        taken = snapshot(self._root, seen, former, self._objects, self._coverage)
        self._objects.keep(taken.root)
        self._latest.set(taken, changed=former is None or taken.contents is not former.contents)
        return taken


def _files(checkpoint: Checkpoint, reader: ObjectReader) -> TreeEntry:
    return decode_tree(reader.read(bytes.fromhex(checkpoint.root)))[FILES]


def _left_out(checkpoint: Checkpoint, reader: ObjectReader) -> dict[bytes, LeftOut]:
    entry = decode_tree(reader.read(bytes.fromhex(checkpoint.root)))[LEFT_OUT]
    return msgspec.msgpack.decode(reader.read(entry.id), type=dict[bytes, LeftOut])
