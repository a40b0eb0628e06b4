"""What the commands around undo say and refuse; what they give back is shown end to end."""

import re
from pathlib import Path

import anyio
import pytest

from tests.cli.conftest import CommandLine, Ran
from tianting.cli.restored import Done, tell
from tianting.cli.safekeeping import open_checkpoints
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import Text
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.events import TurnStarted
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import AssistantMessage, user_text
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import projects_directory, transcript_path
from tianting.settings.schema import CheckpointSettings
from tianting.worktree.checkpoints import Restored
from tianting.worktree.shadow.journal import Checkpoint
from tianting.worktree.shadow.restoring import Refusal

SESSION = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
CHANGED = ["-one", "+two", "--- a/b.txt", "+++ /dev/null", "-b"]
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def worked(tianting: CommandLine, home: Path) -> CommandLine:
    """Two prompts: the first only asked, the second made `a.txt` say two and removed `b.txt`."""
    log = SessionLog(
        transcript_path(projects_directory(home), str(Path.cwd()), SESSION),
        Stamp(session_id=SESSION, cwd=str(Path.cwd()), version="0"),
        SystemClock(),
        random_uuid,
    )
    for uuid, words in ((ONE, "What is this?"), (TWO, "Change it.")):
        log.record(TurnStarted(uuid=uuid, prompt=user_text(words)))
        answer = AssistantMessage(id=words, model="m", content=(Text(text="Done."),), stop_reason="end_turn")
        log.record(MessageFinished(message=answer))
    log.close()
    Path("a.txt").write_text("one\n")
    Path("b.txt").write_text("b\n")
    kept = open_checkpoints(home, Path.cwd(), CheckpointSettings())
    anyio.run(lambda: kept.take("Bash: mend", prompt_id=TWO, tool_call_id="call-1"))
    Path("a.txt").write_text("two\n")
    Path("b.txt").unlink()
    return tianting


def without_ids(text: str) -> list[str]:
    return re.sub(r"\b[0-9a-f]{8}\b", "ID", text).splitlines()


def test_undo_tells_what_changed_and_the_way_back(worked: CommandLine) -> None:
    told = worked("undo")

    assert without_ids(told.stdout) == [
        "Went to the state before: Bash: mend (ID)",
        "1 created, 1 changed",
        "  changed  a.txt",
        "  created  b.txt",
        "The state until now is kept. To have it back: tianting redo",
    ]
    assert without_ids(worked("redo").stdout)[0] == "Went to the state before: undo (ID)"
    assert (Path("a.txt").read_text(), Path("b.txt").exists()) == ("two\n", False)


def test_work_of_others_between_two_restores_is_named_and_kept(worked: CommandLine) -> None:
    worked("undo")
    state_before_undo = worked("checkpoints", "list").stdout.splitlines()[-1][2:10]
    Path("mine.txt").write_text("mine\n")

    told = worked("checkpoints", "restore", state_before_undo).stdout.splitlines()

    assert told[-3:-1] == ["Changed by somebody else since the files were given back:", "  mine.txt"]
    worked(*told[-1].split("tianting ")[1].split())
    assert Path("mine.txt").read_text() == "mine\n"


def test_undo_from_a_folder_below(worked: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("below").mkdir()
    monkeypatch.chdir("below")

    worked("undo")

    assert Path("../a.txt").read_text() == "one\n"


def test_long_lists_are_cut(worked: CommandLine) -> None:
    for number in range(30):
        Path(f"{number:02}.txt").touch()

    told = worked("undo", "--dry-run").stdout.splitlines()

    assert (len(told), told[-1]) == (2 + 20 + 1, "  … and 12 more")
    assert Path("29.txt").exists()


def test_names_cannot_write_to_the_terminal(worked: CommandLine) -> None:
    Path("\x1b[2J.txt").touch()

    assert "\x1b" not in worked("undo", "--dry-run").stdout


def test_what_cannot_be_given_back_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    state = Checkpoint(id="1", at=0.0, label="Bash: mend", tree="", root="")
    refused = (Refusal(path="big.bin", reason="It was too large to keep."),)

    restored = Restored(to=state, saved_as=state, changes=(), refused=refused)
    tell(Done(restored=restored), way_back="tianting redo", dry_run=False)

    assert capsys.readouterr().out.splitlines() == [
        "Went to the state before: Bash: mend (1)",
        "No file differs.",
        "1 left as they are:",
        "  big.bin: It was too large to keep.",
    ]


def test_prompts_are_listed_and_rewound_to(worked: CommandLine) -> None:
    assert worked("rewind").stdout.splitlines()[:2] == ["   1  What is this?", "   2  Change it."]

    told = worked("rewind", "2")

    assert without_ids(told.stdout) == [
        "Ended the conversation before that prompt.",
        f"Go on from there: tianting -r {SESSION}".replace(SESSION[:8], "ID"),
        "Went to the state before: Bash: mend (ID)",
        "1 created, 1 changed",
        "  changed  a.txt",
        "  created  b.txt",
        "The state until now is kept. To have it back: tianting checkpoints restore ID",
    ]
    assert worked("rewind").stdout.splitlines()[0] == "   1  What is this?"
    assert "Change it." not in worked("rewind").stdout


def test_prompt_that_changed_nothing_takes_the_state_of_the_next(worked: CommandLine) -> None:
    told = worked("rewind", ONE, "--files")

    assert told.stdout.splitlines()[0] == "The first state kept since then is that before the prompt: Change it."
    assert Path("a.txt").read_text() == "one\n"
    assert "What is this?" in worked("rewind").stdout


def test_conversation_alone_leaves_the_files(worked: CommandLine) -> None:
    worked("rewind", "1", "--conversation")

    assert Path("a.txt").read_text() == "two\n"
    assert worked("rewind").stdout == f"Session {SESSION} has no prompt to go back to.\n"


def test_dry_rewind_changes_neither(worked: CommandLine) -> None:
    told = worked("rewind", "2", "--dry-run").stdout

    assert told.startswith("Would end the conversation before that prompt.\nWould go to the state before: Bash: mend")
    assert Path("a.txt").read_text() == "two\n"
    assert "Change it." in worked("rewind").stdout


def test_files_of_which_nothing_is_kept_stay(worked: CommandLine, home: Path) -> None:
    (home / "checkpoints").rename(home / "elsewhere")

    told = worked("rewind", "2")

    assert told.stdout.splitlines()[-1] == "The files stay as they are: no state of them is kept from that prompt on."
    assert "Change it." not in worked("rewind").stdout


@pytest.mark.parametrize("wanted", [pytest.param("3", id="too high"), pytest.param("0", id="zero"), "last"])
def test_prompt_that_is_not_there_costs_nothing(worked: CommandLine, wanted: str) -> None:
    complaint = f"tianting: There is no prompt '{wanted}': `tianting rewind` lists those there are.\n"
    assert worked("rewind", wanted) == Ran(1, "", complaint)
    assert Path("a.txt").read_text() == "two\n"


@pytest.mark.parametrize("what", ["--both", "--files"])
def test_unknown_uuid_costs_nothing(worked: CommandLine, what: str) -> None:
    told = worked("rewind", SESSION, what)

    assert told == Ran(1, "", f"tianting: The session {SESSION} has no prompt '{SESSION}'.\n")


def test_no_session_no_rewind(tianting: CommandLine) -> None:
    assert tianting("rewind") == Ran(1, "", "tianting: There is no session here: see `tianting sessions --all`.\n")


def test_conversation_that_is_open_keeps_its_files(worked: CommandLine, home: Path) -> None:
    path = transcript_path(projects_directory(home), str(Path.cwd()), SESSION)
    log = SessionLog(path, Stamp(session_id=SESSION, cwd="", version="0"), SystemClock(), random_uuid)
    log.rename("Mine")
    try:
        told = worked("rewind", "2")
    finally:
        log.close()

    assert (told.code, "is open in" in told.stderr) == (1, True)
    assert Path("a.txt").read_text() == "two\n"


def test_states_are_listed_compared_and_restored(worked: CommandLine) -> None:
    worked("undo")
    listed = worked("checkpoints", "list").stdout.splitlines()
    first, second = (line[2:10] for line in listed)
    assert [line[0] + line[33:] for line in listed] == [">Bash: mend", " before undo"]

    assert worked("checkpoints", "diff").stdout == worked("checkpoints", "diff", first, second).stdout
    assert worked("checkpoints", "diff", first).stdout.splitlines() == [
        f"{first} → {second}: 1 changed, 1 deleted",
        "  changed  a.txt",
        "  deleted  b.txt",
    ]
    worked("checkpoints", "restore", second)
    assert Path("a.txt").read_text() == "two\n"


def test_patch_shows_the_lines(worked: CommandLine) -> None:
    worked("undo")

    patch = worked("checkpoints", "diff", "--patch").stdout.splitlines()

    assert [line for line in patch if line[:1] in "+-"] == ["--- a/a.txt", "+++ b/a.txt", *CHANGED]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["undo"], "There is nothing to undo: no earlier state is kept.", id="undo"),
        pytest.param(["checkpoints", "diff"], "There are no two states to compare yet.", id="diff"),
        pytest.param(
            ["checkpoints", "restore", "x"],
            "There is no checkpoint 'x'. `tianting checkpoints list` shows all.",
            id="restore",
        ),
    ],
)
def test_where_nothing_is_kept_one_line_says_so(tianting: CommandLine, arguments: list[str], complaint: str) -> None:
    assert tianting(*arguments) == Ran(1, "", f"tianting: {complaint}\n")


def test_empty_list_says_so(tianting: CommandLine) -> None:
    assert tianting("checkpoints", "list") == Ran(0, "No state of this project is kept yet.\n", "")
    assert tianting("checkpoints", "tidy") == Ran(0, "The checkpoints of this project take 0.0 MB.\n", "")


def test_home_is_no_project(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))

    told = tianting("undo")

    assert (told.code, "all of a home directory is no project" in told.stderr) == (1, True)


@pytest.mark.parametrize("command", ["checkpoints", "redo", "rewind", "undo"])
def test_each_command_explains_itself(tianting: CommandLine, command: str) -> None:
    told = tianting(command, "--help")

    assert (told.code, told.stdout.startswith(f"Usage: tianting {command}")) == (0, True)
    assert command in tianting("--help").stdout
