"""The demo finds, mends and verifies its bug, leaves nothing behind, and colours only what a person looks at."""

import os
import pty
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.stage import Stage

pytestmark = pytest.mark.anyio


async def test_demo_mends_its_project(stage: Stage) -> None:
    stage.environment["TMPDIR"] = str(stage.project.parent)

    ended = await stage.run("demo")

    assert (ended.code, ended.stderr) == (0, "")
    failed, mended = ended.stdout.index("FAILED"), ended.stdout.rindex("OK")
    assert failed < ended.stdout.index("$ git diff") < mended
    assert "\x1b" not in ended.stdout
    assert not list(stage.project.parent.glob("tianting-demo-*"))


async def test_demo_colours_for_a_terminal_and_may_leave_its_project(stage: Stage) -> None:
    stage.environment["TMPDIR"] = str(stage.project.parent)
    ours, terminal = pty.openpty()
    async with stage.running("demo", "--keep", stdout=terminal) as run:
        os.close(terminal)
        shown = await everything_from(ours)
        code = await run.process.wait()

    assert (code, "\x1b[" in shown) == (0, True)
    [line] = [line for line in shown.splitlines() if line.startswith("The project stays in ")]
    assert (Path(line.removeprefix("The project stays in ")) / "shop" / "cart.py").is_file()


async def everything_from(terminal: int) -> str:
    """What is written to a terminal until all who hold it have let go."""
    shown = b""
    try:
        while True:
            await anyio.wait_readable(terminal)
            shown += os.read(terminal, 65_536)
    except OSError:
        os.close(terminal)
        return shown.decode()
