"""What programs pass to `-p`, seen from outside: in the request, in the lines, in the files, in the exit code."""

import json
from typing import Any

import msgspec
import pytest

from tests.end_to_end.stage import CLAUDE, Ended, Line, Stage, body, playing
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault
from tianting.session.places import project_directory
from tianting.session.reading import load
from tianting.testing.model_server import ModelServer

pytestmark = pytest.mark.anyio

LINES = ("--output-format", "stream-json", "--verbose")
ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
MARK = 'echo >> "$CLAUDE_PROJECT_DIR/ran"'


async def run(stage: Stage, *arguments: str, replies: tuple[Reply, ...] = (says("Done."),)) -> tuple[Ended, list[Line]]:
    """The program's end, and its requests."""
    async with playing(*replies) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Go.", *arguments)
        return ended, bodies(server)


def bodies(server: ModelServer) -> list[Line]:
    return [body(server, index) for index in range(len(server.requests))]


def settings_of(stage: Stage, level: str, **values: Any) -> None:
    directory = stage.home if level == "user" else stage.project / ".tianting"
    directory.mkdir(exist_ok=True)
    name = "settings.local.json" if level == "local" else "settings.json"
    (directory / name).write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        pytest.param(
            ("--thinking", "disabled"), {}, {"thinking": {"type": "between_tools"}, "max_tokens": 32_000}, id="off"
        ),
        pytest.param((), {"MAX_THINKING_TOKENS": "0"}, {"thinking": {"type": "between_tools"}}, id="off by variable"),
        pytest.param(
            ("--thinking-display", "omitted"), {}, {"thinking": {"type": "adaptive", "display": "omitted"}}, id="hidden"
        ),
        pytest.param(("--effort", "low"), {}, {"output_config": {"effort": "low"}}, id="effort"),
        pytest.param(
            ("--effort", "low"), {"CLAUDE_CODE_EFFORT_LEVEL": "max"}, {"output_config": {"effort": "low"}}, id="both"
        ),
        pytest.param((), {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "64000"}, {"max_tokens": 64_000}, id="output"),
        pytest.param(
            ("--settings", '{"env": {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "9000"}}'), {}, {"max_tokens": 9_000}, id="env"
        ),
    ],
)
async def test_model_is_asked_as_wished(
    stage: Stage, arguments: tuple[str, ...], variables: dict[str, str], expected: Line
) -> None:
    stage.environment |= variables

    ended, [request] = await run(stage, "--model", "claude-sonnet-5-5", *arguments)

    assert (ended.code, {name: request.get(name) for name in expected}) == (0, expected)


async def test_system_prompt_that_is_empty_is_none(stage: Stage) -> None:
    path = stage.write("prompt.md", "Speak in verse.")

    _, [without] = await run(stage, "--system-prompt", "")
    _, [with_file] = await run(stage, "--system-prompt", "", "--append-system-prompt-file", str(path))

    assert "system" not in without
    assert [part["text"] for part in with_file["system"]] == ["Speak in verse."]


@pytest.mark.parametrize(
    ("arguments", "effort"),
    [
        pytest.param((), "high", id="all"),
        pytest.param(("--setting-sources=user,project",), "medium", id="without local"),
        pytest.param(("--setting-sources", "user"), "low", id="user"),
        pytest.param(("--setting-sources=",), None, id="none"),
        pytest.param(("--setting-sources=", "--settings", '{"effortLevel": "max"}'), "max", id="given"),
    ],
)
async def test_settings_of_the_named_levels_count(stage: Stage, arguments: tuple[str, ...], effort: str | None) -> None:
    settings_of(stage, "user", effortLevel="low")
    settings_of(stage, "project", effortLevel="medium")
    settings_of(stage, "local", effortLevel="high")

    _, [request] = await run(stage, *arguments)

    assert request.get("output_config", {}).get("effort") == effort


async def test_bare_run_has_only_the_hooks_it_is_given(stage: Stage) -> None:
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": MARK}]}]}
    settings_of(stage, "user", hooks=hooks)

    await run(stage, "--bare")
    assert not (stage.project / "ran").exists()

    await run(stage, "--bare", "--settings", json.dumps({"hooks": hooks}))
    assert (stage.project / "ran").read_text() == "\n"


async def test_hook_events_are_told_on_request(stage: Stage) -> None:
    hooks = {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "true"}]}]}
    settings_of(stage, "user", hooks=hooks)

    silent, _ = await run(stage, *LINES)
    told, _ = await run(stage, *LINES, "--include-hook-events")

    assert [line for line in silent.lines if line.get("subtype") == "hook_response"] == []
    [response] = [line for line in told.lines if line.get("subtype") == "hook_response"]
    assert (response["hook_event"], response["exit_code"]) == ("UserPromptSubmit", 0)


async def test_session_bears_its_name(stage: Stage) -> None:
    await run(stage, "--name", "Friday's work")

    listed = await stage.run("sessions", "--json")

    assert msgspec.json.decode(listed.stdout)["title"] == "Friday's work"


async def test_conversation_goes_on_from_a_message_of_it(stage: Stage) -> None:
    ended, _ = await run(stage, "--session-id", ID, *LINES, replies=(says("One."),))
    [answer] = [
        line for line in map(json.loads, stage.transcript.read_text().splitlines()) if line["type"] == "assistant"
    ]
    async with playing(says("Two."), says("Three.")) as server:
        stage.toward(server)
        await stage.run("-p", "Then?", "-r", ID)
        later = await stage.run("-p", "Or?", "-r", ID, "--fork-session", f"--resume-session-at={answer['uuid']}")
        said = [block["text"] for message in body(server)["messages"] for block in message["content"]]

    assert (ended.code, later.code, later.stdout) == (0, 0, "Three.\n")
    assert said[-3:] == ["Go.", "One.", "Or?"]
    assert len(load(stage.transcripts()[0]).history) == 5


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(("--resume", ID), f"There is no session '{ID}'. This project has none.", id="unknown"),
        pytest.param(("-c",), "There is no session here to go on with", id="none"),
    ],
)
async def test_unknown_session_ends_in_a_result(stage: Stage, arguments: tuple[str, ...], reason: str) -> None:
    ended, requests = await run(stage, *LINES, *arguments)

    assert (ended.code, requests, len(ended.lines)) == (1, [], 1)
    assert (ended.result["subtype"], ended.result["is_error"]) == ("error_during_execution", True)
    assert ended.result["errors"][0].startswith(reason)
    assert ended.stderr.startswith(f"tianting: {reason}")


async def test_refused_shortening_says_so_in_the_result(stage: Stage) -> None:
    await run(stage, "--session-id", ID)
    [answer] = [
        line for line in map(json.loads, stage.transcript.read_text().splitlines()) if line["type"] == "assistant"
    ]

    shortened = ("--resume", ID, f"--resume-session-at={answer['uuid']}", f"--resume-drops-turn={ID}")
    ended, requests = await run(stage, *LINES, *shortened)

    assert (ended.code, requests) == (1, [])
    assert ended.result["errors"][0].startswith("Resume rejected by --resume-drops-turn: ")


@pytest.mark.parametrize(
    ("replies", "arguments", "subtype"),
    [
        pytest.param((says("", calls("LS", path=".")),), ("--max-turns", "1"), "error_max_turns", id="limit"),
        pytest.param((says(fault=Fault(kind="status", status=401)),), (), "success", id="refused key"),
    ],
)
async def test_result_that_is_an_error_is_exit_code_1(
    stage: Stage, replies: tuple[Reply, ...], arguments: tuple[str, ...], subtype: str
) -> None:
    ended, _ = await run(stage, *LINES, *arguments, replies=replies)

    assert (ended.code, ended.result["subtype"], ended.result["is_error"]) == (1, subtype, True)


async def test_no_that_interrupts_is_exit_code_1(stage: Stage) -> None:
    decision = {"behavior": "deny", "message": "Stop here.", "interrupt": True}
    answer = json.dumps({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}})
    line = f"echo '{answer}'"
    settings_of(stage, "user", hooks={"PermissionRequest": [{"hooks": [{"type": "command", "command": line}]}]})

    ended, requests = await run(stage, *LINES, replies=(says("", calls("Bash", command="touch made")),))

    assert (ended.code, ended.result["subtype"], len(requests)) == (1, "error_during_execution", 1)


async def test_next_model_takes_over_from_the_one_before(stage: Stage) -> None:
    overloaded = says(fault=Fault(kind="status", status=529))
    stage.environment["CLAUDE_CODE_MAX_RETRIES"] = "0"

    ended, requests = await run(
        stage,
        *("--model", "opus", "--fallback-model", "sonnet, haiku"),
        replies=(overloaded, overloaded, says("Here I am.")),
    )

    assert (ended.code, ended.stdout) == (0, "Here I am.\n")
    assert [request["model"] for request in requests] == ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"]


async def test_program_that_others_look_for_keeps_things_where_they_look(stage: Stage) -> None:
    stage.program = CLAUDE
    config = stage.project.parent / "config"
    config.mkdir()
    (config / "settings.json").write_text('{"model": "haiku", "effortLevel": "low"}')
    stage.environment |= {"CLAUDE_CONFIG_DIR": str(config), "ANTHROPIC_MODEL": "sonnet"}

    ended, [request] = await run(stage, *LINES)
    version = await stage.run("--version")

    assert (ended.code, ended.lines[0]["claude_code_version"]) == (0, "2.1.328")
    assert (request["model"], request["output_config"]) == ("claude-sonnet-5-5", {"effort": "low"})
    directory = project_directory(config / "projects", str(stage.project))
    assert [path.stem for path in directory.glob("*.jsonl")] == [ended.result["session_id"]]
    assert not stage.home.exists()
    assert (version.code, version.stdout) == (0, "2.1.328 (Claude Code)\n")


async def test_command_may_take_as_long_as_the_variables_say(stage: Stage) -> None:
    stage.environment |= {"BASH_DEFAULT_TIMEOUT_MS": "50", "BASH_MAX_TIMEOUT_MS": "60"}
    replies = (says("", calls("Bash", command="sleep 30")), says("Done."))

    _, requests = await run(stage, "--dangerously-skip-permissions", replies=replies)

    [bash] = [tool for tool in requests[0]["tools"] if tool["name"] == "Bash"]
    told = bash["input_schema"]["properties"]["timeout"]["description"]
    assert told == "Milliseconds to wait, default 50, at most 60"
    assert "Stopped after 0.05 s, its timeout." in str(requests[1]["messages"][-1])


async def test_complaint_bears_the_name_that_was_called(stage: Stage) -> None:
    stage.program = CLAUDE

    ended = await stage.run("-p", "Hi.")

    assert (ended.code, ended.stderr.partition(":")[0]) == (2, "tianting-claude")
