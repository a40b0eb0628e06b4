"""Pictures of real screens, and what is to be read in them."""

import pytest

from tests.fleet.drivers.screen_pictures import picture
from tianting.fleet.drivers.markers import Marker, MarkerReader
from tianting.fleet.drivers.tmux_agent import chosen
from tianting.fleet.drivers.tmux_kinds import CLAUDE_SCREEN, CODEX_SCREEN, GENERIC_SCREEN, SCREENS, SHELL_SCREEN, Choose
from tianting.fleet.drivers.tmux_view import Option, View, view
from tianting.plumbing.tmux_pane import Screen

WIDTHS = {"claude": (80, 120, 200), "codex": (80, 120, 200), "tianting": (80,)}
ALL = [(name, width) for name, widths in WIDTHS.items() for width in widths]


def seen(name: str) -> View:
    return view(picture(name), SCREENS[name.split("-", maxsplit=1)[0]])


@pytest.mark.parametrize(("name", "width"), ALL)
def test_program_that_has_answered_can_be_typed_to(name: str, width: int) -> None:
    found = seen(f"{name}-{width}-answer")

    assert (found.empty, found.working, found.question) == (True, False, None)
    assert found.finished == (name != "tianting")
    assert found.said[0].startswith(("❯ [TASK] task-1", "› [TASK] task-1"))
    assert found.said[-1].endswith("join it again")


@pytest.mark.parametrize(("name", "width"), ALL)
def test_markers_are_read_as_they_were_written(name: str, width: int) -> None:
    reader = MarkerReader()
    lines = seen(f"{name}-{width}-answer").said

    assert [*reader.read(lines, width), *reader.rest()] == [
        Marker(word="ACK", task_id="task-1"),
        Marker(
            word="DONE",
            task_id="task-1",
            text="with a long reason that goes on and on until it is wrapped by the terminal interface, "
            "so that a reader of the screen must join it again",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "working", "box"),
    [
        ("claude-80-busy", True, "❯"),
        ("claude-200-busy", True, "❯"),
        ("claude-80-streaming", True, "❯"),
        ("claude-200-streaming", True, "❯"),
        ("codex-80-busy", True, "› Ask Codex to do anything"),
        ("codex-200-busy", True, "› Ask Codex to do anything"),
        ("codex-80-streaming", False, "› Ask Codex to do anything"),
        ("tianting-80-busy", False, None),
        ("tianting-80-denied", False, None),
        ("tianting-80-ready", False, "›"),
        ("claude-120-ready", False, "❯"),
    ],
)
def test_signs_of_work_are_seen(name: str, working: bool, box: str | None) -> None:
    found = seen(name)

    assert (found.working, found.box and found.box.strip(), found.question) == (working, box, None)


def test_signs_of_work_are_not_what_was_said() -> None:
    assert seen("claude-80-streaming").said == (
        "❯ third, the slow one",
        "● Slow words of an answer that goes on for long. Slow words of an answer that",
    )
    assert seen("codex-80-busy").said == ("› third, the slow one",)


@pytest.mark.parametrize(
    ("name", "tool", "options", "allowed"),
    [
        pytest.param("claude-80-approval", "Bash", 4, "Yes", id="claude 80"),
        pytest.param("claude-120-approval", "Bash", 4, "Yes", id="claude 120"),
        pytest.param("claude-200-approval", "Bash", 4, "Yes", id="claude 200"),
        pytest.param("codex-80-approval", "run", 3, "Yes, proceed (y)", id="codex 80"),
        pytest.param("codex-200-approval", "run", 3, "Yes, proceed (y)", id="codex 200"),
        pytest.param("claude-80-trust", "", 2, "Yes, I trust this folder", id="claude trust"),
        pytest.param("codex-80-trust", "", 2, "Trust and continue", id="codex trust"),
    ],
)
def test_question_is_read_with_its_options(name: str, tool: str, options: int, allowed: str) -> None:
    question = seen(name).question
    assert question is not None
    assert isinstance(question.dialog.allow, Choose)
    place = chosen(question.options, question.dialog.allow.label, "")

    assert (question.dialog.kind, question.tool, len(question.options)) == ("approval", tool, options)
    assert [option.selected for option in question.options] == [True, *[False] * (options - 1)]
    assert place is not None
    assert question.options[place].label == allowed


@pytest.mark.parametrize("name", ["tianting-80-approval", "tianting-200-approval"])
def test_our_own_question_is_read(name: str) -> None:
    question = seen(name).question

    assert question is not None
    assert (question.tool, question.text.splitlines()[:2]) == ("Bash", ["? Bash", "  touch made; ls"])


def test_moving_mark_does_not_make_another_question() -> None:
    first = picture("codex-80-approval")
    moved = tuple(
        line.replace("› 1.", "  1.").replace("  2.", "› 2.") if line.startswith(("› 1.", "  2.")) else line
        for line in first.lines
    )
    before, after = (
        view(first, CODEX_SCREEN).question,
        view(Screen(lines=moved, width=80, cursor=80), CODEX_SCREEN).question,
    )

    assert before is not None
    assert after is not None
    assert (before.text, after.options[1].selected) == (after.text, True)


def test_login_is_a_question_for_words() -> None:
    question = seen("codex-100-login").question

    assert question is not None
    assert (question.dialog.kind, chosen(question.options, "", "2")) == ("input", 1)
    assert chosen(question.options, "", "Sign in another way") == 2
    assert chosen(question.options, "", "maybe") is None


def test_menu_that_is_not_known_is_no_box() -> None:
    screen = Screen(lines=("Which one?", "› 1. This", "  2. That"), width=80, cursor=1)

    assert view(screen, CODEX_SCREEN) == View(said=screen.lines)


@pytest.mark.parametrize(
    ("lines", "cursor", "expected"),
    [
        pytest.param(("$ ls", "a b", "$"), 2, View(said=("$ ls", "a b"), box="$", empty=True), id="ready"),
        pytest.param(("$ ls",), 4, View(said=(), box="$ ls"), id="typed"),
        pytest.param(("$ sleep 9", ""), 0, View(said=("$ sleep 9",)), id="running"),
        pytest.param(("$ ls", "a b"), 3, View(said=("$ ls", "a b")), id="said something"),
    ],
)
def test_shell(lines: tuple[str, ...], cursor: int, expected: View) -> None:
    assert view(Screen(lines=lines, width=80, cursor=cursor), SHELL_SCREEN) == expected


def test_unknown_program_only_says_something() -> None:
    assert view(Screen(lines=("› x", "", "y"), width=80, cursor=0), GENERIC_SCREEN) == View(said=("› x", "y"))


def test_options_without_numbers_are_the_block_around_the_mark() -> None:
    question = seen("claude-80-trust").question

    assert question is not None
    assert question.options == (
        Option(label="No, exit", selected=True),
        Option(label="Yes, I trust this folder"),
    )


def test_box_with_several_lines_is_not_empty_wherever_the_cursor_is() -> None:
    rule = "─" * 80
    found = view(Screen(lines=("● x", rule, "❯ one", "", rule, "  foot"), width=80, cursor=2), CLAUDE_SCREEN)

    assert found == View(said=("● x",), box="❯ one", empty=False)
