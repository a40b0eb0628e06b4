"""What tools give to programs has the fields that clients of Claude Code know: all they need, none they cannot place.

The fields are those of the type declarations that `@anthropic-ai/claude-agent-sdk` publishes for its users.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tianting.plumbing.clock import SystemClock
from tianting.tools.bash import Bash
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.glob import Glob
from tianting.tools.grep import Grep
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.task_stop import TaskStop
from tianting.tools.todo import TodoList, TodoWrite
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write

pytestmark = pytest.mark.anyio

HUNK = {"oldStart", "oldLines", "newStart", "newLines", "lines"}
BASH = {"stdout", "stderr", "interrupted"}
BASH_MAY = {"isImage", "backgroundTaskId", "returnCodeInterpretation", "persistedOutputPath"}
GREP = {"numFiles", "filenames"}
GREP_MAY = {"mode", "content", "numLines", "numMatches", "appliedLimit"}
WRITE = {"type", "filePath", "content", "structuredPatch", "originalFile"}
EDIT = {"filePath", "oldString", "newString", "originalFile", "structuredPatch", "userModified", "replaceAll"}


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[dict[str, AnyTool]]:
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    workspace, ledger = Workspace(tmp_path), ReadLedger()
    async with BackgroundJobs(SystemClock()) as jobs:
        environment = {"PATH": os.environ["PATH"]}
        bash = Bash(workspace, ledger, jobs, environment=environment, spill_directory=tmp_path / "spill")
        every: list[Any] = [
            *(bash, TaskStop(jobs), Read(workspace, ledger), Edit(workspace, ledger), Write(workspace, ledger)),
            *(Glob(workspace), Grep(workspace), TodoWrite(TodoList())),
        ]
        yield {tool.spec.name: tool for tool in every}


async def data_of(tools: dict[str, AnyTool], name: str, **arguments: Any) -> dict[str, Any]:
    tool = tools[name]
    with anyio.fail_after(10):
        output = await tool.run(msgspec.convert(arguments, tool.parameters))
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(output.data))
    return data


@pytest.mark.parametrize(
    ("name", "arguments", "must", "may"),
    [
        pytest.param("Bash", {"command": "echo hi"}, BASH, BASH_MAY, id="command"),
        pytest.param("Bash", {"command": "grep x nothing; exit 1"}, BASH, BASH_MAY, id="command that fails"),
        pytest.param("Bash", {"command": "sleep 9", "run_in_background": True}, BASH, BASH_MAY, id="background"),
        pytest.param("Glob", {"pattern": "*"}, {"durationMs", "numFiles", "filenames", "truncated"}, set(), id="glob"),
        pytest.param("Grep", {"pattern": "x"}, GREP, GREP_MAY, id="files"),
        pytest.param("Grep", {"pattern": "x", "output_mode": "content"}, GREP, GREP_MAY, id="lines"),
        pytest.param("Grep", {"pattern": "x", "output_mode": "count"}, GREP, GREP_MAY, id="counts"),
        pytest.param("Read", {"file_path": "a.py"}, {"type", "file"}, set(), id="read"),
        pytest.param("Write", {"file_path": "new", "content": "a\n"}, WRITE, {"userModified"}, id="create"),
        pytest.param(
            "TodoWrite",
            {"todos": [{"content": "a", "status": "pending", "activeForm": "A"}]},
            {"oldTodos", "newTodos"},
            set(),
            id="plan",
        ),
    ],
)
async def test_result_has_the_fields_that_clients_know(
    tools: dict[str, AnyTool], name: str, arguments: dict[str, Any], must: set[str], may: set[str]
) -> None:
    given = (await data_of(tools, name, **arguments)).keys()

    assert given >= must
    assert given - must <= may


async def test_edit_shows_its_change_in_hunks(tools: dict[str, AnyTool]) -> None:
    await data_of(tools, "Read", file_path="a.py")

    edited = await data_of(tools, "Edit", file_path="a.py", old_string="x = 1", new_string="x = 3")
    written = await data_of(tools, "Write", file_path="a.py", content="z = 0\n")

    assert (set(edited), set(written), written["type"]) == (EDIT, WRITE, "update")
    assert [set(hunk) for hunk in (*edited["structuredPatch"], *written["structuredPatch"])] == [HUNK, HUNK]


async def test_page_of_a_file_knows_its_place(tools: dict[str, AnyTool]) -> None:
    page = await data_of(tools, "Read", file_path="a.py", offset=2, limit=1)

    place = {name: value for name, value in page["file"].items() if name != "filePath"}
    assert place == {"content": "y = 2", "numLines": 1, "startLine": 2, "totalLines": 2}


async def test_stopped_job_names_its_command(tools: dict[str, AnyTool]) -> None:
    await data_of(tools, "Bash", command="sleep 9", run_in_background=True)

    stopped = await data_of(tools, "TaskStop", task_id="job1")

    assert stopped.keys() == {"message", "task_id", "task_type", "command"}
    assert (stopped["task_type"], stopped["command"]) == ("local_bash", "sleep 9")
