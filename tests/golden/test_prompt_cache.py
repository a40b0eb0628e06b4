"""Every request begins as the one before it, whatever happens in a session: else each turn pays for all of it again."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.golden.prompt_cache import PromptCache, blocks_of, unmarked
from tests.golden.whole_program import MODELS, make_project
from tianting.cli.invocation import Invocation
from tianting.cli.wiring import open_session
from tianting.models.scripted import Call, Reply, Script, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.deltas import TextDelta
from tianting.protocol.events import Event, ToolStarted
from tianting.protocol.messages import user_text
from tianting.protocol.model_catalogue import Family
from tianting.session.session import Session
from tianting.testing.model_server import ModelServer, ServerOptions, serve
from tianting.worktree.survey import begin_survey

pytestmark = pytest.mark.anyio

DONE = says("Done.")
READ = calls("Read", file_path="shop/cart.py")
TURNS: tuple[tuple[Reply, ...], ...] = (
    (says("Looking.", READ, calls("Grep", pattern="def"), thinking="Hm."), DONE),
    (Reply(calls=tuple(calls("Glob", pattern=f"*.{number}") for number in range(24))), DONE),
    (Reply(calls=(Call(tool="Read", raw='{"file_pa'),)), Reply(calls=(calls("cat", file="a"),)), DONE),
    (Reply(calls=(READ,), times=4), DONE),
    (Reply(text="Half of what I wanted to say.", chunk=5, fault=Fault(kind="hang_mid_stream")),),
    (says("Waiting.", READ, calls("Bash", command="sleep 60")),),
)
"""Answers to one prompt each: work, many calls, wrong calls, a circle that earns a note, and two that are stopped."""
ROUNDS = 5


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_project(tmp_path)
    monkeypatch.chdir(path)
    monkeypatch.setenv("TIANTING_HOME", str(tmp_path / "home"))
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "test")
    return path


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    replies = tuple(reply for turn in TURNS for reply in turn) * ROUNDS
    async with serve(Script(replies=replies), options=ServerOptions(order="arrival")) as server:
        yield server


async def play(server: ModelServer, family: Family, project: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The bodies of all requests of a conversation that is left and resumed after each round."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.base_url}/v1")
    settings = msgspec.json.encode({"providers": {"vllm": {"baseUrl": f"{server.base_url}/v1"}}}).decode()
    for number in range(ROUNDS):
        invocation = Invocation(
            model=MODELS[family],
            settings=settings,
            dangerously_skip_permissions=True,
            continue_=number > 0,
        )
        with anyio.fail_after(20):
            async with open_session(invocation, begin_survey(project)) as session:
                await converse(session, number)
    return [msgspec.json.decode(request.body) for request in server.requests]


async def converse(session: Session, round_number: int) -> None:
    async def stop_what_hangs(event: Event) -> None:
        match event:
            case TextDelta(text=text) if "Half" in text:
                session.interrupt()
            case ToolStarted(call=call) if call.tool_name == "Bash":
                session.interrupt()

    session.listen(stop_what_hangs)
    for turn in range(len(TURNS)):
        await session.submit(user_text(f"Prompt {turn} of round {round_number}."))


async def test_anthropic(server: ModelServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = await play(server, "claude", project, monkeypatch)

    assert len(bodies) > 50
    for before, after in pairwise(bodies):
        cached = [unmarked(block) for block in blocks_of(before)][: breakpoints(before)[-1] + 1]
        assert [unmarked(block) for block in blocks_of(after)][: len(cached)] == cached
        assert without(after, "messages") == without(before, "messages")


async def test_breakpoints_of_anthropic(server: ModelServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = await play(server, "claude", project, monkeypatch)

    for body in bodies:
        prompt = len(body["tools"]) + len(body["system"])
        environment = prompt
        assert breakpoints(body) == sorted({prompt - 1, environment, *ends_of_newest_user_messages(body)})
        assert len(breakpoints(body)) <= 4


async def test_cache_of_anthropic(server: ModelServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = PromptCache()

    served = [cache.serve(body) for body in await play(server, "claude", project, monkeypatch)]

    assert [after.read for after in served[1:]] == [before.kept for before in served[:-1]]
    assert sum(one.read for one in served[1:]) >= 0.95 * sum(one.size for one in served[1:])


async def test_responses(server: ModelServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = await play(server, "gpt", project, monkeypatch)

    assert len(bodies) > 50
    for before, after in pairwise(bodies):
        assert after["input"][: len(before["input"])] == before["input"]
        assert without(after, "input") == without(before, "input")


async def test_chat(server: ModelServer, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = await play(server, "open", project, monkeypatch)

    assert len(bodies) > 50
    for before, after in pairwise(bodies):
        *same, last = before["messages"]
        goes_on = after["messages"][len(same)]
        assert after["messages"][: len(same)] == same
        assert {**goes_on, "content": goes_on["content"][: len(last["content"])]} == last
        assert without(after, "messages") == without(before, "messages")


def breakpoints(body: dict[str, Any]) -> list[int]:
    """The places of the blocks that have one."""
    return [place for place, block in enumerate(blocks_of(body)) if "cache_control" in block]


def ends_of_newest_user_messages(body: dict[str, Any]) -> list[int]:
    """The places of the last blocks of the last two."""
    ends = {block["message"]: place for place, block in enumerate(blocks_of(body)) if block.get("role") == "user"}
    return list(ends.values())[-2:]


def without(body: dict[str, Any], name: str) -> bytes:
    """The rest of a request, with its order."""
    return msgspec.json.encode({key: value for key, value in body.items() if key != name})
