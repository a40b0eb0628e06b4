"""What the model knows after a compaction; drawn as uuids, `B` is a boundary and `S` a summary."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.session.lines import Line
from tianting.session.remembered import remembered


def drawn(uuids: str, metadata: Any = None, *, copied: bool = False) -> list[Line]:
    return [line(uuid, metadata, copied=copied) for uuid in uuids]


def line(uuid: str, metadata: Any, *, copied: bool) -> Line:
    forked_from = {"messageUuid": uuid} if copied else None
    name = uuid * 2 if copied else uuid
    if uuid == "B":
        return Line(type="system", subtype="compact_boundary", uuid=name, compact_metadata=metadata)
    return Line(type="user", uuid=name, is_compact_summary=uuid == "S" or None, forked_from=forked_from)


def kept(*uuids: Any) -> dict[str, Any]:
    return {"preservedMessages": {"uuids": list(uuids)}}


def segment(head: str, tail: str) -> dict[str, Any]:
    return {"preservedSegment": {"headUuid": head, "tailUuid": tail}}


@pytest.mark.parametrize(
    ("lines", "metadata", "expected"),
    [
        pytest.param("abc", None, "abc", id="no compaction"),
        pytest.param("abcBSd", None, "BSd", id="summary alone"),
        pytest.param("abBScBSd", None, "BSd", id="the newest compaction counts"),
        pytest.param("abcBSd", kept("b", "c"), "BSbcd", id="lines that were kept"),
        pytest.param("abcBSd", kept("c", "b"), "BSbcd", id="in the order they were said"),
        pytest.param("abcBSd", kept("gone", 7), "BSd", id="kept lines that are lost"),
        pytest.param("abcBSd", segment("b", "c"), "BSbcd", id="a stretch"),
        pytest.param("abcBSd", segment("b", "gone"), "BSd", id="a stretch without end"),
        pytest.param("abcBSd", segment("gone", "c"), "BSd", id="a stretch without beginning"),
        pytest.param("abcBSd", {**segment("a", "c"), **kept("c")}, "BScd", id="lines before a stretch"),
        pytest.param("abBScBSd", kept("b", "c"), "BSbcd", id="from before the compaction before"),
        pytest.param("abBd", kept("b"), "Bbd", id="no summary"),
        pytest.param("abBSd", "odd", "BSd", id="odd facts"),
        pytest.param("abBSd", {"preservedMessages": ["b"]}, "BSd", id="odd names"),
    ],
)
def test_what_is_remembered(lines: str, metadata: Any, expected: str) -> None:
    assert "".join(str(line.uuid) for line in remembered(drawn(lines, metadata))) == expected


def test_copy_with_new_names_keeps_what_the_old_ones_say() -> None:
    lines = drawn("abBSd", kept("b"), copied=True)

    assert [line.uuid for line in remembered(lines)] == ["BB", "SS", "bb", "dd"]


@settings(max_examples=100)
@given(st.text("abcBS", max_size=12), st.lists(st.sampled_from("abc"), max_size=3))
def test_nothing_after_the_compaction_is_lost(uuids: str, names: list[str]) -> None:
    lines = drawn(uuids, kept(*names))

    told = remembered(lines)

    since = lines[max((index for index, line in enumerate(lines) if line.starts_after_compaction), default=0) :]
    assert [line for line in told if any(line is one for one in since)] == since
    assert all(any(line is one for one in lines) for line in told)
