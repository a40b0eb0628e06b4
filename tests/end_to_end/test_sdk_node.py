"""The same program under the SDK for Node: the core of what the tests of the other SDK hold."""

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.node_sdk import modules, play
from tests.end_to_end.sdk_stage import MODEL, results, spoken, unanswered
from tests.end_to_end.stage import Line, Stage
from tianting.models.scripted import calls, says
from tianting.models.scripted_faults import Fault

pytestmark = pytest.mark.anyio

TOUCH = calls("Bash", call_id="c1", command="touch made")
MADE = (says("", TOUCH), says("Done."))


@pytest.fixture(scope="session")
def sdk() -> Path:
    return modules()


def of_type(lines: list[Line], *kinds: str) -> list[Line]:
    return [line for line in lines if line["type"] in kinds]


def ends(lines: list[Line]) -> list[tuple[Any, ...]]:
    """How each turn ended."""
    return [
        (line["subtype"], line["is_error"], line.get("result"), line["num_turns"], line["terminal_reason"])
        for line in of_type(lines, "result")
    ]


def blocks(lines: list[Line]) -> list[Line]:
    return [block for line in of_type(lines, "assistant", "user") for block in line["message"]["content"]]


async def test_query_gives_every_message_of_the_turn(stage: Stage, sdk: Path) -> None:
    reply = says("Making it.", TOUCH, thinking="Well.")

    lines, _ = await play(stage, sdk, "one_prompt", reply, says("Done."), allowedTools=["Bash"])

    assert blocks(lines) == [
        {"type": "thinking", "thinking": "Well.", "signature": "scripted"},
        {"type": "text", "text": "Making it."},
        {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "touch made"}},
        {"type": "tool_result", "tool_use_id": "c1", "content": "exit 0, no output"},
        {"type": "text", "text": "Done."},
    ]
    assert ends(lines) == [("success", False, "Done.", 2, "completed")]
    [init] = [line for line in lines if line.get("subtype") == "init"]
    assert (init["cwd"], init["model"], init["permissionMode"]) == (str(stage.project), MODEL, "default")


async def test_later_turn_remembers_and_is_another_models(stage: Stage, sdk: Path) -> None:
    lines, requests = await play(stage, sdk, "two_turns", says("One."), *MADE, model="claude-haiku-4-5", mode="plan")

    assert ends(lines)[0] == ("success", False, "One.", 1, "completed")
    assert spoken(requests[1]) == [("user", "One?"), ("assistant", "One."), ("user", "Two?")]
    assert [request["model"].startswith("claude-haiku") for request in requests] == [False, True, True]
    assert not (stage.project / "made").exists()
    assert of_type(lines, "told") == [{"type": "told", "servers": [], "models": True}]


@pytest.mark.parametrize(
    ("answer", "made", "result"),
    [
        pytest.param({"behavior": "allow"}, ["made"], "exit 0, no output", id="yes"),
        pytest.param({"behavior": "deny", "message": "Not here."}, [], "Not here.", id="no"),
        pytest.param(
            {"behavior": "allow", "updatedInput": {"command": "touch other"}}, ["other"], "exit 0", id="changed"
        ),
    ],
)
async def test_callback_decides_about_a_call(
    stage: Stage, sdk: Path, answer: Line, made: list[str], result: str
) -> None:
    lines, requests = await play(stage, sdk, "permission", *MADE, **answer)

    [asked] = of_type(lines, "asked")
    assert (asked["name"], asked["input"], asked["toolUseID"]) == ("Bash", {"command": "touch made"}, "c1")
    assert [path.name for path in stage.project.iterdir() if path.name != ".git"] == made
    assert result in results(requests[-1])[0]["content"]


async def test_suggestion_given_back_spares_the_next_question(stage: Stage, sdk: Path) -> None:
    again = says("", calls("Bash", call_id="c2", command="touch made"))

    lines, _ = await play(stage, sdk, "permission", MADE[0], again, says("Done."), behavior="allow", lasts=True)

    assert len(of_type(lines, "asked")) == 1
    assert ends(lines) == [("success", False, "Done.", 3, "completed")]


@pytest.mark.parametrize(
    ("event", "answer", "told"),
    [
        pytest.param(
            "PreToolUse",
            {
                "hookSpecificOutput": {
                    "hookEventName": "PreToolUse",
                    "permissionDecision": "deny",
                    "permissionDecisionReason": "Not tonight.",
                }
            },
            "Not tonight.",
            id="before a call",
        ),
        pytest.param(
            "PostToolUse",
            {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "The moon is full."}},
            "The moon is full.",
            id="after a call",
        ),
        pytest.param(
            "UserPromptSubmit",
            {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": "It is night."}},
            "It is night.",
            id="before a prompt",
        ),
    ],
)
async def test_hook_has_its_say(stage: Stage, sdk: Path, event: str, answer: Line, told: str) -> None:
    lines, requests = await play(stage, sdk, "hook", *MADE, event=event, says=answer)

    [hooked] = of_type(lines, "hooked")
    assert hooked["input"]["hook_event_name"] == event
    assert told in str(requests[-1]["messages"])
    assert ends(lines) == [("success", False, "Done.", 2, "completed")]


async def test_tool_of_the_client_is_called(stage: Stage, sdk: Path) -> None:
    add = says("", calls("mcp__desk__add", call_id="c1", a=1, b=2))

    lines, requests = await play(stage, sdk, "own_tool", add, says("Three."))

    assert [result["content"] for result in results(requests[-1])] == ["3"]
    assert ends(lines) == [("success", False, "Three.", 2, "completed")]


@pytest.mark.parametrize(
    ("reply", "sign", "reason"),
    [
        pytest.param(
            says("A very long story.", fault=Fault(kind="hang_mid_stream")),
            {"type": "stream_event"},
            "aborted_streaming",
            id="in an answer",
        ),
        pytest.param(
            says("", calls("Bash", command="sleep 60")),
            {"type": "stream_event", "event": "message_stop"},
            "aborted_tools",
            id="in a tool",
        ),
        pytest.param(
            says(fault=Fault(kind="status", status=529, retry_after=60)),
            {"type": "system", "subtype": "api_retry"},
            "aborted_streaming",
            id="in a wait",
        ),
    ],
)
async def test_interrupt_ends_the_turn_and_the_next_one_works(
    stage: Stage, sdk: Path, reply: Any, sign: Line, reason: str
) -> None:
    lines, requests = await play(stage, sdk, "interrupt", reply, says("Here I am."), **sign)

    first, second = ends(lines)
    assert (first[:2], first[-1]) == (("error_during_execution", True), reason)
    assert second == ("success", False, "Here I am.", 1, "completed")
    assert of_type(lines, "receipt") == [{"type": "receipt", "answer": {"still_queued": []}}]
    assert unanswered(requests[-1]) == []


async def test_answer_is_data_of_the_wanted_shape(stage: Stage, sdk: Path) -> None:
    schema = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    given = says("", calls("StructuredOutput", town="Delft"))

    lines, _ = await play(stage, sdk, "one_prompt", given, outputFormat={"type": "json_schema", "schema": schema})

    [end] = of_type(lines, "result")
    assert (end["subtype"], end["structured_output"]) == ("success", {"town": "Delft"})


async def test_session_is_taken_up_and_forked(stage: Stage, sdk: Path) -> None:
    first, _ = await play(stage, sdk, "one_prompt", says("One."))
    [session] = {line["session_id"] for line in of_type(first, "result")}

    _, resumed = await play(stage, sdk, "one_prompt", says("Two."), resume=session)
    forked, requests = await play(stage, sdk, "one_prompt", says("Three."), resume=session, forkSession=True)

    assert spoken(resumed[0])[:2] == [("user", "Go."), ("assistant", "One.")]
    assert [words for _, words in spoken(requests[0])] == ["Go.", "One.", "Go.", "Two.", "Go."]
    assert of_type(forked, "result")[0]["session_id"] != session
    assert len(stage.transcripts()) == 2
