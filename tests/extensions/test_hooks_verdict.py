"""What follows from a hook's exit code and output is decided by tables."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from tianting.extensions.hooks.answer import RequestDecision, read_answer
from tianting.extensions.hooks.events import EVENTS
from tianting.extensions.hooks.outcome import HookOutcome
from tianting.extensions.hooks.verdict import Said, judge

BLOCKABLE = ["PreToolUse", "UserPromptSubmit", "Stop", "SubagentStop", "PreCompact", "ConfigChange"]
OTHERS = sorted(EVENTS - set(BLOCKABLE))


def said(exit_code: int = 0, output: Any = "", stderr: str = "") -> Said:
    return Said(exit_code=exit_code, stdout=output if isinstance(output, str) else json.dumps(output), stderr=stderr)


def specific(**fields: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": fields}


def open_verdict(event: str, what: Said) -> HookOutcome:
    return judge(event, what, title="guard", on_failure="continue")


def closed_verdict(event: str, what: Said) -> HookOutcome:
    return judge(event, what, title="guard", on_failure="block")


@pytest.mark.parametrize("event", BLOCKABLE)
def test_exit_2_blocks_with_what_stands_on_standard_error(event: str) -> None:
    outcome = open_verdict(event, said(2, stderr=" Not here. \n"))

    assert (outcome.blocked, outcome.messages) == ("Not here.", ())
    assert outcome.permission == ("deny" if event == "PreToolUse" else None)


@pytest.mark.parametrize("event", OTHERS)
def test_exit_2_blocks_nothing_else_and_reaches_the_model_after_a_tool(event: str) -> None:
    heard = event in ("PostToolUse", "PostToolUseFailure")

    assert open_verdict(event, said(2, stderr="Look.")) == HookOutcome(contexts=("Look.",) if heard else ())


@pytest.mark.parametrize("event", sorted(EVENTS))
@pytest.mark.parametrize("code", [1, 3, 126, 127, 255, -9])
def test_other_exit_codes_stop_nothing_and_a_person_hears_of_them(event: str, code: int) -> None:
    how = "ended by signal 9" if code < 0 else f"exit code {code}"

    assert open_verdict(event, said(code, "words", "broken\nTraceback")) == HookOutcome(
        messages=(f"The hook `guard` failed on {event} ({how}: broken); nothing was stopped.",)
    )


FAILURES = [
    pytest.param(said(1), "exit code 1", id="exit code 1"),
    pytest.param(said(-15), "ended by signal 15", id="killed"),
    pytest.param(said(127, stderr="sh: guard: not found"), "exit code 127: sh: guard: not found", id="missing"),
    pytest.param(Said(failure="took longer than 60 s", timed_out=True), "took longer than 60 s", id="timeout"),
    pytest.param(Said(failure="could not be started: no"), "could not be started: no", id="not started"),
    pytest.param(
        said(0, '{"decision": "bl'),
        "its output begins like JSON and is none: Input data was truncated",
        id="garbage",
    ),
    pytest.param(
        said(0, {"decision": "perhaps"}), "decision: Invalid enum value 'perhaps'", id="a decision that is none"
    ),
]


@pytest.mark.parametrize(("what", "trouble"), FAILURES)
def test_a_hook_that_fails_closed_refuses_whatever_can_be_refused(what: Said, trouble: str) -> None:
    reason = f"The hook `guard` failed ({trouble}), and nothing passes without it."
    for event in sorted(EVENTS):
        outcome = closed_verdict(event, what)
        if event == "PermissionRequest":
            assert outcome.request == RequestDecision(behavior="deny", message=reason)
        elif event in BLOCKABLE or event in ("PostToolUse", "PostToolUseFailure"):
            assert outcome.blocked == reason
        else:
            assert (outcome.blocked, outcome.request) == (None, None)
        assert outcome.permission == ("deny" if event == "PreToolUse" else None)
        assert len(outcome.messages) == 1
        refused = outcome.blocked is not None or outcome.request is not None
        assert outcome.messages[0].endswith("it was refused." if refused else "nothing was stopped.")


@pytest.mark.parametrize(("what", "trouble"), FAILURES)
def test_a_hook_that_fails_open_refuses_nothing(what: Said, trouble: str) -> None:
    for event in sorted(EVENTS):
        message = f"The hook `guard` failed on {event} ({trouble}); nothing was stopped."
        assert open_verdict(event, what) == HookOutcome(messages=(message,))


@pytest.mark.parametrize(
    ("event", "what", "expected"),
    [
        pytest.param("PreToolUse", said(), HookOutcome(), id="silence"),
        pytest.param("PreToolUse", said(0, "hello"), HookOutcome(), id="plain words are not for the model"),
        pytest.param("UserPromptSubmit", said(0, " hello\n"), HookOutcome(contexts=("hello",)), id="plain context"),
        pytest.param("SessionStart", said(0, "hello"), HookOutcome(contexts=("hello",)), id="plain context at start"),
        pytest.param(
            "PreToolUse",
            said(0, specific(permissionDecision="allow", permissionDecisionReason="fine")),
            HookOutcome(permission="allow", permission_reason="fine"),
            id="allow",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(permissionDecision="deny", permissionDecisionReason="no")),
            HookOutcome(permission="deny", permission_reason="no", blocked="no"),
            id="deny",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(permissionDecision="deny")),
            HookOutcome(
                permission="deny",
                permission_reason="The hook `guard` refused this and gave no reason.",
                blocked="The hook `guard` refused this and gave no reason.",
            ),
            id="deny without a reason",
        ),
        pytest.param(
            "PreToolUse", said(0, specific(permissionDecision="ask")), HookOutcome(permission="ask"), id="ask"
        ),
        pytest.param(
            "PreToolUse", said(0, specific(permissionDecision="defer")), HookOutcome(permission="defer"), id="defer"
        ),
        pytest.param(
            "PreToolUse",
            said(0, {"decision": "approve", "reason": "old style"}),
            HookOutcome(permission="allow", permission_reason="old style"),
            id="approve of old",
        ),
        pytest.param(
            "PreToolUse",
            said(0, {"decision": "block", "reason": "old style"}),
            HookOutcome(permission="deny", permission_reason="old style", blocked="old style"),
            id="block of old",
        ),
        pytest.param(
            "PreToolUse",
            said(2, specific(permissionDecision="allow"), "no"),
            HookOutcome(permission="deny", permission_reason="no", blocked="no"),
            id="exit code 2 beside a yes",
        ),
        pytest.param(
            "PreToolUse",
            said(2, specific(permissionDecisionReason="the JSON says why")),
            HookOutcome(permission="deny", permission_reason="the JSON says why", blocked="the JSON says why"),
            id="exit code 2 with a reason in JSON",
        ),
        pytest.param(
            "PreToolUse",
            said(1, specific(permissionDecision="deny", permissionDecisionReason="no")),
            HookOutcome(
                permission="deny",
                permission_reason="no",
                blocked="no",
                messages=("The hook `guard` failed on PreToolUse (exit code 1); it was refused.",),
            ),
            id="JSON counts on every exit code",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(permissionDecision="allow", updatedInput={"command": "ls"})),
            HookOutcome(permission="allow", updated_input={"command": "ls"}),
            id="other arguments",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(permissionDecision="allow", updatedInput="ls")),
            HookOutcome(
                messages=(
                    (
                        "The hook `guard` failed on PreToolUse (hookSpecificOutput.updatedInput: "
                        "Expected `object | null`, got `str`); nothing was stopped."
                    ),
                )
            ),
            id="a yes to what was not understood is none",
        ),
        pytest.param(
            "PreToolUse",
            said(0, {"decision": "block", "reason": 5}),
            HookOutcome(
                permission="deny",
                permission_reason="The hook `guard` refused this and gave no reason.",
                blocked="The hook `guard` refused this and gave no reason.",
                messages=(
                    "The hook `guard` failed on PreToolUse (reason: Expected `str`, got `int`); it was refused.",
                ),
            ),
            id="a no beside a wrong field stands",
        ),
        pytest.param(
            "PostToolUse",
            said(0, {"decision": "block", "reason": "lint fails", **specific(updatedToolOutput="other")}),
            HookOutcome(blocked="lint fails", updated_output="other"),
            id="result replaced and found wrong",
        ),
        pytest.param(
            "PostToolUse",
            said(0, specific(updatedMCPToolOutput={"a": 1}, additionalContext="know this")),
            HookOutcome(updated_output={"a": 1}, contexts=("know this",)),
            id="result of another server replaced",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(updatedToolOutput="too early", retry=True, initialUserMessage="hi")),
            HookOutcome(),
            id="what the event does not heed",
        ),
        pytest.param(
            "UserPromptSubmit",
            said(0, {"decision": "block", "reason": "secret", **specific(sessionTitle="Secrets")}),
            HookOutcome(blocked="secret", session_title="Secrets"),
            id="prompt blocked",
        ),
        pytest.param(
            "SessionStart",
            said(0, specific(initialUserMessage="begin", additionalContext="know")),
            HookOutcome(initial_user_message="begin", contexts=("know",)),
            id="session begins with a prompt",
        ),
        pytest.param(
            "SessionStart",
            said(0, {"decision": "block", "reason": "no"}),
            HookOutcome(),
            id="a start cannot be blocked",
        ),
        pytest.param("PermissionDenied", said(0, specific(retry=True)), HookOutcome(retry=True), id="may try again"),
        pytest.param(
            "PermissionRequest",
            said(0, specific(decision={"behavior": "deny", "message": "no", "interrupt": True})),
            HookOutcome(request=RequestDecision(behavior="deny", message="no", interrupt=True)),
            id="question answered",
        ),
        pytest.param(
            "PermissionRequest",
            said(0, specific(decision={"behavior": "allow", "updatedInput": 1})),
            HookOutcome(
                messages=(
                    (
                        "The hook `guard` failed on PermissionRequest (hookSpecificOutput.decision.updatedInput: "
                        "Expected `object | null`, got `int`); nothing was stopped."
                    ),
                )
            ),
            id="question answered with a yes that was not understood",
        ),
        pytest.param(
            "PermissionRequest", said(0, specific(decision={"message": "well"})), HookOutcome(), id="no answer"
        ),
        pytest.param(
            "Stop", said(0, {"continue": False}), HookOutcome(stop="The hook `guard` ended the turn."), id="stop"
        ),
        pytest.param(
            "PreToolUse",
            said(0, {"continue": False, "stopReason": "enough", "systemMessage": "psst", "suppressOutput": True}),
            HookOutcome(stop="enough", messages=("psst",), hides_output=True),
            id="stop with words for the person",
        ),
        pytest.param(
            "PreToolUse",
            said(0, specific(hookEventName="PostToolUse", permissionDecision="deny", permissionDecisionReason="no")),
            HookOutcome(
                permission="deny",
                permission_reason="no",
                blocked="no",
                messages=(
                    (
                        "The hook `guard` failed on PreToolUse (hookSpecificOutput.hookEventName is 'PostToolUse', "
                        "the event PreToolUse); it was refused."
                    ),
                ),
            ),
            id="another event's name does not undo a no",
        ),
        pytest.param(
            "Stop",
            said(0, {"hookSpecificOutput": "words"}),
            HookOutcome(
                messages=("The hook `guard` failed on Stop (hookSpecificOutput is no object); nothing was stopped.",)
            ),
            id="an answer of the wrong shape",
        ),
        pytest.param("Stop", said(0, {"terminalSequence": "\x1b[0m", "new": 1}), HookOutcome(), id="unknown fields"),
    ],
)
def test_json_answers(event: str, what: Said, expected: HookOutcome) -> None:
    assert open_verdict(event, what) == expected


def test_output_of_a_hook_that_hung_does_not_count() -> None:
    hung = Said(stdout=json.dumps(specific(permissionDecision="allow")), failure="took longer than 1 s")

    assert open_verdict("PreToolUse", hung).permission is None
    assert closed_verdict("PreToolUse", hung).permission == "deny"


def test_a_hook_that_refuses_and_fails_keeps_its_own_reason() -> None:
    assert closed_verdict("PreToolUse", said(1, {"decision": "block", "reason": "mine"})).blocked == "mine"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["allow", "deny", "block"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["continue", "decision", "reason", "hookSpecificOutput", "permissionDecision", "behavior"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from(sorted(EVENTS)), st.sampled_from([0, 1, 2]))
def test_whatever_is_printed_is_read_and_no_flawed_yes_gets_through(output: Any, event: str, code: int) -> None:
    outcome = open_verdict(event, said(code, output))

    if outcome.permission == "allow":
        assert (event, read_answer(json.dumps(output), event).flaws) == ("PreToolUse", ())
    assert outcome.updated_output is UNSET or event == "PostToolUse"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    read_answer(text, "Stop")
    read_answer("{" + text, "Stop")


def test_json_too_deep_is_a_flaw() -> None:
    assert read_answer('{"a":' * 5_000, "Stop").flaws != ()
