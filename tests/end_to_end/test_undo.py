"""What the agent's commands did is taken back, and forth again; the user's repository does not notice."""

import os
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.stage import PATIENCE, Ended, Stage, body, playing, until
from tests.worktree.pictures import picture
from tianting.models.scripted import Reply, calls, says
from tianting.session.rewinding import prompts

pytestmark = pytest.mark.anyio

UNASKED = "--dangerously-skip-permissions"
NOTHING = "There is nothing to undo: no earlier state is kept."


def git(stage: Stage, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(
        command, cwd=stage.project, check=True, capture_output=True, env=stage.environment, text=True
    ).stdout


def furnish(project: Path) -> None:
    """Files of every kind: tracked and not, executable, a link, an empty folder."""
    (project / "src" / "deep").mkdir(parents=True)
    (project / "src" / "empty").mkdir()
    (project / "src" / "deep" / "a.py").write_text("a = 1\n")
    (project / "src" / "run.sh").write_text("#!/bin/sh\n")
    (project / "src" / "run.sh").chmod(0o755)
    (project / "src" / "link").symlink_to("deep/a.py")
    (project / "notes.txt").write_text("committed\n")
    (project / "names \udcff".encode(errors="surrogateescape").decode(errors="surrogateescape")).write_bytes(b"\0\xff")


@pytest.fixture
def furnished(stage: Stage) -> Stage:
    """A repository with a commit, a stash, and uncommitted work."""
    furnish(stage.project)
    git(stage, "add", "notes.txt", "src/deep")
    git(stage, "commit", "-q", "-m", "Notes")
    (stage.project / "notes.txt").write_text("stashed\n")
    git(stage, "stash")
    (stage.project / "notes.txt").write_text("not committed\n")
    (stage.project / "staged.txt").write_text("staged\n")
    git(stage, "add", "staged.txt")
    return stage


def havoc(stage: Stage) -> tuple[Reply, ...]:
    return (
        says("Away with it.", calls("Bash", command="rm -rf src")),
        says("A clean start.", calls("Bash", command="git reset -q --hard")),
        says("", calls("Read", file_path=str(stage.project / "notes.txt"))),
        says("", calls("Edit", file_path=str(stage.project / "notes.txt"), old_string="committed", new_string="mine")),
        says("Done."),
    )


async def work(stage: Stage, *replies: Reply, prompt: str = "Clean up.", options: tuple[str, ...] = ()) -> Ended:
    async with playing(*replies) as server:
        stage.toward(server)
        ended = await stage.run("-p", prompt, UNASKED, *options)
    assert ended.code == 0, ended.stderr
    return ended


async def told(stage: Stage, *arguments: str) -> str:
    """What a command says, which must work."""
    ended = await stage.run(*arguments)
    assert (ended.code, ended.stderr) == (0, "")
    return ended.stdout


async def test_each_call_is_undone_and_redone_byte_for_byte(furnished: Stage) -> None:
    before = picture(furnished.project)
    await work(furnished, *havoc(furnished))
    pictures = [picture(furnished.project)]

    for _ in range(3):
        await told(furnished, "undo")
        pictures.append(picture(furnished.project))
    for _ in range(3):
        await told(furnished, "redo")
        pictures.append(picture(furnished.project))

    assert pictures[3] == before
    assert pictures[4:] == [pictures[2], pictures[1], pictures[0]]
    assert len({str(one) for one in pictures}) == 4


async def test_several_steps_go_at_once(furnished: Stage) -> None:
    before = picture(furnished.project)
    await work(furnished, *havoc(furnished))
    after = picture(furnished.project)

    said = await told(furnished, "undo", "3")

    assert picture(furnished.project) == before
    assert said.splitlines()[0].startswith("Went to the state before: Bash: rm -rf src (")
    assert said.splitlines()[-1] == "The state until now is kept. To have it back: tianting redo 3"
    await told(furnished, "redo", "3")
    assert picture(furnished.project) == after


async def test_dry_run_says_all_and_changes_nothing(furnished: Stage) -> None:
    await work(furnished, *havoc(furnished))
    after = picture(furnished.project)

    said = await told(furnished, "undo", "--dry-run")

    assert said.splitlines()[0].startswith("Would go to the state before: Edit: ")
    assert said.splitlines()[1:] == ["1 changed", "  changed  notes.txt"]
    assert picture(furnished.project) == after


async def test_repository_of_the_user_is_not_touched(furnished: Stage) -> None:
    await work(furnished, says("", calls("Bash", command="rm -rf src; echo x > notes.txt")), says("Done."))
    index = (furnished.project / ".git" / "index").read_bytes()
    before = git(furnished, "for-each-ref"), git(furnished, "stash", "list"), git(furnished, "config", "--local", "-l")

    await told(furnished, "undo")

    assert (furnished.project / ".git" / "index").read_bytes() == index
    after = git(furnished, "for-each-ref"), git(furnished, "stash", "list"), git(furnished, "config", "--local", "-l")
    assert after == before
    assert "refs/stash" in after[0]
    assert "A  staged.txt" in git(furnished, "status", "--porcelain")


async def test_session_that_is_not_stored_can_be_undone(furnished: Stage) -> None:
    before = picture(furnished.project)
    call = calls("Bash", command="rm -rf src")

    await work(furnished, says("", call), says("Done."), options=("--no-session-persistence",))
    await told(furnished, "undo")

    assert picture(furnished.project) == before


async def test_store_is_tidied_once_a_day_by_a_process_nobody_waits_for(furnished: Stage) -> None:
    furnished.home.mkdir()
    (furnished.home / "settings.json").write_text('{"checkpoints": {"days": 0.0000001}}')
    replies = [says("", calls("Bash", command=f"echo {number} > {number}")) for number in range(3)]
    await work(furnished, *replies, says("Done."))
    [marker] = (furnished.home / "checkpoints").glob("*/tidied")
    journal = marker.with_name("journal.jsonl")
    assert len(journal.read_text().splitlines()) == 3

    os.utime(marker, (0, 0))
    await work(furnished, says("", calls("Bash", command="echo 4 > 4")), says("Done."))

    with anyio.fail_after(PATIENCE):
        await until(lambda: len(journal.read_text().splitlines()) == 1)
    assert marker.stat().st_mtime > 0


async def test_works_outside_of_a_repository(stage: Stage) -> None:
    (stage.project / ".git").rename(stage.home.parent / "elsewhere")
    furnish(stage.project)
    before = picture(stage.project)

    await work(stage, says("", calls("Bash", command="rm -rf src notes.txt")), says("Done."))
    assert picture(stage.project) != before
    await told(stage, "undo")

    assert picture(stage.project) == before


async def test_rewound_conversation_goes_on_from_there(furnished: Stage) -> None:
    write, remove = calls("Write", file_path="one.txt", content="1"), calls("Bash", command="rm -rf src one.txt")
    async with playing(says("", write), says("One."), says("", remove), says("Two.")) as server:
        furnished.toward(server)
        await furnished.run("-p", "Write one.", UNASKED)
        between = picture(furnished.project)
        await furnished.run("-p", "Remove it.", "-c", UNASKED)
    assert picture(furnished.project) != between
    listed = await told(furnished, "rewind")
    assert listed.splitlines()[:2] == ["   1  Write one.", "   2  Remove it."]

    await told(furnished, "rewind", "2")

    assert picture(furnished.project) == between
    assert [prompt.words for prompt in prompts(furnished.transcript)] == ["Write one."]
    async with playing(says("Three.")) as server:
        furnished.toward(server)
        await furnished.run("-p", "What now?", "-c")
        sent = str(body(server)["messages"])
    assert "Write one." in sent
    assert "Remove it." not in sent
    assert "took the conversation back to this point, and the files are as they were then" in sent


async def test_killed_undo_is_finished_by_the_next(furnished: Stage) -> None:
    for number in range(1500):
        (furnished.project / "src" / f"{number}.txt").write_text(f"{number}\n" * 50)
    before = picture(furnished.project)
    await work(furnished, says("", calls("Bash", command="rm -rf src notes.txt")), says("Done."))
    target = furnished.project / "src"

    async with furnished.running("undo") as undo:
        while len(list(target.glob("*.txt"))) < 6 and undo.process.returncode is None:
            await anyio.sleep(0.0005)
        undo.process.kill()
        await undo.ended()
    again = await furnished.run("undo")

    assert picture(furnished.project) == before
    assert again.stderr in {"", f"tianting: {NOTHING}\n"}  # the first may have been quicker than its killer


async def test_a_tree_without_room_costs_one_line_and_no_turn(furnished: Stage) -> None:
    furnished.home.mkdir()
    (furnished.home / "checkpoints").write_text("in the way")

    async with playing(
        says("", calls("Bash", command="echo 1 > 1")), says("", calls("Bash", command="echo 2 > 2")), says("Done.")
    ) as server:
        furnished.toward(server)
        ended = await furnished.run("-p", "Write.", UNASKED)

    assert (ended.code, ended.stdout) == (0, "Done.\n")
    [line] = ended.stderr.splitlines()
    assert line.startswith("tianting: What changes now cannot be undone: ")
    assert (furnished.project / "2").exists()


async def test_nothing_is_kept_when_the_settings_say_so(furnished: Stage) -> None:
    off = '{"checkpoints": {"enabled": false}}'
    call = calls("Bash", command="echo 1 > 1")

    await work(furnished, says("", call), says("Done."), options=("--settings", off))

    assert not (furnished.home / "checkpoints").exists()
    ended = await furnished.run("undo")
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == f"tianting: {NOTHING}\n"
