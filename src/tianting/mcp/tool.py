"""A server's tool as one of ours: same contract, same rules, whoever carries its calls."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from tianting.mcp.messages import ListedTool, McpFailed, ToolAnswer
from tianting.mcp.results import MOST_CHARACTERS, Attic, shown
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import RawArguments, ToolFailed

LONGEST_DESCRIPTION = 2_048
"""Bytes. Every request pays for them."""
CALL_SECONDS = 600.0
"""How long a call may take. Below the limit of all calls, whose end is less kind."""
_MOST_WISHED = 500_000
_WISHED_SIZE = "anthropic/maxResultSizeChars"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

CallTool = Callable[[str, dict[str, Any]], Awaitable[ToolAnswer]]
"""Calls a tool of a server by its own name. Raises `McpFailed`."""


class McpTool:
    """One tool of the server `server`."""

    parameters = RawArguments

    def __init__(
        self, server: str, listed: ListedTool, call: CallTool, attic: Attic, *, seconds: float = CALL_SECONDS
    ) -> None:
        self.spec = ToolSpec(
            name=tool_name(server, listed.name),
            description=_cut(listed.description or ""),
            input_schema=listed.input_schema,
        )
        self.own_name = listed.name
        """What its server calls it."""
        self._listed = listed
        self._call = call
        self._attic = attic
        self._seconds = seconds

    def accesses(self, parameters: RawArguments) -> tuple[Access, ...]:
        """Nobody here knows what it does. That it only looks, as its server says, lets it run beside others."""
        annotations = self._listed.annotations
        only_looks = annotations is not None and annotations.read_only_hint is True
        return (Access(effect="fetch" if only_looks else "execute", target=self.spec.name),)

    async def run(self, parameters: RawArguments) -> ToolOutput:
        """Call it, and wait for its answer as long as it may take."""
        try:
            with anyio.fail_after(self._seconds):
                answer = await self._call(self.own_name, parameters.values)
        except TimeoutError:
            raise ToolFailed(f"{self.spec.name} gave no answer within {self._seconds:g} seconds.") from None
        except McpFailed as failure:
            raise ToolFailed(printable(f"{self.spec.name}: {failure}", 500)) from None
        return ToolOutput(content=shown(answer, self._attic, self._most_characters()), failed=answer.is_error)

    def _most_characters(self) -> int:
        wished = (self._listed.meta or {}).get(_WISHED_SIZE)
        return min(wished, _MOST_WISHED) if type(wished) is int and wished > 0 else MOST_CHARACTERS


def tool_name(server: str, tool: str) -> str:
    """What the model, and permission rules, call a server's tool."""
    return f"mcp__{_NOT_IN_NAMES.sub('_', server)}__{_NOT_IN_NAMES.sub('_', tool)}"


def _cut(text: str) -> str:
    data = text.encode(errors="replace")
    if len(data) <= LONGEST_DESCRIPTION:
        return text
    return data[: LONGEST_DESCRIPTION - 3].decode(errors="ignore") + "…"
