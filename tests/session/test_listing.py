"""Lists, and the one session somebody asks for, in directories like those on a person's disk."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tianting.protocol.errors import SessionError
from tianting.session.listing import find, latest, sessions
from tianting.session.places import slug, transcript_path
from tianting.session.summary import SessionSummary, summarise

OLD, NEW = "0a000000-0000-4000-8000-000000000001", "0b000000-0000-4000-8000-000000000002"


def prompt(content: Any = "Mend it.", **fields: Any) -> dict[str, Any]:
    message = {"role": "user", "content": content}
    return {"type": "user", "uuid": "u", "cwd": "/work/app", "gitBranch": "main", **fields, "message": message}


def write(path: Path, *lines: Any, at: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = (line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode() for line in lines)
    path.write_bytes(b"".join(line + b"\n" for line in raw))
    os.utime(path, (at, at))
    return path


def title_and_prompt(path: Path) -> tuple[str, str]:
    summary = summarise(path)
    assert summary is not None
    return summary.title, summary.first_prompt


BULK = {"type": "progress", "data": "x" * 200_000}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([prompt()], ("Mend it.", "Mend it."), id="its first words are its title"),
        pytest.param([prompt(), {"type": "summary", "summary": "S"}], ("S", "Mend it."), id="summary"),
        pytest.param(
            [prompt(), {"type": "summary", "summary": "S"}, {"type": "ai-title", "aiTitle": "A"}],
            ("A", "Mend it."),
            id="our title before a summary",
        ),
        pytest.param(
            [prompt(), {"type": "custom-title", "customTitle": "C"}, {"type": "ai-title", "aiTitle": "A"}],
            ("C", "Mend it."),
            id="a person's before ours",
        ),
        pytest.param(
            [prompt(), {"type": "custom-title", "customTitle": "C"}, {"type": "custom-title", "customTitle": "D"}],
            ("D", "Mend it."),
            id="the newest of one kind",
        ),
        pytest.param(
            [prompt(), {"type": "ai-title", "aiTitle": "Far"}, BULK, {"type": "ai-title", "aiTitle": "A"}],
            ("A", "Mend it."),
            id="long: both ends count",
        ),
        pytest.param(
            [{"type": "summary", "summary": "S"}, prompt("Note.", isMeta=True), prompt("<command-name>x"), prompt()],
            ("S", "Mend it."),
            id="first words of a person",
        ),
        pytest.param(
            [prompt([{"type": "tool_result", "tool_use_id": "c"}]), prompt([{"type": "text", "text": "Hi."}])],
            ("Hi.", "Hi."),
            id="results are no words",
        ),
        pytest.param(
            [b"rubbish", b'{"type":"user"', prompt("Say \"summary\" and 'aiTitle'."), b'"summary" rubbish'],
            ("Say \"summary\" and 'aiTitle'.",) * 2,
            id="rubbish between",
        ),
        pytest.param(
            [prompt([{"type": "text", "text": 'See\n"é": ' + "x" * 90_000}])],
            ('See "é": ' + "x" * 70 + "…", 'See "é": ' + "x" * 190 + "…"),
            id="a prompt longer than the reach",
        ),
        pytest.param(
            [prompt("x" * 90_000, isMeta=True), prompt(), {"type": "last-prompt", "lastPrompt": "And now?"}],
            ("And now?", "And now?"),
            id="a briefing longer than the reach",
        ),
        pytest.param(
            [
                prompt([{"type": "image", "source": {"type": "base64", "data": "A" * 90_000}}]),
                {"type": "last-prompt", "lastPrompt": "Draw this."},
            ],
            ("Draw this.", "Draw this."),
            id="a picture longer than the reach",
        ),
    ],
)
def test_what_a_list_shows(tmp_path: Path, lines: list[Any], expected: tuple[str, str]) -> None:
    assert title_and_prompt(write(tmp_path / "a.jsonl", *lines)) == expected


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="empty"),
        pytest.param([prompt(isSidechain=True)], id="a sub-agent's"),
        pytest.param([{"type": "summary", "summary": "S"}], id="nothing was said"),
        pytest.param([prompt("x" * 90_000, isSidechain=True)], id="a sub-agent's, long"),
        pytest.param([BULK], id="long and not said"),
        pytest.param([prompt("x" * 90_000, isMeta=True)], id="a briefing and nothing else"),
    ],
)
def test_what_a_list_leaves_out(tmp_path: Path, lines: list[Any]) -> None:
    assert summarise(write(tmp_path / "a.jsonl", *lines)) is None


def test_list_leaves_out_a_first_prompt_that_is_torn(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"type":"user","message":{"content":"Mend')

    assert summarise(tmp_path / "a.jsonl") is None


def test_list_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    assert summarise(tmp_path / "gone.jsonl") is None


def test_newest_session_comes_first(tmp_path: Path) -> None:
    old = write(transcript_path(tmp_path, "/work/app", OLD), prompt("Old."), at=1000.0)
    new = write(transcript_path(tmp_path, "/work/app", NEW), prompt("New.", gitBranch="fix"), at=2000.0)
    write(old.with_name("agent-17.jsonl"), prompt(), at=3000.0)
    old.with_name("0c000000-0000-4000-8000-000000000003.jsonl").symlink_to(tmp_path / "gone")

    assert sessions(tmp_path, "/work/app") == [
        SessionSummary(
            session_id=NEW, path=new, title="New.", first_prompt="New.", cwd="/work/app", git_branch="fix",
            modified=2000.0, size=new.stat().st_size,
        ),
        SessionSummary(
            session_id=OLD, path=old, title="Old.", first_prompt="Old.", cwd="/work/app", git_branch="main",
            modified=1000.0, size=old.stat().st_size,
        ),
    ]  # fmt: skip


def test_list_of_one_project_all_projects_and_other_agents(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write(transcript_path(ours, "/work/app", OLD), prompt("Here."), at=1.0)
    write(transcript_path(ours, "/work/other", OLD), prompt("There."), at=2.0)
    write(transcript_path(theirs, "/work/app", NEW), prompt("Theirs."), at=3.0)

    def titles(cwd: str | None, *also: Path) -> list[str]:
        return [summary.title for summary in sessions(ours, cwd, also=also)]

    assert titles("/work/app") == ["Here."]
    assert titles("/work/app", theirs) == ["Theirs.", "Here."]
    assert titles(None, theirs) == ["Theirs.", "There.", "Here."]
    assert titles("/work/nothing") == []


def test_session_that_is_at_both_is_listed_from_ours(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    write(transcript_path(ours, "/work/app", OLD), prompt("Ours."), at=1.0)
    write(transcript_path(theirs, "/work/app", OLD), prompt("Theirs."), at=2.0)
    write(transcript_path(theirs, "/work/app", NEW), prompt("New."), at=0.0)

    listed = sessions(ours, "/work/app", also=[theirs])

    assert [(summary.title, summary.is_ours) for summary in listed] == [("Ours.", True), ("New.", False)]
    assert latest(ours, "/work/app", also=[theirs]) == find(ours, "/work/app", OLD, also=[theirs])
    assert find(ours, "/elsewhere", OLD, also=[theirs]).is_relative_to(ours)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param(["a", "b"], "b", id="newest"),
        pytest.param(["a", ""], "", id="taken away"),
    ],
)
def test_tag_in_a_list(tmp_path: Path, tags: list[str], expected: str) -> None:
    remarks = [{"type": "tag", "tag": tag} for tag in tags]
    summary = summarise(write(tmp_path / "a.jsonl", prompt(), *remarks))

    assert summary is not None
    assert summary.tag == expected


def test_latest_session_is_one_that_somebody_spoke_in(tmp_path: Path) -> None:
    spoken = write(transcript_path(tmp_path, "/work/app", OLD), prompt(), at=1.0)
    write(transcript_path(tmp_path, "/work/app", NEW), {"type": "summary", "summary": "S"}, at=2.0)

    assert latest(tmp_path, "/work/app") == spoken
    assert latest(tmp_path, "/work/nothing") is None


def test_session_is_found_in_its_project_first(tmp_path: Path) -> None:
    elsewhere = write(transcript_path(tmp_path, "/work/other", OLD), prompt())
    assert find(tmp_path, "/work/app", OLD.upper()) == elsewhere

    here = write(transcript_path(tmp_path, "/work/app", OLD), prompt())
    assert find(tmp_path, "/work/app", OLD) == here


def test_session_is_found_at_other_agents(tmp_path: Path) -> None:
    theirs = write(transcript_path(tmp_path / "theirs", "/work/app", OLD), prompt())

    assert find(tmp_path / "ours", "/work/app", OLD, also=[tmp_path / "theirs"]) == theirs


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param(
            OLD[:-1] + "9",
            f"There is no session '{OLD[:-1]}9'. This project has {OLD} (Old.). `tianting sessions` lists them all.",
            id="one is alike",
        ),
        pytest.param(
            "../../etc/passwd",
            f"There is no session '../../etc/passwd'. This project has {NEW} (New.), {OLD} (Old.). "
            "`tianting sessions` lists them all.",
            id="none is alike",
        ),
    ],
)
def test_missing_session_names_those_that_are_there(tmp_path: Path, asked: str, message: str) -> None:
    write(transcript_path(tmp_path, "/work/app", OLD), prompt("Old."), at=1.0)
    write(transcript_path(tmp_path, "/work/app", NEW), prompt("New."), at=2.0)

    with pytest.raises(SessionError) as missing:
        find(tmp_path, "/work/app", asked)

    assert str(missing.value) == message


def test_missing_session_in_a_project_without_any(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"This project has none\."):
        find(tmp_path, "/work/app", OLD)


def test_only_ids_are_looked_up(tmp_path: Path) -> None:
    write(tmp_path / "secret.jsonl", prompt())
    write(transcript_path(tmp_path, "/work/app", OLD), prompt())

    with pytest.raises(SessionError):
        find(tmp_path, "/work/app", "../secret")


def test_slugs_that_collide_share_a_directory() -> None:
    assert slug("/work/my_app") == slug("/work/my-app")
