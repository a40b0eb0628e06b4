"""What is known of a session once it is open."""

import json
from pathlib import Path
from typing import Any

import pytest

from tianting.protocol.errors import SessionError
from tianting.session.conversation import Conversation
from tianting.session.reading import load


def opened(path: Path, *lines: dict[str, Any]) -> Conversation:
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return load(path)


def prompt(text: str = "Mend it.", **rest: Any) -> dict[str, Any]:
    return {"type": "user", "uuid": text, "message": {"role": "user", "content": text}, **rest}


def test_empty_transcript_is_an_empty_conversation(tmp_path: Path) -> None:
    assert opened(tmp_path / "s.jsonl") == Conversation(session_id="s", history=[], leaf=None)


@pytest.mark.parametrize(
    ("name", "session_id"),
    [
        pytest.param(
            "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555", id="named by its id"
        ),
        pytest.param("copy", "in its lines", id="a copy"),
    ],
)
def test_session_id(tmp_path: Path, name: str, session_id: str) -> None:
    assert opened(tmp_path / f"{name}.jsonl", prompt(sessionId="in its lines")).session_id == session_id


@pytest.mark.parametrize(
    ("lines", "facts"),
    [
        pytest.param([prompt()], {"title": "Mend it.", "titled_by_person": False}, id="titled by its first words"),
        pytest.param(
            [prompt("<command-name>x"), prompt("Go.", parentUuid="<command-name>x")],
            {"title": "Go."},
            id="by words of a person",
        ),
        pytest.param(
            [{"type": "summary", "summary": "S"}, {"type": "ai-title", "aiTitle": "A"}], {"title": "A"}, id="by us"
        ),
        pytest.param(
            [{"type": "custom-title", "customTitle": "C"}, {"type": "ai-title", "aiTitle": "A"}],
            {"title": "C", "titled_by_person": True},
            id="by a person",
        ),
        pytest.param([prompt(cwd="/a"), prompt("b", cwd="/a/b")], {"cwd": "/a"}, id="where it began"),
        pytest.param(
            [prompt(permissionMode="plan"), {"type": "permission-mode", "permissionMode": "acceptEdits"}],
            {"permission_mode": "acceptEdits"},
            id="mode",
        ),
        pytest.param(
            [prompt(permissionMode="of another agent")], {"permission_mode": None}, id="mode nobody here knows"
        ),
        pytest.param(
            [prompt(permissionMode="plan", isSidechain=True)], {"permission_mode": None}, id="mode of a sub-agent"
        ),
        pytest.param([{"type": 1}, {"uuid": "x"}, prompt()], {"damaged_lines": 2}, id="damage"),
    ],
)
def test_facts(tmp_path: Path, lines: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    conversation = opened(tmp_path / "s.jsonl", *lines)

    assert {name: getattr(conversation, name) for name in facts} == facts


def test_missing_transcript(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"^Cannot read the session .*gone\.jsonl: No such file or directory\.$"):
        load(tmp_path / "gone.jsonl")
