"""How long a command may take before it goes on in the background: what it asks for, within bounds."""

from typing import Any

from msgspec import Struct, structs

from tianting.protocol.tool_calls import ToolSpec


class CommandTimeouts(Struct, frozen=True, kw_only=True):
    """Milliseconds."""

    usual: int = 120_000
    """For a command that asks for nothing else."""
    longest: int = 600_000

    def seconds(self, wanted: int) -> float:
        """What a command gets that asks for `wanted` milliseconds, or for nothing, which is 0.

        What lies outside the bounds is brought inside.
        """
        return min(max(wanted or self.usual, 1), self.longest) / 1000

    def told_in(self, spec: ToolSpec) -> ToolSpec:
        """`spec`, whose `timeout` names these bounds."""
        properties: dict[str, Any] = spec.input_schema["properties"]
        words = f"Milliseconds to wait, default {min(self.usual, self.longest)}, at most {self.longest}"
        told = {**properties, "timeout": {**properties["timeout"], "description": words}}
        return structs.replace(spec, input_schema={**spec.input_schema, "properties": told})
