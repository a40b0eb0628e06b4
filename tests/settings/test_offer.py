"""What a person is shown before they trust a project."""

from typing import Any

import pytest

from tianting.settings.levels import Source
from tianting.settings.offer import described, summary
from tianting.settings.statements import take_apart

SOURCE = Source(level="project", name="s.json", text="{}")


def lines(values: dict[str, Any]) -> list[str]:
    return [line for statement in take_apart(SOURCE, values) for line in described(statement)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(
            {
                "hooks": {
                    "Stop": [{"hooks": [{"type": "command", "command": "make lint"}, {"type": "http", "url": "u"}]}]
                }
            },
            ["at Stop (*): make lint", 'at Stop (*): {"type":"http","url":"u"}'],
            id="hooks",
        ),
        pytest.param(
            {"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"command": "a", "args": ["b", 1]}]}]}},
            ["at PreToolUse (Bash): a b 1"],
            id="matcher and arguments",
        ),
        pytest.param({"hooks": {"Stop": ["odd", {"hooks": 3}]}}, ['at Stop: "odd"', 'at Stop: {"hooks":3}'], id="odd"),
        pytest.param(
            {"mcpServers": {"db": {"command": "npx", "args": ["-y", "db"]}, "web": {"url": "http://x"}}},
            ["MCP server db: npx -y db", 'MCP server web: {"url":"http://x"}'],
            id="servers",
        ),
        pytest.param(
            {
                "permissions": {
                    "allow": ["Bash(make:*)"],
                    "additionalDirectories": ["/srv"],
                    "defaultMode": "acceptEdits",
                }
            },
            ["allow Bash(make:*)", "count /srv as inside", 'set permissions.defaultMode to "acceptEdits"'],
            id="permissions",
        ),
        pytest.param({"env": {"PATH": "/x"}, "model": "opus"}, ["set PATH=/x", 'set model to "opus"'], id="others"),
        pytest.param({"env": {"A": "\x1b[2K\nsafe"}}, ["set A=\\x1b[2K\\nsafe"], id="nothing hides itself"),
    ],
)
def test_offer_is_described(values: dict[str, Any], expected: list[str]) -> None:
    assert lines(values) == expected


def test_long_program_shows_its_end_is_missing() -> None:
    (line,) = lines({"hooks": {"Stop": [{"hooks": [{"command": "x" * 400}]}]}})

    assert (len(line), line[-1]) == (300, "…")


def test_offer_is_counted() -> None:
    values = {
        "hooks": {"Stop": [1, 2]},
        "permissions": {"allow": ["a"], "additionalDirectories": ["b", "c"]},
        "env": {"A": "1", "B": "2"},
        "model": "m",
    }

    assert summary(take_apart(SOURCE, values)) == "2 hooks, 1 allow rule, 2 directories, 2 variables, 1 setting"
