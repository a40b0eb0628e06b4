"""A file with several names gets one answer, whichever name it is asked for: real tools, real files, nobody to ask."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tianting.agent.batch import CallBatch
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.cli.judging import Flags, late_judge
from tianting.permissions.gate import Gate
from tianting.permissions.session_judge import SessionJudge
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import ToolUse
from tianting.protocol.events import Event, ToolFinished
from tianting.protocol.tool_calls import CallResult
from tianting.settings.loading import Loaded
from tianting.settings.schema import Settings
from tianting.tools.apply_patch import ApplyPatch
from tianting.tools.bash import Bash
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.grep import Grep
from tianting.tools.multi_edit import MultiEdit
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write

pytestmark = pytest.mark.anyio

SECRET = "hunter2"
FILES = {"deep/down/.env": SECRET, "secrets/key": SECRET, "free.txt": "free", "uv.lock": "as it was"}
LINKS = {"hard": "deep/down/.env", "sub/key-2": "secrets/key", "free-2.txt": "free.txt", "lock-2": "uv.lock"}
DENIED = ("Read(**/.env)", "Read(./secrets/**)", "Edit(**/uv.lock)")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in which every file has a second name, made before anybody was asked."""
    root = tmp_path.resolve() / "work"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    (root / "sub").mkdir()
    for link, name in LINKS.items():
        os.link(root / name, root / link)
    return root


def judge_of(workspace: Workspace, rules: tuple[str, ...]) -> Callable[[], SessionJudge]:
    flags = Flags(allowed=("Bash", "Edit", "Read"), disallowed=rules)
    return late_judge(Loaded(settings=Settings()), flags, "acceptEdits", workspace, workspace.root / ".spill")


async def answer(root: Path, call: ToolUse, rules: tuple[str, ...] = DENIED) -> CallResult:
    """What comes of `call` where all is allowed but what `rules` deny."""
    workspace, ledger = Workspace(root), ReadLedger()
    judge = judge_of(workspace, rules)
    workspace.may_read = lambda path: judge().may_read(path)
    results: list[CallResult] = []

    async def answered(finished: ToolFinished) -> None:
        results.append(finished.result)

    async def ignore(event: Event) -> None:
        return

    with anyio.fail_after(20):
        async with BackgroundJobs(SystemClock()) as jobs:
            bash = Bash(workspace, ledger, jobs, environment=dict(os.environ), spill_directory=root / ".spill")
            tools: list[AnyTool] = [bash, Grep(workspace), Read(workspace, ledger), Write(workspace, ledger)]
            tools += [Edit(workspace, ledger), MultiEdit(workspace, ledger), ApplyPatch(workspace, ledger)]
            batch = CallBatch(ToolDispatcher(tools, Gate(judge, None), Limits()), Limits(), SystemClock())
            await batch.run([call], answered, ignore)
    [result] = results
    return result


def use(name: str, **arguments: Any) -> ToolUse:
    return ToolUse(id="call", name=name, input=arguments)


def bash(command: str) -> ToolUse:
    return use("Bash", command=command)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(use("Read", file_path="hard"), id="read"),
        pytest.param(use("Read", file_path="sub/key-2"), id="read what a denied directory holds"),
        pytest.param(use("Read", file_path="sub/../hard"), id="read by a detour"),
        pytest.param(use("Grep", pattern="hunter", path="hard", output_mode="content"), id="search it"),
        pytest.param(use("Grep", pattern="hunter", output_mode="content"), id="search around it"),
        pytest.param(use("Grep", pattern="hunter", path="sub", output_mode="content"), id="search its directory"),
        pytest.param(bash("cat hard"), id="cat"),
        pytest.param(bash("cat ha*"), id="glob"),
        pytest.param(bash("cat {hard,free.txt}"), id="braces"),
        pytest.param(bash("cat < hard"), id="redirection"),
        pytest.param(bash("cd sub && cat ../hard"), id="another directory"),
        pytest.param(bash('ln -s hard soft; cat "$(echo)"hard'), id="quotes"),
        pytest.param(bash("iconv -f utf8 hard"), id="a program of unknown habits"),
        pytest.param(bash("ln hard third; cat third"), id="a third name"),
        pytest.param(bash("cp sub/key-2 copy; cat copy"), id="copy"),
    ],
)
async def test_denied_file_is_not_read_by_another_name(project: Path, call: ToolUse) -> None:
    result = await answer(project, call)

    assert SECRET not in str(result.content)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(use("Edit", file_path="lock-2", old_string="was", new_string="is"), id="edit"),
        pytest.param(use("Write", file_path="lock-2", content="x"), id="write"),
        pytest.param(
            use("MultiEdit", file_path="lock-2", edits=[{"old_string": "was", "new_string": "is"}]), id="multi-edit"
        ),
        pytest.param(
            use("apply_patch", patch="*** Begin Patch\n*** Update File: lock-2\n-as it was\n+x\n*** End Patch"),
            id="patch",
        ),
        pytest.param(bash("echo x > lock-2"), id="redirection"),
        pytest.param(bash("echo x | tee lock-2"), id="tee"),
        pytest.param(bash("sed -i s/was/is/ lock-?"), id="sed on a glob"),
        pytest.param(
            use("Edit", file_path="hard", old_string="hunter", new_string="x"), id="edit what is not to be read"
        ),
    ],
)
async def test_denied_file_is_not_changed_by_another_name(project: Path, call: ToolUse) -> None:
    result = await answer(project, call)

    assert (result.outcome, {name: (project / name).read_text() for name in (*FILES, "lock-2")}) == (
        "denied",
        {name: f"{text}\n" for name, text in {**FILES, "lock-2": "as it was"}.items()},
    )


async def test_other_files_with_several_names_are_read(project: Path) -> None:
    read = await answer(project, use("Read", file_path="free-2.txt"))
    found = await answer(project, use("Grep", pattern="free|was", output_mode="files_with_matches"))

    assert (read.outcome, "free" in str(read.content)) == ("ok", True)
    assert sorted(str(found.content).splitlines()) == ["free-2.txt", "free.txt", "lock-2", "uv.lock"]


async def test_refusal_names_the_file_that_the_rule_is_about(project: Path) -> None:
    result = await answer(project, use("Read", file_path="hard"))

    assert result.content == (
        f"Read was not run: {project}/hard is the same file as {project}/deep/down/.env (a hard link), and the rule "
        "Read(**/.env) forbids it. Choose another way; do not repeat it."
    )
