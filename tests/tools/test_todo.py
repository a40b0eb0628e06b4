"""The plan."""

from typing import Any

import msgspec
import pytest

from tianting.protocol.tool_calls import Access, ToolOutput
from tianting.tools.contract import AnyTool, ToolFailed
from tianting.tools.todo import (
    Todo,
    TodoList,
    TodoOutput,
    TodoRead,
    TodoReadParameters,
    TodoWrite,
    TodoWriteParameters,
)

pytestmark = pytest.mark.anyio

PLAN = [
    {"content": "Look", "status": "completed", "activeForm": "Looking", "id": "1", "priority": "high"},
    {"content": "Write", "status": "in_progress", "activeForm": "Writing"},
    {"content": "Check", "status": "pending"},
]


def parameters(*todos: dict[str, Any]) -> TodoWriteParameters:
    return msgspec.convert({"todos": todos}, TodoWriteParameters)


async def test_plan_is_saved_and_not_echoed() -> None:
    todos = TodoList()
    look = Todo(content="Look", status="completed", active_form="Looking", id="1", priority="high")

    first = await TodoWrite(todos).run(parameters(PLAN[0]))
    second = await TodoWrite(todos).run(parameters(*PLAN))

    assert first == ToolOutput(
        content="Plan saved: 1 done, 0 active, 0 open.", data=TodoOutput(old_todos=(), new_todos=(look,))
    )
    assert second.content == "Plan saved: 1 done, 1 active, 1 open."
    assert msgspec.to_builtins(second.data) == {"oldTodos": (PLAN[0],), "newTodos": tuple(PLAN)}
    assert (await TodoRead(todos).run(TodoReadParameters())).content == "[x] Look\n[>] Write\n[ ] Check"


async def test_empty_plan() -> None:
    todos = TodoList()

    assert (await TodoWrite(todos).run(parameters())).content == "Plan cleared."
    assert (await TodoRead(todos).run(TodoReadParameters())).content == "No plan yet; TodoWrite makes one."


def item(content: str, status: str = "in_progress") -> dict[str, str]:
    return {"content": content, "status": status}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param(
            (item("a"), item("b")), 'Two items are in_progress; keep one. They are "a" and "b".', id="two at once"
        ),
        pytest.param(
            (item("a"), item("b\nc"), item("d")),
            '3 items are in_progress; keep one. They are "a" and "b\\nc".',
            id="three at once",
        ),
        pytest.param(
            (item("a"), item(" ", "pending")),
            "Item 2 has no content; say what is to be done, or leave it out.",
            id="no words",
        ),
    ],
)
async def test_bad_plan_is_refused_and_the_old_one_stays(plan: tuple[dict[str, str], ...], expected: str) -> None:
    todos = TodoList()
    await TodoWrite(todos).run(parameters(item("old")))

    with pytest.raises(ToolFailed) as caught:
        await TodoWrite(todos).run(parameters(*plan))

    assert str(caught.value) == expected
    assert todos.items == (Todo(content="old", status="in_progress"),)


def test_plans_touch_only_the_agents_memory() -> None:
    write: AnyTool = TodoWrite(TodoList())
    read: AnyTool = TodoRead(TodoList())

    assert (
        write.accesses(parameters()) == read.accesses(TodoReadParameters()) == (Access(effect="note", target="plan"),)
    )
