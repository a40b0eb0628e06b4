"""Markers are found where a worker wrote them, and nowhere else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.drivers.markers import Marker, MarkerReader, Word


def read(*lines: str, width: int = 80, typed: str = "") -> list[Marker]:
    reader = MarkerReader()
    if typed:
        reader.typed(typed)
    return [*reader.read(lines, width), *reader.rest()]


def marker(word: Word, task_id: str, text: str = "") -> Marker:
    return Marker(word=word, task_id=task_id, text=text)


DONE = marker("DONE", "task-1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("[DONE] task-1", DONE, id="bare"),
        pytest.param("  [ACK] task-1", marker("ACK", "task-1"), id="indented"),
        pytest.param("● [DONE] task-1", DONE, id="bullet of Claude Code"),
        pytest.param("• [DONE] task-1", DONE, id="bullet of Codex"),
        pytest.param("  - [DONE] task-1", DONE, id="list"),
        pytest.param("│ [DONE] task-1          │", DONE, id="box"),
        pytest.param("**[DONE] task-1**", DONE, id="bold"),
        pytest.param("**[DONE]** task-1", DONE, id="bold word"),
        pytest.param("[DONE]: task-1.", DONE, id="punctuation"),
        pytest.param("[DONE] task-10", marker("DONE", "task-10"), id="longer id"),
        pytest.param("[DONE] v1.2/ü#3", marker("DONE", "v1.2/ü#3"), id="odd id"),
        pytest.param("[ERROR] t1: no space left", marker("ERROR", "t1", "no space left"), id="reason"),
        pytest.param("[ERROR] t1 — it's [odd]", marker("ERROR", "t1", "it's [odd]"), id="odd reason"),
        pytest.param("[WAIT] t1 for a lock", marker("WAIT", "t1", "for a lock"), id="wait"),
        pytest.param("[HELP] t1 which one?", marker("HELP", "t1", "which one?"), id="help"),
        pytest.param("[TASK] t1 do it", marker("TASK", "t1", "do it"), id="task"),
    ],
)
def test_marker_is_found_behind_decoration(line: str, expected: Marker) -> None:
    assert read(line) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("I will say [DONE] task-1 then.", id="in prose"),
        pytest.param("> [DONE] task-1", id="quoted"),
        pytest.param("  > [DONE] task-1", id="quoted and indented"),
        pytest.param('"[DONE] task-1"', id="in quotes"),
        pytest.param("`[DONE] task-1`", id="as code"),
        pytest.param("1. [DONE] task-1", id="numbered example"),
        pytest.param("❯ [DONE] task-1", id="typed"),
        pytest.param("› [DONE] task-1", id="typed into Codex"),
        pytest.param("[DONE]", id="no id"),
        pytest.param('[DONE] "task-1"', id="quoted id"),
        pytest.param("[done] task-1", id="small letters"),
        pytest.param("[DONE]task-1", id="no space"),
        pytest.param("[FINISHED] task-1", id="no such word"),
        pytest.param("-[DONE] task-1", id="no bullet"),
    ],
)
def test_what_only_looks_like_one_is_not(line: str) -> None:
    assert read(line) == []


def test_what_is_indented_below_what_was_typed_was_typed_too() -> None:
    lines = ["❯ When you are ready, say", "  [DONE] task-1", "  and nothing else.", "● [ACK] task-1", "  [DONE] task-1"]

    assert read(*lines) == [marker("ACK", "task-1"), DONE]


TYPED = "[TASK] task-1 tidy up, then say on a line of its own\n[DONE] task-1\nor, if it goes wrong\n[ERROR] task-1 why"


@pytest.mark.parametrize("width", [17, 24, 60])
def test_echo_of_what_was_typed_does_not_count(width: int) -> None:
    echo = [line[at : at + width] for line in TYPED.splitlines() for at in range(0, len(line), width)]

    assert read(*echo, "[ACK] task-1", typed=TYPED) == [marker("ACK", "task-1")]
    assert read(*echo, *echo, "[DONE] task-1", typed=TYPED) == [DONE]


def test_answer_that_repeats_a_line_of_what_was_typed_counts() -> None:
    assert read("On it.", "[DONE] task-1", "[ERROR] task-1 why", typed=TYPED) == [
        DONE,
        marker("ERROR", "task-1", "why"),
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        pytest.param(
            ["[ERROR] t1 there is no space", "  left on the disk"], "there is no space left on the disk", id="two"
        ),
        pytest.param(
            ["• [ERROR] t1 there is no space", "  left on the disk, nor any", "  elsewhere"],
            "there is no space left on the disk, nor any elsewhere",
            id="three",
        ),
        pytest.param(["[ERROR] t1 there is no space", "  - left"], "there is no space", id="item"),
        pytest.param(["[ERROR] t1 there is no space", "left on the disk"], "there is no space", id="not indented"),
        pytest.param(["[ERROR] t1 no space", "  left on the disk"], "no space", id="room was left"),
        pytest.param(["  [ERROR]", "  an-id-that-is-as-long-as-it-gets"], None, id="word alone"),
    ],
)
def test_wrapped_marker_is_joined(lines: list[str], text: str | None) -> None:
    long = marker("ERROR", "an-id-that-is-as-long-as-it-gets")
    assert read(*lines, width=32) == [long if text is None else marker("ERROR", "t1", text)]


def test_marker_of_the_last_line_waits_until_it_is_whole() -> None:
    reader = MarkerReader()

    assert reader.read(["[ACK] t1", "[DONE] t1"], 80) == [marker("ACK", "t1")]
    assert reader.rest() == [marker("DONE", "t1")]
    assert reader.rest() == []


def test_what_was_seen_is_not_told_again_until_it_is_expected() -> None:
    reader = MarkerReader()
    lines = ["[ACK] t1", "[DONE] t1", "[DONE] t2", "."]
    assert len(reader.read(lines, 80)) == 3

    assert reader.read(lines, 80) == []
    reader.expect("t1")
    assert reader.read(lines, 80) == [marker("ACK", "t1"), marker("DONE", "t1")]


def test_memory_is_bounded() -> None:
    reader = MarkerReader()
    reader.read(["[DONE] first"], 80)
    reader.read((f"[DONE] t{number}" for number in range(10_001)), 80)

    assert [*reader.read(["[DONE] first"], 80), *reader.rest()][-1] == marker("DONE", "first")


WORDS = st.sampled_from(["ACK", "DONE", "ERROR", "WAIT", "HELP"])
IDS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_./#-]{0,30}[a-zA-Z0-9]", fullmatch=True)
REASONS = st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), max_size=20).map(" ".join)
BEFORE = st.sampled_from(["", "  ", "● ", "• ", "  - ", "│ "])


@settings(max_examples=100)
@given(WORDS, IDS, REASONS, BEFORE, st.sampled_from([40, 80, 120, 200]))
def test_marker_survives_wrapping_by_words(word: Word, task_id: str, reason: str, before: str, width: int) -> None:
    lines = [""]
    for piece in f"{before}[{word}] {task_id} {reason}".rstrip().split(" "):
        if len(lines[-1]) + 1 + len(piece) > width - 1 and lines[-1].strip():
            lines.append("   " + piece)
        else:
            lines[-1] = f"{lines[-1]} {piece}" if lines[-1] or not piece else piece

    assert read(*lines, "● And more.", width=width) == [marker(word, task_id, reason)]


@settings(max_examples=100)
@given(IDS, IDS)
def test_ids_are_compared_whole(one: str, other: str) -> None:
    assert read(f"[DONE] {one}", f"[DONE] {one}{other}") == [marker("DONE", one), marker("DONE", one + other)]


@settings(max_examples=100)
@given(st.lists(st.text(), max_size=10), st.text(), st.integers(1, 200))
def test_any_text_can_be_read(lines: list[str], typed: str, width: int) -> None:
    for found in read(*lines, width=width, typed=typed):
        assert found.task_id.split() == [found.task_id]
