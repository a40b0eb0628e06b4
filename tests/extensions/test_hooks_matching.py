"""A matcher names, lists or describes what a hook is for."""

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from tests.extensions.conftest import MakeInput
from tianting.extensions.hooks.events import (
    ConfigChange,
    FileChanged,
    HookEvent,
    Notification,
    PermissionDenied,
    PermissionRequest,
    PostCompact,
    PostToolUse,
    PostToolUseFailure,
    PreCompact,
    PreToolUse,
    SessionEnd,
    SessionStart,
    Stop,
    SubagentStart,
    SubagentStop,
    UserPromptSubmit,
)
from tianting.extensions.hooks.matching import Selection, matches, select, subjects_of
from tianting.extensions.hooks.schema import Action, CallbackHook, CommandHook, Hook, HttpHook, OnFailure, PromptHook


@pytest.mark.parametrize(
    ("matcher", "subject", "expected"),
    [
        pytest.param("", "Bash", True, id="empty"),
        pytest.param("*", "Bash", True, id="star"),
        pytest.param("Bash", "Bash", True, id="name"),
        pytest.param("Bash", "BashOutput", False, id="a name is no prefix"),
        pytest.param("bash", "Bash", False, id="case counts"),
        pytest.param("Edit|Write", "Write", True, id="bar"),
        pytest.param("Edit, Write", "Write", True, id="comma and blank"),
        pytest.param("Edit|Write", "Edit|Write", False, id="the list itself"),
        pytest.param("web-search", "web-search", True, id="hyphen"),
        pytest.param("mcp__.*", "mcp__git__log", True, id="expression"),
        pytest.param("Bash.*", "MyBash", True, id="anywhere"),
        pytest.param("^Bash$", "BashOutput", False, id="anchored"),
        pytest.param("Edit|Write.*", "MyEdit", True, id="a bar in an expression"),
    ],
)
def test_matcher(matcher: str, subject: str, expected: bool) -> None:
    assert matches(matcher, (subject,)) is expected


@settings(max_examples=100, deadline=None)
@for_all(
    st.lists(st.from_regex(r"[A-Za-z0-9_]{1,4}", fullmatch=True), min_size=1, max_size=4), st.text("abAB_1", min_size=1)
)
def test_a_list_matches_its_names_and_no_other(names: list[str], subject: str) -> None:
    assert matches("|".join(names), (subject,)) == (subject in names)
    assert matches(" , ".join(names), (subject,)) == (subject in names)


def tool(name: str) -> PreToolUse:
    return PreToolUse(tool_name=name, tool_input={}, tool_use_id="1")


@pytest.mark.parametrize(
    ("event", "subjects"),
    [
        (tool("Bash"), ("Bash",)),
        (tool("apply_patch"), ("apply_patch", "Edit", "Write")),
        (PostToolUse(tool_name="MultiEdit", tool_input={}, tool_use_id="1", tool_response=""), ("MultiEdit", "Edit")),
        (PostToolUseFailure(tool_name="LS", tool_input={}, tool_use_id="1", error=""), ("LS",)),
        (PermissionRequest(tool_name="LS", tool_input={}), ("LS",)),
        (PermissionDenied(tool_name="LS", tool_input={}, tool_use_id="1", reason=""), ("LS",)),
        (SessionStart(source="resume"), ("resume",)),
        (SessionEnd(reason="logout"), ("logout",)),
        (ConfigChange(source="user_settings"), ("user_settings",)),
        (PreCompact(trigger="auto"), ("auto",)),
        (PostCompact(trigger="manual"), ("manual",)),
        (Notification(message="", notification_type="idle_prompt"), ("idle_prompt",)),
        (SubagentStart(agent_id="1", agent_type="Explore"), ("Explore",)),
        (SubagentStop(agent_id="1", agent_type="Explore", stop_hook_active=False), ("Explore",)),
        (FileChanged(file_path="/a/.env"), (".env",)),
        (UserPromptSubmit(prompt="hi"), ()),
        (Stop(stop_hook_active=False), ()),
    ],
)
def test_every_event_has_its_subject(event: HookEvent, subjects: tuple[str, ...]) -> None:
    assert subjects_of(event) == subjects


def test_without_a_subject_there_is_no_choice() -> None:
    assert matches("Bash", ())


def hook(action: Action, *, event: str = "PreToolUse", matcher: str = "", place: str = "p") -> Hook:
    return Hook(event=event, matcher=matcher, action=action, source="s", place=place)


def fates(given: MakeInput, *hooks: Hook, rule: bool = True) -> list[str]:
    return [one.passed_over for one in select(hooks, given(tool("Bash")), lambda _rule: rule)]


def test_only_hooks_of_the_event_that_match_are_selected(given: MakeInput) -> None:
    run = CommandHook(command="a")

    assert fates(given, hook(run), hook(run, event="Stop"), hook(CommandHook(command="b"), matcher="Edit")) == [
        "",
        "its matcher 'Edit' does not match 'Bash'",
    ]


@pytest.mark.parametrize(
    ("holds", "fate"),
    [
        pytest.param(True, "", id="the rule speaks of the call"),
        pytest.param(False, "its rule 'Bash(rm:*)' does not speak of this call", id="it does not"),
    ],
)
def test_a_condition_is_judged_as_a_permission_rule(given: MakeInput, holds: bool, fate: str) -> None:
    assert fates(given, hook(CommandHook(command="a", condition="Bash(rm:*)")), rule=holds) == [fate]


async def nobody(_event: bytes) -> str:
    return ""


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        pytest.param(CommandHook(command="a"), CommandHook(command="a", timeout=5), True, id="same command"),
        pytest.param(CommandHook(command="a"), CommandHook(command="a", args=()), False, id="with and without shell"),
        pytest.param(CommandHook(command="a"), PromptHook(prompt="a"), False, id="other kinds"),
        pytest.param(HttpHook(url="http://a"), HttpHook(url="http://a"), True, id="same address"),
        pytest.param(HttpHook(url="http://a"), HttpHook(url="http://a", headers={"x": "1"}), False, id="other header"),
        pytest.param(PromptHook(prompt="a"), PromptHook(prompt="a"), True, id="same question"),
        pytest.param(
            CallbackHook(call=nobody, name="a"), CallbackHook(call=nobody, name="b"), True, id="same function"
        ),
    ],
)
def test_the_same_work_is_done_once(given: MakeInput, one: Action, two: Action, same: bool) -> None:
    assert fates(given, hook(one), hook(two)) == ["", "another hook does the same" if same else ""]


@pytest.mark.parametrize(("first", "second"), [("block", "continue"), ("continue", "block")])
def test_of_two_that_do_the_same_the_one_that_runs_fails_as_the_stricter(
    given: MakeInput,
    first: OnFailure,
    second: OnFailure,
) -> None:
    hooks = [hook(CommandHook(command="a", on_failure=first)), hook(CommandHook(command="a", on_failure=second))]

    assert select(hooks, given(tool("Bash")), lambda _rule: True) == (
        Selection(hook=hook(CommandHook(command="a", on_failure="block"))),
        Selection(hook=hooks[1], passed_over="another hook does the same"),
    )
