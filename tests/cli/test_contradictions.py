"""What contradicts itself is refused before anything happens, by a line that says what to do."""

from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.contradictions import check
from tianting.cli.invocation import Invocation
from tianting.protocol.errors import ConfigError

LINES = {"input_format": "stream-json", "output_format": "stream-json"}
ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param({"continue_": True, "resume": ID}, "-c and -r exclude each other", id="-c -r"),
        pytest.param({"continue_": True, "resume": ""}, "-c and -r exclude each other", id="-c and a list"),
        pytest.param({"fork_session": True}, "--fork-session needs -c or -r", id="fork of nothing"),
        pytest.param({"fork_session": True, "resume": ""}, "--fork-session needs -c or -r", id="fork of a list"),
        pytest.param({"session_id": "today"}, "--session-id: 'today' is no UUID", id="no UUID"),
        pytest.param({"session_id": ID, "continue_": True}, "with -c or -r it needs --fork-session", id="id with -c"),
        pytest.param({"session_id": ID, "resume": ID}, "with -c or -r it needs --fork-session", id="id with -r"),
        pytest.param(
            {"dangerously_skip_permissions": True, "permission_mode": "plan"},
            "--dangerously-skip-permissions contradicts --permission-mode",
            id="skip and plan",
        ),
        pytest.param({"print": False, "output_format": "json"}, "--output-format needs -p", id="format"),
        pytest.param({"print": False, "json_schema": "{}"}, "--json-schema needs -p", id="schema"),
        pytest.param({"print": False, "max_turns": 3}, "--max-turns needs -p", id="turns"),
        pytest.param({"print": False, "max_budget_usd": 0.5}, "--max-budget-usd needs -p", id="budget"),
        pytest.param({"print": False, "no_session_persistence": True}, "--no-session-persistence needs", id="no log"),
        pytest.param({"print": False, "include_partial_messages": True}, "partial-messages needs -p", id="partial"),
        pytest.param({"include_partial_messages": True}, "needs --output-format stream-json", id="partial text"),
        pytest.param({"include_hook_events": True}, "--include-hook-events needs --output-format", id="hook events"),
        pytest.param({"input_format": "stream-json"}, "stream-json needs --output-format stream-json", id="lines in"),
        pytest.param(
            {"output_format": "stream-json", "replay_user_messages": True},
            "--replay-user-messages needs --input-format stream-json",
            id="replay",
        ),
        pytest.param({**LINES, "prompt": "Hi."}, "the prompt comes as a line", id="prompt twice"),
        pytest.param({"permission_prompt_tool": "stdio"}, "needs --input-format stream-json", id="asks nobody"),
        pytest.param({**LINES, "permission_prompt_tool": "ask"}, "'ask' is neither stdio nor a tool", id="asks a tool"),
        pytest.param({"resume_session_at": ID}, "--resume-session-at needs -c or -r", id="message of nothing"),
        pytest.param({"resume_session_at": "x", "resume": ID}, "--resume-session-at: 'x' is no UUID", id="message"),
        pytest.param({"resume_drops_turn": ID, "resume": ID}, "needs --resume-session-at", id="drops from nowhere"),
        pytest.param(
            {"resume_drops_turn": "", "resume_session_at": ID, "resume": ID},
            "--resume-drops-turn: '' is no UUID",
            id="drops nothing",
        ),
    ],
)
def test_contradiction(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check(Invocation(**{"print": True, **options}))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"continue_": True}, id="-c"),
        pytest.param({"resume": ""}, id="list"),
        pytest.param({"resume": ID, "fork_session": True, "session_id": ID}, id="fork with an id"),
        pytest.param({"session_id": ID.upper()}, id="id in capitals"),
        pytest.param(
            {"dangerously_skip_permissions": True, "permission_mode": "bypassPermissions"}, id="the same said twice"
        ),
        pytest.param(
            {"print": True, "output_format": "stream-json", "include_partial_messages": True, "max_turns": 1},
            id="print",
        ),
        pytest.param(
            {**LINES, "print": True, "replay_user_messages": True, "permission_prompt_tool": "stdio"}, id="lines"
        ),
        pytest.param({"resume": ID, "resume_session_at": ID, "resume_drops_turn": ID}, id="shortened"),
    ],
)
def test_no_contradiction(options: dict[str, Any]) -> None:
    check(Invocation(**options))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(("--effort", "some"), "'some' is not one of 'low', 'medium', 'high', 'xhigh', 'max'", id="effort"),
        pytest.param(("--max-turns", "0"), "0 is not in the range x>=1", id="turns"),
        pytest.param(("--max-turns", "many"), "'many' is not a valid integer range", id="turns in words"),
        pytest.param(("--max-budget-usd", "0"), "0.0 is not in the range x>0", id="budget"),
        pytest.param(("--permission-mode", "yolo"), "'yolo' is not one of 'default', 'acceptEdits', 'plan'", id="mode"),
        pytest.param(("--output-format", "xml"), "'xml' is not one of 'text', 'json', 'stream-json'", id="format"),
        pytest.param(("--add-dir", "gone"), "Directory 'gone' does not exist", id="directory"),
        pytest.param(("--mcp-config", "x"), "--mcp-config: 'x' is neither JSON nor a file: No such file", id="MCP"),
    ],
)
def test_bad_value_is_told_what_is_allowed(tianting: CommandLine, arguments: tuple[str, ...], complaint: str) -> None:
    told = tianting("-p", "Hi.", *arguments)

    [line] = told.stderr.splitlines()
    assert (told.code, told.stdout, complaint in line) == (2, "", True), line
