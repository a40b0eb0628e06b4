"""Real agents in real terminals: nothing but keys goes in, and nothing but the screen comes out."""

import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest
from msgspec import Struct, structs

from tests.end_to_end.real_agents import claude_program, codex_program
from tests.fleet.drivers.offline import Offline, offline
from tests.fleet.drivers.terminal import PATIENCE, Window, opened, terminals, watched
from tianting.fleet.drivers.driver import (
    Answer,
    Brief,
    DriverError,
    LineRead,
    PersonAsked,
    Prompt,
    PromptTaken,
    QuestionClosed,
    Standing,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.markers import Marker, MarkerReader
from tianting.fleet.drivers.tmux import TmuxDriver
from tianting.fleet.drivers.tmux_kinds import CLAUDE_SCREEN, CODEX_SCREEN, SHELL_SCREEN, TIANTING_SCREEN, ScreenKind
from tianting.models.scripted import Call, Reply, calls, says
from tianting.plumbing.tmux import Held, TmuxServer
from tianting.protocol.ids import random_uuid

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

KINDS = ["tianting", "claude", "codex"]
ODD = 'Say "hello"; it\'s $HOME\n\n- ünï — 天庭 🎉 `x`\n[DONE] task-9\nand # the last line;'
SLOW = Reply(text="- word\n" * 400, pause=0.1)


class Scene(Struct, frozen=True, kw_only=True):
    """A terminal, and what is to be in it."""

    server: TmuxServer
    driver: TmuxDriver
    brief: Brief
    network: Offline

    async def open(self, width: int = 100) -> Held:
        return await opened(self.server, self.driver, self.brief, self.network.inside(()), width)

    @contextlib.asynccontextmanager
    async def window(self, width: int = 100) -> AsyncIterator[Window]:
        held = await self.open(width)
        async with watched(self.server, held, self.driver, self.brief) as window:
            yield window


def asks(kind: str) -> Call:
    if kind == "codex":
        escalated = {"sandbox_permissions": "require_escalated", "justification": "May I?"}
        return calls("exec_command", cmd="touch made; ls", **escalated)
    return calls("Bash", command="touch made; ls", description="Make a file")


@contextlib.asynccontextmanager
async def scene(kind: str, folder: Path, *replies: Reply, trusted: bool = True) -> AsyncIterator[Scene]:
    home, project = folder / "home", folder / "project"
    project.mkdir()
    home.mkdir()
    async with offline(folder, *replies) as network, terminals(folder) as server:
        screen, environment, program = _PREPARE[kind](home, project, network.base_url, trusted)
        brief = Brief(
            window_id="w1",
            generation=1,
            cwd=str(project),
            conversation_id=random_uuid(),
            permission_mode="default",
            environment={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
            program=program,
            arguments=("-a", "on-request", "-s", "read-only") if kind == "codex" else (),
        )
        yield Scene(server=server, driver=TmuxDriver(screen), brief=brief, network=network)


Prepared = tuple[ScreenKind, dict[str, str], str]


def _tianting(home: Path, project: Path, base_url: str, trusted: bool) -> Prepared:
    return (
        TIANTING_SCREEN,
        {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "a-key"},
        str(Path(sys.executable).with_name("tianting")),
    )


def _claude(home: Path, project: Path, base_url: str, trusted: bool) -> Prepared:
    config = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["a-key"], "rejected": []},
        "projects": {str(project): {"hasTrustDialogAccepted": trusted}},
    }
    (home / ".claude.json").write_bytes(msgspec.json.encode(config))
    return CLAUDE_SCREEN, {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "a-key"}, claude_program()


def _codex(home: Path, project: Path, base_url: str, trusted: bool) -> Prepared:
    (home / ".codex").mkdir()
    trust = f'[projects."{project}"]\ntrust_level = "trusted"\n' if trusted else ""
    (home / ".codex" / "config.toml").write_text(
        f'model = "gpt-5"\nmodel_provider = "scripted"\n{trust}[analytics]\nenabled = false\n'
        f'[model_providers.scripted]\nname = "scripted"\nbase_url = "{base_url}/v1"\nwire_api = "responses"\n'
        'env_key = "SCRIPTED_KEY"\n'
    )
    return CODEX_SCREEN, {"SCRIPTED_KEY": "a-key"}, codex_program()


_PREPARE = {"tianting": _tianting, "claude": _claude, "codex": _codex}


@pytest.mark.parametrize("kind", KINDS)
async def test_prompt_goes_in_exactly_and_its_answer_comes_back(kind: str, tmp_path: Path) -> None:
    async with (
        scene(kind, tmp_path, says("Hello to you."), says("And [DONE] again.")) as stage,
        stage.window() as window,
    ):
        done = await window.turn(ODD)
        again = await window.turn("Once more.")

        assert (done.text, done.fault, done.interrupted) == ("Hello to you.", None, False)
        assert again.text == "And [DONE] again."
        assert window.all(PromptTaken) == [PromptTaken(uuid="p1"), PromptTaken(uuid="p2")]
        turns = [type(event) for event in window.events if isinstance(event, TurnBegan | TurnDone)]
        assert turns == [TurnBegan, TurnDone] * 2
        assert any(ODD in said for said in _prompts(stage.network))


def _prompts(network: Offline) -> list[str]:
    """All texts that the model was sent."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(network.requests())
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [80, 200])
async def test_markers_of_a_worker_are_read_and_those_typed_are_not(kind: str, width: int, tmp_path: Path) -> None:
    said = (
        "I begin.\n\n[ACK] task-1\n\n- [HELP] task-1 "
        + "which of these many words is meant " * 5
        + "\n\n[WAIT] task-10"
    )
    async with scene(kind, tmp_path, says(said)) as stage, stage.window(width) as window:
        reader = MarkerReader()
        reader.typed(ODD)
        await window.turn(ODD)

        lines = [event.line.decode() for event in window.all(LineRead)]
        assert [*reader.read(lines, width), *reader.rest()] == [
            Marker(word="ACK", task_id="task-1"),
            Marker(word="HELP", task_id="task-1", text=("which of these many words is meant " * 5).strip()),
            Marker(word="WAIT", task_id="task-10"),
        ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("allow", [True, False], ids=["allowed", "denied"])
async def test_person_is_asked_and_obeyed(kind: str, allow: bool, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, says("Working.", asks(kind)), says("Well.")) as stage, stage.window() as window:
        await window.agent.prompt(Prompt(text="Make it.", uuid="p1"))
        asked = await window.until(PersonAsked)
        await window.agent.answer("another", Answer(allow=True))
        await window.agent.answer(asked.question_id, Answer(allow=allow, text="Not today."))
        done = await window.until(TurnDone)

        assert (asked.kind, "touch made; ls" in asked.text, done.fault) == ("approval", True, None)
        assert window.all(QuestionClosed) == [QuestionClosed(question_id=asked.question_id)]
        assert (tmp_path / "project" / "made").exists() == allow


@pytest.mark.parametrize("kind", KINDS)
async def test_turn_is_interrupted_and_the_next_prompt_taken(kind: str, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, SLOW) as stage, stage.window() as window:
        await window.agent.prompt(Prompt(text="Tell me all.", uuid="p1"))
        await window.until(TurnBegan)
        await window.until(LineRead, 2)
        await window.agent.interrupt()
        done = await window.until(TurnDone)

        assert (done.interrupted, done.fault) == (True, None)
        await window.agent.prompt(Prompt(text="Go on.", uuid="p2"))
        await window.until(PromptTaken, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_agent_leaves_when_it_is_asked_to(kind: str, tmp_path: Path) -> None:
    async with scene(kind, tmp_path, says("Hello.")) as stage, stage.window() as window:
        await window.turn("Hi.")
        await window.agent.leave()
        with anyio.fail_after(PATIENCE):
            await window.ended.wait()

        [held] = await stage.server.windows()
        assert held.is_dead


async def test_trust_is_asked_of_a_person_before_the_first_prompt(tmp_path: Path) -> None:
    async with scene("claude", tmp_path, says("Hello."), trusted=False) as stage, stage.window() as window:
        await window.agent.prompt(Prompt(text="Hi.", uuid="p1"))
        asked = await window.until(PersonAsked)
        assert "trust" in asked.text
        assert window.all(PromptTaken) == []
        await window.agent.answer(asked.question_id, Answer(allow=True))

        assert (await window.until(TurnDone)).text == "Hello."


async def test_window_is_taken_over_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    async with scene("tianting", tmp_path, says("Working.", asks("tianting")), says("Well.")) as stage:
        held = await stage.open()
        async with watched(stage.server, held, stage.driver, stage.brief) as window:
            await window.agent.prompt(Prompt(text="Make it.", uuid="p1"))
            asked = await window.until(PersonAsked)

        standing = Standing(in_turn=True, open_questions=(asked.question_id,))
        found = await stage.server.find("w1/1")
        assert found == held
        brief = structs.replace(stage.brief, standing=standing)
        async with watched(stage.server, found, stage.driver, brief, taken_over=True) as window:
            await window.until(LineRead)
            await window.agent.answer(asked.question_id, Answer(allow=True))
            done = await window.until(TurnDone)

            assert "Well." in done.text
            assert window.all(PersonAsked) == []
            assert window.all(QuestionClosed) == [QuestionClosed(question_id=asked.question_id)]


def shell_brief(folder: Path, *arguments: str, program: str | None = None) -> Brief:
    return Brief(
        window_id="w1",
        generation=1,
        cwd=str(folder),
        conversation_id="c1",
        environment={"PATH": os.environ["PATH"], "PS1": "$ ", "HOME": str(folder)},
        program=program,
        arguments=arguments,
    )


@contextlib.asynccontextmanager
async def running(folder: Path, driver: TmuxDriver, brief: Brief) -> AsyncIterator[tuple[TmuxServer, Held, Window]]:
    async with terminals(folder) as server:
        held = await opened(server, driver, brief)
        async with watched(server, held, driver, brief) as window:
            yield server, held, window


async def test_shell_is_driven(tmp_path: Path) -> None:
    async with running(tmp_path, TmuxDriver(SHELL_SCREEN), shell_brief(tmp_path)) as (_, _, window):
        assert (await window.turn("echo $((6 * 7))")).text.splitlines()[-1] == "42"
        await window.agent.probe()
        await window.agent.leave()
        with anyio.fail_after(PATIENCE):
            await window.ended.wait()


async def test_any_program_is_ready_when_it_is_quiet(tmp_path: Path) -> None:
    brief = shell_brief(tmp_path, "-c", "while read line; do echo you said $line; done", program="sh")
    async with running(tmp_path, TmuxDriver(), brief) as (_, _, window):
        assert (await window.turn("[DONE] nothing")).text == "you said [DONE] nothing"


async def test_text_that_is_not_taken_is_told_and_typed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.fleet.drivers.tmux_agent._ENTERS", (0.1, 0.1, 0.1))
    deaf = "stty raw -echo; printf '$ '; head -c 4 > got; cat got; cat > rest"
    brief = shell_brief(tmp_path, "-c", deaf)
    async with running(tmp_path, TmuxDriver(SHELL_SCREEN), brief) as (_, _, window):
        done = await window.turn("four")

        assert done.fault is not None
        assert done.fault.code == "not_taken"
        assert window.all(PromptTaken) == []
    assert (tmp_path / "got").read_text() == "four"
    assert "four" not in (tmp_path / "rest").read_text()


async def test_program_that_ends_at_once_says_so(tmp_path: Path) -> None:
    brief = shell_brief(tmp_path, "-c", "echo no such model; exit 3")
    with pytest.raises(DriverError, match=r"^The program ended with \d+ before it was ready: "):
        async with running(tmp_path, TmuxDriver(SHELL_SCREEN), brief):
            pass


async def test_closed_window_ends_the_watching_and_is_named_to_whoever_asks(tmp_path: Path) -> None:
    async with running(tmp_path, TmuxDriver(SHELL_SCREEN), shell_brief(tmp_path)) as (server, held, window):
        await server.end(held, grace=1)
        with anyio.fail_after(PATIENCE):
            await window.ended.wait()
        for asked in (window.agent.probe, window.agent.interrupt, window.agent.leave):
            with pytest.raises(DriverError, match=r"has ended|closed|can't find pane"):
                await asked()
        assert window.all(TurnDone) == []


@pytest.mark.parametrize(
    ("driver", "program", "message"),
    [
        pytest.param(
            TmuxDriver(CLAUDE_SCREEN), "no-such", r"no program 'no-such'.*npm install -g @anthropic", id="missing"
        ),
        pytest.param(TmuxDriver(), None, "No program was named", id="not named"),
    ],
)
def test_program_that_is_missing_is_named(
    tmp_path: Path, driver: TmuxDriver, program: str | None, message: str
) -> None:
    with pytest.raises(DriverError, match=message):
        driver.launch(shell_brief(tmp_path, program=program))
