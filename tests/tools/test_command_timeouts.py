"""How long a command gets."""

import pytest

from tianting.protocol.tool_calls import ToolSpec
from tianting.tools.shell.command_timeouts import CommandTimeouts


@pytest.mark.parametrize(
    ("timeouts", "wanted", "seconds"),
    [
        pytest.param(CommandTimeouts(), 0, 120, id="as usual"),
        pytest.param(CommandTimeouts(), 5_000, 5, id="as wanted"),
        pytest.param(CommandTimeouts(), -5, 0.001, id="nothing is too short"),
        pytest.param(CommandTimeouts(), 10**9, 600, id="too long"),
        pytest.param(CommandTimeouts(longest=1_000), 0, 1, id="usual is too long"),
    ],
)
def test_command_gets_what_it_wants_within_bounds(timeouts: CommandTimeouts, wanted: int, seconds: float) -> None:
    assert timeouts.seconds(wanted) == seconds


def test_model_is_told_the_bounds() -> None:
    schema = {"type": "object", "properties": {"command": {}, "timeout": {"type": "integer", "description": "?"}}}
    spec = ToolSpec(name="Bash", description="Run.", input_schema=schema)

    told = CommandTimeouts(usual=9_000, longest=7_000).told_in(spec)

    words = "Milliseconds to wait, default 7000, at most 7000"
    assert told.input_schema["properties"] == {"command": {}, "timeout": {"type": "integer", "description": words}}
    assert schema["properties"] == {"command": {}, "timeout": {"type": "integer", "description": "?"}}
