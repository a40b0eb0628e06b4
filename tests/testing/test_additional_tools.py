"""Tools that a client offers inside its input, as Codex does."""

import pytest
from msgspec import json

from tianting.testing.dialects.openai_responses import OpenAIResponses

PATCH = {"type": "custom", "name": "patch"}
READ = {"type": "function", "name": "read", "parameters": {"type": "object"}}
SAID = {"type": "message", "role": "user", "content": "Hi."}


@pytest.mark.parametrize(
    ("tools", "additional", "free_form"),
    [
        pytest.param([PATCH, READ], [], {"patch"}, id="beside the input"),
        pytest.param([], [PATCH, READ], {"patch"}, id="inside it"),
        pytest.param(
            [READ], [{"type": "namespace", "name": "n", "tools": [READ, PATCH]}], {"patch"}, id="in a namespace"
        ),
        pytest.param([], [], set(), id="none"),
    ],
)
def test_free_form_tools_are_found(tools: list[object], additional: list[object], free_form: set[str]) -> None:
    offered = {"type": "additional_tools", "role": "developer", "id": "at_1", "tools": additional}
    metadata = {"thread_id": "t1"}
    body = {"model": "m", "input": [offered, SAID], "tools": tools, "client_metadata": metadata}

    assert OpenAIResponses().read({}, json.encode(body), counting=False).free_form == free_form
