"""What a hook leaves in its file of variables reaches every command that follows, and a broken file reaches none."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from tianting.plumbing.clock import SystemClock
from tianting.tools.bash import Bash, BashParameters
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.shell.session_variables import FILE_NAME, SessionVariables
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio


class Desk:
    """A Bash, and the file that its commands read first."""

    def __init__(self, root: Path, jobs: BackgroundJobs, path: str = os.environ["PATH"]) -> None:
        spill = root.parent / "tool results"
        spill.mkdir(exist_ok=True)
        self.file = spill / FILE_NAME
        self._bash = Bash(Workspace(root), ReadLedger(), jobs, environment={"PATH": path}, spill_directory=spill)

    async def says(self, command: str, *, background: bool = False) -> list[str]:
        """What the model reads besides the verdict."""
        with anyio.fail_after(10):
            output = await self._bash.run(BashParameters(command=command, run_in_background=background))
        return [line for line in str(output.content).splitlines() if not line.startswith("exit 0")]


@pytest.fixture
async def jobs() -> AsyncIterator[BackgroundJobs]:
    async with BackgroundJobs(SystemClock()) as jobs:
        yield jobs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


async def test_file_may_appear_change_and_go(root: Path, jobs: BackgroundJobs) -> None:
    desk = Desk(root, jobs)

    heard = [await desk.says("echo $STAGE")]
    for text in ("export STAGE=test\n", "export STAGE='another one'\n"):
        desk.file.write_text(text)
        heard.append(await desk.says("echo $STAGE; sh -c 'echo $STAGE'"))
    desk.file.unlink()
    heard.append(await desk.says("echo $STAGE"))

    assert heard == [[], ["test", "test"], ["another one", "another one"], []]


async def test_sh_reads_it_too(root: Path, jobs: BackgroundJobs, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("sh", "env"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / "bin" / program).symlink_to(found)
    desk = Desk(root, jobs, path=str(tmp_path / "bin"))
    desk.file.write_text("export STAGE=test\n")

    assert await desk.says("echo $STAGE") == ["test"]


async def test_broken_file_is_told_once_and_breaks_no_command(root: Path, jobs: BackgroundJobs) -> None:
    desk = Desk(root, jobs)
    desk.file.write_text("export STAGE=test\nexport NAME='never closed\n")

    heard = [await desk.says(f"echo {number}$STAGE") for number in (1, 2)]
    desk.file.write_text("export STAGE=mended\n")
    heard.append(await desk.says("echo 3$STAGE"))

    [first, told], second, third = heard
    assert (first, second, third) == ("1", ["2"], ["3mended"])
    assert told.startswith(f"[{desk.file} is not read before commands: line 2: unexpected EOF")


async def test_note_waits_for_a_result_that_can_hold_it(root: Path, jobs: BackgroundJobs) -> None:
    desk = Desk(root, jobs)
    desk.file.write_text("fi\n")

    await desk.says("true", background=True)

    assert len(await desk.says("true")) == 1


async def test_what_the_file_prints_reads_and_fails_at_is_not_the_command_s(root: Path, jobs: BackgroundJobs) -> None:
    desk = Desk(root, jobs)
    desk.file.write_text("echo loud; echo louder >&2; no-such-program; read answer; export STAGE=test; false\n")

    assert await desk.says("echo $STAGE $?") == ["test 0"]


async def test_without_a_file_nothing_is_read_and_nothing_told(tmp_path: Path) -> None:
    variables = SessionVariables(tmp_path / "none", "bash", {})

    assert await variables.file() is None
    assert variables.take_notes() == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_what_is_no_file_is_not_waited_for(
    root: Path, jobs: BackgroundJobs, make: Callable[[Path], None]
) -> None:
    desk = Desk(root, jobs)
    make(desk.file)

    assert await desk.says("echo ran") == ["ran"]


async def test_shell_that_cannot_look_or_takes_too_long_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "variables.sh"
    file.write_text("export STAGE=test\n")
    missing = SessionVariables(file, str(tmp_path / "no-shell"), {})
    (tmp_path / "slow").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "slow").chmod(0o755)
    slow = SessionVariables(file, str(tmp_path / "slow"), {"PATH": os.environ["PATH"]})
    monkeypatch.setattr("tianting.tools.shell.session_variables._PATIENCE", 0.05)

    with anyio.fail_after(5):
        assert [await one.file() for one in (missing, slow)] == [None, None]

    assert [note.partition("commands: ")[2] for one in (missing, slow) for note in one.take_notes()] == [
        f"{tmp_path}/no-shell could not look at it: No such file or directory]",
        f"{tmp_path}/slow took longer than 0.05 s to look at it]",
    ]
