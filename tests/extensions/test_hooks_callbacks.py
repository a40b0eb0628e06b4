"""Callbacks of a program are hooks like any other: same events, same matchers, same answers."""

from typing import Any

import anyio
import msgspec
import pytest

from tests.extensions.conftest import MakeInput, MakeRunner
from tianting.extensions.hooks.callbacks import AskClient, HookQuestion, callback_hooks
from tianting.extensions.hooks.events import PreToolUse, Stop, UserPromptSubmit
from tianting.extensions.hooks.outcome import HookOutcome
from tianting.extensions.hooks.schema import CallbackFailed, OnFailure
from tianting.protocol.control import HookMatcher
from tianting.protocol.errors import ConfigError

pytestmark = pytest.mark.anyio
BASH = PreToolUse(tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t")


def registered(**events: list[dict[str, Any]]) -> dict[str, tuple[HookMatcher, ...]]:
    """What the client's first line says of hooks."""
    return msgspec.convert(events, dict[str, tuple[HookMatcher, ...]])


class Client:
    """Answers each callback as it is told to, and notes the questions."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[HookQuestion] = []

    async def ask(self, question: HookQuestion) -> Any:
        self.asked.append(question)
        return self.answers[question.callback_id]


@pytest.fixture
def said_of(make_runner: MakeRunner, given: MakeInput) -> Any:
    """What the hooks of a client say of an event."""

    async def ask(groups: dict[str, tuple[HookMatcher, ...]], client: AskClient, event: Any = BASH) -> HookOutcome:
        with anyio.fail_after(5):
            async with make_runner(list(callback_hooks(groups, client))) as runner:
                return await runner.run(given(event))

    return ask


async def test_callback_is_told_what_every_hook_is_told(said_of: Any) -> None:
    client = Client(hook_0={})

    await said_of(registered(PreToolUse=[{"matcher": None, "hookCallbackIds": ["hook_0"]}]), client.ask)

    [question] = client.asked
    assert (question.callback_id, question.tool_use_id) == ("hook_0", "t")
    assert (
        question.input.items()
        >= {
            "hook_event_name": "PreToolUse",
            "session_id": "session-1",
            "tool_name": "Bash",
            "tool_input": {"command": "ls"},
            "tool_use_id": "t",
        }.items()
    )


async def test_event_that_is_about_no_call_names_none(said_of: Any) -> None:
    client = Client(hook_0={"decision": "block", "reason": "Run the tests."})

    outcome = await said_of(
        registered(Stop=[{"hookCallbackIds": ["hook_0"]}]), client.ask, Stop(stop_hook_active=False)
    )

    assert outcome.blocked == "Run the tests."
    assert "tool_use_id" not in msgspec.to_builtins(client.asked[0])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param(
            {
                "hook_0": {"hookSpecificOutput": {"permissionDecision": "allow"}},
                "hook_1": {"hookSpecificOutput": {"permissionDecision": "deny", "permissionDecisionReason": "No."}},
            },
            ("deny", "No.", "No."),
            id="the strictest counts",
        ),
        pytest.param({"hook_0": {"async": True}, "hook_1": {}}, (None, "", None), id="nothing to say"),
    ],
)
async def test_answers_are_joined_as_those_of_commands_are(said_of: Any, answers: Any, expected: Any) -> None:
    groups = registered(PreToolUse=[{"matcher": "Bash|Edit", "hookCallbackIds": ["hook_0", "hook_1"]}])

    outcome = await said_of(groups, Client(**answers).ask)

    assert (outcome.permission, outcome.permission_reason, outcome.blocked) == expected


async def test_only_callbacks_whose_matcher_and_event_fit_are_asked(said_of: Any) -> None:
    client = Client(hook_1={})
    groups = registered(
        PreToolUse=[{"matcher": "Edit", "hookCallbackIds": ["hook_0"]}, {"hookCallbackIds": ["hook_1"]}],
        PostToolUse=[{"hookCallbackIds": ["hook_2"]}],
        TeammateIdle=[{"hookCallbackIds": ["hook_3"]}],
    )

    await said_of(groups, client.ask)

    assert [question.callback_id for question in client.asked] == ["hook_1"]


@pytest.mark.parametrize("answer", [None, [], "allow", 3])
async def test_answer_that_is_no_object_is_a_failure(said_of: Any, answer: Any) -> None:
    groups = registered(UserPromptSubmit=[{"hookCallbackIds": ["hook_0"], "onFailure": "block"}])

    outcome = await said_of(groups, Client(hook_0=answer).ask, UserPromptSubmit(prompt="hi"))

    assert outcome.blocked == "The hook `hook_0` failed (its answer is no object), and nothing passes without it."


async def test_callback_may_take_the_time_it_asked_for_and_no_more(said_of: Any) -> None:
    async def sleep(_question: HookQuestion) -> Any:
        await anyio.sleep_forever()

    outcome = await said_of(registered(PreToolUse=[{"hookCallbackIds": ["hook_0"], "timeout": 0.01}]), sleep)

    assert outcome.blocked == "The hook `hook_0` failed (took longer than 0.01 s), and nothing passes without it."


@pytest.mark.parametrize(
    ("event", "wanted", "on_failure"),
    [
        pytest.param("PreToolUse", None, "continue", id="unset"),
        pytest.param("PreToolUse", "continue", "continue", id="continue"),
        pytest.param("PreToolUse", "block", "block", id="block"),
        pytest.param("PreToolUse", "explode", "block", id="unknown"),
        pytest.param("Stop", "block", "continue", id="a turn ends all the same"),
    ],
)
async def test_what_a_failure_means(event: str, wanted: str | None, on_failure: OnFailure) -> None:
    group = HookMatcher(hook_callback_ids=("hook_0",), on_failure=wanted)

    [hook] = callback_hooks({event: (group,)}, Client().ask)

    assert hook.action.on_failure == on_failure


async def test_broken_callback_lets_go_on_what_it_was_asked_about(said_of: Any) -> None:
    async def refuse(_question: HookQuestion) -> Any:
        raise CallbackFailed("KeyError: 'x'")

    outcome = await said_of(registered(PreToolUse=[{"hookCallbackIds": ["hook_0"]}]), refuse)

    assert (outcome.blocked, outcome.messages) == (
        None,
        ("The hook `hook_0` failed on PreToolUse (KeyError: 'x'); nothing was stopped.",),
    )


def test_matcher_that_is_no_expression_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the client: hooks.PreToolUse\[0\]: the matcher '\(' is no regular"):
        callback_hooks(registered(PreToolUse=[{"matcher": "(", "hookCallbackIds": ["hook_0"]}]), Client().ask)
