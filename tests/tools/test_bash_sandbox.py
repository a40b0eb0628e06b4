"""Bash and its walls, with walls that only watch: who is told, and that nothing is forgotten afterwards."""

import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from tianting.plumbing.clock import SystemClock
from tianting.protocol.tool_calls import Access
from tianting.sandbox.settings import FilesystemSettings, SandboxSettings
from tianting.tools.bash import Bash, BashParameters
from tianting.tools.bash_output import BashOutput, BashOutputParameters
from tianting.tools.contract import ToolFailed
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio


class WatchedCommand:
    """A command without walls."""

    keep_open: tuple[int, ...] = ()
    ends_together = False

    def __init__(self, argv: Sequence[str], variables: dict[str, str]) -> None:
        self.argv = argv
        self.environment = variables
        self.asked: list[tuple[int, str]] = []
        self.cleaned = 0

    def spawn(self, *arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(*arguments, **options)

    def explain(self, exit_code: int, output: str) -> str | None:
        assert not self.cleaned
        self.asked.append((exit_code, output))
        return "[Sandbox did it.]" if exit_code else None

    def after(self) -> None:
        self.cleaned += 1


class WatchingSandbox:
    """Walls that remember what came to them."""

    def __init__(self, settings: SandboxSettings, *, confines: bool = True) -> None:
        self.settings = settings
        self.confines = confines
        self.description = "Walls stand here."
        self.commands: list[WatchedCommand] = []
        self.seconds: list[float] = []
        self.broken = False

    def wrap(self, argv: Sequence[str], *, cwd: Path, seconds: float) -> WatchedCommand:
        if self.broken:
            raise OSError(24, "Too many open files")
        command = WatchedCommand(argv, {"INSIDE": "yes"})
        self.commands.append(command)
        self.seconds.append(seconds)
        return command

    @property
    def all_clean(self) -> bool:
        return [command.cleaned for command in self.commands] == [1] * len(self.commands)


class Desk:
    """A session's Bash in its walls."""

    def __init__(self, root: Path, jobs: BackgroundJobs) -> None:
        self.root, self.jobs = root, jobs

    def bash(self, sandbox: WatchingSandbox | None) -> Bash:
        environment = {"PATH": os.environ["PATH"]}
        workspace, spill = Workspace(self.root), self.root.parent / "spill"
        return Bash(workspace, ReadLedger(), self.jobs, environment=environment, spill_directory=spill, sandbox=sandbox)

    async def told(self, sandbox: WatchingSandbox, command: str, **options: object) -> str:
        with anyio.fail_after(10):
            parameters = BashParameters(command=command, **options)  # type: ignore[arg-type]
            return str((await self.bash(sandbox).run(parameters)).content)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "root").mkdir()
    async with BackgroundJobs(SystemClock()) as jobs:
        yield Desk((tmp_path / "root").resolve(), jobs)


def sandbox(**settings: object) -> WatchingSandbox:
    return WatchingSandbox(SandboxSettings(enabled=True, **settings))  # type: ignore[arg-type]


async def test_command_runs_inside_and_its_end_is_explained(desk: Desk) -> None:
    walls = sandbox()

    told = await desk.told(walls, "echo $INSIDE; exit 3", timeout=4_000)

    assert told.endswith("yes\n[Sandbox did it.]")
    assert (walls.seconds, walls.commands[0].asked) == ([4.0], [(3, "yes\n")])
    with anyio.fail_after(5):
        while not walls.all_clean:
            await anyio.sleep(0)


async def test_success_needs_no_explanation(desk: Desk) -> None:
    assert await desk.told(sandbox(), "true") == "exit 0, no output"


async def test_background_job_is_explained_when_it_is_looked_at(desk: Desk) -> None:
    walls = sandbox()

    await desk.told(walls, "exit 3", run_in_background=True)
    await desk.jobs.find("job1").finished.wait()
    shown = await BashOutput(desk.jobs).run(BashOutputParameters(bash_id="job1"))

    assert str(shown.content).endswith(" [Sandbox did it.]; no new output")
    assert walls.seconds == [600]


async def test_what_is_stopped_is_cleaned_up(desk: Desk) -> None:
    walls = sandbox()

    told = await desk.told(walls, "sleep 9", timeout=50)

    assert told == "Stopped after 0.05 s, its timeout. Wait in the background instead.\n[Sandbox did it.]"
    assert walls.all_clean


async def test_what_is_cancelled_is_cleaned_up(desk: Desk) -> None:
    walls = sandbox()

    with anyio.move_on_after(0.1):
        await desk.told(walls, "sleep 9; true")

    assert (len(walls.commands), walls.all_clean) == (1, True)


async def test_what_still_runs_is_cleaned_up_with_the_session(tmp_path: Path) -> None:
    walls = sandbox()

    async with BackgroundJobs(SystemClock()) as jobs:
        desk = Desk(tmp_path, jobs)
        await desk.told(walls, "sleep 9", run_in_background=True)
        assert not walls.all_clean

    assert walls.all_clean


async def test_what_never_starts_is_cleaned_up(desk: Desk) -> None:
    walls = sandbox()

    with pytest.raises(ToolFailed, match="cannot be passed on"):
        await desk.told(walls, "echo \0")

    assert (len(walls.commands), walls.all_clean) == (1, True)


async def test_walls_that_cannot_be_built_are_told(desk: Desk) -> None:
    walls = sandbox()
    walls.broken = True

    with pytest.raises(ToolFailed, match="could not be started: Too many open files"):
        await desk.told(walls, "true")


@pytest.mark.parametrize(
    ("settings", "confines", "command", "wants_out", "expected"),
    [
        pytest.param({}, True, "make", False, "inside", id="walls instead of a question"),
        pytest.param({"auto_allow_bash_if_sandboxed": False}, True, "make", False, "", id="walls and a question"),
        pytest.param(
            {"filesystem": FilesystemSettings(disabled=True)}, True, "make", False, "", id="walls with open files"
        ),
        pytest.param({}, True, "make", True, "outside", id="wants out"),
        pytest.param({"allow_unsandboxed_commands": False}, True, "make", True, "inside", id="wants out in vain"),
        pytest.param({"excluded_commands": ("make",)}, True, "make", False, "", id="excluded"),
        pytest.param({}, False, "make", False, "outside", id="no walls here"),
    ],
)
async def test_gate_learns_where_a_command_would_stand(
    desk: Desk, settings: dict[str, object], confines: bool, command: str, wants_out: bool, expected: str
) -> None:
    walls = WatchingSandbox(SandboxSettings(enabled=True, **settings), confines=confines)  # type: ignore[arg-type]
    parameters = BashParameters(command=command, dangerously_disable_sandbox=wants_out)

    [access] = desk.bash(walls).accesses(parameters)

    assert (access.target, access.sandbox) == (command, expected)


async def test_without_sandbox_nothing_is_said_of_one(desk: Desk) -> None:
    bash = desk.bash(None)

    assert bash.accesses(BashParameters(command="make")) == (Access(effect="execute", target="make"),)
    assert "sandbox" not in bash.spec.description.lower()
    assert "dangerouslyDisableSandbox" not in bash.spec.input_schema["properties"]


@pytest.mark.parametrize("may_leave", [True, False])
async def test_model_is_told_of_the_walls_and_of_the_door(desk: Desk, may_leave: bool) -> None:
    spec = desk.bash(sandbox(allow_unsandboxed_commands=may_leave)).spec

    assert spec.description.endswith(" Walls stand here.")
    assert ("dangerouslyDisableSandbox" in spec.input_schema["properties"]) == may_leave


async def test_excluded_command_and_one_that_may_leave_run_as_they_are(desk: Desk) -> None:
    walls = sandbox(excluded_commands=("echo",))

    told = [
        await desk.told(walls, "echo a$INSIDE"),
        await desk.told(walls, "printf b$INSIDE", dangerously_disable_sandbox=True),
    ]

    assert [text.split()[0] for text in told] == ["a", "b"]
    assert walls.commands == []


async def test_model_that_may_not_leave_is_told_so(desk: Desk) -> None:
    told = await desk.told(sandbox(allow_unsandboxed_commands=False), "true", dangerously_disable_sandbox=True)

    assert told.endswith("[the settings do not allow dangerouslyDisableSandbox; this ran in the sandbox]")
