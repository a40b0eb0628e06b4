"""Arguments are mended where one reading is possible, and complained of where not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agent.conftest import SCHEMA, Parameters
from tianting.agent.arguments import Arguments, MalformedArgumentsError, read_arguments
from tianting.agent.json_repair import repaired_object
from tianting.protocol.content import ToolUse
from tianting.protocol.tool_calls import ToolSpec
from tianting.tools.contract import RawArguments

SPEC = ToolSpec(name="Upper", description="", input_schema=SCHEMA)
USAGE = "It takes: text (string, required), number (integer), items (array)."


def call(values: dict[str, Any], unparsed: str = "") -> ToolUse:
    return ToolUse(id="c", name="Upper", input=values, unparsed=unparsed)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"text": "a"}, Parameters(text="a"), id="as it should be"),
        pytest.param({"text": "a", "number": "5"}, Parameters(text="a", number=5), id="number in a string"),
        pytest.param({"text": 5}, Parameters(text="5"), id="string as a number"),
        pytest.param({"text": "a", "items": '["x", "y"]'}, Parameters(text="a", items=["x", "y"]), id="list as text"),
        pytest.param({"text": "a", "items": "x"}, Parameters(text="a", items=["x"]), id="one value for a list"),
        pytest.param({"text": "a", "items": "[x"}, Parameters(text="a", items=["[x"]), id="text that is no list"),
    ],
)
def test_safe_mistakes_are_coerced(values: dict[str, Any], expected: Parameters) -> None:
    assert read_arguments(call(values), SPEC, Parameters).parameters == expected


def test_schema_of_another_program_may_leave_a_parameter_open() -> None:
    spec = ToolSpec(name="Upper", description="", input_schema={"type": "object", "properties": {"any": True}})

    assert read_arguments(call({"any": 3}), spec, RawArguments).values == {"any": 3}
    with pytest.raises(MalformedArgumentsError, match=r"It takes: any \(any\)\."):
        read_arguments(call({}, unparsed="{["), spec, RawArguments)


def test_unknown_parameter_is_dropped_and_named() -> None:
    read = read_arguments(call({"text": "a", "colour": "red"}), SPEC, Parameters)

    assert read == Arguments(values={"text": "a"}, parameters=Parameters(text="a"), ignored=("colour",))


def test_tool_with_a_foreign_schema_gets_everything() -> None:
    spec = ToolSpec(name="Foreign", description="", input_schema={"properties": {"at": {"type": "object"}}})

    read = read_arguments(call({"at": '{"x": 1}', "more": True}), spec, RawArguments)

    assert read.parameters == RawArguments(values={"at": {"x": 1}, "more": True})


@pytest.mark.parametrize(
    ("given_call", "complaint"),
    [
        pytest.param(
            call({"text": "a", "number": "2m"}),
            f'Upper: number must be a whole number, got "2m". {USAGE}',
            id="no number",
        ),
        pytest.param(call({"text": ["a"]}), f'Upper: text must be a string, got ["a"]. {USAGE}', id="list for a word"),
        pytest.param(
            call({}, "rm -rf x"), f"Upper: the arguments are no JSON object: rm -rf x. {USAGE}", id="no JSON at all"
        ),
    ],
)
def test_other_mistakes_are_answered_with_the_schema(given_call: ToolUse, complaint: str) -> None:
    with pytest.raises(MalformedArgumentsError) as caught:
        read_arguments(given_call, SPEC, Parameters)

    assert str(caught.value) == complaint


def test_missing_argument_is_named() -> None:
    class Strict(msgspec.Struct, frozen=True, kw_only=True):
        text: str

    with pytest.raises(MalformedArgumentsError, match="missing required field `text`"):
        read_arguments(call({}), SPEC, Strict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="fine"),
        pytest.param('{"a": 1,}', {"a": 1}, id="trailing comma"),
        pytest.param('{"a": [1, 2,],}', {"a": [1, 2]}, id="nested trailing commas"),
        pytest.param('{"a": "x\ny"}', {"a": "x\ny"}, id="raw line break"),
        pytest.param('{"a": {"b": 1}', {"a": {"b": 1}}, id="missing brace"),
        pytest.param('{"a": [{"b": 1}, {"c": 2', None, id="a list cut off may lack entries"),
        pytest.param('{"a": [1, 2]', {"a": [1, 2]}, id="missing brace behind a list"),
        pytest.param('{"a": 1, ', None, id="more was to come"),
        pytest.param('{"a": "x, ] ,}"', {"a": "x, ] ,}"}, id="commas in a string stay"),
        pytest.param('```json\n{"a": 1}\n```', {"a": 1}, id="fenced"),
        pytest.param('"{\\"a\\": 1}"', {"a": 1}, id="encoded twice"),
        pytest.param('{"a": "}"}', {"a": "}"}, id="brace in a string"),
        pytest.param("[1]", None, id="a list is no object"),
        pytest.param("", None, id="nothing"),
        pytest.param('{"a": 1} and more', None, id="more than one reading"),
        pytest.param('{"a": "cut he', None, id="a string cut off is not guessed"),
    ],
)
def test_json_is_mended_only_where_one_reading_is_possible(text: str, expected: dict[str, Any] | None) -> None:
    assert repaired_object(text) == expected


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a": ' + "\n" * 300_000 + "x", id="blank lines without end"),
        pytest.param('{"a": ' * 100_000, id="objects in objects"),
        pytest.param('{"a": ' + "[" * 100_000, id="lists in lists"),
        pytest.param('"' * 300_000, id="quotes"),
        pytest.param('{"a": "' + "\\" * 300_000, id="backslashes"),
    ],
)
def test_degenerate_text_is_refused_quickly(text: str) -> None:
    assert repaired_object(text) is None


def test_value_nested_too_deeply_is_no_list_in_disguise() -> None:
    deep = "[" * 100_000

    assert read_arguments(call({"text": "a", "items": deep}), SPEC, Parameters).values["items"] == [deep]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_good_json_is_never_changed(value: dict[str, Any]) -> None:
    text = msgspec.json.encode(value).decode()

    assert repaired_object(text) == value
    assert repaired_object(f"```json\n{text}\n```") == value


@given(st.text(max_size=60))
def test_no_text_breaks_the_repair(text: str) -> None:
    assert isinstance(repaired_object(text), dict | None)
