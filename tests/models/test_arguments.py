"""Argument texts and call ids: what arrives is a table, what goes back says the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.models.arguments import is_complete, original_if_different, read_arguments, write_arguments
from tianting.models.call_ids import ANY_ID, MISTRAL_ID, OPENAI_ID, CallIds
from tianting.models.length_estimate import estimate_tokens
from tianting.protocol.content import ToolUse
from tianting.protocol.messages import AssistantMessage, user_text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param("", ({}, ""), id="nothing"),
        pytest.param("  ", ({}, ""), id="blanks"),
        pytest.param("null", ({}, ""), id="null"),
        pytest.param('{"a": 1}', ({"a": 1}, ""), id="object"),
        pytest.param('"{\\"a\\": 1}"', ({"a": 1}, ""), id="encoded twice"),
        pytest.param('""', ({}, ""), id="empty text encoded"),
        pytest.param('{"a": ', ({}, '{"a": '), id="cut off"),
        pytest.param('{"a": 1} x', ({}, '{"a": 1} x'), id="garbage behind"),
        pytest.param("[1]", ({}, "[1]"), id="list"),
        pytest.param('"just words"', ({}, '"just words"'), id="encoded words"),
        pytest.param("words", ({}, "words"), id="words"),
        pytest.param("[" * 9999, ({}, "[" * 9999), id="too deep"),
    ],
)
def test_read_arguments(text: str, read: tuple[dict[str, Any], str]) -> None:
    assert read_arguments(text) == read
    assert is_complete(text) == (read[1] == "")


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(-(2**53), 2**53), st.none())), st.integers(1, 2))
def test_arguments_survive_the_round_trip(arguments: dict[str, Any], times: int) -> None:
    text = msgspec.json.encode(arguments).decode()
    if times == 2:
        text = msgspec.json.encode(text).decode()

    assert read_arguments(text) == (arguments, "")
    assert write_arguments(arguments, original_if_different(arguments, text)) == text


def test_original_text_counts_only_while_it_says_the_same() -> None:
    assert write_arguments({"a": 2}, '{"a": 1}') == '{"a":2}'


@pytest.mark.parametrize(
    ("accepted", "names"),
    [
        pytest.param(ANY_ID, ["functions.read:0", "AbC123xyz", "call00003"], id="any"),
        pytest.param(OPENAI_ID, ["call00001", "AbC123xyz", "call00003"], id="openai"),
        pytest.param(MISTRAL_ID, ["call00001", "AbC123xyz", "call00003"], id="mistral"),
    ],
)
def test_call_ids(accepted: Any, names: list[str]) -> None:
    calls = tuple(ToolUse(id=name, name="read", input={}) for name in ("functions.read:0", "AbC123xyz", ""))
    ids = CallIds([user_text("Hi."), AssistantMessage(id="a", model="m", content=calls)], accepted)

    assert [ids[call.id] for call in calls] == names
    assert ids["unheard"] == "unheard"


def test_estimate() -> None:
    assert estimate_tokens(b"x" * 35) == 10
