"""What hangs between the messages of Claude Code."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.messages import UserMessage, user_text
from tianting.session.attachments import attached
from tianting.session.lines import Line

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
FILE = {"type": "file", "filename": "/app/a.txt"}
HOOK = {"type": "hook_success", "content": "It rains."}


@pytest.mark.parametrize(
    ("attachment", "expected"),
    [
        pytest.param(
            {"type": "queued_command", "prompt": "Wait.", "commandMode": "prompt"}, user_text("Wait."), id="said"
        ),
        pytest.param({"type": "queued_command", "prompt": "Wait."}, user_text("Wait."), id="said, mode unknown"),
        pytest.param(
            {"type": "queued_command", "prompt": [{"type": "text", "text": "See."}, PICTURE]},
            UserMessage(content=(Text(text="See."), Image(source=Base64Source(media_type="image/png", data="QQ==")))),
            id="said with a picture",
        ),
        pytest.param(
            {"type": "queued_command", "prompt": "<task-notification>x", "commandMode": "task-notification"},
            user_text("<task-notification>x", meta=True),
            id="a job is over",
        ),
        pytest.param({"type": "queued_command", "prompt": ""}, None, id="nothing was said"),
        pytest.param(
            {**FILE, "content": {"type": "text", "file": {"content": "one\n"}}},
            user_text("The user names the file /app/a.txt, which held:\none\n", meta=True),
            id="file",
        ),
        pytest.param(
            {**FILE, "content": {"type": "pdf"}},
            user_text("The user names the file /app/a.txt. What it held is not in this transcript.", meta=True),
            id="file of another kind",
        ),
        pytest.param(
            {"type": "directory", "path": "/app", "content": "a\nb"},
            user_text("The user names the directory /app, which held:\na\nb", meta=True),
            id="directory",
        ),
        pytest.param(
            {"type": "nested_memory", "path": "/app/CLAUDE.md", "content": {"content": "Be kind."}},
            user_text("/app/CLAUDE.md says:\nBe kind.", meta=True),
            id="memory",
        ),
        pytest.param(
            {**HOOK, "hookEvent": "UserPromptSubmit"}, user_text("A hook adds:\nIt rains.", meta=True), id="hook"
        ),
        pytest.param({**HOOK, "hookEvent": "PostToolUse"}, None, id="hook whose words are for no model"),
        pytest.param({**HOOK, "hookEvent": "SessionStart", "content": ""}, None, id="hook without words"),
        pytest.param({"type": "date", "date": "2026-11-20"}, None, id="about that program"),
        pytest.param({"type": "file", "filename": 1}, None, id="odd"),
        pytest.param("queued_command", None, id="no object"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_what_it_adds(attachment: Any, expected: UserMessage | None) -> None:
    assert attached(Line(type="attachment", attachment=attachment)) == expected


def test_only_attachments_are_looked_at() -> None:
    assert attached(Line(type="system", attachment={"type": "queued_command", "prompt": "Wait."})) is None


_KINDS = st.sampled_from(["queued_command", "file", "directory", "nested_memory", "hook_success"])
_FIELDS = st.sampled_from(["prompt", "filename", "path", "content", "file", "hookEvent", "type"])
_ANY = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(_FIELDS, inner),
    max_leaves=8,
)


@settings(max_examples=100)
@given(_KINDS, st.dictionaries(_FIELDS, _ANY))
def test_nothing_in_it_stops_a_session_from_opening(kind: str, fields: dict[str, Any]) -> None:
    told = attached(Line(type="attachment", attachment={**fields, "type": kind}))

    assert told is None or told.content
