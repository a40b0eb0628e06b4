"""From one tool call to one result: find -> read arguments -> hooks -> permit -> run in time -> clip -> hooks.

Each stage is one method that calls the next, so a traceback reads like the list above. Whatever happens on the
way, a call has exactly one result: providers reject a history with an unanswered call.
"""

import logging
from collections.abc import Iterable
from typing import Any

import anyio
from msgspec import Struct, structs

from tianting.agent.arguments import Arguments, MalformedArgumentsError, read_arguments
from tianting.agent.encodable import encodable
from tianting.agent.foreign_notes import introduced
from tianting.agent.limits import Limits
from tianting.agent.tool_names import find_tool, unknown_tool
from tianting.extensions.hooks.port import AgentHooks, BeforeTool, NoHooks, weighed
from tianting.permissions.decision import Allow, Deny, PermissionGate
from tianting.protocol.content import Image, Text, ToolUse
from tianting.protocol.tool_calls import Access, CallResult, Outcome, ToolCall, ToolOutput
from tianting.tools.contract import AnyTool, ToolFailed
from tianting.tools.permitted_places import only_places_of

log = logging.getLogger(__name__)

_RETRY = "A hook of the user says that this call may be tried again."


class Prepared(Struct, frozen=True, kw_only=True):
    """A call that was found and read, and has not run."""

    call: ToolCall
    tool: AnyTool
    arguments: Arguments
    accesses: tuple[Access, ...]
    notes: tuple[str, ...] = ()
    """What hooks said of it that the model is told with its result."""

    @property
    def reads_only(self) -> bool:
        """Whether it may run beside others."""
        return bool(self.accesses) and all(access.effect in {"read", "fetch"} for access in self.accesses)


class ToolDispatcher:
    """Answers tool calls for one session."""

    def __init__(
        self, tools: Iterable[AnyTool], gate: PermissionGate, limits: Limits, hooks: AgentHooks | None = None
    ) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._gate = gate
        self._limits = limits
        self._hooks = hooks or NoHooks()

    def offer(self, tools: Iterable[AnyTool]) -> None:
        """Answer calls of `tools`, too; one whose name is known takes the place of the former."""
        self._tools.update((tool.spec.name, tool) for tool in tools)

    def prepare(self, call: ToolUse) -> Prepared | CallResult:
        """Find the tool and read the arguments; what cannot be read is answered at once.

        What the call may touch is looked up here, so whatever could move a symlink must have run before.
        """
        tool = find_tool(call.name, self._tools)
        if tool is None:
            return _failed(call.id, unknown_tool(call.name, self._tools))
        try:
            arguments = read_arguments(call, tool.spec, tool.parameters)
            accesses = _accesses(tool, arguments)
        except (MalformedArgumentsError, ToolFailed) as complaint:
            return _failed(call.id, str(complaint))
        named = ToolCall(call_id=call.id, tool_name=tool.spec.name, arguments=arguments.values)
        return Prepared(call=named, tool=tool, arguments=arguments, accesses=accesses)

    async def permit(self, prepared: Prepared) -> Prepared | CallResult:
        """The call that may run, which hooks may have changed; otherwise its answer."""
        before = await self._hooks.before_tool(prepared.call, prepared.accesses)
        if before.refusal is not None:
            return before.refusal
        match self._as_hooks_want(prepared, before):
            case Prepared() as changed:
                return await self._permit(changed, before)
            case CallResult() as answer:
                return answer

    def _as_hooks_want(self, prepared: Prepared, before: BeforeTool) -> Prepared | CallResult:
        prepared = structs.replace(prepared, notes=before.contexts)
        if before.arguments is None:
            return prepared
        return self._with_arguments(prepared, before.arguments, whose="a hook of the user")

    def _with_arguments(self, prepared: Prepared, arguments: dict[str, Any], *, whose: str) -> Prepared | CallResult:
        call = prepared.call
        changed = self.prepare(ToolUse(id=call.call_id, name=call.tool_name, input=arguments))
        if isinstance(changed, CallResult):
            return changed
        if prepared.reads_only and not changed.reads_only:  # it stands among calls that run beside each other
            return _failed(call.call_id, f"Not run: {whose} made it a call that changes things.")
        return structs.replace(changed, notes=prepared.notes)

    async def _permit(self, prepared: Prepared, before: BeforeTool) -> Prepared | CallResult:
        call, accesses = prepared.call, prepared.accesses
        match await self._gate.decide(call, accesses, lambda verdict: weighed(verdict, before)):
            case Allow(arguments=None):
                return self._moved(prepared) or prepared
            case Allow(arguments=dict() as arguments):
                return await self._permit_rewritten(prepared, arguments)
            case Deny() as denied:
                return await self._denied(prepared, denied)
        raise AssertionError("a decision is a yes or a no")

    async def _permit_rewritten(self, prepared: Prepared, arguments: dict[str, Any]) -> Prepared | CallResult:
        """The call as the person wants it: rules hold for what it became, and hooks spoke of what it was."""
        changed = self._with_arguments(prepared, arguments, whose="the user")
        if isinstance(changed, CallResult):
            return changed
        match await self._gate.decide(changed.call, changed.accesses):
            case Allow():
                return self._moved(changed) or changed
            case Deny() as denied:
                return await self._denied(changed, denied)

    async def _denied(self, prepared: Prepared, denied: Deny) -> CallResult:
        call = prepared.call
        may_retry = await self._hooks.permission_denied(call, prepared.accesses, denied.reason)
        return CallResult(
            call_id=call.call_id,
            content=f"{denied.reason} {_RETRY}" if may_retry else denied.reason,
            outcome="denied",
            interrupts=denied.interrupts,
            by_person=denied.by_person,
            notes=prepared.notes,
        )

    def _moved(self, prepared: Prepared) -> CallResult | None:
        """The answer to a call that by now would touch something else than was decided on: a question takes time."""
        try:
            if _accesses(prepared.tool, prepared.arguments) == prepared.accesses:
                return None
        except ToolFailed as failure:
            return _failed(prepared.call.call_id, str(failure))
        return _failed(
            prepared.call.call_id,
            "Not run: while permission was asked, the path came to lead to another place. Call again if it should.",
        )

    async def run(self, prepared: Prepared) -> CallResult:
        """Run a permitted call. Whatever the tool does, this returns a result; only cancellation gets out."""
        with anyio.move_on_after(self._limits.tool_timeout):
            return encodable(introduced(self._clipped(await self._run_guarded(prepared))))
        return _failed(prepared.call.call_id, f"Stopped after {self._limits.tool_timeout:g} seconds.")

    async def review(self, ran: Prepared, result: CallResult, *, duration: float) -> CallResult:
        """The result of a call that ran, as hooks want the model to see it. `duration` in seconds."""
        seen = await self._hooks.after_tool(ran.call, ran.accesses, result, duration=duration, contexts=ran.notes)
        if seen is result:
            return result
        return encodable(seen if seen.content == result.content else introduced(self._clipped(seen)))

    async def _run_guarded(self, prepared: Prepared) -> CallResult:
        call_id, name = prepared.call.call_id, prepared.call.tool_name
        try:
            with only_places_of(prepared.accesses):
                output: ToolOutput = await prepared.tool.run(prepared.arguments.parameters)
        except ToolFailed as failure:
            return _failed(call_id, str(failure))
        except Exception:  # the tool has a bug; the turn must outlive it
            log.exception("tool %r raised on call %s", name, call_id)
            return _failed(call_id, _broke(name))
        outcome: Outcome = "failed" if output.failed else "ok"
        result = CallResult(
            call_id=call_id, content=output.content, outcome=outcome, data=output.data, waiting=output.waiting
        )
        return _with_ignored(result, prepared.arguments.ignored)

    def _clipped(self, result: CallResult) -> CallResult:
        if isinstance(result.content, str) and len(result.content) > self._limits.max_result_chars:
            return structs.replace(result, content=_clip(result.content, self._limits.max_result_chars))
        return result


def _accesses(tool: AnyTool, arguments: Arguments) -> tuple[Access, ...]:
    """What the call may touch. Raises `ToolFailed`."""
    try:
        accesses: tuple[Access, ...] = tool.accesses(arguments.parameters)
    except ToolFailed:
        raise
    except Exception as error:  # the tool has a bug; what cannot say what it touches must not run
        log.exception("tool %r cannot say what it touches", tool.spec.name)
        raise ToolFailed(_broke(tool.spec.name)) from error
    return accesses


def _broke(name: str) -> str:
    return f"The tool {name!r} broke. Try another way."


def _failed(call_id: str, text: str) -> CallResult:
    return CallResult(call_id=call_id, content=text, outcome="failed")


def _with_ignored(result: CallResult, names: tuple[str, ...]) -> CallResult:
    if not names:
        return result
    remark = f"[ignored, not a parameter: {', '.join(names)}]"
    content: str | tuple[Text | Image, ...]
    content = f"{result.content}\n{remark}" if isinstance(result.content, str) else (*result.content, Text(text=remark))
    return structs.replace(result, content=content)


def _clip(text: str, limit: int) -> str:
    """Keep the head and the tail: errors hide at the end, headings at the start."""
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters cut ...]\n{text[-half:]}"
