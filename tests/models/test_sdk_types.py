"""An oracle that passes everything proves nothing: it must refuse what the API refuses."""

from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from anthropic.types.raw_message_delta_event import RawMessageDeltaEvent
from pydantic_core import ValidationError

from tests.models.sdk_types import strict

BODY: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "stream": True,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
}


def test_good_body_passes() -> None:
    strict(MessageCreateParamsStreaming).validate_python(BODY)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"temperature": 1, "bogus": 1}, id="unknown key"),
        pytest.param({"messages": [{"role": "tool", "content": "x"}]}, id="unknown role"),
        pytest.param({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, id="text without text"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "opaque": ""}]}]}, id="deep key"
        ),
        pytest.param(
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b"}]}]},
            id="call without input",
        ),
        pytest.param({"context_management": {}}, id="beta field"),
    ],
)
def test_bad_body_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        strict(MessageCreateParamsStreaming).validate_python({**BODY, **change})


def test_stays_strict_when_the_sdk_has_built_its_own_validator() -> None:
    RawMessageDeltaEvent.model_rebuild(force=True)
    delta = {"stop_reason": None, "stop_sequence": None, "bogus": 1}

    with pytest.raises(ValidationError, match=r"delta\.bogus"):
        strict(RawMessageDeltaEvent).validate_python(
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}
        )
