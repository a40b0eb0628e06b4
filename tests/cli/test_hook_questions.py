"""Hooks ask the model of their session, and no other provider's."""

from collections.abc import AsyncGenerator

import pytest
from msgspec import structs

from tianting.cli.hook_questions import MOST_TOKENS, question_model
from tianting.cli.model_door import ModelDoor
from tianting.models.scripted import ScriptedModel, says
from tianting.protocol.deltas import Delta
from tianting.protocol.messages import user_text
from tianting.protocol.model_catalogue import ModelInfo
from tianting.protocol.requests import ModelRequest
from tianting.settings.schema import Settings

pytestmark = pytest.mark.anyio


class Overheard:
    """A scripted model, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []
        self._inner = ScriptedModel(says('{"ok": true}'))

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        self.asked.append(request)
        return self._inner.stream(request)

    async def count_tokens(self, request: ModelRequest) -> int:
        return 0

    async def aclose(self) -> None:
        """Nothing is open."""


def door(client: Overheard) -> ModelDoor:
    return ModelDoor(
        client=client, info=ModelInfo(id="claude-opus-5-5"), family="claude", key_source="none", provider="anthropic"
    )


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        pytest.param(None, "claude-opus-5-5", id="the session's"),
        pytest.param("haiku", "claude-haiku-5-5", id="another of the same provider"),
        pytest.param("gpt-6.2-sol", "claude-opus-5-5", id="another provider's"),
        pytest.param("nobody/knows", "claude-opus-5-5", id="unknown"),
    ],
)
async def test_a_question_is_one_request_without_tools(name: str | None, asked: str) -> None:
    client = Overheard()

    answer = await question_model(door(client), Settings())("May it?", name)

    assert answer == '{"ok": true}'
    assert client.asked == [
        ModelRequest(model=asked, system=(), tools=(), messages=(user_text("May it?"),), max_tokens=MOST_TOKENS)
    ]


async def test_a_scripts_hooks_are_asked_of_the_same_script() -> None:
    client = Overheard()
    scripted = structs.replace(door(client), info=ModelInfo(id="scripted"), provider="scripted")

    await question_model(scripted, Settings())("May it?", "scripted:other.yaml")

    assert [request.model for request in client.asked] == ["scripted"]
