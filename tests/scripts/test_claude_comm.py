"""Tasks go into real tmux windows and reports come out, with nothing but bash and tmux in between."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scripts.private_swarm import SESSION, PrivateSwarm, Ran, needs

pytestmark = [needs("tmux"), pytest.mark.timeout(120)]

ODD = "Quotes \" ' ` and $HOME; !history\n\n\tüñí 漢字 🏯 | > \\n % #{session_name}\n  [DONE] odd\nends with;"


@pytest.mark.parametrize(
    ("columns", "bullet"), [(40, "● "), (80, "● "), (200, "● "), (40, "• "), (40, "  - "), (80, "│ "), (40, "")]
)
def test_task_goes_in_and_its_reports_come_out(columns: int, bullet: str, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", bullet=bullet, columns=columns)
    long = "there is no space left on the disk, nor on any other that could be found by looking for one"

    swarm.send("worker-0", "task-1", "tidy up, then say\n[DONE] task-1\nor\n[ERROR] task-1 why")
    assert swarm.poll("worker-0", "20", "task-1") == Ran(0, "[DONE] task-1\n")
    swarm.send("worker-0", "task-10", f"ERROR {long}")
    assert swarm.poll("worker-0", "20", "task-10") == Ran(1, f"[ERROR] task-10 {long}\n")
    assert swarm.poll("worker-0", "0", "task-1") == Ran(0, "[DONE] task-1\n")


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        pytest.param("DONE", Ran(0, "[DONE] t\n"), id="done"),
        pytest.param("ERROR no space", Ran(1, "[ERROR] t no space\n"), id="error"),
        pytest.param("WAIT for a lock", Ran(6, "[WAIT] t for a lock\n"), id="wait"),
        pytest.param("HELP which one?", Ran(7, "[HELP] t which one?\n"), id="help"),
    ],
)
def test_report_is_told_by_the_exit_code(description: str, expected: Ran, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.send("worker-0", "t", description)

    assert swarm.poll("worker-0", "--task-id", "t", "--timeout", "20") == expected
    assert swarm.poll("worker-0", "20") == expected


@pytest.mark.parametrize(
    ("task", "description"),
    [
        pytest.param("task-1", "QUIET", id="only acknowledged"),
        pytest.param("task-1", "PROSE", id="only talked about"),
        pytest.param("task-1", "QUIET, and then say\n[DONE] task-1\n[ERROR] task-1 why", id="echo"),
        pytest.param("task-10", "DONE", id="another task"),
        pytest.param("task", "DONE", id="a task whose id is the beginning"),
    ],
)
def test_what_is_no_report_of_the_task_is_waited_out(task: str, description: str, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", columns=40)
    swarm.send("worker-0", task, description.replace("QUIET,", "QUIET"))

    assert swarm.poll("worker-0", "1", "task-1") == Ran(
        124, complained="claude_comm.sh: No report on task-1 from 'worker-0' within 1 s.\n"
    )


def test_what_was_reported_before_a_task_is_sent_again_does_not_count(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.send("worker-0", "t", "DONE")
    assert swarm.poll("worker-0", "20", "t").code == 0

    swarm.send("worker-0", "t", "QUIET")
    assert swarm.poll("worker-0", "1", "t").code == 124
    assert swarm.poll("worker-0", "0").code == 124
    swarm.send("worker-0", "t", "HELP me")
    assert swarm.poll("worker-0", "20", "t").code == 7


def test_report_that_has_scrolled_away_is_found(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    for number in range(12):
        swarm.send("worker-0", f"task-{number}", "DONE")

    assert "task-0" not in swarm.tmux("capture-pane", "-p", "-t", swarm.pane("worker-0"))
    assert swarm.poll("worker-0", "0", "task-0") == Ran(0, "[DONE] task-0\n")


@pytest.mark.parametrize("task", ["a.*", "v1.2/ü#3", "a[b]+(c|d)^$", "x\\y&"])
def test_id_may_hold_any_sign(task: str, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.send("worker-0", task, "DONE")

    assert swarm.poll("worker-0", "20", task) == Ran(0, f"[DONE] {task}\n")


@pytest.mark.parametrize("columns", [40, 200])
def test_text_arrives_exactly(columns: int, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", columns=columns)
    swarm.send("worker-0", "odd", ODD)

    assert swarm.told("worker-0") == [f"[TASK] odd {ODD}"]
    assert swarm.run("claude_comm.sh", "send", "worker-0", "words", "a", "b;", '"c"').code == 0
    assert swarm.told("worker-0")[1:] == ['[TASK] words a b; "c"']


@pytest.mark.parametrize("habit", ["plain", "folds"])
def test_hundred_kilobytes_arrive_exactly(habit: str, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", habit)
    text = "\n".join(f"{number}: a 'line' of \"text\"; ü 漢 $x `y`" for number in range(2700))
    assert len(text.encode()) > 100_000

    swarm.send("worker-0", "big", text)

    assert swarm.told("worker-0") == [f"[TASK] big {text}"]


@pytest.mark.parametrize("habit", ["burst", "loses", "hides", "folds"])
def test_enter_is_pressed_until_it_is_taken_and_not_once_more(habit: str, swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", habit)
    long = " and so on" * 60
    swarm.send("worker-0", "t", f"DONE{long}")
    swarm.send("worker-0", "u", f"DONE{long}")

    assert swarm.told("worker-0") == [f"[TASK] t DONE{long}", f"[TASK] u DONE{long}"]


def test_text_that_enter_does_not_submit_is_not_called_sent(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", "stuck")

    sent = swarm.run("claude_comm.sh", "send", "worker-0", "t", "x", SWARM_PATIENCE="2")

    assert sent == Ran(
        8,
        complained=f"claude_comm.sh: The text stands in {swarm.pane('worker-0')}, but Enter does not submit it. "
        "It was not sent twice.\n",
    )
    assert swarm.tmux("capture-pane", "-p", "-t", swarm.pane("worker-0")).count("[TASK] t x") == 1


def test_enter_is_not_pressed_where_the_text_does_not_appear(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0", "deaf")

    sent = swarm.run("claude_comm.sh", "send", "worker-0", "t", "x", SWARM_PATIENCE="1")

    assert (sent.code, sent.said) == (8, "")
    assert swarm.told("worker-0") == []


def test_two_who_send_at_once_take_turns(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda task: swarm.send("worker-0", task, "DONE"), ["a", "b", "c"]))

    assert sorted(swarm.told("worker-0")) == ["[TASK] a DONE", "[TASK] b DONE", "[TASK] c DONE"]


def test_turn_of_a_process_that_is_gone_is_taken_over(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=10)
    swarm.tmux("set-option", "-p", "-t", swarm.pane("worker-0"), "@swarm_sender", str(gone.pid))

    swarm.send("worker-0", "t", "DONE")


def test_window_in_which_somebody_scrolls_is_reached(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.tmux("copy-mode", "-t", swarm.pane("worker-0"))

    swarm.send("worker-0", "t", "DONE")


def test_program_that_only_reads_lines_is_reached(swarm: PrivateSwarm) -> None:
    swarm.open("worker-0", "cat > /dev/null")

    swarm.send("worker-0", "t", "a line")

    assert swarm.poll("worker-0", "0", "t").code == 124
    swarm.tmux("send-keys", "-t", swarm.pane("worker-0"), "[DONE] t", "Enter")
    assert swarm.poll("worker-0", "20", "t") == Ran(0, "[DONE] t\n")


def test_status_and_overview_say_how_each_window_is(swarm: PrivateSwarm) -> None:
    for window, description in (("master", None), ("worker-0", "DONE"), ("worker-1", "QUIET"), ("worker-2", "HELP me")):
        swarm.open_agent(window)
        if description:
            swarm.send(window, "t-1", description)

    assert swarm.poll("worker-0", "20").code == 0
    assert swarm.poll("worker-2", "20").code == 7
    lines = [
        "master       IDLE",
        "worker-0     DONE     t-1",
        "worker-1     WORKING  t-1",
        "worker-2     HELP     t-1 me",
    ]
    assert swarm.run("claude_comm.sh", "status") == Ran(0, "\n".join(lines) + "\n")
    assert swarm.run("claude_comm.sh", "status", "worker-2") == Ran(0, lines[3] + "\n")
    overview = swarm.run("claude_comm.sh", "overview")
    assert [line for line in overview.said.splitlines() if not line.startswith(" ")] == lines
    assert "    runs bash, 80 x 30\n    |   ? for shortcuts\n" in overview.said


def test_end_of_a_program_is_said(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.run("claude_comm.sh", "send", "worker-0", "t", "END now", SWARM_PATIENCE="1")

    assert swarm.poll("worker-0", "20", "t") == Ran(
        5, complained="claude_comm.sh: The program in 'worker-0' has ended without a report.\n"
    )
    assert swarm.run("claude_comm.sh", "status", "worker-0").said == "worker-0     ENDED    t\n"
    assert swarm.run("claude_comm.sh", "send", "worker-0", "t", "x").code == 5


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        pytest.param([], 2, "Say what to do: send, poll, status or overview. --help explains them.", id="nothing"),
        pytest.param(["sing"], 2, "There is no command 'sing': send, poll, status and overview are.", id="unknown"),
        pytest.param(["send", "w", "t"], 2, "send needs a window, a task's id and a description.", id="too few"),
        pytest.param(["send", "w", "a b", "x"], 2, "A task's id is one word without blanks: 'a b'.", id="blank in id"),
        pytest.param(["send", "w", "", "x"], 2, "A task's id is one word without blanks: ''.", id="empty id"),
        pytest.param(["send", "w", "t", ""], 2, "The description is empty.", id="empty description"),
        pytest.param(["poll"], 2, "poll needs a window.", id="poll nothing"),
        pytest.param(["poll", "w", "soon"], 2, "The timeout is a whole number of seconds, not 'soon'.", id="no number"),
        pytest.param(["poll", "w", "--timeout"], 2, "--timeout needs a value.", id="no value"),
        pytest.param(
            ["poll", "w", "--loud"], 2, "poll has no option '--loud': --timeout and --task-id are.", id="no option"
        ),
        pytest.param(
            ["poll", "w", "1", "t", "x"], 2, "'x' is one argument too many: poll WINDOW [TIMEOUT] [TASK_ID].", id="many"
        ),
        pytest.param(["status", "a", "b"], 2, "status takes one window or none.", id="two windows"),
        pytest.param(["overview", "a"], 2, "overview takes no arguments.", id="overview of one"),
        pytest.param(["--session"], 2, "--session needs a name.", id="no name"),
        pytest.param(
            ["--session", "a:b", "status"], 2, "A session's name has no ':' and no '.': 'a:b'.", id="odd session"
        ),
        pytest.param(
            ["--session", "swarm", "status"],
            4,
            "There is no tmux session 'swarm': start it with run_claude_swarm.sh.",
            id="beginning of a session's name",
        ),
        pytest.param(
            ["-L", "tianting-test-none", "status"],
            4,
            f"There is no tmux session '{SESSION}': start it with run_claude_swarm.sh.",
            id="no server",
        ),
        pytest.param(
            ["poll", "worker", "0"],
            5,
            f"There is no window 'worker' in '{SESSION}'. Windows: worker-0, twin, twin.",
            id="beginning of a window's name",
        ),
        pytest.param(
            ["poll", "w*", "0"],
            5,
            f"There is no window 'w*' in '{SESSION}'. Windows: worker-0, twin, twin.",
            id="pattern",
        ),
        pytest.param(
            ["poll", "twin", "0"],
            5,
            f"Several windows of '{SESSION}' are called 'twin': rename all but one.",
            id="twins",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: list[str], code: int, complaint: str, swarm: PrivateSwarm) -> None:
    for window in ("worker-0", "twin", "twin"):
        swarm.open(window, "cat")

    assert swarm.run("claude_comm.sh", *words, text="") == Ran(code, complained=f"claude_comm.sh: {complaint}\n")


def test_control_characters_are_refused(swarm: PrivateSwarm) -> None:
    swarm.open("worker-0", "cat")

    assert swarm.run("claude_comm.sh", "send", "worker-0", "t", "-", text="a\x1b[201~b") == Ran(
        2, complained="claude_comm.sh: The text holds control characters, which a terminal would take for keys.\n"
    )


@pytest.mark.parametrize(
    "words", [("claude_comm.sh", "overview"), ("claude_poll.sh", "w"), ("claude_status.sh",), ("run_claude_swarm.sh",)]
)
@pytest.mark.parametrize(
    ("tmux", "complaint"),
    [
        pytest.param(None, "tmux is not installed: install it with the system's package manager.", id="missing"),
        pytest.param("tmux 2.9a", "tmux 2.9a is too old: 3.0 or newer is needed.", id="too old"),
    ],
)
def test_missing_tmux_is_said(words: tuple[str, ...], tmux: str | None, complaint: str, swarm: PrivateSwarm) -> None:
    places = swarm.folder / "bin"
    places.mkdir()
    for program in ("bash", "dirname", "awk", "env"):
        (places / program).symlink_to(str(shutil.which(program)))
    if tmux:
        (places / "tmux").write_text(f"#!{os.path.realpath('/bin/sh')}\necho {tmux}\n")
        (places / "tmux").chmod(0o755)

    ran = swarm.run(*words, PATH=str(places))

    assert (ran.code, ran.said, ran.complained.partition(": ")[2]) == (3, "", complaint + "\n")


@pytest.mark.parametrize("script", ["claude_comm.sh", "claude_poll.sh", "claude_status.sh", "run_claude_swarm.sh"])
def test_help_names_arguments_and_exit_codes(script: str, swarm: PrivateSwarm) -> None:
    ran = swarm.run(script, "--help")

    assert ran.code == 0
    assert "Exit codes" in ran.said
    assert "TIMEOUT" in ran.said or "--" in ran.said


def test_scripts_are_found_through_another_directory(swarm: PrivateSwarm, tmp_path: Path) -> None:
    swarm.open("worker-0", "cat")
    link = tmp_path / "elsewhere"
    link.symlink_to(Path(__file__).parent.parent.parent / "scripts")

    assert swarm.run(str(link / "claude_comm.sh"), "status").said == "worker-0     IDLE\n"
