"""What loop and session ask, and the answers they act on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.extensions.conftest import MakeInput, MakeRunner
from tianting.extensions.hooks.answer import RequestDecision
from tianting.extensions.hooks.dry_run import DryRun, Trial, dry_run
from tianting.extensions.hooks.events import Circumstances, PreToolUse, SubagentStart
from tianting.extensions.hooks.outcome import HookOutcome
from tianting.extensions.hooks.points import MOST_REMINDERS, HookPoints, Ties
from tianting.extensions.hooks.port import AgentHooks, BeforeStop, BeforeTool, BeforeTurn, NoHooks, weighed
from tianting.extensions.hooks.schema import CallbackHook, Hook
from tianting.permissions.decision import Allow, Ask, Decision, Deny, Verdict
from tianting.permissions.updates import PermissionUpdate, SetMode, suggested
from tianting.protocol.content import Text
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import HooksAsked, HookStarted
from tianting.protocol.tool_calls import Access, CallResult, ToolCall

pytestmark = pytest.mark.anyio
CALL = ToolCall(call_id="c1", tool_name="Bash", arguments={"command": "ls"})
ACCESSES = (Access(effect="execute", target="ls"),)
OK = CallResult(call_id="c1", content="out")

MakePoints = Callable[..., HookPoints]


@pytest.fixture
def reported() -> list[HooksAsked]:
    """What was told to whoever shows it."""
    return []


@pytest.fixture
def points(make_runner: MakeRunner, tmp_path: Path, reported: list[HooksAsked]) -> MakePoints:
    """Builds the points of a session where one event has these commands."""

    async def report(told: HookStarted | HooksAsked) -> None:
        if isinstance(told, HooksAsked):
            reported.append(told)

    async def apply(updates: tuple[PermissionUpdate, ...]) -> tuple[str, ...]:
        return tuple(f"applied {update}" for update in updates)

    def make(event: str, *lines: str, **more: Any) -> HookPoints:
        hooks = {event: [{"hooks": [{"type": "command", "command": line, **more} for line in lines]}]}
        ties = Ties(
            circumstances=lambda: Circumstances(session_id="s", transcript_path="/t", cwd=str(tmp_path)),
            rule_holds=rule_holds,
            suggested_updates=lambda call, accesses: suggested((f"{call.tool_name}({accesses[0].target})",)),
            apply_updates=apply,
        )
        made = HookPoints(make_runner(hooks), ties)
        made.report_to(report)
        return made

    return make


def rule_holds(rule: str, call: ToolCall, accesses: tuple[Access, ...]) -> bool:
    if rule.endswith("(("):
        raise ConfigError("not understood")
    return rule == f"{call.tool_name}({accesses[0].target})"


def says(json: str) -> str:
    return f"cat > event; echo '{json}'"


async def test_a_call_is_refused(points: MakePoints, reported: list[HooksAsked]) -> None:
    before = await points("PreToolUse", "echo No. >&2; exit 2").before_tool(CALL, ACCESSES)

    assert before == BeforeTool(
        refusal=CallResult(call_id="c1", content="No.", outcome="denied"), opinion="ask", reason="No."
    )
    assert [record.name for outcome in reported for record in outcome.records] == ["PreToolUse:Bash"]


async def test_a_hook_that_ends_the_turn_refuses_the_call(points: MakePoints) -> None:
    hook = says('{"continue": false, "stopReason": "Enough."}')

    assert (await points("PreToolUse", hook).before_tool(CALL, ACCESSES)).refusal == CallResult(
        call_id="c1", content="Enough.", outcome="denied", stop="Enough."
    )


@pytest.mark.parametrize(("decision", "opinion"), [("allow", "allow"), ("ask", "ask"), ("defer", "ask")])
async def test_a_hook_has_an_opinion(points: MakePoints, decision: str, opinion: Any) -> None:
    fields = f'"permissionDecision": "{decision}", "permissionDecisionReason": "r", "additionalContext": "know"'
    hook = says(f'{{"hookSpecificOutput": {{{fields}, "updatedInput": {{"command": "pwd"}}}}}}')

    assert await points("PreToolUse", hook).before_tool(CALL, ACCESSES) == BeforeTool(
        arguments={"command": "pwd"}, opinion=opinion, reason="r", contexts=("know",)
    )


@pytest.mark.parametrize(
    ("rule", "runs"),
    [
        pytest.param("Bash(ls)", True, id="it speaks of the call"),
        pytest.param("Bash(rm)", False, id="of another"),
        pytest.param("Bash((", True, id="nobody understands it"),
    ],
)
async def test_a_condition_is_judged_by_the_permission_rules(points: MakePoints, rule: str, runs: bool) -> None:
    hooked = points("PreToolUse", "exit 2", **{"if": rule})

    assert ((await hooked.before_tool(CALL, ACCESSES)).refusal is not None) is runs


@pytest.mark.parametrize(
    ("event", "hook", "result", "expected", "notes"),
    [
        pytest.param(
            "PostToolUse", "echo Lint fails. >&2; exit 2", OK, "out", ("Lint fails.",), id="a word to the model"
        ),
        pytest.param(
            "PostToolUse",
            says('{"hookSpecificOutput": {"updatedToolOutput": {"a": 1}}}'),
            OK,
            '{"a":1}',
            (),
            id="another result",
        ),
        pytest.param(
            "PostToolUse",
            says('{"hookSpecificOutput": {"updatedToolOutput": "other"}}'),
            OK,
            "other",
            (),
            id="another text",
        ),
        pytest.param(
            "PostToolUseFailure",
            says('{"hookSpecificOutput": {"additionalContext": "try again"}}'),
            CallResult(call_id="c1", content="err", outcome="failed"),
            "err",
            ("try again",),
            id="after a failure",
        ),
        pytest.param("PostToolUseFailure", "exit 2", OK, "out", (), id="another event"),
        pytest.param(
            "PostToolUseFailure",
            "echo Why. >&2; exit 2",
            CallResult(call_id="c1", content="no", outcome="denied"),
            "no",
            (),
            id="never ran",
        ),
    ],
)
async def test_a_result_is_seen_through_hooks(
    points: MakePoints, event: str, hook: str, result: CallResult, expected: str, notes: tuple[str, ...]
) -> None:
    after = await points(event, hook).after_tool(CALL, ACCESSES, result, duration=0.25)

    assert after == CallResult(call_id="c1", content=expected, outcome=result.outcome, notes=notes)


async def test_a_hook_finds_a_result_wrong_and_ends_the_turn(points: MakePoints) -> None:
    hooked = points(
        "PostToolUse", says('{"decision": "block", "reason": "wrong", "continue": false, "stopReason": "Enough."}')
    )

    after = await hooked.after_tool(CALL, ACCESSES, OK, duration=0.25, contexts=("early",))

    assert after == CallResult(
        call_id="c1",
        content="out\n\nwrong",
        outcome="failed",
        notes=("early",),
        stop="Enough.",
    )


async def test_a_failure_is_told_and_noted(points: MakePoints, tmp_path: Path) -> None:
    failed = CallResult(call_id="c1", content=(Text(text="err"),), outcome="interrupted")

    after = await points("PostToolUseFailure", "cat > event; exit 2").after_tool(
        CALL, ACCESSES, failed, duration=0.25, contexts=("early",)
    )

    assert (after.content, after.notes) == ((Text(text="err"),), ("early",))
    told = (tmp_path / "event").read_text()
    assert '"error":"err","is_interrupt":true,"duration_ms":250' in told


async def test_a_prompt_is_blocked_or_explained(points: MakePoints) -> None:
    assert await points("UserPromptSubmit", "echo secret >&2; exit 2").prompt_submitted("hi", "p1") == BeforeTurn(
        blocked="secret"
    )
    assert await points("UserPromptSubmit", "echo know").prompt_submitted("hi", "p1") == BeforeTurn(contexts=("know",))
    assert await points("UserPromptSubmit", says('{"continue": false}')).prompt_submitted("hi", "p1") == BeforeTurn(
        blocked="The hook `cat > event; echo '{\"continue\": false}'` ended the turn."
    )


async def test_a_session_begins_with_what_hooks_know(points: MakePoints) -> None:
    hook = says(
        '{"hookSpecificOutput": {"additionalContext": "know", "sessionTitle": "T", "initialUserMessage": "go"}}'
    )

    assert await points("SessionStart", hook).session_started("startup", "m") == BeforeTurn(
        contexts=("know",), initial_user_message="go"
    )


@pytest.mark.parametrize(
    ("title", "named"),
    [
        pytest.param("Fix the\\n build", ["Fix the build", "Fix the build"], id="a name on one line"),
        pytest.param(" ", [], id="a blank is no name"),
    ],
)
async def test_a_hook_names_the_session(points: MakePoints, title: str, named: list[str]) -> None:
    names: list[str] = []
    hook = says(f'{{"hookSpecificOutput": {{"sessionTitle": "{title}"}}}}')

    for event in ("SessionStart", "UserPromptSubmit"):
        hooked = points(event, hook)
        hooked.title_to(names.append)
        await hooked.session_started("startup", "m")
        await hooked.prompt_submitted("hi", "p1")

    assert names == named


@pytest.mark.parametrize(("retry", "may_retry"), [("true", True), ("false", False)])
async def test_a_hook_says_whether_a_refused_call_may_be_tried_again(
    points: MakePoints, retry: str, may_retry: bool
) -> None:
    hooked = points("PermissionDenied", says(f'{{"hookSpecificOutput": {{"retry": {retry}}}}}'))

    assert await hooked.permission_denied(CALL, ACCESSES, "no") is may_retry


async def test_the_model_goes_on_until_it_is_enough(points: MakePoints, tmp_path: Path) -> None:
    hooked = points("Stop", "cat > event; echo more >&2; exit 2")

    assert await hooked.stopping("done", times=0) == BeforeStop(more="more")
    assert '"stop_hook_active":false,"last_assistant_message":"done"' in (tmp_path / "event").read_text()
    assert await hooked.stopping("done", times=MOST_REMINDERS - 1) == BeforeStop(more="more")
    assert '"stop_hook_active":true' in (tmp_path / "event").read_text()
    assert await hooked.stopping("done", times=MOST_REMINDERS) == BeforeStop()


async def test_a_hook_that_ends_the_turn_does_not_keep_the_model_at_work(points: MakePoints) -> None:
    hooked = points("Stop", says('{"continue": false, "decision": "block", "stopReason": "Enough."}'))
    assert await hooked.stopping("", times=0) == BeforeStop(stop="Enough.")


async def test_a_summary_can_be_refused(points: MakePoints) -> None:
    assert await points("PreCompact", "echo later >&2; exit 2").compacting("auto") == "later"
    assert await points("PreCompact", "true").compacting("manual", "keep names") is None


@pytest.mark.parametrize(
    ("event", "tell", "told"),
    [
        ("PostCompact", lambda p: p.compacted("auto", "all"), '"trigger":"auto","compact_summary":"all"'),
        (
            "Notification",
            lambda p: p.notify("m", "idle_prompt", "t"),
            '"message":"m","notification_type":"idle_prompt"',
        ),
        ("SessionEnd", lambda p: p.session_ended("logout"), '"reason":"logout"'),
        ("PermissionDenied", lambda p: p.permission_denied(CALL, ACCESSES, "no"), '"tool_use_id":"c1","reason":"no"'),
        ("SubagentStart", lambda p: p.ask(SubagentStart(agent_id="a", agent_type="Explore")), '"agent_type":"Explore"'),
    ],
)
async def test_hooks_are_told(points: MakePoints, tmp_path: Path, event: str, tell: Any, told: str) -> None:
    await tell(points(event, "cat > event"))

    assert told in (tmp_path / "event").read_text()


class Yes:
    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        return YES


YES = Allow(reason="yes")


def decides(json: str) -> str:
    return says(f'{{"hookSpecificOutput": {{"decision": {json}}}}}')


@pytest.mark.parametrize(
    ("hook", "with_person", "alone"),
    [
        pytest.param("true", Allow(reason="yes"), None, id="silence"),
        pytest.param(decides('{"behavior": "allow"}'), Allow(reason="a hook"), Allow(reason="a hook"), id="yes"),
        pytest.param(
            decides('{"behavior": "deny", "message": "no", "interrupt": true}'),
            Deny(reason="no", interrupts=True),
            Deny(reason="no", interrupts=True),
            id="no",
        ),
        pytest.param(
            decides('{"behavior": "deny"}'),
            Deny(reason="A hook of the user refused this."),
            Deny(reason="A hook of the user refused this."),
            id="bare no",
        ),
        pytest.param(
            decides('{"behavior": "allow", "updatedInput": {}}'),
            Allow(reason="yes"),
            None,
            id="yes to something else",
        ),
    ],
)
async def test_a_hook_answers_in_a_persons_place(
    points: MakePoints, hook: str, with_person: Decision, alone: Decision | None
) -> None:
    hooked = points("PermissionRequest", hook)

    for person, answer in ((hooked.person(Yes()), with_person), (hooked.person(None), alone)):
        assert person is not None
        assert await person.ask(CALL, ACCESSES, "it runs") == answer


@pytest.mark.parametrize(
    ("decision", "answer", "messages"),
    [
        pytest.param(
            '{"behavior": "allow", "updatedPermissions": [{"type": "setMode", "mode": "plan"}]}',
            Allow(reason="a hook"),
            [(), (f"applied {SetMode(mode='plan')}",)],
            id="with a yes",
        ),
        pytest.param(
            '{"behavior": "deny", "message": "no", "updatedPermissions": [{"type": "setMode", "mode": "plan"}]}',
            Deny(reason="no"),
            [()],
            id="not with a no",
        ),
        pytest.param(
            '{"behavior": "allow", "updatedInput": {}, "updatedPermissions": [{"type": "setMode", "mode": "plan"}]}',
            None,
            [()],
            id="not with a yes to something else",
        ),
        pytest.param('{"behavior": "allow", "updatedPermissions": []}', Allow(reason="a hook"), [()], id="none"),
    ],
)
async def test_a_yes_changes_permissions(
    points: MakePoints, reported: list[HooksAsked], decision: str, answer: Decision | None, messages: list[Any]
) -> None:
    person = points("PermissionRequest", decides(decision)).person(None)

    assert person is not None
    assert await person.ask(CALL, ACCESSES, "it runs") == answer
    assert [asked.messages for asked in reported] == messages


async def test_a_yes_beside_an_update_that_cannot_be_read_is_none(
    points: MakePoints, reported: list[HooksAsked]
) -> None:
    person = points(
        "PermissionRequest", decides('{"behavior": "allow", "updatedPermissions": [{"type": "setMode"}]}')
    ).person(None)

    assert person is not None
    assert await person.ask(CALL, ACCESSES, "it runs") is None
    [[message]] = [asked.messages for asked in reported]
    assert "hookSpecificOutput.decision.updatedPermissions: Object missing required field `mode`" in message


async def test_a_hook_is_told_what_would_spare_the_question(points: MakePoints, tmp_path: Path) -> None:
    await points("PermissionRequest", "cat > event").permission_requested(CALL, ACCESSES)

    told = msgspec.json.decode((tmp_path / "event").read_bytes())
    assert told["permission_suggestions"] == [
        {
            "type": "addRules",
            "rules": [{"toolName": "Bash", "ruleContent": "ls"}],
            "behavior": "allow",
            "destination": "localSettings",
        }
    ]


async def test_a_person_is_called_before_they_are_asked(points: MakePoints, tmp_path: Path) -> None:
    answer = await points("Notification", "cat > event").announcing(Yes()).ask(CALL, ACCESSES, "it runs")

    told = msgspec.json.decode((tmp_path / "event").read_bytes())
    assert answer == Allow(reason="yes")
    assert (told["notification_type"], told["message"]) == (
        "permission_prompt",
        "Bash needs your permission: it runs",
    )


async def test_nobody_is_called_where_no_hook_would_hear_of_it(points: MakePoints) -> None:
    person = Yes()

    assert await points("PreToolUse", "true").announcing(person).ask(CALL, ACCESSES, "it runs") == YES
    assert NoHooks().announcing(person) is person


async def test_hooks_are_told_which_prompt_they_are_asked_in(points: MakePoints, tmp_path: Path) -> None:
    def prompt_id() -> str | None:
        told: dict[str, Any] = msgspec.json.decode((tmp_path / "event").read_bytes())
        return told.get("prompt_id")

    hooked = points("PreToolUse", "cat > event")
    await hooked.before_tool(CALL, ACCESSES)
    before = prompt_id()
    await hooked.prompt_submitted("hi", "p1")
    await hooked.before_tool(CALL, ACCESSES)

    assert (before, prompt_id()) == (None, "p1")


async def test_hooks_that_wait_for_no_question_stand_before_nobody(points: MakePoints) -> None:
    for inner, answer in ((Yes(), YES), (None, None)):
        delegate = points("PreToolUse", "true").person(inner)
        assert delegate is not None
        assert await delegate.ask(CALL, ACCESSES, "it runs") == answer
    assert NoHooks().person(None) is None


async def test_a_hook_that_joins_later_is_asked_in_the_persons_place(points: MakePoints) -> None:
    hooked = points("PreToolUse", "true")
    delegate = hooked.person(Yes())
    assert delegate is not None

    async def refuse(_event: bytes) -> str:
        return '{"hookSpecificOutput": {"decision": {"behavior": "deny", "message": "Not that."}}}'

    action = CallbackHook(call=refuse, name="hook_0")
    hooked.replace("the client", [Hook(event="PermissionRequest", action=action, source="the client", place="0")])

    assert await delegate.ask(CALL, ACCESSES, "it runs") == Deny(reason="Not that.")


async def test_a_failing_guard_of_questions_answers_no(points: MakePoints) -> None:
    hooked = points("PermissionRequest", "exit 1", onFailure="block")

    assert await hooked.permission_requested(CALL, ACCESSES) == RequestDecision(
        behavior="deny", message="The hook `exit 1` failed (exit code 1), and nothing passes without it."
    )


@pytest.mark.parametrize(
    ("verdict", "opinion", "expected"),
    [
        pytest.param(Deny(reason="rule"), "allow", Deny(reason="rule"), id="a yes undoes no rule"),
        pytest.param(Deny(reason="rule"), "ask", Deny(reason="rule"), id="nor does a question"),
        pytest.param(Ask(reason="it runs"), "allow", Allow(reason="a hook"), id="a yes spares the question"),
        pytest.param(Ask(reason="it runs"), "ask", Ask(reason="a hook wants you to be asked"), id="asked anyway"),
        pytest.param(Ask(reason="it runs"), None, Ask(reason="it runs"), id="no opinion"),
        pytest.param(Allow(reason="mode"), "ask", Ask(reason="a hook wants you to be asked"), id="asked after all"),
        pytest.param(Allow(reason="mode"), "allow", Allow(reason="mode"), id="agreed"),
    ],
)
def test_the_word_of_hooks_and_rules(verdict: Verdict, opinion: Any, expected: Verdict) -> None:
    assert weighed(verdict, BeforeTool(opinion=opinion)) == expected


async def test_without_hooks_everything_goes_on() -> None:
    hooks: AgentHooks = NoHooks()

    assert await hooks.before_tool(CALL, ACCESSES) == BeforeTool()
    assert await hooks.after_tool(CALL, ACCESSES, OK, duration=1) is OK
    assert await hooks.session_started("startup", "m") == BeforeTurn()
    assert await hooks.prompt_submitted("hi", "p1") == BeforeTurn()
    assert await hooks.stopping("done", times=0) == BeforeStop()
    assert await hooks.compacting("auto") is None
    assert not await hooks.permission_denied(CALL, ACCESSES, "no")
    hooks.title_to(lambda title: None)
    await hooks.compacted("auto", "all")
    await hooks.notify("m", "idle_prompt")
    await hooks.file_changed("/work/a.py", is_gone=True)
    await hooks.session_ended("logout")


@pytest.mark.parametrize(("is_gone", "event"), [(False, "change"), (True, "unlink")])
async def test_hooks_are_told_which_file_changed(points: MakePoints, tmp_path: Path, is_gone: bool, event: str) -> None:
    await points("FileChanged", "cat > event").file_changed("/work/a.py", is_gone=is_gone)

    told = msgspec.json.decode((tmp_path / "event").read_bytes())
    assert (told["file_path"], told["event"]) == ("/work/a.py", event)


def test_the_points_are_the_port(points: MakePoints) -> None:
    hooks: AgentHooks = points("Stop", "true")

    assert isinstance(hooks, HookPoints)


async def test_a_dry_run_tells_which_hooks_match_and_what_each_says(make_runner: MakeRunner, given: MakeInput) -> None:
    runner = make_runner(
        {
            "PreToolUse": [
                {"matcher": "Edit", "hooks": [{"type": "command", "command": "true"}]},
                {"matcher": "Bash", "hooks": [{"type": "command", "command": "echo no >&2; exit 2"}]},
            ],
            "Stop": [{"hooks": [{"type": "command", "command": "true"}]}],
        }
    )

    with anyio.fail_after(5):
        async with runner:
            run = await dry_run(runner, given(PreToolUse(tool_name="Bash", tool_input={}, tool_use_id="1")))

    said = HookOutcome(permission="deny", permission_reason="no", blocked="no", records=run.outcome.records)
    assert run == DryRun(
        trials=(
            Trial(
                source="settings.json",
                place="hooks.PreToolUse[0].hooks[0]",
                title="true",
                passed_over="its matcher 'Edit' does not match 'Bash'",
            ),
            Trial(
                source="settings.json",
                place="hooks.PreToolUse[1].hooks[0]",
                title="echo no >&2; exit 2",
                outcome=said,
            ),
        ),
        outcome=said,
    )
    assert [record.stderr for record in run.outcome.records] == ["no\n"]
