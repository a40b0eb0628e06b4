"""Every control request gets exactly one answer, whatever it asks and whatever breaks."""

import logging
from typing import Any

import anyio
import pytest

from tests.surfaces.stream_json.stage import on_stage
from tests.surfaces.stream_json.wires import StuckWire
from tianting.models.scripted import calls, says
from tianting.surfaces.stream_json.errands import MOST

pytestmark = pytest.mark.anyio

MODEL = {
    "value": "default",
    "resolvedModel": "m",
    "displayName": "M",
    "description": "The model.",
    "supportsEffort": False,
    "supportedEffortLevels": [],
}
NONE: Any = object()
"""A success without a payload."""


@pytest.mark.parametrize(
    ("request_", "payload", "called"),
    [
        pytest.param(
            {"subtype": "mcp_status"}, {"mcpServers": [{"name": "calc", "status": "connected"}]}, [], id="mcp_status"
        ),
        pytest.param(
            {"subtype": "get_session_cost"}, {"text": "$0.50", "total_cost_usd": 0.5}, [], id="get_session_cost"
        ),
        pytest.param({"subtype": "get_settings"}, {"effective": {"model": "m"}}, [], id="get_settings"),
        pytest.param({"subtype": "list_models"}, {"models": [MODEL]}, [], id="list_models"),
        pytest.param(
            {"subtype": "list_permission_rules"},
            {
                "state": {
                    "rules": [
                        {"rule": "Bash(ls)", "behavior": "allow", "source": "session", "editability": "readonly"}
                    ],
                    "workspaceDirectories": [{"path": "/more", "source": "cliArg"}],
                    "originalCwd": "/work/app",
                    "managedOnly": False,
                }
            },
            [],
            id="list_permission_rules",
        ),
        pytest.param(
            {"subtype": "set_permission_mode", "mode": "plan"}, {"mode": "plan"}, [], id="set_permission_mode"
        ),
        pytest.param({"subtype": "set_model", "model": "x"}, {"model": "x"}, ["x"], id="set_model"),
        pytest.param({"subtype": "set_model", "model": None}, {"model": "m"}, [None], id="default model"),
        pytest.param(
            {"subtype": "set_max_thinking_tokens", "max_thinking_tokens": 5}, NONE, [5], id="set_max_thinking_tokens"
        ),
        pytest.param(
            {"subtype": "apply_flag_settings", "settings": {"a": 1}}, NONE, [{"a": 1}], id="apply_flag_settings"
        ),
        pytest.param(
            {"subtype": "seed_read_state", "path": "/a", "mtime": 5}, NONE, [("/a", 5.0)], id="seed_read_state"
        ),
        pytest.param(
            {"subtype": "rewind_files", "user_message_id": "u", "dry_run": True},
            {"canRewind": True, "filesChanged": ["a.py"], "insertions": 1},
            [("u", True)],
            id="rewind_files",
        ),
        pytest.param({"subtype": "rename_session", "title": "T"}, NONE, ["T"], id="rename_session"),
        pytest.param(
            {"subtype": "get_context_usage"},
            {
                "categories": [{"name": "Messages", "tokens": 50, "color": "blue", "kind": "used"}],
                "totalTokens": 50,
                "maxTokens": 100,
                "rawMaxTokens": 100,
                "percentage": 50.0,
                "model": "m",
                "isAutoCompactEnabled": False,
                "memoryFiles": [],
                "mcpTools": [],
                "agents": [],
                "gridRows": [],
            },
            [],
            id="get_context_usage",
        ),
        pytest.param(
            {"subtype": "mcp_set_servers", "servers": {"a": {"type": "sdk"}}},
            {"added": ["a"], "removed": [], "errors": {}},
            [],
            id="mcp_set_servers",
        ),
        pytest.param(
            {"subtype": "mcp_toggle", "serverName": "a", "enabled": False}, NONE, [("a", False)], id="mcp_toggle"
        ),
    ],
)
async def test_request_is_carried_out_and_answered(request_: dict[str, Any], payload: Any, called: list[Any]) -> None:
    async with on_stage() as stage:
        stage.ask(request_)
        answer = await stage.answer()

    expected = {"subtype": "success", "request_id": "r1"}
    assert answer == (expected if payload is NONE else {**expected, "response": payload})
    assert stage.controls.called == called


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        pytest.param(
            {"subtype": "fly"},
            {"error": "Unsupported control request subtype: fly", "error_code": "unsupported_request"},
            id="unknown",
        ),
        pytest.param(
            {"subtype": "background_tasks"},
            {"error": "Unsupported control request subtype: background_tasks", "error_code": "unsupported_request"},
            id="one that others know",
        ),
        pytest.param(
            {"subtype": "set_permission_mode"},
            {"error": "set_permission_mode: Object missing required field `mode`"},
            id="field missing",
        ),
        pytest.param(
            {"subtype": "set_permission_mode", "mode": "yolo"},
            {"error": "There is no permission mode 'yolo'."},
            id="refused",
        ),
        pytest.param(
            {"subtype": "stop_task", "task_id": "t"},
            {"error": "This request broke (RuntimeError); the log says more."},
            id="bug in something slow",
        ),
        pytest.param(
            {"subtype": "get_binary_version"},
            {"error": "This request broke (RuntimeError); the log says more."},
            id="bug in something fast",
        ),
    ],
)
async def test_request_that_fails_says_why(
    request_: dict[str, Any], error: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with on_stage() as stage:
        stage.ask(request_)
        answer = await stage.answer()

    assert answer == {"subtype": "error", "request_id": "r1", **error}
    assert ("broke" in caplog.text) == ("broke" in error["error"])
    assert stage.code == 0


async def test_initialize_says_what_there_is_as_often_as_it_is_asked() -> None:
    async with on_stage() as stage:
        stage.request("initialize", "r1", hooks=None)
        stage.request("initialize", "r2", hooks={"Stop": [{"hookCallbackIds": ["h"]}]})
        first, second = await stage.answer("r1"), await stage.answer("r2")

    assert (
        first["response"]
        == second["response"]
        == {
            "commands": [],
            "agents": [],
            "output_style": "default",
            "available_output_styles": ["default"],
            "models": [],
            "account": {"tokenSource": "none", "apiKeySource": "none", "apiProvider": "firstParty"},
            "claude_code_version": "2.1.328",
            "pid": 7,
            "current_permission_mode": "default",
            "session_state": "idle",
            "capabilities": [],
            "hooks_applied": False,
            "hook_on_failure_supported": False,
        }
    )
    assert len(stage.controls.called) == 2


async def test_initialize_in_a_turn_says_that_one_runs() -> None:
    async with on_stage(says("", calls("Never", text="-"))) as stage:
        stage.prompt("Go.")
        await stage.began.wait()
        stage.request("initialize")
        answer = await stage.answer()
        stage.request("interrupt", "stop")

    assert answer["response"]["session_state"] == "running"


async def test_client_that_leaves_during_a_change_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async with on_stage() as stage:
        stage.wire.is_gone = True
        stage.request("set_permission_mode", mode="plan")

    assert (stage.code, stage.failure, caplog.text) == (1, None, "")


async def test_new_mode_is_told_before_it_is_answered() -> None:
    async with on_stage() as stage:
        stage.request("set_permission_mode", mode="plan")
        await stage.answer()

    assert stage.kinds() == ["system/status", "success r1"]


async def test_sign_of_life_comes_while_a_tool_runs_and_while_slow_requests_do() -> None:
    async with on_stage(says("", calls("Never", text="-"))) as stage:
        stage.prompt("Go.")
        await stage.began.wait()
        stage.request("mcp_reconnect", "slow", serverName="a")
        stage.request("mcp_status", "alive")
        await stage.answer("alive")
        stage.controls.hold.set()
        await stage.answer("slow")
        stage.request("interrupt", "stop")

    assert [kind for kind in stage.kinds() if kind.startswith("success")] == [
        "success alive",
        "success slow",
        "success stop",
    ]


async def test_client_that_reads_nothing_is_still_heard() -> None:
    wire = StuckWire()
    async with on_stage(says("", calls("Never", text="-")), wire=wire) as stage:
        stage.request("mcp_status", "1")
        await anyio.wait_all_tasks_blocked()
        stage.request("mcp_status", "2")
        stage.request("set_model", "3", model="x")
        await anyio.wait_all_tasks_blocked()
        called = list(stage.controls.called)
        wire.let_go()

    assert called == ["x"]
    assert stage.kinds() == ["success 1", "success 2", "success 3"]


async def test_next_turn_waits_for_a_change_that_was_asked_for_before_it() -> None:
    async with on_stage(says("Done.")) as stage:
        stage.request("set_model", "r1", model="slow")
        stage.request("set_model", "r2", model="fast")
        stage.prompt("Go.")
        await anyio.wait_all_tasks_blocked()
        assert stage.model.seen == []
        stage.controls.hold.set()

    assert stage.controls.called == ["slow", "fast"]
    assert stage.kinds() == ["success r1", "success r2", "system/init", "assistant", "result"]


@pytest.mark.parametrize("ending", ["withdrawn", "asked again"])
async def test_request_that_is_taken_back_is_answered_no_more(ending: str) -> None:
    async with on_stage() as stage:
        stage.request("mcp_reconnect", serverName="a")
        await anyio.wait_all_tasks_blocked()
        if ending == "withdrawn":
            stage.say({"type": "control_cancel_request", "request_id": "r1"})
            await anyio.wait_all_tasks_blocked()
            stage.controls.hold.set()
        else:
            stage.request("mcp_reconnect", serverName="b")
            await anyio.wait_all_tasks_blocked()
            stage.controls.hold.set()

    assert stage.kinds() == ([] if ending == "withdrawn" else ["success r1"])
    assert stage.controls.called == ([] if ending == "withdrawn" else ["b"])


async def test_too_many_requests_at_once_are_refused() -> None:
    async with on_stage() as stage:
        for number in range(MOST + 1):
            stage.request("mcp_reconnect", f"r{number}", serverName="a")
        answer = await stage.answer(f"r{MOST}")
        stage.controls.hold.set()

    assert answer["error"] == f"{MOST} requests are being worked on; ask again later."
    assert len(stage.wire.lines) == MOST + 1


async def test_environment_is_passed_on_and_its_failure_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with on_stage() as stage:
        stage.say({"type": "update_environment_variables", "variables": {"A": "1"}})
        stage.say({"type": "update_environment_variables", "variables": {"PATH": ""}})
        stage.say({"type": "keep_alive"})
        stage.say({"type": "of tomorrow"})

    assert stage.controls.called == [{"A": "1"}, {"PATH": ""}]
    assert "the environment could not be updated" in caplog.text
    assert (stage.code, stage.wire.lines) == (0, [])
