"""A turn whose permissions, hooks and tools live in the client: every question goes over one pipe."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.agent.conftest import StillClock, Turns
from tests.surfaces.stream_json.wires import KeptWire
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.loop import AgentLoop
from tianting.extensions.hooks.callbacks import SOURCE, callback_hooks
from tianting.extensions.hooks.events import Circumstances
from tianting.extensions.hooks.launch import CommandSurroundings
from tianting.extensions.hooks.points import HookPoints, Ties
from tianting.extensions.hooks.runner import HookRunner, HookSetting
from tianting.mcp.servers import ClientServers
from tianting.models.scripted import Reply, ScriptedModel, calls, says
from tianting.permissions.decision import Allow, Ask, Verdict
from tianting.permissions.gate import Gate
from tianting.permissions.updates import PermissionUpdate
from tianting.protocol.client_lines import Answered
from tianting.protocol.control import HookMatcher
from tianting.protocol.events import TurnReport
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.stream_json.client_hooks import asking_over
from tianting.surfaces.stream_json.client_person import ClientPerson, Permissions, over_link
from tianting.surfaces.stream_json.client_tools import exchange_over
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet

pytestmark = pytest.mark.anyio

ADD = {"name": "add", "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
Answer = Callable[[dict[str, Any]], Any]


class Asking:
    """Rules that allow nothing."""

    asks = True

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        return Ask(reason="no rule allows it")

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        return ()


class Client(KeptWire):
    """Answers each question at once, by its subtype; what it has no answer for it leaves open."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__()
        self.link: ControlLink
        self.answers: dict[str, Answer] = {"mcp_message": _calculate, **answers}

    async def write(self, data: bytes) -> None:
        await super().write(data)
        for line in map(msgspec.json.decode, data.splitlines()):
            request = line.get("request", {})
            if answer := self.answers.get(request.get("subtype")):
                self.link.answered(Answered(request_id=line["request_id"], payload=answer(request)))

    def asked(self) -> list[str]:
        return [line["request"]["subtype"] for line in self.lines if line["type"] == "control_request"]


def _calculate(request: dict[str, Any]) -> Any:
    message = request["message"]
    match message["method"]:
        case "initialize":
            result: Any = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
        case "tools/list":
            result = {"tools": [ADD]}
        case _:
            result = {"content": [{"type": "text", "text": str(message.get("params", {}).get("arguments"))}]}
    return {"mcp_response": {"jsonrpc": "2.0", "id": message.get("id"), "result": result}}


class Scene:
    """One session in which everything that can be asked of the client is."""

    def __init__(self, directory: Path) -> None:
        self.turns = Turns()
        surroundings = CommandSurroundings(
            environment={}, project_directory=directory, variables_file=directory / "variables.sh"
        )
        self._setting = HookSetting(surroundings=surroundings, spill_directory=directory)

    async def run(self, client: Client, *replies: Reply, hooks: Any = None, judge: Any = Asking) -> TurnReport:
        numbers = count(1)
        client.link = link = ControlLink(Outlet(client), lambda: f"q{next(numbers)}")
        servers = ClientServers(
            lambda name: exchange_over(link, name), spill=Path("/nowhere"), new_id=lambda: f"m{next(numbers)}"
        )
        servers.add(["calc"])
        with anyio.fail_after(5):
            async with HookRunner([], self._setting, new_id=lambda: f"h{next(numbers)}") as runner:
                points = HookPoints(runner, _TIES)
                person = ClientPerson(over_link(link), _PERMISSIONS)
                gate = Gate(judge, person, delegate=points.person(person))
                dispatcher = ToolDispatcher(self.turns.tools, gate, self.turns.limits, points)
                await servers.connect_all()
                dispatcher.offer(servers.tools())
                points.replace(SOURCE, callback_hooks(msgspec.convert(hooks or {}, _GROUPS), asking_over(link)))
                return await self._turn(dispatcher, points, replies)

    async def _turn(self, dispatcher: ToolDispatcher, points: HookPoints, replies: tuple[Reply, ...]) -> TurnReport:
        turns = self.turns
        turns.model = ScriptedModel(*replies)
        loop = AgentLoop(
            turns.model,
            dispatcher,
            limits=turns.limits,
            clock=StillClock(),
            catalogue=turns.catalogue,
            hooks=points,
        )
        return await turns.work(loop)


async def change_nothing(updates: tuple[PermissionUpdate, ...]) -> tuple[str, ...]:
    return ()


_GROUPS = dict[str, tuple[HookMatcher, ...]]
_TIES = Ties(
    circumstances=lambda: Circumstances(session_id="s", transcript_path="/t", cwd="/"),
    rule_holds=lambda rule, call, accesses: True,
    suggested_updates=lambda call, accesses: (),
    apply_updates=change_nothing,
)
_PERMISSIONS = Permissions(
    suggested_updates=lambda call, accesses: (), apply_updates=change_nothing, directories=lambda: ("/",)
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def yes(request: dict[str, Any]) -> Any:
    return {"behavior": "allow", "updatedInput": request["input"]}


async def test_tool_of_the_client_runs_with_its_permission(scene: Scene) -> None:
    client = Client(can_use_tool=yes)

    await scene.run(client, says("", calls("mcp__calc__add", a=1)), says("Done."))

    assert scene.turns.said()[2:] == ["user: result {'a': 1}", "model: Done."]
    assert client.asked() == [*["mcp_message"] * 3, "can_use_tool", "mcp_message"]


async def test_yes_to_other_arguments_runs_those(scene: Scene) -> None:
    client = Client(can_use_tool=lambda request: {"behavior": "allow", "updatedInput": {"a": 2}})

    await scene.run(client, says("", calls("mcp__calc__add", a=1)), says("Done."))

    assert scene.turns.said()[2] == "user: result {'a': 2}"
    assert client.asked().count("can_use_tool") == 1


async def test_no_with_an_interrupt_ends_the_turn(scene: Scene) -> None:
    client = Client(can_use_tool=lambda request: {"behavior": "deny", "message": "Stop.", "interrupt": True})

    report = await scene.run(client, says("", calls("Change", text="a")), says("Never said."))

    assert (report.end, len(scene.turns.model.seen)) == ("interrupted_tools", 1)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            {"hookSpecificOutput": {"permissionDecision": "deny", "permissionDecisionReason": "Not that."}},
            "user: error Not that.",
            id="refuses",
        ),
        pytest.param({"hookSpecificOutput": {"updatedInput": {"text": "b"}}}, "user: result B", id="changes"),
        pytest.param({"continue": False, "stopReason": "Enough."}, "user: error Enough.", id="ends the turn"),
        pytest.param({}, "user: result A", id="says nothing"),
    ],
)
async def test_callback_has_its_say_before_the_permission(scene: Scene, answer: Any, said: str) -> None:
    client = Client(hook_callback=lambda request: answer, can_use_tool=yes)
    hooks = {"PreToolUse": [{"matcher": "Upper", "hookCallbackIds": ["hook_0"]}]}

    await scene.run(client, says("", calls("Upper", text="a")), says("Done."), hooks=hooks)

    assert scene.turns.said()[2] == said


async def test_callback_may_answer_in_the_persons_place(scene: Scene) -> None:
    decision = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}
    client = Client(hook_callback=lambda request: decision)
    hooks = {"PermissionRequest": [{"hookCallbackIds": ["hook_0"]}]}

    await scene.run(client, says("", calls("Upper", text="a")), says("Done."), hooks=hooks)

    assert scene.turns.said()[2] == "user: result A"
    assert "can_use_tool" not in client.asked()


async def test_call_that_needs_no_permission_is_not_asked_about(scene: Scene) -> None:
    class Allowing(Asking):
        def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
            return Allow()

    client = Client()
    await scene.run(client, says("", calls("Upper", text="a")), says("Done."), judge=Allowing)

    assert client.asked() == ["mcp_message"] * 3


async def test_turn_that_is_stopped_takes_its_question_back(scene: Scene) -> None:
    client = Client()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.run, client, says("", calls("Upper", text="a")))
        await client.until(4, type="control_request")
        tasks.cancel_scope.cancel()
    with anyio.move_on_after(0.01):
        await Outlet(client).flush()

    assert client.link.open_questions == ()
    assert scene.turns.said()[2].startswith("user: error")
