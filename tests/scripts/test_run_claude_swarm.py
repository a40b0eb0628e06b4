"""One command opens the windows and teaches the agents; a second one leaves all as it is."""

import pytest

from tests.scripts.private_swarm import SESSION, PrivateSwarm, Ran, needs

pytestmark = [needs("tmux"), pytest.mark.timeout(120)]


def run(swarm: PrivateSwarm, *words: str, habits: tuple[str, ...] = (), **environment: str) -> Ran:
    inbox = "all-" + "-".join(habits or ("plain",))
    command = swarm.agent(inbox, *habits) if not (swarm.folder / inbox).exists() else "true"
    return swarm.run("run_claude_swarm.sh", "--private", "--agent", command, *words, **environment)


def windows(swarm: PrivateSwarm) -> list[str]:
    return swarm.tmux("list-windows", "-t", f"={SESSION}", "-F", "#{window_name}").split()


def test_swarm_of_the_founding_plan(swarm: PrivateSwarm) -> None:
    """S1, S4 and S7: four windows; send, poll in both forms, status and the overview."""
    started = run(swarm)

    assert (started.code, started.complained) == (0, "")
    assert windows(swarm) == ["master", "worker-0", "worker-1", "worker-2"]
    assert "You are the master" in swarm.screen("master")
    for number in range(3):
        swarm.send(f"worker-{number}", f"task-{number}", "tidy up")
        assert swarm.poll(f"worker-{number}", "20", f"task-{number}") == Ran(0, f"[DONE] task-{number}\n")
        assert swarm.poll(f"worker-{number}", "--task-id", f"task-{number}", "--timeout", "20").code == 0
    assert swarm.run("claude_comm.sh", "status").said.split() == [
        *("master", "IDLE", "worker-0", "DONE", "task-0", "worker-1", "DONE", "task-1", "worker-2", "DONE", "task-2")
    ]


@pytest.mark.parametrize("columns", ["40", "200"])
def test_lesson_is_no_report(columns: str, swarm: PrivateSwarm) -> None:
    run(swarm, "--workers", "1")
    swarm.tmux("resize-window", "-t", f"={SESSION}:=worker-0", "-x", columns, "-y", "30")

    assert "[HELP] id" in swarm.screen("worker-0").replace("\n", "")
    assert swarm.run("claude_comm.sh", "status", "worker-0").said == "worker-0     IDLE\n"
    assert swarm.poll("worker-0", "0").code == 124


def test_second_start_leaves_what_is_there(swarm: PrivateSwarm) -> None:
    run(swarm, "--workers", "1")
    before = swarm.tmux("list-panes", "-s", "-t", f"={SESSION}", "-F", "#{pane_id} #{pane_pid}")

    again = run(swarm, "--workers", "1")

    assert again.code == 0
    assert again.said.startswith(f"The session '{SESSION}' is there already.\nWindows: master, worker-0\n")
    assert swarm.tmux("list-panes", "-s", "-t", f"={SESSION}", "-F", "#{pane_id} #{pane_pid}") == before


def test_second_start_adds_what_is_missing_and_names_what_has_ended(swarm: PrivateSwarm) -> None:
    run(swarm, "--workers", "1")
    swarm.run("claude_comm.sh", "send", "worker-0", "t", "END", SWARM_PATIENCE="1")

    again = run(swarm, "--workers", "2", habits=("hides",))

    assert again.code == 0
    assert f"The program in 'worker-0' has ended: tmux respawn-window -t '{SESSION}:worker-0'" in again.said
    assert windows(swarm) == ["master", "worker-0", "worker-1"]


def test_agent_that_ends_at_once_is_said_and_can_be_read(swarm: PrivateSwarm) -> None:
    ran = swarm.run("run_claude_swarm.sh", "--private", "--workers", "0", "--agent", "echo no key;exit 3")

    assert ran.code == 8
    assert "claude_comm.sh" not in ran.complained
    assert "The program in 'master' has ended.\n" in ran.complained
    assert "no key" in swarm.screen("master")


def test_agent_that_does_not_take_text_is_said(swarm: PrivateSwarm) -> None:
    ran = run(swarm, "--workers", "0", habits=("deaf",), SWARM_PATIENCE="1")

    assert ran.code == 8
    assert "Enter was not pressed.\n" in ran.complained


def test_private_server_reads_no_settings_of_the_user(swarm: PrivateSwarm) -> None:
    (swarm.folder / ".tmux.conf").write_text("set -g base-index 7\n")
    run(swarm, "--workers", "0")

    assert swarm.tmux("display-message", "-p", "-t", f"={SESSION}:=master", "#{window_index}") == "0\n"


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        pytest.param(["--workers", "many"], 2, "--workers is a number from 0 to 99, not 'many'.", id="no number"),
        pytest.param(["--workers", "100"], 2, "--workers is a number from 0 to 99, not '100'.", id="too many"),
        pytest.param(["--workers"], 2, "--workers needs a value.", id="no value"),
        pytest.param(
            ["--loud"],
            2,
            "There is no option '--loud': --session, --workers, --agent, --private and -L are.",
            id="no option",
        ),
        pytest.param(
            ["--agent", "no-such-agent -x"], 127, "'no-such-agent' is not installed: --agent names another.", id="agent"
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: list[str], code: int, complaint: str, swarm: PrivateSwarm) -> None:
    assert swarm.run("run_claude_swarm.sh", *words) == Ran(code, complained=f"run_claude_swarm.sh: {complaint}\n")
