"""Histories of all shapes, for tests that say something about every one."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tianting.protocol.content import (
    Base64Source,
    Document,
    Image,
    Opaque,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.tool_calls import ToolSpec

READ = ToolSpec(
    name="read",
    description="Read a file.",
    input_schema={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
FREEFORM = ToolSpec(
    name="apply_patch",
    description="Change files.",
    input_schema={"type": "object", "properties": {"patch": {"type": "string"}}, "required": ["patch"]},
    grammar='start: "*** Begin Patch"',
)
ELSEWHERE = Origin(dialect="anthropic", base_url="https://api.anthropic.com", model="claude-opus-5-5")

_words = st.text(max_size=20)
_pictures = st.just(Image(source=Base64Source(media_type="image/png", data="AAAA")))
_documents = st.just(Document(source=Base64Source(media_type="application/pdf", data="AAAA")))
_results = st.one_of(_words, st.lists(st.one_of(_words.map(lambda text: Text(text=text)), _pictures), max_size=2))


@st.composite
def histories(draw: DrawFn, here: Origin, thought: str) -> tuple[Message, ...]:
    """Turns from `here` and from elsewhere, each call answered in a message of its own behind the answer.

    `thought` is a signature that `here` would give.
    """
    messages: list[Message] = [user_text("Begin.")]
    for turn in range(draw(st.integers(0, 4))):
        origin = draw(st.sampled_from([here, here, ELSEWHERE, None]))
        answer = draw(_answers(turn, origin, thought if origin == here else "c2ln"))
        messages.append(answer)
        messages += [draw(_answered(call.id)) for call in answer.calls]
        if draw(st.booleans()) or not answer.calls:
            messages.append(UserMessage(content=(Text(text=draw(_words) or "Go on."), *draw(_attachments))))
    return tuple(messages)


_attachments = st.lists(st.one_of(_pictures, _documents), max_size=1)


@st.composite
def _answers(draw: DrawFn, turn: int, origin: Origin | None, signature: str) -> AssistantMessage:
    blocks: list[Any] = [Thinking(thinking=draw(_words), signature=signature)] if draw(st.booleans()) else []
    if origin == ELSEWHERE and draw(st.booleans()):
        blocks += [RedactedThinking(data="x"), Opaque(raw={"type": "server_tool_use"})]
    blocks += draw(st.lists(_words.map(lambda text: Text(text=text)), max_size=2))
    blocks += [draw(_calls(f"{turn}-{place}")) for place in range(draw(st.integers(0, 3)))]
    return AssistantMessage(id=f"m{turn}", model="m", content=tuple(blocks), origin=origin, aborted=False)


@st.composite
def _calls(draw: DrawFn, name: str) -> ToolUse:
    prefix = draw(st.sampled_from(["call_", "toolu_", "functions.read:", "x" * 70]))
    if draw(st.booleans()):
        return ToolUse(id=prefix + name, name="apply_patch", input={"patch": draw(_words)})
    if draw(st.booleans()):
        return ToolUse(id=prefix + name, name="read", input={}, unparsed='{"path": ')
    return ToolUse(id=prefix + name, name="read", input={"path": draw(_words)})


def _answered(call_id: str) -> SearchStrategy[UserMessage]:
    return st.builds(
        lambda content, failed: UserMessage(
            content=(
                ToolResult(
                    tool_use_id=call_id,
                    content=tuple(content) if isinstance(content, list) else content,
                    is_error=failed,
                ),
            )
        ),
        _results,
        st.booleans(),
    )
