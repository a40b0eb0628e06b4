"""The question whether a call may run, answered by a function of the SDK's user."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import (
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    PermissionUpdate,
    ToolPermissionContext,
)
from claude_agent_sdk.types import PermissionRuleValue

from tests.end_to_end.sdk_stage import answered, called, end_of, over, ran, results, said, talking, unanswered
from tests.end_to_end.stage import Line, Stage
from tianting.models.scripted import Call, calls, says

pytestmark = pytest.mark.anyio

TOUCH = calls("Bash", call_id="c1", command="touch made", description="Make it")
SESSION_RULE = PermissionUpdate(
    type="addRules",
    rules=[PermissionRuleValue(tool_name="Bash", rule_content="touch *")],
    behavior="allow",
    destination="session",
)


class Person:
    """Answers by `decide`, and remembers what was asked."""

    def __init__(self, decide: Callable[[ToolPermissionContext], PermissionResult]) -> None:
        self._decide = decide
        self.asked: list[tuple[str, Line, ToolPermissionContext]] = []

    async def __call__(self, tool: str, arguments: Line, context: ToolPermissionContext) -> PermissionResult:
        self.asked.append((tool, arguments, context))
        return self._decide(context)


async def test_yes_runs_the_call_and_the_question_says_what_it_is_for(library_stage: Stage) -> None:
    person = Person(lambda _: PermissionResultAllow())

    async with talking(library_stage, says("", TOUCH), says("Made."), can_use_tool=person) as talk:
        heard = await talk.ask("Make it.")

    command = {"command": "touch made", "description": "Make it"}
    assert heard == [
        called("c1", "Bash", **command),
        answered("c1", "exit 0, no output", ran("")),
        said("Made."),
        over("Made.", turns=2),
    ]
    context = ToolPermissionContext(
        suggestions=[
            replace(SESSION_RULE, destination="localSettings"),
            PermissionUpdate(type="setMode", mode="acceptEdits", destination="session"),
        ],
        tool_use_id="c1",
        decision_reason="no rule allows touch",
        title="Bash needs your permission: no rule allows touch",
        display_name="Bash",
        description="Make it",
    )
    assert person.asked == [("Bash", command, context)]
    assert _made(library_stage.project) == ["made"]


async def test_no_reaches_the_model_and_the_result(library_stage: Stage) -> None:
    person = Person(lambda _: PermissionResultDeny(message="Not here."))

    async with talking(library_stage, says("", TOUCH), says("Well then."), can_use_tool=person) as talk:
        heard = await talk.ask("Make it.")

        [result] = results(talk.sent())
    denial = {"tool_name": "Bash", "tool_use_id": "c1", "tool_input": TOUCH.input}
    assert (result["is_error"], "Not here." in result["content"]) == (True, True)
    assert heard[2:] == [said("Well then."), over("Well then.", turns=2, permission_denials=[denial])]
    assert not (library_stage.project / "made").exists()


async def test_changed_input_is_what_runs(library_stage: Stage) -> None:
    person = Person(lambda _: PermissionResultAllow(updated_input={"command": "touch other"}))

    async with talking(library_stage, says("", TOUCH), says("Made."), can_use_tool=person) as talk:
        await talk.ask("Make it.")

    assert _made(library_stage.project) == ["other"]


async def test_no_that_interrupts_ends_the_turn_and_the_next_one_works(library_stage: Stage) -> None:
    person = Person(lambda _: PermissionResultDeny(message="Stop.", interrupt=True))

    async with talking(library_stage, says("", TOUCH), says("Yes?"), can_use_tool=person) as talk:
        stopped = end_of(await talk.ask("Make it."))
        later = await talk.ask("Never mind.")

        assert (stopped.subtype, stopped.terminal_reason) == ("error_during_execution", "aborted_tools")
        assert later == [said("Yes?"), over("Yes?")]
        assert unanswered(talk.sent()) == []


@pytest.mark.parametrize(
    ("updates", "second"),
    [
        pytest.param(lambda context: context.suggestions, "touch made", id="as suggested"),
        pytest.param(lambda _: [SESSION_RULE], "touch other", id="a rule"),
        pytest.param(lambda _: [PermissionUpdate(type="setMode", mode="acceptEdits")], "touch other", id="a mode"),
    ],
)
async def test_permission_that_lasts_spares_the_next_question(
    library_stage: Stage, updates: Callable[[ToolPermissionContext], Any], second: str
) -> None:
    person = Person(lambda context: PermissionResultAllow(updated_permissions=updates(context)))
    again = calls("Bash", call_id="c2", command=second)

    async with talking(library_stage, says("", TOUCH), says("", again), says("Twice."), can_use_tool=person) as talk:
        heard = await talk.ask("Make them.")

    assert [name for name, _, _ in person.asked] == ["Bash"]
    assert heard[-1] == over("Twice.", turns=3)


async def test_callback_that_fails_is_a_no(library_stage: Stage) -> None:
    def break_off(_: ToolPermissionContext) -> PermissionResult:
        raise RuntimeError("the screen is gone")

    async with talking(library_stage, says("", TOUCH), says("A pity."), can_use_tool=Person(break_off)) as talk:
        heard = await talk.ask("Make it.")

        [result] = results(talk.sent())
    assert "the screen is gone" in result["content"]
    assert heard[-2] == said("A pity.")
    assert _made(library_stage.project) == []


@pytest.mark.parametrize(
    ("call", "is_asked"),
    [
        pytest.param(calls("Read", file_path="note.txt"), False, id="reads the project"),
        pytest.param(calls("Read", file_path="/etc/hostname"), True, id="reads elsewhere"),
        pytest.param(calls("Bash", command="git status"), False, id="only looks"),
        pytest.param(calls("Write", file_path="new.txt", content="x"), True, id="writes"),
    ],
)
async def test_only_what_needs_it_is_asked(library_stage: Stage, call: Call, *, is_asked: bool) -> None:
    library_stage.write("note.txt", "x")
    person = Person(lambda _: PermissionResultAllow())

    async with talking(library_stage, says("", call), says("Done."), can_use_tool=person) as talk:
        await talk.ask("Go.")

    assert bool(person.asked) is is_asked
    assert [context.blocked_path for _, _, context in person.asked] in ([], [None], ["/etc/hostname"])


def _made(project: Path) -> list[str]:
    return sorted(path.name for path in project.iterdir() if path.name not in {".git", ".tianting"})
