"""What variables say of limits, and who is above whom."""

import pytest

from tianting.cli.invocation import Invocation
from tianting.cli.tuning import Tuning, thinking_wish, tuning
from tianting.protocol.errors import ConfigError
from tianting.protocol.requests import ThinkingWish
from tianting.tools.shell.command_timeouts import CommandTimeouts


@pytest.mark.parametrize(
    ("environment", "tuned"),
    [
        pytest.param({}, Tuning(), id="nothing"),
        pytest.param({"MAX_THINKING_TOKENS": "", "CLAUDE_CODE_EFFORT_LEVEL": "auto"}, Tuning(), id="nothing decided"),
        pytest.param({"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "64000"}, Tuning(max_output=64_000), id="output"),
        pytest.param({"CLAUDE_CODE_MAX_RETRIES": "0"}, Tuning(max_retries=0), id="no retries"),
        pytest.param({"CLAUDE_CODE_MAX_RETRIES": "99"}, Tuning(max_retries=15), id="many retries"),
        pytest.param({"API_TIMEOUT_MS": "1500"}, Tuning(longest_silence=1.5), id="timeout"),
        pytest.param({"API_TIMEOUT_MS": "0"}, Tuning(), id="no time at all"),
        pytest.param({"MAX_THINKING_TOKENS": "0"}, Tuning(thinking_tokens=0), id="no thinking"),
        pytest.param({"CLAUDE_CODE_EFFORT_LEVEL": " High"}, Tuning(effort="high"), id="effort"),
        pytest.param({"CLAUDE_CODE_MAX_TOOL_USE_CONCURRENCY": "3"}, Tuning(max_concurrent=3), id="calls"),
        pytest.param({"BASH_DEFAULT_TIMEOUT_MS": "5000"}, Tuning(timeouts=CommandTimeouts(usual=5_000)), id="commands"),
        pytest.param(
            {"BASH_DEFAULT_TIMEOUT_MS": "900000"},
            Tuning(timeouts=CommandTimeouts(usual=900_000, longest=900_000)),
            id="slow commands",
        ),
        pytest.param(
            {"BASH_MAX_TIMEOUT_MS": "1200000"}, Tuning(timeouts=CommandTimeouts(longest=1_200_000)), id="slowest"
        ),
        pytest.param(
            {"BASH_MAX_TIMEOUT_MS": "1000"},
            Tuning(timeouts=CommandTimeouts(longest=1_000)),
            id="fastest",
        ),
    ],
)
def test_variables_are_read(environment: dict[str, str], tuned: Tuning) -> None:
    assert tuning(environment) == tuned


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        pytest.param({"API_TIMEOUT_MS": "soon"}, "API_TIMEOUT_MS: 'soon' is no whole number; mend", id="word"),
        pytest.param({"MAX_THINKING_TOKENS": "-1"}, "'-1' is no whole number", id="negative"),
        pytest.param({"CLAUDE_CODE_MAX_RETRIES": "٣"}, "is no whole number", id="other digits"),
        pytest.param({"CLAUDE_CODE_EFFORT_LEVEL": "huge"}, "'huge' is none of low, medium, high", id="effort"),
    ],
)
def test_nonsense_is_named(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        tuning(environment)


@pytest.mark.parametrize(
    ("invocation", "tuned", "wish"),
    [
        pytest.param(Invocation(), Tuning(), None, id="nobody cares"),
        pytest.param(Invocation(thinking="adaptive"), Tuning(), ThinkingWish(), id="as it likes"),
        pytest.param(Invocation(thinking="enabled"), Tuning(), ThinkingWish(), id="yes"),
        pytest.param(Invocation(thinking="disabled"), Tuning(), ThinkingWish(wanted=False), id="no"),
        pytest.param(Invocation(max_thinking_tokens=0), Tuning(), ThinkingWish(wanted=False), id="zero"),
        pytest.param(Invocation(max_thinking_tokens=9), Tuning(thinking_tokens=0), ThinkingWish(budget=9), id="flag"),
        pytest.param(Invocation(), Tuning(thinking_tokens=9), ThinkingWish(budget=9), id="variable"),
        pytest.param(Invocation(), Tuning(thinking_tokens=0), ThinkingWish(wanted=False), id="variable, zero"),
        pytest.param(
            Invocation(thinking="adaptive"), Tuning(thinking_tokens=0), ThinkingWish(), id="flag above the variable"
        ),
        pytest.param(
            Invocation(thinking_display="omitted"), Tuning(), ThinkingWish(display="omitted"), id="not to be seen"
        ),
    ],
)
def test_thinking_that_is_asked_for(invocation: Invocation, tuned: Tuning, wish: ThinkingWish | None) -> None:
    assert thinking_wish(invocation, tuned) == wish
