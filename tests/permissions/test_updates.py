"""What a hook or a driver may ask for: read from the wire, written to it, and turned into rules and back."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.permissions.updates import (
    AddDirectories,
    AddRules,
    PermissionUpdate,
    RemoveDirectories,
    RemoveRules,
    ReplaceRules,
    RuleValue,
    SetMode,
    encoded,
    read_updates,
    rule_text,
    rule_value,
    suggested,
)
from tianting.protocol.errors import ConfigError

MAKE = RuleValue(tool_name="Bash", rule_content="make *")
ON_THE_WIRE = [
    pytest.param(
        '{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"make *"}],"behavior":"allow",'
        '"destination":"localSettings"}',
        AddRules(rules=(MAKE,), behavior="allow", destination="localSettings"),
        id="add rules",
    ),
    pytest.param(
        '{"type":"replaceRules","rules":[],"behavior":"deny","destination":"userSettings"}',
        ReplaceRules(rules=(), behavior="deny", destination="userSettings"),
        id="replace rules",
    ),
    pytest.param(
        '{"type":"removeRules","rules":[{"toolName":"Read"}],"behavior":"ask","destination":"projectSettings"}',
        RemoveRules(rules=(RuleValue(tool_name="Read"),), behavior="ask", destination="projectSettings"),
        id="remove rules",
    ),
    pytest.param(
        '{"type":"addDirectories","directories":["/data"],"destination":"session"}',
        AddDirectories(directories=("/data",)),
        id="add directories",
    ),
    pytest.param(
        '{"type":"removeDirectories","directories":["/data"],"destination":"session"}',
        RemoveDirectories(directories=("/data",)),
        id="remove directories",
    ),
    pytest.param(
        '{"type":"setMode","mode":"acceptEdits","destination":"session"}', SetMode(mode="acceptEdits"), id="set mode"
    ),
]


@pytest.mark.parametrize(("line", "update"), ON_THE_WIRE)
def test_read_from_the_wire_and_written_to_it(line: str, update: PermissionUpdate) -> None:
    assert read_updates([msgspec.json.decode(line)]) == (update,)
    assert msgspec.json.encode(encoded((update,))).decode() == f"[{line}]"


def test_what_other_programs_leave_out_or_send_as_null() -> None:
    raw = [{"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": None}], "behavior": "allow", "new": 1}]

    assert read_updates(raw) == (AddRules(rules=(RuleValue(tool_name="Bash"),), behavior="allow"),)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        pytest.param({}, "Expected `array`, got `object`", id="no list"),
        pytest.param([{"type": "addHooks"}], "Invalid value 'addHooks' - at `$[0].type`", id="unknown type"),
        pytest.param([{"type": "addRules", "rules": []}], "missing required field `behavior`", id="no behaviour"),
        pytest.param(
            [{"type": "setMode", "mode": "wild"}], "Invalid enum value 'wild' - at `$[0].mode`", id="unknown mode"
        ),
        pytest.param(
            [{"type": "setMode", "mode": "plan", "destination": "managed"}],
            "Invalid enum value 'managed' - at `$[0].destination`",
            id="nobody may write there",
        ),
    ],
)
def test_what_cannot_be_read_says_where(raw: object, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"The permission updates cannot be read: .*{re.escape(complaint)}"):
        read_updates(raw)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("Bash(make *)", MAKE, id="specification"),
        pytest.param("Bash", RuleValue(tool_name="Bash"), id="every call"),
        pytest.param("Bash(f(x))", RuleValue(tool_name="Bash", rule_content="f(x)"), id="parentheses within"),
        pytest.param("mcp__a__*", RuleValue(tool_name="mcp__a__*"), id="tools of a server"),
        pytest.param("Bash()", RuleValue(tool_name="Bash", rule_content=""), id="nothing is not everything"),
        pytest.param("Bash(make", RuleValue(tool_name="Bash(make"), id="no rule stays none"),
    ],
)
def test_rule_in_two_parts(text: str, rule: RuleValue) -> None:
    assert (rule_value(text), rule_text(rule)) == (rule, text)


@given(tool=st.from_regex(r"[A-Za-z_]\w*", fullmatch=True), content=st.none() | st.text())
@settings(max_examples=100)
def test_rule_survives_being_written_out(tool: str, content: str | None) -> None:
    rule = RuleValue(tool_name=tool, rule_content=content)

    assert rule_value(rule_text(rule)) == rule


@pytest.mark.parametrize(
    ("rules", "directories", "updates"),
    [
        pytest.param((), (), (), id="nothing would help"),
        pytest.param(
            ("Bash(make *)",),
            (),
            (AddRules(rules=(MAKE,), behavior="allow", destination="localSettings"),),
            id="a rule for good",
        ),
        pytest.param((), ("/data",), (AddDirectories(directories=("/data",)),), id="a directory for this session"),
    ],
)
def test_suggested(rules: tuple[str, ...], directories: tuple[str, ...], updates: tuple[PermissionUpdate, ...]) -> None:
    assert suggested(rules, directories) == updates
