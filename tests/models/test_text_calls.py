"""Calls that a model wrote as text: one row per syntax, and what is no call."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.models.chat.text_calls import WrittenCall, find_calls

KNOWN = frozenset({"read", "grep"})
READ = WrittenCall(name="read", arguments={"path": "a"})
GREP = WrittenCall(name="grep", arguments={"pattern": "{x}"})
READ_JSON = '{"name": "read", "arguments": {"path": "a"}}'
GREP_JSON = '{"name": "grep", "arguments": {"pattern": "{x}"}}'


@pytest.mark.parametrize(
    ("text", "rest", "calls"),
    [
        pytest.param(f"Now.\n<tool_call>\n{READ_JSON}\n</tool_call>", "Now.", [READ], id="hermes"),
        pytest.param(
            f"<tool_call>{READ_JSON}</tool_call>\n<tool_call>{GREP_JSON}</tool_call>", "", [READ, GREP], id="hermes two"
        ),
        pytest.param(f"<tool_call>{READ_JSON}", "", [READ], id="hermes unclosed"),
        pytest.param(
            "<tool_call>\n<function=read>\n<parameter=path>\na\n</parameter>\n</function>\n</tool_call>",
            "",
            [READ],
            id="qwen coder",
        ),
        pytest.param(
            "<function=read><parameter=path>[1, 2]</parameter><parameter=text>[draft]</parameter></function>",
            "",
            [WrittenCall(name="read", arguments={"path": [1, 2], "text": "[draft]"})],
            id="qwen coder, list and no list",
        ),
        pytest.param("<function=read></function>", "", [WrittenCall(name="read", arguments={})], id="no parameters"),
        pytest.param(f"[TOOL_CALLS][{READ_JSON}, {GREP_JSON}]", "", [READ, GREP], id="mistral"),
        pytest.param(
            '[TOOL_CALLS]read[ARGS]{"path": "a"}[TOOL_CALLS]grep[ARGS]{"pattern": "{x}"}',
            "",
            [READ, GREP],
            id="mistral named",
        ),
        pytest.param('<|python_tag|>{"name": "read", "parameters": {"path": "a"}}', "", [READ], id="llama"),
        pytest.param(f"Now. [TOOL_REQUEST]{READ_JSON}[END_TOOL_REQUEST]", "Now.", [READ], id="lm studio"),
        pytest.param(f"```json\n{READ_JSON}\n```", "", [READ], id="fence"),
        pytest.param(
            '<tool_call>{"name": "read", "arguments": "{\\"path\\": \\"a\\"}"}</tool_call>', "", [READ], id="twice"
        ),
    ],
)
def test_calls(text: str, rest: str, calls: list[WrittenCall]) -> None:
    assert find_calls(text, KNOWN) == (rest, calls)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Just words.", id="words"),
        pytest.param('<tool_call>{"name": "rm", "arguments": {}}</tool_call>', id="unknown tool"),
        pytest.param(
            f'<tool_call>{READ_JSON}</tool_call><tool_call>{{"name": "rm", "arguments": {{}}}}</tool_call>',
            id="one unknown",
        ),
        pytest.param("<tool_call>{oops}</tool_call>", id="no JSON"),
        pytest.param('<tool_call>{"name": "read"}</tool_call>', id="no arguments"),
        pytest.param('<tool_call>{"name": 7, "arguments": {}}</tool_call>', id="no name"),
        pytest.param("[TOOL_CALLS][7]", id="list of something else"),
        pytest.param(f"Like so:\n```json\n{READ_JSON}\n```", id="fence within an explanation"),
        pytest.param("<function=rm></function>", id="unknown function"),
    ],
)
def test_no_calls(text: str) -> None:
    assert find_calls(text, KNOWN) == (text, [])


@given(st.lists(st.sampled_from(["<tool_call>", "</tool_call>", READ_JSON, "{", "}", "[TOOL_CALLS]", "[", "x"])))
def test_only_known_tools_are_called(tokens: list[Any]) -> None:
    _, calls = find_calls("".join(tokens), KNOWN)

    assert {call.name for call in calls} <= KNOWN
