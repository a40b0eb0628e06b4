"""What was said about a session."""

from pathlib import Path

import pytest

from tianting.session.remarks import Remarks, remarks_since

NAMED = b'{"type":"custom-title","customTitle":"Mine"}'
TAGGED = b'{"type":"tag","tag":"a"}'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], Remarks(), id="none"),
        pytest.param([NAMED, TAGGED], Remarks(custom_title="Mine", tag="a"), id="name and tag"),
        pytest.param([TAGGED, b'{"type":"tag","tag":"b"}'], Remarks(tag="b"), id="the newest tag"),
        pytest.param([TAGGED, b'{"type":"tag","tag":""}'], Remarks(tag=""), id="tag taken away"),
        pytest.param([b'{"type":"user","tag":"no"}'], Remarks(), id="a tag of something else"),
        pytest.param(
            [b'{"type":"ai-title","aiTitle":"A"}', b'{"type":"summary","summary":"S"}'],
            Remarks(ai_title="A", summary="S"),
            id="titles of programs",
        ),
        pytest.param([b'{"type":"last-prompt","lastPrompt":"P"}'], Remarks(last_prompt="P"), id="what was asked"),
        pytest.param([NAMED, b'"tag" rubbish', b'{"tag"'], Remarks(custom_title="Mine"), id="damage"),
    ],
)
def test_remarks(tmp_path: Path, lines: list[bytes], expected: Remarks) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))

    assert remarks_since(tmp_path / "a.jsonl", 0) == expected


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(NAMED + b"\n" + TAGGED + b"\n")

    assert remarks_since(tmp_path / "a.jsonl", len(NAMED) + 1) == Remarks(tag="a")


@pytest.mark.parametrize(
    ("remarks", "title"),
    [
        pytest.param(Remarks(custom_title="C", ai_title="A", summary="S"), "C", id="a person's"),
        pytest.param(Remarks(ai_title="A", summary="S"), "A", id="ours"),
        pytest.param(Remarks(summary="S"), "S", id="a summary"),
        pytest.param(Remarks(tag="a"), "", id="none"),
    ],
)
def test_which_title_counts(remarks: Remarks, title: str) -> None:
    assert remarks.title == title
