"""Hooks as a person writes them: programs in a settings file, asked by the installed program."""

import signal
from typing import Any

import anyio
import msgspec
import pytest

from tests.end_to_end.stage import KEY, Ended, Line, Stage, body, playing
from tianting.models.scripted import Reply, Script, calls, says
from tianting.testing.model_server import ServerOptions, serve

pytestmark = pytest.mark.anyio

TOUCH = (says("", calls("Bash", command="touch made")), says("Done."))
MAY = ("--allowedTools", "Bash")


def command(line: str, **more: Any) -> Line:
    return {"hooks": [{"type": "command", "command": line, **more}]}


def hooked(stage: Stage, *, permissions: Line | None = None, **events: Line) -> None:
    """Write the person's settings."""
    stage.home.mkdir(exist_ok=True)
    settings = {"hooks": {event: [group] for event, group in events.items()}, "permissions": permissions or {}}
    (stage.home / "settings.json").write_bytes(msgspec.json.encode(settings))


async def run(stage: Stage, replies: tuple[Reply, ...], *flags: str, prompt: str = "Go.") -> tuple[Ended, list[Line]]:
    """The program's end, and its requests."""
    async with playing(*replies) as server:
        stage.toward(server)
        ended = await stage.run("-p", prompt, "--output-format", "stream-json", *flags)
        return ended, [body(server, index) for index in range(len(server.requests))]


def results(request: Line) -> list[Line]:
    return [
        block
        for message in request["messages"]
        for block in message["content"]
        if isinstance(block, dict) and block["type"] == "tool_result"
    ]


def texts(request: Line) -> list[str]:
    return [
        block["text"]
        for message in request["messages"]
        if message["role"] == "user"
        for block in message["content"]
        if block["type"] == "text"
    ]


@pytest.mark.parametrize(
    ("line", "more", "told"),
    [
        pytest.param("echo Not here. >&2; exit 2", {}, "Not here.", id="exit 2"),
        pytest.param(
            "exit 1",
            {"onFailure": "block"},
            "The hook `exit 1` failed (exit code 1), and nothing passes without it.",
            id="a guard that fails",
        ),
        pytest.param(
            "sleep 60",
            {"onFailure": "block", "timeout": 0.2},
            "The hook `sleep 60` failed (took longer than 0.2 s), and nothing passes without it.",
            id="a guard that hangs",
        ),
    ],
)
async def test_a_hook_blocks_a_command_and_the_model_reads_why(
    stage: Stage, line: str, more: dict[str, Any], told: str
) -> None:
    hooked(stage, PreToolUse={"matcher": "Bash", **command(line, **more)})

    ended, requests = await run(stage, TOUCH, *MAY, "--include-hook-events")

    assert [(result["content"], result["is_error"]) for result in results(requests[-1])] == [(told, True)]
    assert not (stage.project / "made").exists()
    assert ended.code == 0
    begun, answered = [line for line in ended.lines if line.get("subtype") in ("hook_started", "hook_response")]
    assert (begun["subtype"], begun["hook_name"], begun["hook_event"]) == (
        "hook_started",
        "PreToolUse:Bash",
        "PreToolUse",
    )
    assert (answered["subtype"], answered["hook_id"]) == ("hook_response", begun["hook_id"])


@pytest.mark.parametrize(
    ("line", "more"), [pytest.param("exit 1", {}, id="failed"), pytest.param("sleep 60", {"timeout": 0.2}, id="hung")]
)
async def test_a_hook_that_fails_stops_nothing_and_the_person_hears_of_it(
    stage: Stage, line: str, more: dict[str, Any]
) -> None:
    hooked(stage, PreToolUse=command(line, **more))

    ended, _ = await run(stage, TOUCH, *MAY)

    assert (stage.project / "made").exists()
    [told] = [line["content"] for line in ended.lines if line.get("subtype") == "informational"]
    assert told.startswith(f"The hook `{line}` failed on PreToolUse")


ALLOW = command("""echo '{"hookSpecificOutput": {"permissionDecision": "allow"}}'""")


@pytest.mark.parametrize(
    ("permissions", "line", "is_run"),
    [
        pytest.param({}, "touch made", True, id="spares the question"),
        pytest.param({"deny": ["Bash(touch *)"]}, "touch made", False, id="a deny rule"),
        pytest.param({"ask": ["Bash(touch *)"]}, "touch made", False, id="an ask rule"),
        pytest.param({}, "touch made; rm -rf /", False, id="a built-in check"),
    ],
)
async def test_a_hooks_yes_spares_a_question_and_undoes_no_rule(
    stage: Stage, permissions: Line, line: str, is_run: bool
) -> None:
    hooked(stage, permissions=permissions, PreToolUse=ALLOW)

    ended, _ = await run(stage, (says("", calls("Bash", command=line)), says("Done.")))

    assert (stage.project / "made").exists() is is_run
    assert len(ended.result["permission_denials"]) == (0 if is_run else 1)


@pytest.mark.parametrize(
    ("permissions", "is_run"),
    [
        pytest.param({}, True, id="what a mode asks"),
        pytest.param({"ask": ["Bash(touch *)"]}, False, id="what a rule wants asked"),
    ],
)
async def test_a_hook_answers_where_nobody_can_be_asked(stage: Stage, permissions: Line, is_run: bool) -> None:
    hooked(
        stage,
        permissions=permissions,
        PermissionRequest=command("""echo '{"hookSpecificOutput": {"decision": {"behavior": "allow"}}}'"""),
    )

    await run(stage, TOUCH)

    assert (stage.project / "made").exists() is is_run


async def test_hooks_add_to_what_the_model_knows(stage: Stage) -> None:
    hooked(
        stage,
        SessionStart=command("echo The branch is main."),
        UserPromptSubmit=command("echo It is Friday."),
        PostToolUse=command("echo Lint fails. >&2; exit 2"),
    )

    _, requests = await run(stage, TOUCH, *MAY)

    said = texts(requests[-1])
    notes = [f"<system-reminder>\n{text}\n</system-reminder>" for text in ("The branch is main.", "It is Friday.")]
    assert said[1:4] == [*notes, "Go."]
    assert said[-1] == "<system-reminder>\nLint fails.\n</system-reminder>"


async def test_a_refused_prompt_reaches_nobody(stage: Stage) -> None:
    hooked(stage, UserPromptSubmit=command("echo That is a password. >&2; exit 2"))

    ended, requests = await run(stage, (says("Never said."),), prompt="My password is hunter2.")

    result = ended.result
    assert (ended.code, requests) == (0, [])
    assert (result["subtype"], result["is_error"], result["num_turns"]) == ("success", False, 0)
    assert (result["terminal_reason"], result["result"]) == ("hook_stopped", "That is a password.")
    assert all("hunter2" not in path.read_text() for path in stage.transcripts())


async def test_a_hook_makes_the_model_go_on_once(stage: Stage) -> None:
    hooked(stage, Stop=command("grep -q '\"stop_hook_active\":true' || { echo Test it. >&2; exit 2; }"))

    ended, requests = await run(stage, (says("Done."), says("Tested.")))

    assert (ended.result["result"], texts(requests[-1])[-1]) == ("Tested.", "Test it.")


async def test_a_hook_ends_the_turn(stage: Stage) -> None:
    hooked(stage, PostToolUse=command("""echo '{"continue": false, "stopReason": "Enough."}'"""))

    ended, requests = await run(stage, TOUCH, *MAY)

    assert (len(requests), ended.code) == (1, 0)
    assert (ended.result["terminal_reason"], ended.result["result"]) == ("hook_stopped", "Enough.")


async def test_a_hook_changes_a_command_for_those_it_speaks_of(stage: Stage) -> None:
    other = """echo '{"hookSpecificOutput": {"updatedInput": {"command": "touch other"}}}'"""
    hooked(stage, PreToolUse=command(other, **{"if": "Bash(touch made)"}))
    both = (says("", calls("Bash", command="touch made"), calls("Bash", command="touch mine")), says("Done."))

    await run(stage, both, *MAY)

    assert sorted(path.name for path in stage.project.iterdir() if path.name != ".git") == ["mine", "other"]


async def test_the_end_of_a_session_is_told_and_nothing_follows_the_result(stage: Stage) -> None:
    hooked(stage, SessionEnd=command("cat > end.json"))

    ended, _ = await run(stage, (says("Done."),))

    told = msgspec.json.decode((stage.project / "end.json").read_bytes())
    assert (told["hook_event_name"], told["reason"], ended.result["type"]) == ("SessionEnd", "other", "result")
    assert (told["session_id"], told["cwd"]) == (ended.result["session_id"], str(stage.project))


async def test_a_hook_behind_a_private_address_is_asked_where_the_settings_name_it(stage: Stage) -> None:
    async with playing(*TOUCH) as server:
        stage.toward(server)
        hook = {"hooks": [{"type": "http", "url": f"{server.base_url}/hook", "onFailure": "block"}]}
        hooked(stage, PreToolUse=hook)
        allowed = msgspec.json.encode({"allowedHttpHookUrls": [f"{server.base_url}/*"]}).decode()
        closed = await stage.run("-p", "Go.", "--output-format", "stream-json", *MAY)
        asked_before = len(server.requests)
        await stage.run("-p", "Go.", "--output-format", "stream-json", *MAY, "--settings", allowed)

    assert "is a private address; name it in allowedHttpHookUrls" in closed.stdout
    assert asked_before == 2
    assert "/hook" in [request.path for request in server.requests]


@pytest.mark.parametrize(
    ("answer", "is_run"),
    [
        pytest.param('{"ok": true}', True, id="yes"),
        pytest.param('{"ok": false, "reason": "Nothing new."}', False, id="no"),
    ],
)
async def test_a_hook_asks_the_model_of_the_session(stage: Stage, answer: str, is_run: bool) -> None:
    question = {"type": "prompt", "prompt": "May it?", "model": "haiku", "onFailure": "block"}
    hooked(stage, PreToolUse={"hooks": [question]})
    script = Script(replies=(TOUCH[0], says(answer), TOUCH[1]))
    async with serve(script, options=ServerOptions(key=KEY, order="arrival")) as server:
        stage.toward(server)
        await stage.run("-p", "Go.", *MAY)
        requests = [body(server, index) for index in range(len(server.requests))]

    [asked] = [request for request in requests if "tools" not in request]
    assert (stage.project / "made").exists() is is_run
    assert ("Nothing new." in results(requests[-1])[0]["content"]) is not is_run
    assert (asked["model"], asked["max_tokens"]) == ("claude-haiku-5-5", 1_000)
    assert texts(asked)[0].startswith("May it?")
    assert '"command":"touch made"' in texts(asked)[0]


async def test_hooks_hear_of_settings_that_changed_before_the_next_prompt(stage: Stage) -> None:
    change = "mkdir -p .tianting; echo '{}' > .tianting/settings.json"
    hooked(
        stage,
        SessionStart=command(change),
        ConfigChange={"matcher": "project_settings", **command("cat > told; exit 2")},
    )

    ended, _ = await run(stage, (says("Done."),))

    told = msgspec.json.decode((stage.project / "told").read_bytes())
    assert (told["source"], told["file_path"]) == ("project_settings", f"{stage.project}/.tianting/settings.json")
    assert ended.result["result"] == "Done."


async def test_no_hook_runs_where_all_are_disabled(stage: Stage) -> None:
    hooked(stage, PreToolUse=command("exit 2"))

    await run(stage, TOUCH, *MAY, "--settings", '{"disableAllHooks": true}')

    assert (stage.project / "made").exists()


async def test_a_projects_hooks_run_once_it_is_trusted(stage: Stage) -> None:
    (stage.project / ".tianting").mkdir()
    stage.write(
        ".tianting/settings.json", msgspec.json.encode({"hooks": {"SessionStart": [command("touch ran")]}}).decode()
    )

    ended, _ = await run(stage, (says("Done."),))
    assert "will not count until you trust this project" in ended.stderr
    assert not (stage.project / "ran").exists()

    assert (await stage.run("trust", "--yes")).code == 0
    await run(stage, (says("Done."),))
    assert (stage.project / "ran").exists()


async def test_an_interrupt_ends_a_hook_that_hangs(stage: Stage) -> None:
    hooked(stage, PreToolUse=command("echo $$ > pid; sleep 60"))
    async with playing(*TOUCH) as server:
        stage.toward(server)
        async with stage.running("-p", "Go.", "--output-format", "stream-json", *MAY) as running:
            pid = anyio.Path(stage.project / "pid")
            while not (await pid.exists() and await pid.read_text()):
                await anyio.sleep(0.01)
            running.tell(signal.SIGINT)
            ended = await running.ended()

    assert (ended.code, ended.result["terminal_reason"]) == (130, "aborted_tools")


TOUCH_TWICE = (TOUCH[0], *TOUCH)


def grants(updates: list[Line]) -> Line:
    """A hook that says yes, brings `updates` along and notes that it was asked."""
    answer = {"hookSpecificOutput": {"decision": {"behavior": "allow", "updatedPermissions": updates}}}
    return command(f"echo asked >> asked; echo '{msgspec.json.encode(answer).decode()}'")


@pytest.mark.parametrize(
    ("update", "saved"),
    [
        pytest.param({"destination": "session"}, (), id="for the session"),
        pytest.param({"destination": "userSettings"}, ("Bash(touch *)",), id="for good"),
    ],
)
async def test_a_hook_s_yes_spares_the_questions_that_follow(
    stage: Stage, update: Line, saved: tuple[str, ...]
) -> None:
    rule = {"toolName": "Bash", "ruleContent": "touch *"}
    updates = [{"type": "addRules", "rules": [rule], "behavior": "allow", **update}]
    hooked(stage, PermissionRequest=grants(updates))

    ended, requests = await run(stage, TOUCH_TWICE)

    settings = msgspec.json.decode((stage.home / "settings.json").read_bytes())
    assert (stage.project / "asked").read_text() == "asked\n"
    assert [result.get("is_error") for result in results(requests[-1])] == [None, None]
    assert tuple(settings["permissions"].get("allow", ())) == saved
    told = [line["content"] for line in ended.lines if line.get("subtype") == "informational"]
    assert told == [f"Added to permissions.allow in {stage.home}/settings.json: {one}" for one in saved]


async def test_what_hooks_leave_open_is_refused_with_the_rule_that_would_help(stage: Stage) -> None:
    hooked(stage, PermissionRequest=command("true"))

    _, requests = await run(stage, TOUCH)

    assert results(requests[-1])[0]["content"].endswith("The user can allow it: Bash(touch *)")


async def test_a_session_begins_with_variables_for_its_commands(stage: Stage) -> None:
    hooked(stage, SessionStart=command('echo "export STAGE=test" >> "$CLAUDE_ENV_FILE"'))

    _, requests = await run(stage, (says("", calls("Bash", command="echo it is $STAGE")), says("Done.")), *MAY)

    assert results(requests[-1])[0]["content"].splitlines()[0] == "it is test"


@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
async def test_a_hook_names_the_session(stage: Stage, event: str) -> None:
    hooked(stage, **{event: command("""echo '{"hookSpecificOutput": {"sessionTitle": "Fix the build"}}'""")})

    await run(stage, (says("Done."),))

    [transcript] = stage.transcripts()
    lines = [msgspec.json.decode(line) for line in transcript.read_bytes().splitlines()]
    titles = {line["customTitle"] for line in lines if line["type"] == "custom-title"}
    assert (titles, "Fix the build" in (await stage.run("sessions")).stdout) == ({"Fix the build"}, True)


async def test_a_hook_lets_a_refused_call_be_tried_again(stage: Stage) -> None:
    hooked(stage, PermissionDenied=command("""touch ready; echo '{"hookSpecificOutput": {"retry": true}}'"""))

    _, requests = await run(stage, TOUCH)

    assert results(requests[-1])[0]["content"].endswith("A hook of the user says that this call may be tried again.")
