"""Settings of hooks are read whole, or refused with the place of what is wrong."""

from typing import Any

import msgspec
import pytest

from tianting.extensions.hooks.events import (
    EVENTS,
    Circumstances,
    EffortLevel,
    HookEvent,
    HookInput,
    PreToolUse,
    Stop,
    decode_input,
    encode_input,
)
from tianting.extensions.hooks.reading import ReadHooks, read_hooks
from tianting.extensions.hooks.schema import CallbackHook, CommandHook, Hook, HttpHook, PromptHook
from tianting.protocol.errors import ConfigError


def test_every_field_is_read_in_the_order_of_the_file() -> None:
    settings = {
        "PreToolUse": [
            {
                "matcher": "Bash",
                "hooks": [
                    {
                        "type": "command",
                        "command": "guard",
                        "args": ["-x"],
                        "shell": "zsh",
                        "if": "Bash(rm:*)",
                        "timeout": 5,
                        "onFailure": "block",
                        "statusMessage": "Looking",
                        "once": True,
                        "allowedEnvVars": ["TOKEN"],
                    },
                    {"type": "command", "command": "log", "async": True},
                    {"type": "http", "url": "https://a.example/x", "headers": {"A": "$T"}, "allowedEnvVars": ["T"]},
                ],
            }
        ],
        "Stop": [{"hooks": [{"type": "prompt", "prompt": "Done?", "model": "small"}]}],
    }

    assert read_hooks(settings, "/s.json") == ReadHooks(
        hooks=(
            Hook(
                event="PreToolUse",
                matcher="Bash",
                action=CommandHook(
                    command="guard",
                    args=("-x",),
                    shell="zsh",
                    condition="Bash(rm:*)",
                    timeout=5,
                    on_failure="block",
                    status_message="Looking",
                    once=True,
                    allowed_env_vars=("TOKEN",),
                ),
                source="/s.json",
                place="hooks.PreToolUse[0].hooks[0]",
            ),
            Hook(
                event="PreToolUse",
                matcher="Bash",
                action=CommandHook(command="log", in_background=True),
                source="/s.json",
                place="hooks.PreToolUse[0].hooks[1]",
            ),
            Hook(
                event="PreToolUse",
                matcher="Bash",
                action=HttpHook(url="https://a.example/x", headers={"A": "$T"}, allowed_env_vars=("T",)),
                source="/s.json",
                place="hooks.PreToolUse[0].hooks[2]",
            ),
            Hook(
                event="Stop",
                action=PromptHook(prompt="Done?", model="small"),
                source="/s.json",
                place="hooks.Stop[0].hooks[0]",
            ),
        )
    )


def test_what_only_other_agents_have_is_skipped_and_told() -> None:
    read = read_hooks(
        {
            "TeammateIdle": [{"hooks": [{"type": "command", "command": "x"}]}],
            "Stop": [
                {"hooks": [{"type": "agent", "prompt": "x"}, {"command": "x"}, {"type": "command", "command": "y"}]}
            ],
        },
        "/s.json",
    )

    assert [hook.place for hook in read.hooks] == ["hooks.Stop[0].hooks[2]"]
    assert read.complaints == (
        f"/s.json: hooks.TeammateIdle never run: there is no such event here. Events: {', '.join(sorted(EVENTS))}.",
        "/s.json: hooks.Stop[0].hooks[0] never runs: there are no hooks of type 'agent' here.",
        "/s.json: hooks.Stop[0].hooks[1] never runs: there are no hooks of type None here.",
    )


def one(event: str = "PreToolUse", **hook: Any) -> dict[str, Any]:
    return {event: [{"hooks": [{"type": "command", "command": "x", **hook}]}]}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        pytest.param([], "s: hooks: Expected `object`, got `array`.", id="no object"),
        pytest.param({"Stop": {}}, "s: hooks: Expected `array`, got `object` - at `$[...]`.", id="no list"),
        pytest.param({"Stop": [{}]}, "s: hooks.Stop[0]: Object missing required field `hooks`.", id="no hooks"),
        pytest.param(
            {"Stop": [{"hooks": [{"type": "command"}]}]},
            "s: hooks.Stop[0].hooks[0]: Object missing required field `command`.",
            id="no command",
        ),
        pytest.param(
            one(command=""),
            "s: hooks.PreToolUse[0].hooks[0]: Expected `str` of length >= 1 - at `$.command`.",
            id="empty",
        ),
        pytest.param(
            one(timeout=0), "s: hooks.PreToolUse[0].hooks[0]: Expected `float` > 0.0 - at `$.timeout`.", id="no time"
        ),
        pytest.param(
            one(onFailure="deny"),
            "s: hooks.PreToolUse[0].hooks[0]: Invalid enum value 'deny' - at `$.onFailure`.",
            id="a failure mode that is none",
        ),
        pytest.param(
            {"Stop": [{"matcher": "(", "hooks": []}]},
            "s: hooks.Stop[0]: the matcher '(' is no regular expression: "
            "missing ), unterminated subpattern at position 0.",
            id="matcher",
        ),
        pytest.param(
            one("Stop", **{"if": "Bash"}),
            "s: hooks.Stop[0].hooks[0]: `if` speaks of tool calls, and Stop is none.",
            id="condition without a call",
        ),
        pytest.param(
            {"Stop": [{"hooks": [{"type": "command", "command": "x", "async": True, "onFailure": "block"}]}]},
            "s: hooks.Stop[0].hooks[0]: nobody waits for an `async` hook, so it cannot block.",
            id="a background hook that blocks",
        ),
        pytest.param(
            {"Stop": [{"hooks": [{"type": "http", "url": "ftp://x"}]}]},
            "s: hooks.Stop[0].hooks[0]: the url must begin with http:// or https:// and hold no password.",
            id="scheme",
        ),
        pytest.param(
            {"Stop": [{"hooks": [{"type": "http", "url": "http://me:secret@x/"}]}]},
            "s: hooks.Stop[0].hooks[0]: the url must begin with http:// or https:// and hold no password.",
            id="password",
        ),
    ],
)
def test_what_is_malformed_is_an_error_with_its_place(settings: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_hooks(settings, "s")

    assert str(error.value) == complaint


def test_a_star_matches_all_and_is_no_expression() -> None:
    assert read_hooks({"Stop": [{"matcher": "*", "hooks": []}]}, "s") == ReadHooks()


async def nobody(_event: bytes) -> str:
    return ""


@pytest.mark.parametrize(
    ("action", "title"),
    [
        (CommandHook(command="a\n b"), "a b"),
        (CommandHook(command="a", args=("b c",)), "a b c"),
        (CommandHook(command="x" * 100), "x" * 79 + "…"),
        (HttpHook(url="https://a/x?key=secret"), "https://a/x"),
        (PromptHook(prompt="Done?"), "Done?"),
        (CallbackHook(call=nobody, name="hook_0"), "hook_0"),
    ],
)
def test_a_hook_has_a_title_for_people(action: Any, title: str) -> None:
    assert Hook(event="Stop", action=action, source="s", place="p").title == title


CIRCUMSTANCES = Circumstances(
    session_id="s",
    transcript_path="/t",
    cwd="/c",
    prompt_id="p",
    permission_mode="plan",
    effort=EffortLevel(level="high"),
)


def test_an_event_is_one_flat_object_with_the_names_of_the_protocol() -> None:
    event = PreToolUse(tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t")

    assert msgspec.json.decode(encode_input(HookInput(event=event, circumstances=CIRCUMSTANCES))) == {
        "session_id": "s",
        "transcript_path": "/t",
        "cwd": "/c",
        "prompt_id": "p",
        "permission_mode": "plan",
        "effort": {"level": "high"},
        "hook_event_name": "PreToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "ls"},
        "tool_use_id": "t",
    }


@pytest.mark.parametrize(
    "event", [PreToolUse(tool_name="a", tool_input={}, tool_use_id="t"), Stop(stop_hook_active=True)]
)
def test_what_is_written_can_be_read(event: HookEvent) -> None:
    given = HookInput(event=event, circumstances=CIRCUMSTANCES)

    assert decode_input(encode_input(given)) == given


def test_every_event_can_be_read_by_its_name() -> None:
    kinds = {kind.__name__ for kind in HookEvent.__args__}

    assert kinds == EVENTS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"{", "The hook input cannot be read: Input data was truncated."),
        (b'{"hook_event_name":"Stop"}', "Object missing required field `stop_hook_active`"),
        (b'{"hook_event_name":"Nope"}', "Invalid value 'Nope' - at `$.hook_event_name`"),
        (b'{"hook_event_name":"Stop","stop_hook_active":true}', "Object missing required field `session_id`"),
    ],
)
def test_input_that_cannot_be_read_says_where(text: bytes, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        decode_input(text)

    assert complaint in str(error.value)
