"""The plan: a list the model keeps for itself over a long task, and the person can watch."""

from typing import Literal

from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed

Status = Literal["pending", "in_progress", "completed"]
_MARKS: dict[Status, str] = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_NOTE = (Access(effect="note", target="plan"),)


class Todo(Struct, frozen=True, kw_only=True, rename={"active_form": "activeForm"}, omit_defaults=True):
    """One step of the plan."""

    content: str
    status: Status
    active_form: str = ""
    """The same in the continuous form, for a person's screen: "Running tests"."""
    id: str = ""
    priority: str = ""


class TodoList:
    """The plan of one session. TodoWrite replaces it, TodoRead and the surfaces look at it."""

    def __init__(self) -> None:
        self.items: tuple[Todo, ...] = ()


class TodoOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """TodoWrite's `tool_use_result`."""

    old_todos: tuple[Todo, ...]
    new_todos: tuple[Todo, ...]


class TodoWriteParameters(Struct, frozen=True, kw_only=True):
    """The whole new plan."""

    todos: tuple[Todo, ...]


class TodoReadParameters(Struct, frozen=True, kw_only=True):
    """Nothing to say."""


class TodoWrite:
    """Replaces the plan."""

    spec = ToolSpec(
        name="TodoWrite",
        description=(
            "Keep a plan for work of three or more steps; each call replaces the whole list. Exactly one item is "
            "in_progress while you work; mark it completed at once when it is done and checked, not in batches. "
            "Skip it for simple tasks."
        ),
        input_schema={
            "type": "object",
            "properties": {
                "todos": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "content": {"type": "string", "description": 'As "Run tests"'},
                            "status": {"type": "string", "enum": ["pending", "in_progress", "completed"]},
                            "activeForm": {"type": "string", "description": 'As "Running tests"'},
                        },
                        "required": ["content", "status"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["todos"],
            "additionalProperties": False,
        },
    )
    parameters = TodoWriteParameters

    def __init__(self, todos: TodoList) -> None:
        self._todos = todos

    def accesses(self, parameters: TodoWriteParameters) -> tuple[Access, ...]:
        """Only the agent's own memory."""
        return _NOTE

    async def run(self, parameters: TodoWriteParameters) -> ToolOutput:
        """Save the plan. Raises `ToolFailed` for two active items, or one without words; the old plan stays then."""
        _check(parameters.todos)
        old, self._todos.items = self._todos.items, parameters.todos
        return ToolOutput(
            content=_summary(parameters.todos), data=TodoOutput(old_todos=old, new_todos=parameters.todos)
        )


class TodoRead:
    """Shows the plan."""

    spec = ToolSpec(
        name="TodoRead",
        description="Show the plan that TodoWrite keeps.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
    )
    parameters = TodoReadParameters

    def __init__(self, todos: TodoList) -> None:
        self._todos = todos

    def accesses(self, parameters: TodoReadParameters) -> tuple[Access, ...]:
        """Only the agent's own memory."""
        return _NOTE

    async def run(self, parameters: TodoReadParameters) -> ToolOutput:
        """One line an item: `[x]` done, `[>]` active, `[ ]` open."""
        lines = [f"{_MARKS[todo.status]} {todo.content}" for todo in self._todos.items]
        return ToolOutput(content="\n".join(lines) or "No plan yet; TodoWrite makes one.")


def _check(todos: tuple[Todo, ...]) -> None:
    active = [todo.content for todo in todos if todo.status == "in_progress"]
    if len(active) > 1:
        count = "Two" if len(active) == 2 else f"{len(active)}"
        named = " and ".join(f'"{printable(content, 80)}"' for content in active[:2])
        raise ToolFailed(f"{count} items are in_progress; keep one. They are {named}.")
    for number, todo in enumerate(todos, start=1):
        if not todo.content.strip():
            raise ToolFailed(f"Item {number} has no content; say what is to be done, or leave it out.")


def _summary(todos: tuple[Todo, ...]) -> str:
    if not todos:
        return "Plan cleared."
    counts = {status: sum(todo.status == status for todo in todos) for status in _MARKS}
    return f"Plan saved: {counts['completed']} done, {counts['in_progress']} active, {counts['pending']} open."
