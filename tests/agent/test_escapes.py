"""No call leaves the work tree unasked: real tools, a real gate, and nobody to ask."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from tianting.agent.batch import CallBatch
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.permissions.decision import Allow, Decision, Person
from tianting.permissions.gate import Gate
from tianting.permissions.path_facts import LocalPaths
from tianting.permissions.questions import Ground
from tianting.permissions.rule_text import Places, RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.session_judge import SessionJudge
from tianting.permissions.shell.syntax import read_script
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import ToolUse
from tianting.protocol.events import Event, ToolFinished
from tianting.protocol.tool_calls import Access, CallResult, ToolCall
from tianting.tools.apply_patch import ApplyPatch
from tianting.tools.bash import Bash
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.glob import Glob
from tianting.tools.grep import Grep
from tianting.tools.ls import LS
from tianting.tools.multi_edit import MultiEdit
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write

pytestmark = pytest.mark.anyio

SECRET = "the-secret"
UNNAMED = "nobody-named-this"
UNTOUCHED = {"secret.txt": f"{SECRET}\n", UNNAMED: SECRET}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a secret, and a work tree beside it that is full of ways there."""
    outside, work = tmp_path / "outside", tmp_path / "work"
    outside.mkdir()
    work.mkdir()
    (outside / "secret.txt").write_text(f"{SECRET}\n")
    (outside / UNNAMED).write_text(SECRET)
    (work / "mine.txt").write_text("mine\n")
    (work / "file").symlink_to(outside / "secret.txt")
    (work / "dir").symlink_to("../outside")
    (work / "new").symlink_to("../outside/new.txt")
    (work / "far").symlink_to("dir/../outside")
    (work / "one").symlink_to("two")
    (work / "two").symlink_to("one")
    return outside


async def answer(
    root: Path, calls: list[ToolUse], *, allow: str = "", person: Person | None = None
) -> list[CallResult]:
    """Run `calls` as one answer of the model in mode acceptEdits."""
    workspace, ledger = Workspace(root), ReadLedger()
    judge = session_judge(workspace, allow)
    gate = Gate(lambda: judge, person)
    results: list[CallResult] = []

    async def answered(finished: ToolFinished) -> None:
        results.append(finished.result)

    async def ignore(event: Event) -> None:
        return

    with anyio.fail_after(20):
        async with BackgroundJobs(SystemClock()) as jobs:
            bash = Bash(workspace, ledger, jobs, environment=dict(os.environ), spill_directory=root / ".spill")
            tools: list[AnyTool] = [
                *(bash, Read(workspace, ledger), Write(workspace, ledger), Edit(workspace, ledger)),
                *(MultiEdit(workspace, ledger), ApplyPatch(workspace, ledger)),
                *(Grep(workspace), Glob(workspace), LS(workspace)),
            ]
            batch = CallBatch(ToolDispatcher(tools, gate, Limits()), Limits(), SystemClock())
            await batch.run(calls, answered, ignore)
    return results


def session_judge(workspace: Workspace, allow: str) -> SessionJudge:
    root, home = str(workspace.root), "/home/nobody"
    lines = [RuleLine(text=allow, behaviour="allow")] if allow else []
    return SessionJudge(
        mode="acceptEdits",
        ruleset=Ruleset.compile(lines, Places(root, home)),
        ground=Ground(root=root, home=home, facts=LocalPaths(), read_script=read_script),
        cwd=lambda: str(workspace.shell_directory),
    )


def use(name: str, **arguments: Any) -> ToolUse:
    return ToolUse(id="call", name=name, input=arguments)


def patch(*lines: str) -> ToolUse:
    return use("apply_patch", patch="\n".join(("*** Begin Patch", *lines, "*** End Patch")))


def contents(directory: Path) -> Mapping[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(use("Read", file_path="../outside/secret.txt"), id="read above"),
        pytest.param(use("Read", file_path="file"), id="read a link"),
        pytest.param(use("Read", file_path="dir/secret.txt"), id="read below a link"),
        pytest.param(use("Read", file_path="far/secret.txt"), id="read below a link behind a link"),
        pytest.param(use("Read", file_path="~/secret.txt"), id="read in the home"),
        pytest.param(use("Read", file_path="/proc/self/environ"), id="read our environment"),
        pytest.param(use("Read", file_path="/proc/self/root/etc/passwd"), id="read by a magic link"),
        pytest.param(use("Read", file_path="one"), id="read links in a circle"),
        pytest.param(use("Read", file_path="dir/" + "x" * 5000), id="read an impossible name"),
        pytest.param(use("Read", file_path="dir/\ud800"), id="read half a character"),
        pytest.param(use("Read", file_path="dir/secret.txt\0"), id="read a NUL"),
        pytest.param(use("Write", file_path="new", content="x"), id="write by a dangling link"),
        pytest.param(use("Write", file_path="dir/x", content="x"), id="write below a link"),
        pytest.param(use("Write", file_path="dir/a/b/x", content="x"), id="make directories below a link"),
        pytest.param(use("Write", file_path="one", content="x"), id="write to links in a circle"),
        pytest.param(use("Edit", file_path="new", old_string="", new_string="x"), id="edit into being"),
        pytest.param(use("Edit", file_path="file", old_string=SECRET, new_string="x"), id="edit a link"),
        pytest.param(
            use("MultiEdit", file_path="file", edits=[{"old_string": SECRET, "new_string": "x"}]),
            id="multi-edit a link",
        ),
        pytest.param(patch("*** Add File: dir/x", "+x"), id="patch adds"),
        pytest.param(patch("*** Add File: new", "+x"), id="patch adds by a dangling link"),
        pytest.param(patch("*** Update File: file", f"-{SECRET}", "+x"), id="patch updates"),
        pytest.param(patch("*** Delete File: dir/secret.txt"), id="patch deletes"),
        pytest.param(patch("*** Update File: mine.txt", "*** Move to: dir/x"), id="patch moves away"),
        pytest.param(patch("*** Update File: dir/secret.txt", "*** Move to: x"), id="patch moves here"),
        pytest.param(use("Grep", pattern="the-s", path="dir", output_mode="content"), id="search a link"),
        pytest.param(use("Grep", pattern="the-s", path="file", output_mode="content"), id="search a linked file"),
        pytest.param(use("Grep", pattern="the-s", path=".", output_mode="content"), id="search beside links"),
        pytest.param(use("Grep", pattern="the-s", glob="../outside/*", output_mode="content"), id="search by glob"),
        pytest.param(use("Grep", pattern="--pre=cat ../outside/secret.txt"), id="option as a pattern"),
        pytest.param(use("Grep", pattern="the-s", path="--follow", output_mode="content"), id="option as a path"),
        pytest.param(use("Glob", pattern="../outside/*"), id="find above"),
        pytest.param(use("Glob", pattern="dir/*"), id="find below a link"),
        pytest.param(use("Glob", pattern="**/*"), id="find everywhere"),
        pytest.param(use("Glob", pattern="{..,x}/outside/*"), id="find above by braces"),
        pytest.param(use("Glob", pattern="*/../outside/*"), id="find above by a detour"),
        pytest.param(use("Glob", pattern="[.][.]/outside/*"), id="find above by a class"),
        pytest.param(use("LS", path="dir"), id="list a link"),
        pytest.param(use("Bash", command="cat file"), id="command"),
    ],
)
async def test_nothing_outside_is_told_or_touched(
    outside: Path, monkeypatch: pytest.MonkeyPatch, call: ToolUse
) -> None:
    monkeypatch.setenv("HOME", str(outside))
    monkeypatch.setenv("PASSWORD", SECRET)

    [result] = await answer(outside.parent / "work", [call])

    assert SECRET not in str(result.content)
    assert UNNAMED not in str(result.content)
    assert contents(outside) == UNTOUCHED


class Curious:
    """Somebody who says yes, after `deed`, and keeps what was asked about."""

    def __init__(self, deed: Any = lambda: None) -> None:
        self.asked: list[set[str]] = []
        self.deed = deed

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        self.asked.append({access.target for access in accesses})
        self.deed()
        return Allow()


async def test_person_is_shown_where_a_link_leads_that_was_laid_by_the_call_before(outside: Path) -> None:
    person, work = Curious(), outside.parent / "work"

    await answer(
        work,
        [use("Bash", command="ln -s ../outside fresh"), use("Write", file_path="fresh/x", content="x")],
        allow="Bash",
        person=person,
    )

    assert person.asked == [{str(work / "fresh/x"), str(outside / "x")}]


async def test_call_does_not_run_elsewhere_than_the_person_agreed_to(outside: Path) -> None:
    work = outside.parent / "work"
    (outside.parent / "harmless").mkdir()
    (work / "place").symlink_to("../harmless")

    def redirect() -> None:
        (work / "place").unlink()
        (work / "place").symlink_to("../outside")

    [result] = await answer(work, [use("Write", file_path="place/x", content="x")], person=Curious(redirect))

    assert result.content == (
        "Not run: while permission was asked, the path came to lead to another place. Call again if it should."
    )
    assert contents(outside) == UNTOUCHED


async def test_file_outside_that_shares_its_bytes_is_not_changed(outside: Path) -> None:
    work = outside.parent / "work"
    os.link(outside / "secret.txt", work / "shared")

    [result] = await answer(work, [patch("*** Update File: shared", f"-{SECRET}", "+x")], allow="Edit")

    assert (result.outcome, contents(outside)) == ("ok", UNTOUCHED)
