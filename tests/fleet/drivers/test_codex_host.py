"""One process of Codex and its threads, played by the test: who hears what, and what is said to whom."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from tests.fleet.drivers.heard import Heard, live, prompt
from tests.fleet.drivers.pipes import ScriptedPipe
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.codex_host import CodexHost
from tianting.fleet.drivers.codex_thread import CodexThread
from tianting.fleet.drivers.driver import (
    Answer,
    Brief,
    ConversationKnown,
    DriverError,
    Garbled,
    Limited,
    LineRead,
    PersonAsked,
    Progressed,
    SharingDriver,
    TurnBegan,
)

pytestmark = pytest.mark.anyio

DRIVER = CodexDriver("1.0", new_id=lambda: "us")
BRIEF = Brief(window_id="w1", generation=1, cwd="/work", conversation_id="t1", resume=True)
APPROVAL = "item/commandExecution/requestApproval"


def about(thread_id: str, method: str, **params: Any) -> dict[str, Any]:
    return {"method": method, "params": {"threadId": thread_id, **params}}


@contextlib.asynccontextmanager
async def taken_over() -> AsyncIterator[tuple[ScriptedPipe, CodexHost, CodexThread, Heard, Heard]]:
    """A host with the thread `t1`, the two of them running; and what thread and host tell."""
    pipe = ScriptedPipe()
    host = await DRIVER.host(pipe, BRIEF, taken_over=True)
    thread = await host.join(BRIEF, taken_over=True)
    outside = Heard()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, live(thread) as heard:
            tasks.start_soon(host.run, outside.tell)
            await anyio.wait_all_tasks_blocked()
            yield pipe, host, thread, heard, outside
            pipe.end()


@pytest.mark.parametrize(
    ("brief", "method", "params"),
    [
        pytest.param({"resume": False}, "thread/start", {}, id="begin"),
        pytest.param({}, "thread/resume", {"threadId": "t1", "excludeTurns": True}, id="go on"),
        pytest.param({"copy_of": "t0"}, "thread/fork", {"threadId": "t0", "excludeTurns": True}, id="copy"),
        pytest.param(
            {"resume": False, "permission_mode": "plan"},
            "thread/start",
            {"approvalPolicy": "on-request", "sandbox": "read-only"},
            id="our mode",
        ),
        pytest.param(
            {"resume": False, "permission_mode": "untrusted", "model": "m", "system_prompt": "Be brief."},
            "thread/start",
            {"approvalPolicy": "untrusted", "model": "m", "developerInstructions": "Be brief."},
            id="its own mode",
        ),
    ],
)
async def test_thread_is_opened_as_the_brief_says(brief: dict[str, Any], method: str, params: dict[str, Any]) -> None:
    pipe = ScriptedPipe()
    pipe.answers = {"initialize": {"result": {}}, method: {"result": {"thread": {"id": "t9"}}}}

    with anyio.fail_after(5):
        agent = await DRIVER.attach(pipe, structs.replace(BRIEF, **brief), taken_over=False)
        pipe.end()
        async with live(agent) as heard:
            assert await heard.until(ConversationKnown) == ConversationKnown(conversation_id="t9")

    assert [message["method"] for message in pipe.sent] == ["initialize", "initialized", method]
    assert pipe.sent[2]["params"] == {"cwd": "/work", **params}


async def test_taking_over_says_nothing() -> None:
    async with taken_over() as (pipe, _, _, heard, _):
        assert (pipe.sent, heard.events) == ([], [])


async def test_each_message_goes_to_its_own_thread() -> None:
    async with taken_over() as (pipe, _, _, heard, outside):
        pipe.say(
            about("t1", "turn/started", turn={"id": "a"}),
            about("t2", "turn/started", turn={"id": "b"}),
            {"method": "skills/changed"},
        )
        await outside.until(LineRead, count=2)

    assert (len(heard.of(LineRead)), len(heard.of(TurnBegan)), len(outside.of(LineRead))) == (1, 1, 2)


async def test_limits_of_the_account_are_news_for_each_thread() -> None:
    async with taken_over() as (pipe, _, _, heard, outside):
        pipe.say({"method": "account/rateLimits/updated", "params": {"rateLimits": {"rateLimitReachedType": "x"}}})
        assert await heard.until(Limited) == Limited(cause="usage_limit")

    assert outside.of(Limited) == []


async def test_a_thread_that_a_thread_started_asks_through_it() -> None:
    def begun(thread_id: str, parent: str) -> dict[str, Any]:
        return {"method": "thread/started", "params": {"thread": {"id": thread_id, "parentThreadId": parent}}}

    async with taken_over() as (pipe, _, thread, heard, _):
        pipe.say(
            begun("child", "t1"),
            begun("grandchild", "child"),
            begun("child", "grandchild"),
            begun("one", "other"),
            begun("other", "one"),
            about("child", "turn/completed", turn={"id": "c"}),
            {"id": 0, **about("grandchild", APPROVAL, command="ls")},
        )
        asked = await heard.until(PersonAsked)
        await thread.answer(asked.question_id, Answer(allow=True))
        await anyio.wait_all_tasks_blocked()

    assert pipe.sent == [{"id": 0, "result": {"decision": "accept"}}]
    assert Progressed() in heard.events


async def test_what_nobody_can_answer_is_refused() -> None:
    async with taken_over() as (pipe, _, _, _, outside):
        pipe.say({"id": 0, **about("t1", "item/tool/call")}, {"id": 1, **about("t2", APPROVAL)})
        await outside.until(LineRead)
        await anyio.wait_all_tasks_blocked()

    assert [(message["id"], message["error"]["code"]) for message in pipe.sent] == [(0, -32601), (1, -32601)]


async def test_overload_is_a_limit_and_a_refused_prompt() -> None:
    async with taken_over() as (pipe, _, thread, heard, _):
        pipe.answers["turn/start"] = {"error": {"code": -32001, "message": "Server overloaded; retry later."}}
        with pytest.raises(DriverError, match="overloaded"):
            await thread.prompt(prompt("hi"))

    assert heard.of(Limited) == [Limited(cause="overloaded")]


async def test_nonsense_is_told_by_the_host() -> None:
    async with taken_over() as (pipe, _, _, _, outside):
        pipe.say("nonsense", {"method": "thread/started", "params": {}})
        assert await outside.until(Garbled) == Garbled(sample='"nonsense"')
        await outside.until(LineRead)


async def test_a_no_that_cannot_end_the_turn_interrupts_it() -> None:
    async with taken_over() as (pipe, _, thread, heard, _):
        pipe.say(
            about("t1", "turn/started", turn={"id": "a"}),
            {"id": 0, **about("t1", "item/permissions/requestApproval")},
        )
        pipe.answers["turn/interrupt"] = {"error": {"code": -32600, "message": "no active turn to interrupt"}}
        asked = await heard.until(PersonAsked)
        await thread.answer(asked.question_id, Answer(allow=False, interrupt=True))

    assert pipe.sent[1]["method"] == "turn/interrupt"
    assert pipe.sent[1]["params"] == {"threadId": "t1", "turnId": "a"}


async def test_a_no_that_ends_the_turn_is_said_once() -> None:
    async with taken_over() as (pipe, _, thread, heard, _):
        pipe.say({"id": 0, **about("t1", APPROVAL)})
        asked = await heard.until(PersonAsked)
        await thread.answer("no such question", Answer(allow=True))
        await thread.answer(asked.question_id, Answer(allow=False, interrupt=True))
        await thread.answer(asked.question_id, Answer(allow=True))
        await anyio.wait_all_tasks_blocked()

    assert pipe.sent == [{"id": 0, "result": {"decision": "cancel"}}]


async def test_an_interrupt_that_is_refused_for_another_reason_is_an_error() -> None:
    async with taken_over() as (pipe, _, thread, _, _):
        pipe.answers["turn/interrupt"] = {"error": {"code": -32001, "message": "Later."}}
        with pytest.raises(DriverError, match="Later"):
            await thread.interrupt()


@pytest.mark.parametrize("in_turn", [False, True])
async def test_a_thread_leaves_and_its_process_stays(in_turn: bool) -> None:
    pipe = ScriptedPipe()
    host = await DRIVER.host(pipe, BRIEF, taken_over=True)
    thread = await host.join(BRIEF, taken_over=True)
    heard = Heard()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.run, Heard().tell)
            if in_turn:
                pipe.say(about("t1", "turn/started", turn={"id": "a"}))
            async with anyio.create_task_group() as threads:
                threads.start_soon(thread.run, heard.tell)
                await anyio.wait_all_tasks_blocked()
                pipe.answers = {"turn/interrupt": {"result": {}}, "thread/unsubscribe": {"result": {}}}
                await thread.leave()
            told = len(heard.events)
            pipe.say(about("t1", "turn/started", turn={"id": "b"}))
            await host.leave()
            await anyio.wait_all_tasks_blocked()
            pipe.end()

    assert len(heard.events) == told
    methods = [message["method"] for message in pipe.sent]
    assert methods == (["turn/interrupt"] if in_turn else []) + ["thread/unsubscribe"]
    assert pipe.finished


async def test_a_thread_that_is_closed_has_ended() -> None:
    pipe = ScriptedPipe()
    host = await DRIVER.host(pipe, BRIEF, taken_over=True)
    thread = await host.join(BRIEF, taken_over=True)
    pipe.say(about("t1", "thread/closed"))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.run, Heard().tell)
            await thread.run(Heard().tell)
            pipe.end()


def test_windows_share_a_process_when_nothing_tells_them_apart() -> None:
    same = structs.replace(BRIEF, window_id="w2", cwd="/elsewhere", conversation_id="t2")
    other = structs.replace(BRIEF, environment={"KEY": "secret"})

    assert isinstance(DRIVER, SharingDriver)
    assert DRIVER.shares(BRIEF) == DRIVER.shares(same)
    assert DRIVER.shares(BRIEF) != DRIVER.shares(other)
    assert "secret" not in DRIVER.shares(other)


def test_a_launcher_is_passed_over(tmp_path: Path) -> None:
    launcher = tmp_path / "@openai" / "codex" / "bin" / "codex.js"
    native = tmp_path / "@openai" / "codex-linux-x64" / "vendor" / "x86_64" / "bin" / "codex"
    for program in (launcher, native):
        program.parent.mkdir(parents=True)
        program.touch(0o755)
    shortcut = tmp_path / "codex"
    shortcut.symlink_to(launcher)
    brief = structs.replace(BRIEF, environment={"PATH": str(tmp_path)}, arguments=("--enable", "x"))

    launch = DRIVER.launch(brief)

    assert launch.argv == (str(native), "app-server", "--enable", "x")
    assert (launch.cwd, launch.environment, launch.native) == ("/work", brief.environment, False)


def test_a_program_that_is_no_launcher_is_taken_as_it_is() -> None:
    assert DRIVER.launch(structs.replace(BRIEF, program="/bin/codex")).argv == ("/bin/codex", "app-server")


def test_codex_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="npm install"):
        DRIVER.launch(structs.replace(BRIEF, environment={"PATH": str(tmp_path)}))


def test_a_provider_at_another_address_is_named_so_that_no_websocket_is_tried() -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1", "OPENAI_API_KEY": "token"}

    launch = DRIVER.launch(structs.replace(BRIEF, program="/bin/codex", environment=environment))

    assert launch.argv == (
        "/bin/codex",
        "app-server",
        *("-c", 'model_provider="named"'),
        *("-c", 'model_providers.named.name="at OPENAI_BASE_URL"'),
        *("-c", 'model_providers.named.base_url="http://127.0.0.1:8080/v1"'),
        *("-c", 'model_providers.named.env_key="OPENAI_API_KEY"'),
        *("-c", 'model_providers.named.wire_api="responses"'),
    )
