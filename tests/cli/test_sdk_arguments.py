"""Every command line that the Agent SDK writes is understood, and means here what it means there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import ClaudeAgentOptions, InMemorySessionStore
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport
from msgspec import structs

from tianting.cli.asking import asked
from tianting.cli.commands import PROMPT
from tianting.cli.contradictions import check
from tianting.cli.debugging import with_filters
from tianting.cli.invocation import Invocation
from tianting.cli.main import tianting
from tianting.cli.mcp_servers import NamedServers, named_servers
from tianting.cli.model_door import open_model
from tianting.cli.toolbox import open_toolbox
from tianting.permissions.rule_lists import split_rules
from tianting.permissions.rule_text import Places, RuleLine, read_rule
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.settings.schema import Settings
from tianting.tools.workspace import Workspace

ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
OTHER = "1b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
PLAIN = Invocation(print=True, input_format="stream-json", output_format="stream-json", verbose=True, system_prompt="")
"""What it always says, told nothing."""
BYPASS = {"permission_mode": "bypassPermissions", "allow_dangerously_skip_permissions": True}
SHOWN = {"thinking": "adaptive", "thinking_display": "summarized"}
UNKEPT = {"no_session_persistence": True, "add_dir": (Path("/"),)}
TOOLS = ["Read", "Bash(git log:*)", "mcp__calc__add", "mcp__calc", "WebSearch", "Task", "Skill", "Skill(pdf)"]


def arguments(**options: Any) -> list[str]:
    transport = SubprocessCLITransport(prompt=_nothing(), options=ClaudeAgentOptions(cli_path="claude", **options))
    return transport._build_command()[1:]


def understood(words: list[str]) -> Invocation:
    with tianting.commands[PROMPT].make_context("tianting-claude", with_filters(words)) as context:
        invocation = asked(context.params)
    check(invocation)
    return invocation


async def _nothing() -> Any:
    return
    yield


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"system_prompt": "Be brief."}, {"system_prompt": "Be brief."}, id="system prompt"),
        pytest.param(
            {"system_prompt": {"type": "preset", "preset": "claude_code"}}, {"system_prompt": None}, id="usual prompt"
        ),
        pytest.param(
            {"system_prompt": {"type": "preset", "preset": "claude_code", "append": "In verse."}},
            {"system_prompt": None, "append_system_prompt": "In verse."},
            id="appended prompt",
        ),
        pytest.param({"tools": []}, {"tools": ""}, id="no tools"),
        pytest.param({"tools": ["Read", "Grep"]}, {"tools": "Read,Grep"}, id="tools"),
        pytest.param({"tools": {"type": "preset", "preset": "claude_code"}}, {"tools": "default"}, id="usual tools"),
        pytest.param({"allowed_tools": TOOLS}, {"allowed_tools": (",".join(TOOLS),)}, id="allowed"),
        pytest.param({"disallowed_tools": ["Bash"]}, {"disallowed_tools": ("Bash",)}, id="forbidden"),
        pytest.param(
            {"skills": ["pdf"]},
            {"allowed_tools": ("Skill(pdf)",), "left_out": frozenset({"local"})},
            id="skills",
        ),
        pytest.param({"max_turns": 3, "max_budget_usd": 0.5}, {"max_turns": 3, "max_budget_usd": 0.5}, id="limits"),
        pytest.param(
            {"model": "opus", "fallback_model": "haiku"}, {"model": "opus", "fallback_model": "haiku"}, id="m"
        ),
        pytest.param({"betas": ["context-1m-2025-08-07"]}, {}, id="betas"),
        pytest.param({"task_budget": {"total": 20_000}}, {}, id="task budget"),
        pytest.param(
            {"permission_prompt_tool_name": "stdio"}, {"permission_prompt_tool": "stdio"}, id="asks its client"
        ),
        *(
            pytest.param({"permission_mode": mode}, {"permission_mode": mode}, id=mode)
            for mode in ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk")
        ),
        pytest.param({"permission_mode": "auto"}, {"permission_mode": "default"}, id="auto"),
        pytest.param({"continue_conversation": True}, {"continue_": True}, id="continue"),
        pytest.param(
            {"resume": ID, "fork_session": True, "session_id": OTHER},
            {"resume": ID, "fork_session": True, "session_id": OTHER},
            id="fork",
        ),
        pytest.param(
            {"resume": ID, "resume_session_at": OTHER, "resume_drops_turn": ID},
            {"resume": ID, "resume_session_at": OTHER, "resume_drops_turn": ID},
            id="shortened",
        ),
        pytest.param({"settings": '{"model": "opus"}'}, {"settings": '{"model": "opus"}'}, id="settings"),
        pytest.param({"sandbox": {"enabled": True}}, {"settings": '{"sandbox": {"enabled": true}}'}, id="sandbox"),
        pytest.param({"add_dirs": ["/", "/tmp"]}, {"add_dir": (Path("/"), Path("/tmp"))}, id="directories"),
        pytest.param({"include_partial_messages": True}, {"include_partial_messages": True}, id="partial"),
        pytest.param({"include_hook_events": True}, {"include_hook_events": True}, id="hook events"),
        pytest.param({"strict_mcp_config": True}, {"strict_mcp_config": True}, id="strict"),
        pytest.param({"session_store": InMemorySessionStore()}, {}, id="mirror"),
        pytest.param({"setting_sources": []}, {"left_out": frozenset({"user", "project", "local"})}, id="no settings"),
        pytest.param({"setting_sources": ["project"]}, {"left_out": frozenset({"user", "local"})}, id="some settings"),
        pytest.param({"plugins": [{"type": "local", "path": "/p"}, {"type": "local", "path": "/q"}]}, {}, id="plugins"),
        pytest.param({"thinking": {"type": "adaptive"}}, {"thinking": "adaptive"}, id="thinking"),
        pytest.param({"thinking": {"type": "disabled"}}, {"thinking": "disabled"}, id="no thinking"),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 5_000, "display": "omitted"}},
            {"max_thinking_tokens": 5_000, "thinking_display": "omitted"},
            id="thinking budget",
        ),
        pytest.param({"max_thinking_tokens": 0}, {"max_thinking_tokens": 0}, id="old thinking budget"),
        *(
            pytest.param({"effort": effort}, {"effort": effort}, id=effort)
            for effort in ("low", "medium", "high", "xhigh", "max")
        ),
        pytest.param(
            {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
            {"json_schema": '{"type": "object"}'},
            id="schema",
        ),
        pytest.param({"agents": {}}, {}, id="agents"),
        pytest.param(
            {"extra_args": {"debug-to-stderr": None, "replay-user-messages": None, "name": "-x"}},
            {"replay_user_messages": True, "name": "-x"},
            id="further flags",
        ),
        pytest.param({"extra_args": {"debug": "hooks", "bare": None}}, {"bare": True}, id="debug"),
    ],
)
def test_options_are_understood(options: dict[str, Any], meant: dict[str, Any]) -> None:
    assert understood(arguments(**options)) == structs.replace(PLAIN, **meant)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(["--permission-mode=bypassPermissions", "--allow-dangerously-skip-permissions"], BYPASS, id="all"),
        pytest.param(["--thinking=adaptive", "--thinking-display=summarized"], SHOWN, id="thinking"),
        pytest.param(["--permission-prompts=none"], {"permission_prompts": "none"}, id="nobody"),
        pytest.param(["--tools=", "--plugin-dir=/p", "--debug-file=/x"], {"tools": ""}, id="no tools"),
        pytest.param(["--no-session-persistence", "--add-dir=/"], UNKEPT, id="unkept"),
    ],
)
def test_typescript_binds_values_by_an_equals_sign(words: list[str], meant: dict[str, Any]) -> None:
    always = ["--output-format", "stream-json", "--verbose", "--input-format", "stream-json"]

    assert understood([*always, *words]) == structs.replace(PLAIN, **{"system_prompt": None, **meant})


def test_system_prompt_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Be brief.")

    words = arguments(system_prompt={"type": "file", "path": str(tmp_path / "prompt.md")})

    assert understood(words).system_prompt == "Be brief."


def test_servers_are_told_apart(tmp_path: Path) -> None:
    of_client = {"calc": {"type": "sdk", "name": "calc", "instance": object()}}
    others = {"files": {"command": "serve"}, "far": {"type": "http", "url": "http://far"}}
    (tmp_path / "mcp.json").write_text('{"mcpServers": {"files": {"command": "serve"}}}')

    both = understood(arguments(mcp_servers={**of_client, **others}))
    file = understood(arguments(mcp_servers=tmp_path / "mcp.json"))

    assert named_servers(both.mcp_config) == NamedServers(of_client=("calc",), others=("files", "far"))
    assert named_servers(file.mcp_config) == NamedServers(others=("files",))


@pytest.mark.parametrize("flag", ["allowed_tools", "disallowed_tools"])
def test_rules_are_rules_of_ours(flag: str) -> None:
    rules = getattr(understood(arguments(**{flag: TOOLS})), flag)

    read = [read_rule(RuleLine(text=rule, behaviour="allow"), Places("/", "/root")) for rule in split_rules(rules)]

    assert [rule.text for rule in read] == TOOLS


@pytest.mark.anyio
async def test_tools_that_are_not_there_yet_are_no_error(tmp_path: Path) -> None:
    invocation = understood(arguments(tools=["Read", "WebSearch", "Task", "AskUserQuestion", "mcp__calc__add"]))

    async with open_toolbox(invocation, Workspace(tmp_path, ()), "claude", tmp_path, {}) as toolbox:
        assert [spec.name for spec in toolbox.offered] == ["Read"]


def test_several_models_may_follow() -> None:
    invocation = understood(arguments(model="opus", fallback_model="sonnet,haiku"))

    door = open_model("opus", invocation.fallback_model, Settings(), {"ANTHROPIC_API_KEY": "k"}, ModelCatalogue())

    assert door.info.id == "claude-opus-5-5"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param({"permission_prompt_tool_name": "ask"}, "'ask' is neither stdio nor a tool", id="asks"),
        pytest.param({"extra_args": {"agent": "reviewer"}}, "--agent: there are no agents to choose", id="agent"),
        pytest.param({"extra_args": {"managed-settings": "{}"}}, "--managed-settings: only a file", id="managed"),
        pytest.param({"extra_args": {"project-config-root": "/"}}, "--project-config-root: settings of", id="root"),
        pytest.param({"setting_sources": ["world"]}, "--setting-sources: there is no world", id="sources"),
        pytest.param({"resume": ID, "resume_session_at": ID, "resume_drops_turn": ""}, "'' is no UUID", id="drops"),
    ],
)
def test_what_would_be_less_safe_than_it_looks_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        understood(arguments(**options))


def test_every_option_of_the_sdk_is_tried_here() -> None:
    """A release that brings another one must be noticed."""
    tried = Path(__file__).read_text()

    assert [name for name in _written_options() if name not in tried] == []


def _written_options() -> Iterator[str]:
    elsewhere = {"cwd", "cli_path", "env", "user", "client_app", "max_buffer_size", "debug_stderr", "stderr"}
    told_by_lines = {
        "forward_subagent_text",
        "verbatim_prompts",
        "can_use_tool",
        "hooks",
        "session_store_flush",
        "load_timeout_ms",
        "enable_file_checkpointing",
    }
    for name in ClaudeAgentOptions.__dataclass_fields__:
        if name not in elsewhere | told_by_lines:
            yield name
