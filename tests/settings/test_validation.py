"""What is said of a settings file that is wrong, and where."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Source
from tianting.settings.other_agents import NOT_USED_YET
from tianting.settings.schema import Settings
from tianting.settings.unknown_keys import USED
from tianting.settings.validation import Checked, check


def source(text: str, *, foreign: bool = False) -> Source:
    return Source(level="user", name="s.json", text=text, foreign=foreign)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param('{"model": 5}', "s.json:1:2: model: expected `str | null`, got `int`.", id="type"),
        pytest.param('{\n  "maxRetries": -1}', "s.json:2:3: maxRetries: expected `int` >= 0.", id="range"),
        pytest.param(
            '{"permissions":\n {"defaultMode": "yolo"}}',
            "s.json:2:3: permissions.defaultMode: invalid enum value 'yolo'.",
            id="choice",
        ),
        pytest.param(
            '{"permissions": {"deny": ["a",\n 3]}}',
            "s.json:2:2: permissions.deny[1]: expected `str`, got `int`.",
            id="item",
        ),
        pytest.param(
            '{"env": {"A": "1",\n "B": "2",\n "C": 3}}',
            "s.json:3:2: env.C: expected `str`, got `int`.",
            id="one of many names",
        ),
        pytest.param(
            '{"providers": {"good": {},\n "bad": {"headers": {"a": "b",\n "c": 1}}}}',
            "s.json:3:2: providers.bad.headers.c: expected `str`, got `int`.",
            id="name in a name",
        ),
        pytest.param(
            '{"hooks": {"Stop": [],\n "End": "x"}}', "s.json:2:2: hooks.End: expected `array`, got `str`.", id="no list"
        ),
        pytest.param(
            '{"providers": {"x": {\n"apiKey": "k"}}}',
            "s.json:2:1: providers.x.apiKey: object contains unknown field `apiKey`.",
            id="a key has no place here",
        ),
        pytest.param(
            '{"env": {"\\u001b[31m": 1}}',
            "s.json:1:10: env.\\x1b[31m: expected `str`, got `int`.",
            id="escape codes are shown",
        ),
    ],
)
def test_wrong_value_is_named_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(source(text))
    assert str(caught.value) == f"Settings in {complaint}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "s.json:1:1 are no JSON: Input data was truncated.", id="empty"),
        pytest.param("[]", "s.json:1:1: Expected `object`, got `array`.", id="no object"),
        pytest.param('{"a":\n 1', "s.json:2:3 are no JSON: Input data was truncated.", id="cut off"),
        pytest.param(
            '{"ü": 1,\n// why\n"b": 2}', "s.json:2:1 are no JSON: comments have no place in JSON.", id="comment"
        ),
        pytest.param(
            '{"ü": 1, # why\n"b": 2}', "s.json:1:10 are no JSON: comments have no place in JSON.", id="other comment"
        ),
        pytest.param('{"a": 1,\n}', "s.json:2:1 are no JSON: trailing comma in object.", id="trailing comma"),
        pytest.param("{} x", "s.json:1:5 are no JSON: trailing characters.", id="more behind"),
    ],
)
def test_text_that_is_no_json_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(source(text))
    assert str(caught.value) == f"Settings in {complaint}"


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        check(source('{"a":' + "[" * 5000 + "]" * 5000 + "}"))


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        pytest.param('{"modle": "x"}', "s.json:1:2: modle is not a setting; did you mean model?", id="slip"),
        pytest.param(
            '{"permissions": {"dney": []}}',
            "s.json:1:18: permissions.dney is not a setting; did you mean deny?",
            id="inner slip",
        ),
        pytest.param(
            '{"sandbox": {"network": {"allowedDomain": []}}}',
            "s.json:1:26: sandbox.network.allowedDomain is not a setting; did you mean allowedDomains?",
            id="deep slip",
        ),
        pytest.param('{"xyzzy": 1}', "s.json:1:2: xyzzy is not a setting.", id="nothing near"),
    ],
)
def test_unknown_key_is_named_with_the_nearest_known(text: str, warning: str) -> None:
    assert check(source(text)).warnings == (warning,)


def test_keys_of_other_agents_are_accepted_in_silence() -> None:
    values: dict[str, Any] = {}
    for *outer, last in sorted(NOT_USED_YET):
        members = values
        for name in outer:
            members = members.setdefault(name, {})
        members[last] = "x"

    assert check(source(_json(values))) == Checked(values=values)


def test_key_is_either_ours_or_not_used_yet() -> None:
    assert [key for key in NOT_USED_YET if key[-1] in USED[key[:-1]]] == []


@pytest.mark.parametrize(
    ("value", "expected"), [(["sonnet", "haiku"], "sonnet"), ([], None), ("opus", "opus"), (None, None)]
)
def test_first_fallback_of_a_list_counts(value: Any, expected: str | None) -> None:
    assert check(source(_json({"fallbackModel": value}))).values == {"fallbackModel": expected}


def test_value_for_another_agent_that_we_cannot_use_is_left_out() -> None:
    text = '{"effortLevel": "ultra", "model": "opus",\n "permissions": {"defaultMode": "auto", "deny": ["Read"]}}'

    assert check(source(text, foreign=True)) == Checked(
        values={"model": "opus", "permissions": {"deny": ["Read"]}},
        warnings=(
            "s.json:1:2: effortLevel: invalid enum value 'ultra'. This is left out.",
            "s.json:2:18: permissions.defaultMode: invalid enum value 'auto'. This is left out.",
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"permissions": []}', id="permissions"),
        pytest.param('{"permissions": {"deny": "Read"}}', id="deny"),
        pytest.param('{"permissions": {"ask": [1]}}', id="ask"),
        pytest.param('{"sandbox": {"enabled": "yes"}}', id="sandbox"),
    ],
)
def test_what_forbids_is_never_left_out(text: str) -> None:
    with pytest.raises(ConfigError):
        check(source(text, foreign=True))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
TOPS = st.sampled_from(sorted(Settings.__struct_encode_fields__))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TOPS, ANYTHING | st.dictionaries(st.sampled_from(["allow", "x"]), ANYTHING), max_size=3))
def test_whatever_stands_there_is_either_taken_or_refused(values: dict[str, Any]) -> None:
    for foreign in (False, True):
        with contextlib.suppress(ConfigError):
            msgspec.convert(check(source(_json(values), foreign=foreign)).values, Settings)


def _json(value: Any) -> str:
    return json.dumps(value)
