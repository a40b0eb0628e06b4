"""Whatever happens to a tree between checkpoints: no state that was seen is ever lost, and undo and redo agree."""

import os
import shutil
import stat
import tempfile
from itertools import count
from pathlib import Path

import anyio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.worktree.pictures import picture
from tianting.worktree.checkpoints import Checkpoints

NAMES = st.sampled_from([b"a", b"b", b"A", b"odd\n\xff", b"dir", b"dir/x", b"dir/sub", b"dir/sub/y", b".env"])
CONTENTS = st.binary(max_size=3)
MODES = st.sampled_from([0o644, 0o600, 0o755, 0o400])


class TreeMachine(RuleBasedStateMachine):
    """A person, an agent and undo, in any order."""

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tianting-states-"))
        self.root = self.directory / "project"
        self.root.mkdir()
        self.numbers = count()
        self.start_anew()
        self.seen: dict[str, dict[bytes, tuple[int, bytes]]] = {}
        self.take(prompt=False)

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    @rule(name=NAMES, content=CONTENTS, mode=MODES)
    def write(self, name: bytes, content: bytes, mode: int) -> None:
        place = self._cleared(name)
        with open(place, "wb") as file:  # noqa: PTH123 - names of any bytes
            file.write(content)
            os.fchmod(file.fileno(), mode)

    @rule(name=NAMES, to=CONTENTS.map(lambda content: b"to" + content.replace(b"\0", b"")))
    def link(self, name: bytes, to: bytes) -> None:
        os.symlink(to, self._cleared(name))  # noqa: PTH211

    @rule(name=NAMES, mode=st.sampled_from([0o755, 0o700]))
    def make_folder(self, name: bytes, mode: int) -> None:
        os.mkdir(self._cleared(name), mode)  # noqa: PTH102

    @rule(name=NAMES)
    def remove(self, name: bytes) -> None:
        self._cleared(name)

    @rule(name=NAMES, other=NAMES)
    def move(self, name: bytes, other: bytes) -> None:
        place = os.path.join(os.fsencode(self.root), name)  # noqa: PTH118
        if os.path.lexists(place) and not other.startswith(name) and not name.startswith(other):
            os.rename(place, self._cleared(other))  # noqa: PTH104

    @rule(prompt=st.booleans())
    def take(self, prompt: bool) -> None:
        prompt_id = f"prompt-{len(self.seen)}" if prompt else None
        checkpoint = anyio.run(lambda: self.checkpoints.take("step", prompt_id=prompt_id))
        self.seen[checkpoint.id] = picture(self.root)

    @rule()
    def start_anew(self) -> None:
        self.checkpoints = Checkpoints(self.root, self.directory / "store", new_id=self._new_id)

    @rule(steps=st.integers(1, 3), then_redo=st.booleans())
    def undo(self, steps: int, then_redo: bool) -> None:
        before = picture(self.root)
        steps = min(steps, anyio.run(self._states_to_undo))
        if steps:
            undone = anyio.run(self.checkpoints.undo, steps)
            self.seen[undone.saved_as.id] = before
            assert (picture(self.root), undone.refused) == (self.seen[undone.to.id], ())
        if steps and then_redo:
            anyio.run(self.checkpoints.redo, steps)
            assert picture(self.root) == before

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        before = picture(self.root)
        restored = anyio.run(self.checkpoints.restore, data.draw(st.sampled_from(sorted(self.seen))))
        self.seen[restored.saved_as.id] = before
        assert (picture(self.root), restored.refused) == (self.seen[restored.to.id], ())

    @invariant()
    def every_state_is_listed(self) -> None:
        if hasattr(self, "checkpoints"):
            assert {checkpoint.id for checkpoint in anyio.run(self.checkpoints.list)} >= self.seen.keys()

    def _new_id(self) -> str:
        """Counts: what hypothesis draws must not depend on chance."""
        return f"{next(self.numbers):08}"

    async def _states_to_undo(self) -> int:
        """How many earlier states there are, after the present one is seen."""
        checkpoint = await self.checkpoints.take("look")
        self.seen[checkpoint.id] = picture(self.root)
        return len((await self.checkpoints.history()).past)

    def _cleared(self, name: bytes) -> bytes:
        """The place of `name`, with nothing there and folders above it."""
        parts, place = name.split(b"/"), os.fsencode(self.root)
        for part in parts[:-1]:
            place = os.path.join(place, part)  # noqa: PTH118
            if not os.path.lexists(place) or not stat.S_ISDIR(os.lstat(place).st_mode):
                _remove(place)
                os.mkdir(place)  # noqa: PTH102
        place = os.path.join(place, parts[-1])  # noqa: PTH118
        _remove(place)
        return place


def _remove(place: bytes) -> None:
    if os.path.isdir(place) and not os.path.islink(place):  # noqa: PTH112, PTH114
        shutil.rmtree(place)
    elif os.path.lexists(place):
        os.unlink(place)  # noqa: PTH108


TestStates = TreeMachine.TestCase
TestStates.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
