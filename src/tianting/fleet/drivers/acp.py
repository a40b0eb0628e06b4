"""Agents that speak the Agent Client Protocol as windows: one driver for all of them, whoever wrote them.

    launch -> the program by name -> attach: initialize -> session/new, session/resume or session/load -> mode, model

Neither files nor terminals are offered to the agent: it has its own, inside what its window may touch.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from tianting.fleet.drivers.acp_agent import AcpAgent
from tianting.fleet.drivers.acp_messages import VERSION, Introduction, Session
from tianting.fleet.drivers.driver import Abilities, Brief, DriverError, Fault, Launch, Pipe
from tianting.fleet.drivers.json_rpc import JsonRpc
from tianting.protocol.ids import NewId, random_uuid

_T = TypeVar("_T")


class AcpDriver:
    """Implements `Driver`. `Brief.system_prompt` has no place in the protocol and is left out."""

    kind = "acp"
    abilities = Abilities(resume=True, interrupt=True, approvals=True, usage=True, probe=True)

    def __init__(self, version: str, *, new_id: NewId = random_uuid) -> None:
        self._version = version
        self._new_id = new_id

    def launch(self, brief: Brief) -> Launch:
        """The brief's program with its arguments. Raises `DriverError` where it names none."""
        if brief.program is None:
            raise DriverError("An ACP agent has no usual name: give the path of its program.")
        return Launch(argv=(brief.program, *brief.arguments), environment=brief.environment, cwd=brief.cwd)

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> AcpAgent:
        """Shake hands and open the session. Raises `DriverError`."""
        rpc = JsonRpc(pipe, marked=True, alone=not taken_over, new_id=self._new_id)
        if taken_over:
            return AcpAgent(rpc, brief.conversation_id, brief.standing, said_before=True)
        session_id = await self._open(rpc, brief)
        return AcpAgent(rpc, session_id, brief.standing, said_before=False)

    async def _open(self, rpc: JsonRpc, brief: Brief) -> str:
        introduction = await self._introduce(rpc)
        method, named = _way_in(introduction, brief)
        params = {**named, "cwd": brief.cwd, "mcpServers": []}
        session = _decoded(method, await _ask(rpc, method, params), Session)
        session_id = session.session_id or brief.conversation_id
        await _shape(rpc, session_id, session, brief)
        return session_id

    async def _introduce(self, rpc: JsonRpc) -> Introduction:
        offered = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        client = {"name": "tianting", "title": "Tianting", "version": self._version}
        params = {"protocolVersion": VERSION, "clientCapabilities": offered, "clientInfo": client}
        introduction = _decoded("initialize", await _ask(rpc, "initialize", params), Introduction)
        if introduction.protocol_version != VERSION:
            spoken = introduction.protocol_version
            raise DriverError(f"The agent speaks version {spoken} of its protocol; only {VERSION} is known here.")
        return introduction


def _way_in(introduction: Introduction, brief: Brief) -> tuple[str, dict[str, str]]:
    """Resuming is better than loading: that replays the conversation, which nobody here wants."""
    able = introduction.agent_capabilities
    if not brief.resume:
        return "session/new", {}
    if able.session_capabilities.resume is not None:
        return "session/resume", {"sessionId": brief.conversation_id}
    if able.load_session:
        return "session/load", {"sessionId": brief.conversation_id}
    message = "There is no session to go on with: this agent does not keep any."
    raise DriverError(message, fault=Fault(message=message))


async def _shape(rpc: JsonRpc, session_id: str, session: Session, brief: Brief) -> None:
    """Choose mode and model. What is not offered is an error: a window must not be freer than it was told."""
    if brief.permission_mode is not None:
        modes = [mode.id for mode in session.modes.available_modes] if session.modes is not None else []
        if brief.permission_mode not in modes:
            offered = ", ".join(modes) or "none"
            raise DriverError(f"The agent has no mode {brief.permission_mode!r}; it has: {offered}.")
        await _ask(rpc, "session/set_mode", {"sessionId": session_id, "modeId": brief.permission_mode})
    if brief.model is not None:
        option = next((option.id for option in session.config_options or () if option.category == "model"), None)
        if option is None:
            raise DriverError("The agent does not let its model be chosen.")
        chosen = {"sessionId": session_id, "configId": option, "value": brief.model}
        await _ask(rpc, "session/set_config_option", chosen)


async def _ask(rpc: JsonRpc, method: str, params: Mapping[str, object]) -> Raw:
    try:
        return await rpc.request(method, params)
    except DriverError as error:
        raise _classified(error) from error


def _classified(error: DriverError) -> DriverError:
    """The protocol's own numbers in words that the fleet knows."""
    match error.fault:
        case Fault(code="-32000", message=message):
            return DriverError(str(error), fault=Fault(message=message, code="authentication_failed"))
        case Fault(code="-32002", message=message):
            return DriverError(str(error), fault=Fault(message=f"Session not found: {message}", code="-32002"))
        case _:
            return error


def _decoded(method: str, result: Raw, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(result, type=kind)
    except msgspec.MsgspecError as error:
        raise DriverError(f"The agent answered `{method}` with something else: {error}.") from error
