"""Hooks that are functions of the SDK's user: what they are told, and what becomes of what they say."""

from typing import Any

import pytest
from claude_agent_sdk import (
    HookEventMessage,
    HookMatcher,
    PermissionResultDeny,
    SystemMessage,
    ToolPermissionContext,
)

from tests.end_to_end.sdk_stage import answered, called, end_of, over, ran, results, said, spoken, talking
from tests.end_to_end.stage import Line, Stage
from tianting.models.scripted import calls, says

pytestmark = pytest.mark.anyio

TOUCH = calls("Bash", call_id="c1", command="touch made")
MADE = (says("", TOUCH), says("Done."))


class Hook:
    """Says `outputs` one after the other, then nothing, and remembers what it was told."""

    def __init__(self, *outputs: Line) -> None:
        self._outputs = list(outputs)
        self.told: list[Any] = []

    async def __call__(self, event: Any, tool_use_id: str | None, context: Any) -> Any:
        self.told.append((event, tool_use_id))
        return self._outputs.pop(0) if self._outputs else {}

    def on(self, event: str, matcher: str | None = None) -> Any:
        return {event: [HookMatcher(matcher=matcher, hooks=[self])]}


def specific(event: str, **said: Any) -> Line:
    return {"hookSpecificOutput": {"hookEventName": event, **said}}


async def deny(name: str, arguments: Line, context: ToolPermissionContext) -> PermissionResultDeny:
    return PermissionResultDeny(message=f"asked, because {context.decision_reason}")


@pytest.mark.parametrize(
    ("output", "result", "made"),
    [
        pytest.param(
            {"permissionDecision": "deny", "permissionDecisionReason": "Not here."},
            "Not here.",
            [],
            id="deny",
        ),
        pytest.param({"permissionDecision": "allow"}, "exit 0, no output", ["made"], id="allow"),
        pytest.param(
            {"permissionDecision": "ask", "permissionDecisionReason": "it is late"},
            "asked, because it is late",
            [],
            id="ask",
        ),
        pytest.param(
            {"permissionDecision": "allow", "updatedInput": {"command": "touch other"}},
            "exit 0, no output",
            ["other"],
            id="changed input",
        ),
        pytest.param({}, "asked, because no rule allows touch", [], id="nothing"),
    ],
)
async def test_hook_decides_about_a_call(library_stage: Stage, output: Line, result: str, made: list[str]) -> None:
    hook = Hook(specific("PreToolUse", **output))

    async with talking(library_stage, *MADE, hooks=hook.on("PreToolUse", "Bash"), can_use_tool=deny) as talk:
        await talk.ask("Make it.")

        [given] = results(talk.sent())
    [(event, call)] = hook.told
    assert result in given["content"]
    assert [path.name for path in library_stage.project.iterdir() if path.name != ".git"] == made
    assert (call, event["hook_event_name"], event["tool_name"], event["tool_input"], event["tool_use_id"]) == (
        *("c1", "PreToolUse", "Bash", {"command": "touch made"}),
        "c1",
    )


async def test_hook_is_told_where_it_stands(library_stage: Stage) -> None:
    hook = Hook()

    async with talking(
        library_stage, *MADE, hooks=hook.on("PostToolUse"), allowed_tools=["Bash"], effort="low"
    ) as talk:
        await talk.ask("Make it.")

    [(event, call)] = hook.told
    varying = {name: event.pop(name) for name in ("session_id", "prompt_id", "duration_ms")}
    assert (call, event) == (
        "c1",
        {
            "hook_event_name": "PostToolUse",
            "transcript_path": str(library_stage.transcript),
            "cwd": str(library_stage.project),
            "permission_mode": "default",
            "effort": {"level": "low"},
            "tool_name": "Bash",
            "tool_input": {"command": "touch made"},
            "tool_response": ran(""),
            "tool_use_id": "c1",
        },
    )
    assert varying["session_id"] == library_stage.transcript.stem


async def test_hook_adds_to_a_result(library_stage: Stage) -> None:
    hook = Hook(specific("PostToolUse", additionalContext="The moon is full."))

    async with talking(library_stage, *MADE, hooks=hook.on("PostToolUse"), allowed_tools=["Bash"]) as talk:
        heard = await talk.ask("Make it.")

        assert "The moon is full." in str(talk.sent()["messages"][-1])
    assert heard == [
        called("c1", "Bash", command="touch made"),
        answered("c1", "exit 0, no output", ran("")),
        said("Done."),
        over("Done.", turns=2),
    ]


async def test_hook_hears_of_a_call_that_failed(library_stage: Stage) -> None:
    hook = Hook()
    fail = calls("Read", call_id="c1", file_path="nowhere.txt")

    async with talking(library_stage, says("", fail), says("No."), hooks=hook.on("PostToolUseFailure")) as talk:
        await talk.ask("Read it.")

    [(event, _)] = hook.told
    assert (event["tool_name"], event["is_interrupt"], "nowhere.txt" in event["error"]) == ("Read", False, True)


async def test_hook_refuses_a_prompt(library_stage: Stage) -> None:
    hook = Hook({"decision": "block", "reason": "Not at night."})

    async with talking(library_stage, says("Good day."), hooks=hook.on("UserPromptSubmit")) as talk:
        refused = end_of(await talk.ask("Work!"))
        heard = await talk.ask("Hello.")

        assert (refused.subtype, refused.num_turns, refused.is_error) == ("success", 0, False)
        assert heard == [said("Good day."), over("Good day.")]
        assert spoken(talk.sent()) == [("user", "Hello.")]
    assert [event["prompt"] for event, _ in hook.told] == ["Work!", "Hello."]


async def test_hook_adds_to_a_prompt(library_stage: Stage) -> None:
    hook = Hook(specific("UserPromptSubmit", additionalContext="It is night."))

    async with talking(library_stage, says("Good night."), hooks=hook.on("UserPromptSubmit")) as talk:
        await talk.ask("Hello.")

        assert "It is night." in str(talk.sent()["messages"])


async def test_hook_keeps_the_model_going_once(library_stage: Stage) -> None:
    hook = Hook({"decision": "block", "reason": "And the tests?"})

    async with talking(library_stage, says("Done."), says("Tests, too."), hooks=hook.on("Stop")) as talk:
        heard = await talk.ask("Go.")

        assert heard[-2:] == [said("Tests, too."), over("Tests, too.", turns=end_of(heard).num_turns)]
        assert "And the tests?" in str(talk.sent()["messages"][-1])
    assert [(event["stop_hook_active"], event["last_assistant_message"]) for event, _ in hook.told] == [
        (False, "Done."),
        (True, "Tests, too."),
    ]


async def test_hook_ends_the_turn(library_stage: Stage) -> None:
    hook = Hook({"continue_": False, "stopReason": "Enough."})

    async with talking(library_stage, *MADE, hooks=hook.on("PostToolUse"), allowed_tools=["Bash"]) as talk:
        heard = await talk.ask("Go.")

        assert (end_of(heard).subtype, end_of(heard).terminal_reason) == ("success", "hook_stopped")
        assert len(talk.server.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "made"),
    [
        pytest.param({"behavior": "allow"}, ["made"], id="allow"),
        pytest.param({"behavior": "deny", "message": "No."}, [], id="deny"),
    ],
)
async def test_hook_answers_in_a_persons_place(library_stage: Stage, behaviour: Line, made: list[str]) -> None:
    hook = Hook(specific("PermissionRequest", decision=behaviour))

    async with talking(library_stage, *MADE, hooks=hook.on("PermissionRequest")) as talk:
        await talk.ask("Make it.")

    [(event, _)] = hook.told
    assert (event["tool_name"], event["tool_input"]) == ("Bash", {"command": "touch made"})
    assert [path.name for path in library_stage.project.iterdir() if path.name != ".git"] == made


async def test_hook_that_fails_stops_nothing_unless_it_guards(library_stage: Stage) -> None:
    async def broken(event: Any, tool_use_id: str | None, context: Any) -> Any:
        raise RuntimeError("out of order")

    free = {"PreToolUse": [HookMatcher(hooks=[broken])]}
    guard = {"PreToolUse": [HookMatcher(hooks=[broken], on_failure="block")]}

    async with talking(library_stage, *MADE, hooks=guard, allowed_tools=["Bash"]) as talk:
        await talk.ask("Make it.")
        [kept_out] = results(talk.sent())
    assert not (library_stage.project / "made").exists()
    async with talking(library_stage, *MADE, hooks=free, allowed_tools=["Bash"]) as talk:
        await talk.ask("Make it.")
    assert (library_stage.project / "made").exists()
    assert "out of order" in kept_out["content"]


async def test_hook_of_agents_is_silent_while_there_are_none(library_stage: Stage) -> None:
    hook = Hook()

    async with talking(library_stage, *MADE, hooks=hook.on("SubagentStop"), allowed_tools=["Bash"]) as talk:
        heard = await talk.ask("Make it.")

    assert (hook.told, heard[-1]) == ([], over("Done.", turns=2))


async def test_hooks_of_commands_are_told_on_request(library_stage: Stage) -> None:
    library_stage.home.mkdir(exist_ok=True)
    group = '[{"matcher": "Bash", "hooks": [{"type": "command", "command": "echo seen"}]}]'
    (library_stage.home / "settings.json").write_text(f'{{"hooks": {{"PreToolUse": {group}}}}}')

    async with talking(library_stage, *MADE, include_hook_events=True, allowed_tools=["Bash"]) as talk:
        await talk.client.query("Make it.")
        everything = await talk.everything()

    hooks = [message for message in everything if isinstance(message, HookEventMessage)]
    assert [(hook.subtype, hook.hook_event_name, hook.data["hook_name"]) for hook in hooks] == [
        ("hook_started", "PreToolUse", "PreToolUse:Bash"),
        ("hook_response", "PreToolUse", "PreToolUse:Bash"),
    ]
    assert (hooks[1].data["stdout"], hooks[1].data["exit_code"], hooks[1].data["outcome"]) == ("seen\n", 0, "success")
    assert any(isinstance(message, SystemMessage) and message.subtype == "init" for message in everything)
