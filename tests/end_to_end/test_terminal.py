"""The conversation in a real terminal: the installed program in a tmux window, with real keys and over real HTTP."""

import itertools
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest

from tests.end_to_end.stage import KEY, PROGRAM, Stage, body, is_alive, playing, until
from tianting.models.scripted import Reply, Script, calls, says
from tianting.protocol.messages import unanswered_calls
from tianting.session.reading import load
from tianting.testing.model_server import ServerOptions, serve

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

_numbers = itertools.count()
"""A server that is told to end takes a moment, and its socket with it."""


class Window:
    """A terminal of 100 by 40 characters on a tmux server of its own."""

    def __init__(self, stage: Stage, *arguments: str) -> None:
        self._tmux = ["tmux", "-S", str(stage.project.parent / f"tmux{next(_numbers)}"), "-f", "/dev/null"]
        variables = [f"{name}={value}" for name, value in stage.environment.items()]
        command = shlex.join(["env", "-i", *variables, PROGRAM, *arguments])
        then = "; echo left with $?; exec cat"
        self._run("new-session", "-d", "-x", "100", "-y", "40", "-c", str(stage.project), command + then)

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def type(self, words: str) -> None:
        self._run("send-keys", "-l", words)
        self.press("Enter")

    async def shows(self, *expected: str) -> list[str]:
        """The screen's lines once it ends with the lines `expected`, whatever stands in them around these words."""

        def ends(lines: list[str]) -> bool:
            last = lines[-len(expected) :]
            return len(last) == len(expected) and all(word in line for word, line in zip(expected, last, strict=True))

        return await self._until(ends, f"to end with {expected}")

    async def _until(self, right: Callable[[list[str]], bool], wanted: str) -> list[str]:
        deadline = time.monotonic() + 10
        while True:
            lines = [line.rstrip() for line in self._run("capture-pane", "-p").splitlines() if line.strip()]
            if right(lines):
                return lines
            if time.monotonic() > deadline:
                raise AssertionError(f"expected the screen {wanted}, but it shows\n" + "\n".join(lines))
            await anyio.sleep(0.02)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=10, check=False)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, timeout=10, check=True).stdout


@asynccontextmanager
async def at_terminal(stage: Stage, *arguments: str) -> AsyncGenerator[Window, None]:
    window = Window(stage, *arguments)
    try:
        yield window
    finally:
        window.close()


REFUSING = ("n  no, and tell the agent", "Ctrl-C  no, and stop")
MENU = ("y  yes", "a  yes, and do not ask again: ", "s  yes, and do not ask again in this session", *REFUSING)


async def test_a_whole_conversation(stage: Stage) -> None:
    remove = says("", calls("Bash", command="rm -rf build"))
    async with playing(
        says("Hello to you, too."),
        remove,
        says("It is gone."),
        remove,
        says("Then I leave it."),
    ) as server:
        stage.toward(server)
        (stage.project / "build").mkdir()
        async with at_terminal(stage) as window:
            await window.shows("›")
            window.type("Hello")
            await window.shows("Hello to you, too.", "›")

            window.type("Remove the build.")
            await window.shows("? Bash", "rm -rf build", "no rule allows rm", *MENU)
            window.press("y")
            await window.shows("It is gone.", "›")
            assert not (stage.project / "build").exists()

            window.type("Again.")
            await window.shows(*MENU)
            window.press("n")
            await window.shows("What should it do instead?")
            window.type("leave it")
            await window.shows("Then I leave it.", "›")
            assert "leave it" in server.requests[-1].body.decode()

            window.press("C-d")
            await window.shows("Go on with this conversation: tianting -r ", "left with 0")


async def test_granted_rule_is_saved_and_holds_the_next_time(stage: Stage) -> None:
    touch = says("", calls("Bash", command="./greet one"))
    stage.write("greet", "#!/bin/sh\necho $1 >> touched\n").chmod(0o755)
    async with playing(touch, touch, says("Twice."), touch, says("And again.")) as server:
        stage.toward(server)
        async with at_terminal(stage, "Touch it twice.") as window:
            await window.shows("a  yes, and do not ask again: Bash(./greet one)", MENU[2], *REFUSING)
            window.press("a")
            lines = await window.shows("Twice.", "›")
        ended = await stage.run("-p", "Again.")

    assert any("Saved in" in line for line in lines)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "Twice.\n", "")
    assert (stage.project / "touched").read_text() == "one\n" * 4
    saved = msgspec.json.decode((stage.project / ".tianting/settings.local.json").read_bytes())
    assert saved == {"permissions": {"allow": ["Bash(./greet one)"]}}


async def test_grant_for_this_session_is_not_saved(stage: Stage) -> None:
    touch = says("", calls("Bash", command="echo x >> touched"))
    async with playing(touch, touch, says("Twice.")) as server:
        stage.toward(server)
        async with at_terminal(stage, "Touch it twice.") as window:
            await window.shows(*MENU[2:])
            window.press("s")
            await window.shows("Twice.", "›")

    assert (stage.project / "touched").read_text() == "x\nx\n"
    assert not (stage.project / ".tianting").exists()


async def test_what_nothing_lifts_is_asked_each_time(stage: Stage) -> None:
    hook = {"type": "command", "command": "cat > told"}
    settings = msgspec.json.encode({"hooks": {"Notification": [{"matcher": "permission_prompt", "hooks": [hook]}]}})
    async with playing(says("", calls("Bash", command="rm -rf /")), says("I leave it.")) as server:
        stage.toward(server)
        stage.home.mkdir()
        (stage.home / "settings.json").write_bytes(settings)
        async with at_terminal(stage, "--dangerously-skip-permissions", "Clean up.") as window:
            await window.shows("y  yes", *REFUSING)
            window.press("n")
            await window.shows("What should it do instead?")
            window.type("nothing")
            await window.shows("I leave it.", "›")

    told = msgspec.json.decode((stage.project / "told").read_bytes())
    assert told["message"].startswith("Bash needs your permission: ")
    assert told["prompt_id"]


async def test_interrupted_command_gives_the_prompt_back(stage: Stage) -> None:
    async with playing(says("", calls("Bash", command="touch begun; sleep 60")), says("I am back.")) as server:
        stage.toward(server)
        async with at_terminal(stage, "--allowedTools", "Bash", "Wait.") as window:
            await window.shows("● Bash touch begun; sleep 60")
            with anyio.fail_after(10):
                await until((stage.project / "begun").exists)
            window.press("C-c")
            await window.shows("Stopped by the user.", "›")
            window.type("Go on.")
            await window.shows("I am back.", "›")

    said = str(body(server)["messages"])
    assert "Stopped by the user before it finished." in said


@pytest.mark.parametrize(
    ("end", "code"), [pytest.param("TERM", 143, id="terminated"), pytest.param("HUP", 129, id="hung up")]
)
async def test_ended_from_outside_it_ends_its_command(stage: Stage, end: str, code: int) -> None:
    async with playing(says("", calls("Bash", command="echo $$ > begun; sleep 60"))) as server:
        stage.toward(server)
        async with at_terminal(stage, "--allowedTools", "Bash", "Wait.") as window:
            command = await pid_in(stage.project / "begun")
            os.kill(parent_of(command), signal.Signals[f"SIG{end}"])
            await window.shows(f"left with {code}")

    assert not is_alive(command)
    assert unanswered_calls(load(stage.transcript).history) == []


async def test_closed_terminal_ends_its_command(stage: Stage) -> None:
    async with playing(says("", calls("Bash", command="echo $$ > begun; sleep 60"))) as server:
        stage.toward(server)
        async with at_terminal(stage, "--allowedTools", "Bash", "Wait.") as window:
            command = await pid_in(stage.project / "begun")
            window.close()
            with anyio.fail_after(10):
                await until(lambda: not is_alive(command))

    assert unanswered_calls(load(stage.transcript).history) == []


async def test_interrupted_answer_gives_the_prompt_back(stage: Stage) -> None:
    async with playing(Reply(text="word " * 200, pause=0.02), says("I am back.")) as server:
        stage.toward(server)
        async with at_terminal(stage) as window:
            await window.shows("›")
            window.type("Tell me.")
            await window.shows("word word")
            window.press("C-c")
            await window.shows("Stopped by the user.", "›")
            window.press("C-c")
            await window.shows("Ctrl-C again leaves.", "›")
            window.press("C-c")
            await window.shows("left with 0")


async def test_resumed_conversation_shows_what_was_said_last(stage: Stage) -> None:
    async with playing(says("First answer."), says("Second answer."), says("Third answer.")) as server:
        stage.toward(server)
        await stage.run("-p", "First.")
        async with at_terminal(stage, "-c") as window:
            await window.shows("It said last:", "First answer.", "›")
            window.type("Second.")
            await window.shows("Second answer.", "›")
            window.press("C-d")
            await window.shows("left with 0")
        async with at_terminal(stage, "-c", "Third.") as window:
            lines = await window.shows("Third answer.", "›")

    assert any("Second answer." in line for line in lines)
    assert len(body(server)["messages"]) == 5


async def test_conversation_and_files_go_back_to_before_a_prompt(stage: Stage) -> None:
    write = says("", calls("Write", file_path="made", content="made"))
    stage.home.mkdir()
    end = {"SessionEnd": [{"hooks": [{"type": "command", "command": "cat >> ends"}]}]}
    (stage.home / "settings.json").write_bytes(msgspec.json.encode({"hooks": end}))
    script = Script(replies=(says("Hello."), write, says("Made."), says("Without it.")))
    async with serve(script, options=ServerOptions(key=KEY, order="arrival")) as server:
        stage.toward(server)
        async with at_terminal(stage, "--permission-mode", "acceptEdits") as window:
            for words, answer in (("Hi.", "Hello."), ("Make it.", "Made.")):
                await window.shows("›")
                window.type(words)
                await window.shows(answer, "›")
            window.type("/rewind")
            await window.shows("   2  Make it.", "   1  Hi.", "Back to before which?")
            window.type("2")
            await window.shows("b  files and conversation", "f  files", "c  conversation", "Ctrl-C  nothing")
            made = (stage.project / "made").exists()
            window.press("b")
            await window.shows("Ended the conversation before that prompt.", "›")
            window.type("Go on.")
            await window.shows("Without it.", "›")
            window.press("C-d")
            await window.shows("Go on with this conversation: tianting -r ", "left with 0")

    assert (made, (stage.project / "made").exists()) == (True, False)
    asked = server.requests[-1].body.decode()
    assert ("Hi." in asked, "Make it." in asked, "as they were then" in asked) == (True, False, True)
    ends = (stage.project / "ends").read_text()
    reasons = [msgspec.json.decode(line)["reason"] for line in ends.replace("}{", "}\n{").splitlines()]
    assert reasons == ["resume", "prompt_input_exit"]


async def test_words_typed_while_it_works_wait_for_the_prompt(stage: Stage) -> None:
    async with playing(Reply(text="word " * 20, pause=0.05), says("And this.")) as server:
        stage.toward(server)
        async with at_terminal(stage, "Tell me.") as window:
            await window.shows("word word")
            window.type("One more thing.")
            lines = await window.shows("One more thing.", "And this.", "›")

    assert len(server.requests) == 2
    assert "".join(lines).count("One more thing.") == 1  # and not in the middle of the answer


async def test_failed_turn_keeps_the_conversation(stage: Stage) -> None:
    async with playing(says("Hello.")) as server:
        stage.toward(server)
        stage.environment["ANTHROPIC_API_KEY"] = "a-wrong-key"
        async with at_terminal(stage) as window:
            await window.shows("›")
            window.type("Hi.")
            await window.shows("The key in ANTHROPIC_API_KEY was refused (401).", "›")


async def pid_in(path: Path) -> int:
    with anyio.fail_after(10):
        await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
