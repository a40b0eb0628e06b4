"""Settings taken apart and put together again: the laws of merging."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.settings.levels import Source
from tianting.settings.statements import Statement, canonical, put_together, take_apart

HIGH = Source(level="local", name="/p/high.json", text="{}")
LOW = Source(level="user", name="/h/low.json", text="{}")


def merged(high: dict[str, Any], low: dict[str, Any]) -> dict[str, Any]:
    return put_together([*take_apart(HIGH, high), *take_apart(LOW, low)])


@pytest.mark.parametrize(
    ("high", "low", "expected"),
    [
        pytest.param({"model": "a"}, {"model": "b"}, {"model": "a"}, id="higher wins"),
        pytest.param({"model": None}, {"model": "b"}, {"model": None}, id="null takes back"),
        pytest.param({}, {"model": "b"}, {"model": "b"}, id="lower fills in"),
        pytest.param(
            {"permissions": {"deny": ["a", "b"]}},
            {"permissions": {"deny": ["b", "c"]}},
            {"permissions": {"deny": ["a", "b", "c"]}},
            id="rules are joined",
        ),
        pytest.param(
            {"env": {"A": "1"}}, {"env": {"A": "2", "B": "3"}}, {"env": {"A": "1", "B": "3"}}, id="variables by name"
        ),
        pytest.param(
            {"mcpServers": {"db": {"command": "a"}}},
            {"mcpServers": {"db": {"command": "b", "env": {"X": "1"}}, "fs": {"command": "c"}}},
            {"mcpServers": {"db": {"command": "a"}, "fs": {"command": "c"}}},
            id="whole server wins",
        ),
        pytest.param(
            {"hooks": {"Stop": [{"hooks": [1]}]}},
            {"hooks": {"Stop": [{"hooks": [2]}], "SessionEnd": [{}]}},
            {"hooks": {"Stop": [{"hooks": [1]}, {"hooks": [2]}], "SessionEnd": [{}]}},
            id="hooks are joined by event",
        ),
        pytest.param(
            {"providers": {"p": {"headers": {"a": "1"}}}},
            {"providers": {"p": {"baseUrl": "u", "headers": {"b": "2"}}}},
            {"providers": {"p": {"headers": {"a": "1", "b": "2"}, "baseUrl": "u"}}},
            id="providers by field",
        ),
        pytest.param(
            {"sandbox": {"ripgrep": {"command": "a"}, "network": {"deniedDomains": ["x"]}}},
            {"sandbox": {"ripgrep": {"command": "b", "args": ["-v"]}, "network": {"deniedDomains": ["y"]}}},
            {"sandbox": {"ripgrep": {"command": "a"}, "network": {"deniedDomains": ["x", "y"]}}},
            id="sandbox lists are joined and programs whole",
        ),
        pytest.param({"spinnerVerbs": ["a"]}, {"spinnerVerbs": ["b"]}, {"spinnerVerbs": ["a"]}, id="other lists"),
        pytest.param({"env": {}}, {"env": {"A": "1"}}, {"env": {"A": "1"}}, id="empty object adds nothing"),
        pytest.param(
            {"permissions": {"odd": "text"}},
            {"permissions": {"odd": ["list"]}},
            {"permissions": {"odd": "text"}},
            id="unknown keys of two shapes",
        ),
        pytest.param(
            {"sandbox": {"odd": 1}}, {"sandbox": {"odd": {"a": 2}}}, {"sandbox": {"odd": 1}}, id="value above object"
        ),
    ],
)
def test_merging(high: dict[str, Any], low: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(high, low) == expected


def test_statement_knows_where_it_stands() -> None:
    source = Source(level="user", name="/h/s.json", text='{"permissions":\n {"deny": ["a",\n  "b"]}, "model": "m"}')
    values = {"permissions": {"deny": ["a", "b"]}, "model": "m"}

    assert [(statement.key, statement.index, statement.place) for statement in take_apart(source, values)] == [
        (("permissions", "deny"), 0, "/h/s.json:2:12"),
        (("permissions", "deny"), 1, "/h/s.json:3:3"),
        (("model",), None, "/h/s.json:3:10"),
    ]


def test_same_thing_said_in_two_files_is_one() -> None:
    one = Statement(source=HIGH, key=("hooks", "Stop"), value={"a": 1, "b": 2}, index=4)
    other = Statement(source=LOW, key=("hooks", "Stop"), value={"b": 2, "a": 1}, index=0)

    assert canonical(one) == canonical(other)


VALUES = st.none() | st.booleans() | st.text("ab", max_size=2)
ITEMS = st.lists(st.text("ab", min_size=1, max_size=1), unique=True, max_size=2)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "model": VALUES,
        "env": st.dictionaries(st.sampled_from("AB"), st.text(max_size=1), max_size=2),
        "permissions": st.fixed_dictionaries({}, optional={"allow": ITEMS, "deny": ITEMS, "defaultMode": VALUES}),
        "hooks": st.dictionaries(st.sampled_from(["Stop", "Start"]), ITEMS, max_size=2),
        "mcpServers": st.dictionaries(st.sampled_from("xy"), st.dictionaries(st.just("c"), VALUES), max_size=2),
    },
)


@settings(max_examples=100, deadline=None)
@given(FILES)
def test_file_on_top_of_itself_is_itself(values: dict[str, Any]) -> None:
    assert merged(values, values) == put_together(take_apart(HIGH, values))


@settings(max_examples=100, deadline=None)
@given(FILES, FILES)
def test_higher_wins_and_nothing_is_lost(high: dict[str, Any], low: dict[str, Any]) -> None:
    both = list(take_apart(HIGH, merged(high, low)))
    above, below = list(take_apart(HIGH, high)), list(take_apart(LOW, low))

    said = {canonical(statement) for statement in both}
    assert {canonical(statement) for statement in above if statement.value != {}} <= said
    keys = {statement.key for statement in both}
    assert {statement.key for statement in below if statement.value != {}} <= keys
    assert said <= {canonical(statement) for statement in (*above, *below)}


@settings(max_examples=100, deadline=None)
@given(FILES, FILES, FILES)
def test_merging_in_steps_is_merging_at_once(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    at_once = put_together([*take_apart(HIGH, one), *take_apart(HIGH, two), *take_apart(LOW, three)])

    assert merged(merged(one, two), three) == at_once
    assert merged(one, merged(two, three)) == at_once


def test_putting_together_leaves_the_statements_as_they_are() -> None:
    empty: dict[str, Any] = {"env": {}}

    assert merged(empty, {"env": {"A": "1"}}) == {"env": {"A": "1"}}
    assert empty == {"env": {}}
