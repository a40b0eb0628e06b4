"""The scripts find markers where a worker wrote them, and nowhere else."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripts.private_swarm import SCRIPTS


def awk(
    *parts: tuple[str, str], task: str = "", columns: int = 80, folder: Path, program: str = "swarm_markers.awk"
) -> list[str]:
    """What the program prints for these parts, tabs shown as `|`."""
    words = []
    for number, (part, text) in enumerate(parts):
        file = folder / f"{number}-{part}"
        file.write_text(text, encoding="utf-8")
        words += [f"part={part}", str(file)]
    ended = subprocess.run(
        ["awk", "-f", SCRIPTS / program, f"columns={columns}", *words],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "ID": task},
        capture_output=True,
        timeout=20,
        check=True,
    )
    return ended.stdout.decode().replace("\t", "|").splitlines()


def typed(text: str, folder: Path, task: str = "") -> str:
    """As the scripts keep a text that they put in."""
    [line] = awk(("text", text), folder=folder)
    return f"{task}\t{line}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("[DONE] task-1", "DONE|task-1|", id="bare"),
        pytest.param("  [ACK] task-1", "ACK|task-1|", id="indented"),
        pytest.param("● [DONE] task-1", "DONE|task-1|", id="bullet of Claude Code"),
        pytest.param("⏺ [DONE] task-1", "DONE|task-1|", id="its older bullet"),
        pytest.param("• [DONE] task-1", "DONE|task-1|", id="bullet of Codex"),
        pytest.param("  - [DONE] task-1", "DONE|task-1|", id="list"),
        pytest.param("  * [DONE] task-1", "DONE|task-1|", id="list with stars"),
        pytest.param("│ [DONE] task-1          │", "DONE|task-1|", id="box"),
        pytest.param("│ • [DONE] task-1 │", "DONE|task-1|", id="bullet in a box"),
        pytest.param("| [DONE] task-1 |", "DONE|task-1|", id="box of bars"),
        pytest.param("▌ [DONE] task-1", "DONE|task-1|", id="block at the side"),
        pytest.param("●\u00a0[DONE]\u00a0task-1", "DONE|task-1|", id="spaces that do not break"),
        pytest.param("**[DONE] task-1**", "DONE|task-1|", id="bold"),
        pytest.param("**[DONE]** task-1", "DONE|task-1|", id="bold word"),
        pytest.param("[DONE]: task-1.", "DONE|task-1|", id="punctuation"),
        pytest.param("[DONE] task-10", "DONE|task-10|", id="longer id"),
        pytest.param("[DONE] v1.2/ü#3", "DONE|v1.2/ü#3|", id="odd id"),
        pytest.param("[ERROR] t1: no space left", "ERROR|t1|no space left", id="reason"),
        pytest.param("[ERROR] t1 — “it's” [odd]", "ERROR|t1|“it's” [odd]", id="odd reason"),
        pytest.param("[WAIT] t1 for a lock", "WAIT|t1|for a lock", id="wait"),
        pytest.param("[HELP] t1 which one?", "HELP|t1|which one?", id="help"),
        pytest.param("[TASK] t1 do it", "TASK|t1|do it", id="task"),
    ],
)
def test_marker_is_found_behind_decoration(line: str, expected: str, tmp_path: Path) -> None:
    assert awk(("screen", f"Before.\n{line}\n● After.\n"), folder=tmp_path) == [expected]


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
        pytest.param("❯\u00a0[DONE] task-1", id="typed, with a space that does not break"),
        pytest.param("│ > [DONE] task-1 │", id="typed into a box"),
        pytest.param("[DONE]", id="no id"),
        pytest.param('[DONE] "task-1"', id="quoted id"),
        pytest.param("[DONE] <id>", id="placeholder"),
        pytest.param("[done] task-1", id="small letters"),
        pytest.param("[DONE]task-1", id="no space"),
        pytest.param("[FINISHED] task-1", id="no such word"),
        pytest.param("-[DONE] task-1", id="no bullet"),
    ],
)
def test_what_only_looks_like_one_is_not(line: str, tmp_path: Path) -> None:
    assert awk(("screen", f"● Before.\n{line}\n● After.\n"), folder=tmp_path) == []


@pytest.mark.parametrize(
    ("task", "said", "is_meant"),
    [
        pytest.param("task-1", "task-1", True, id="same"),
        pytest.param("task-1", "task-10", False, id="one more figure"),
        pytest.param("task-10", "task-1", False, id="one less"),
        pytest.param("task-1", "task-1.5", False, id="goes on after a dot"),
        pytest.param("task-1", "task-1-b", False, id="goes on after a dash"),
        pytest.param("task-1", "my-task-1", False, id="ends with it"),
        pytest.param("task-1", "Task-1", False, id="capital"),
        pytest.param("task-1", "task-1.", True, id="end of a sentence"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
        pytest.param("a.*", "a.*", True, id="expression, itself"),
        pytest.param("a.*", "a.b", False, id="expression, not what it matches"),
        pytest.param(".*", "task-1", False, id="expression for everything"),
        pytest.param("a[b]+(c|d)^$", "a[b]+(c|d)^$", True, id="every sign"),
        pytest.param("a\\nb&", "a\\nb&", True, id="backslash and ampersand"),
        pytest.param("a,b;", "a,b;", True, id="ends with punctuation"),
    ],
)
def test_ids_are_compared_whole_and_as_they_are(task: str, said: str, is_meant: bool, tmp_path: Path) -> None:
    found = awk(("screen", f"● [DONE] {said}\n"), task=task, folder=tmp_path)

    assert found == ([f"DONE|{task}|"] if is_meant else [])


def test_what_is_indented_below_what_was_typed_was_typed_too(tmp_path: Path) -> None:
    lines = ["❯ When you are ready, say", "  [DONE] task-1", "  and nothing else.", "● [ACK] task-1", "  [DONE] task-1"]

    assert awk(("screen", "\n".join(lines)), folder=tmp_path) == ["ACK|task-1|", "DONE|task-1|"]


TYPED = "[TASK] task-1 tidy up, then say on a line of its own\n[DONE] task-1\nor, if it goes wrong\n[ERROR] task-1 why"


def wrapped(text: str, width: int, first: str = "", rest: str = "", last: str = "") -> list[str]:
    pieces = [line[at : at + width] for line in text.splitlines() for at in range(0, len(line), width)]
    return [f"{rest if number else first}{piece}{last}" for number, piece in enumerate(pieces)]


@pytest.mark.parametrize("width", [10, 17, 24, 40, 60])
@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(("", "", ""), id="bare"),
        pytest.param(("> ", "  ", ""), id="prompt"),
        pytest.param(("│ > ", "│   ", "  │"), id="box"),
        pytest.param(("you@host$ ", "", ""), id="other prompt"),
    ],
)
def test_echo_of_what_was_typed_does_not_count(width: int, frame: tuple[str, str, str], tmp_path: Path) -> None:
    echo = wrapped(TYPED, width, *frame)
    screen = "\n".join([*echo, "● [ACK] task-1", *echo, "● [WAIT] task-1"])

    found = awk(("typed", typed(TYPED, tmp_path)), ("screen", screen), folder=tmp_path)

    assert found == ["ACK|task-1|", "WAIT|task-1|"]


def test_echo_whose_beginning_has_scrolled_away_does_not_count(tmp_path: Path) -> None:
    screen = "\n".join([*wrapped(TYPED, 30, "│   ", "│   ", " │")[1:], "● [ACK] task-1"])

    assert awk(("typed", typed(TYPED, tmp_path)), ("screen", screen), folder=tmp_path) == ["ACK|task-1|"]


@pytest.mark.parametrize("above", ["● On it.", "  and more of it.", "> [TASK] task-2 other"])
def test_answer_that_repeats_a_line_of_what_was_typed_counts(above: str, tmp_path: Path) -> None:
    screen = "\n".join([*wrapped(TYPED, 60), above, "● [DONE] task-1", "● [ERROR] task-1 why"])

    found = awk(("typed", typed(TYPED, tmp_path)), ("screen", screen), folder=tmp_path)

    assert found == ["DONE|task-1|", "ERROR|task-1|why"]


def test_answer_indented_below_a_known_text_counts(tmp_path: Path) -> None:
    screen = "> [TASK] task-1 tidy\n  up\n  [DONE] task-1\n"

    found = awk(("typed", typed("[TASK] task-1 tidy up", tmp_path)), ("screen", screen), folder=tmp_path)

    assert found == ["DONE|task-1|"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["[ERROR] t1 there is no space", "  left on the disk"], "t1|there is no space left on the disk", id="two"
        ),
        pytest.param(
            ["● [ERROR] t1 there is no äöüäö", "  left on the disk, nor any", "  elsewhere"],
            "t1|there is no äöüäö left on the disk, nor any elsewhere",
            id="three",
        ),
        pytest.param(["[ERROR] t1 there is no space", "  - left"], "t1|there is no space", id="item"),
        pytest.param(["[ERROR] t1 there is no space", "left on the disk"], "t1|there is no space", id="not indented"),
        pytest.param(["[ERROR] t1 no space", "  left on the disk"], "t1|no space", id="room was left"),
        pytest.param(["● [ERROR]", "  an-id-that-is-as-long-as-it"], "an-id-that-is-as-long-as-it|", id="word alone"),
    ],
)
def test_wrapped_marker_is_joined(lines: list[str], expected: str, tmp_path: Path) -> None:
    assert awk(("screen", "\n".join(lines)), columns=32, folder=tmp_path) == [f"ERROR|{expected}"]


@pytest.mark.parametrize(
    ("before", "screen", "new"),
    [
        pytest.param([], ["ACK", "DONE"], ["ACK", "DONE"], id="nothing"),
        pytest.param(["ACK", "DONE"], ["ACK", "DONE"], [], id="nothing new"),
        pytest.param(["ACK", "DONE"], ["ACK", "DONE", "ACK", "DONE"], ["ACK", "DONE"], id="done again"),
        pytest.param(["ACK", "DONE"], ["DONE", "ACK"], ["ACK"], id="the oldest has left"),
        pytest.param(["ACK", "DONE"], ["ERROR"], ["ERROR"], id="all have left"),
        pytest.param(["DONE"], [], [], id="cleared"),
    ],
)
def test_what_was_there_before_is_not_counted_again(
    before: list[str], screen: list[str], new: list[str], tmp_path: Path
) -> None:
    text = "".join(f"● [{word}] t1\n● [ACK] other\n" for word in screen)
    seen = "sent\tt1\n" + "".join(f"before\tt1\t{word}\tt1\t\n" for word in before)
    all_seen = "sent\tt1\n" + "".join(f"last\t{word}\tt1\t\nlast\tACK\tother\t\n" for word in before)

    one = awk(("sent", seen), ("screen", text), task="t1", folder=tmp_path)
    every = awk(("sent", all_seen), ("screen", text), folder=tmp_path)

    assert one == [f"{word}|t1|" for word in new]
    assert every == [line for word in new for line in (f"{word}|t1|", "ACK|other|")]


SCREENS = st.text(st.characters(exclude_categories=["Cs"]))


def test_what_was_drawn_again_above_the_task_is_old(tmp_path: Path) -> None:
    first, second = "[TASK] t1 tidy up", "[TASK] t1 tidy up again"
    drawn = f"> {first}\n● [DONE] t1\n> {second}\n"
    parts = (
        ("typed", typed(first, tmp_path, "t1") + typed(second, tmp_path, "t1") + typed("[TASK] t2", tmp_path, "t2")),
        ("sent", "sent\tt1\t1\nbefore\tt1\tDONE\tt1\t\n"),
    )

    assert awk(*parts, ("screen", drawn + drawn), task="t1", folder=tmp_path) == []
    assert awk(*parts, ("screen", drawn + drawn + "● [HELP] t1"), task="t1", folder=tmp_path) == ["HELP|t1|"]


def test_report_is_news_once_each_time_its_task_is_sent(tmp_path: Path) -> None:
    def look(stamp: int, *words: str) -> str:
        reports = "".join(f"%1\tw\t{word}\tt1\t\n" for word in words)
        return f"%1\tw\tREAD\t\t\n%1\tw\tSENT\tt1\t{stamp}\n{reports}"

    def news(known: str, now: str) -> list[str]:
        return awk(("known", known), ("now", now), folder=tmp_path, program="swarm_news.awk")

    assert news("", look(1, "ACK", "DONE")) == ["w|DONE|t1|"]
    assert news(look(1, "ACK"), look(1, "ACK", "DONE")) == ["w|DONE|t1|"]
    assert news(look(1, "ACK"), look(1, "ACK", "ACK", "DONE")) == ["w|DONE|t1|"]
    assert news(look(1, "ACK", "DONE"), look(1, "ACK", "DONE", "ACK", "DONE")) == []
    assert news(look(1, "ACK", "DONE"), look(2, "ACK", "DONE", "ACK", "DONE")) == ["w|START|t1|", "w|DONE|t1|"]
    assert news(look(1, "ACK", "DONE"), look(1, "DONE", "HELP")) == ["w|HELP|t1|"]


IDS = st.from_regex(r"[a-zA-Z0-9.*+?^$(){}|\\/&#-]{0,20}[a-zA-Z0-9]", fullmatch=True)


@settings(max_examples=50, deadline=None)
@given(IDS, IDS, st.sampled_from(["", "● ", "  • ", "│ "]))
def test_one_id_is_never_taken_for_another(
    tmp_path_factory: pytest.TempPathFactory, one: str, other: str, before: str
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    screen = f"{before}[DONE] {one}\n{before}[DONE] {other}{one}\n{before}[DONE] {one}{other}\n"

    found = awk(("screen", screen), task=one, folder=folder)

    assert found == [f"DONE|{one}|".replace("\t", "|")]


@settings(max_examples=50, deadline=None)
@given(st.lists(SCREENS, max_size=10), SCREENS, st.integers(1, 200))
def test_any_screen_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], text: str, width: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for found in awk(("typed", text), ("screen", "\n".join(lines)), columns=width, folder=folder):
        assert found.startswith(("TASK|", "ACK|", "DONE|", "ERROR|", "WAIT|", "HELP|"))
