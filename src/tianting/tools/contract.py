"""What a tool is.

A tool is a name, a description, a schema for the model, a typed struct of parameters, the list of what a call
may touch, and the work itself. The dispatcher does everything around it.
"""

from typing import Any, Protocol, TypeVar

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec

P = TypeVar("P", bound=Struct)


class RawArguments(Struct, frozen=True, kw_only=True):
    """The parameters of a tool whose schema is not ours: it checks them itself."""

    values: dict[str, Any]


class ToolFailed(Exception):
    """The tool could not do it. `str(error)` goes to the model: one cause, the value, the next call; ≤ 600 bytes."""


class Tool(Protocol[P]):
    """One ability of the agent."""

    @property
    def spec(self) -> ToolSpec:
        """What the model sees. `spec.input_schema` is a literal and matches `parameters`; a test compares them."""
        ...

    @property
    def parameters(self) -> type[P]:
        """What `run` takes. The dispatcher coerces and checks the model's arguments against it."""
        ...

    def accesses(self, parameters: P) -> tuple[Access, ...]:
        """What this call may touch. Understating it is a security bug.

        Files are opened by `permitted_places.opened`, which refuses all others while the call runs.
        A call whose accesses are all `read` or `fetch` may run beside others; any other runs alone.
        """
        ...

    async def run(self, parameters: P) -> ToolOutput:
        """Do it. Raises `ToolFailed`; cancellation must leave no process and no half-written file behind."""
        ...


AnyTool = Tool[Any]
