"""Sessions that Claude Code wrote are listed and gone on with, and its files stay as they are.

The last tests let the real program write them, where it is installed; the others take `tests/baselines`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.end_to_end.stage import KEY, Line, Stage, body, playing
from tianting.models.scripted import Script, calls, says
from tianting.session.places import project_directory, projects_directory
from tianting.session.reading import load

pytestmark = pytest.mark.anyio

TRANSCRIPTS = Path(__file__).parents[1] / "baselines" / "transcripts"
KEEPING = "6a1f6c1e-52a3-4c57-9b1a-3f0f5c6f9a13"
STEERED = "6a2f6c1e-52a3-4c57-9b1a-3f0f5c6f9a14"
REAL = "6e000000-0000-4000-8000-000000000001"
CLAUDE_CODE = os.environ.get("CLAUDE_CODE_FOR_TESTS") or shutil.which("claude")

BESIDE_A_MODEL = """
import json, os, subprocess, sys, anyio
from pathlib import Path
from tianting.models.script_file import load_script
from tianting.testing.model_server import serve

async def main():
    async with serve(load_script(Path(sys.argv[1]))) as server:
        environment = {**os.environ, "ANTHROPIC_BASE_URL": server.base_url}
        for command in json.loads(sys.argv[3]):
            await anyio.run_process(command, env=environment, stdin=subprocess.DEVNULL, cwd=sys.argv[2])

anyio.run(main)
"""
"""Runs commands beside a model server, where there is nothing else to talk to."""


def put(stage: Stage, name: str, session_id: str, config: Path | None = None) -> Path:
    """Lay a session of Claude Code where that program would."""
    projects = projects_directory(config or Path(stage.environment["HOME"]) / ".claude")
    path = project_directory(projects, str(stage.project)) / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(TRANSCRIPTS / name, path)
    return path


async def go_on(stage: Stage, *arguments: str, prompt: str = "And now?") -> list[Line]:
    """Say one thing. Gives back what was sent to the model."""
    async with playing(says("Well."), repeat_last=True) as server:
        stage.toward(server)
        ended = await stage.run("-p", prompt, *arguments)
        assert (ended.code, ended.stdout, ended.stderr) == (0, "Well.\n", "")
        messages: list[Line] = body(server)["messages"]
    return messages


def words(messages: list[Line]) -> list[str]:
    return [block["text"] for message in messages for block in message["content"] if block["type"] == "text"]


async def test_sessions_of_both_are_listed(stage: Stage) -> None:
    put(stage, "claude-code-compacted-keeping.jsonl", KEEPING)
    await go_on(stage, prompt="Ours.")

    lines = (await stage.run("sessions")).stdout.splitlines()

    assert [line.split("  ", 2)[2] for line in lines[:2]] == [
        "Ours.",
        "Count the wheels in @wheels.txt.  #parts  (Claude Code)",
    ]
    as_json = [msgspec.json.decode(line) for line in (await stage.run("sessions", "--json")).stdout.splitlines()]
    assert [line["is_ours"] for line in as_json] == [True, False]


@pytest.mark.parametrize("asked", [pytest.param(("-r", KEEPING), id="named"), pytest.param(("-c",), id="newest")])
async def test_session_goes_on_in_a_copy(stage: Stage, asked: tuple[str, ...]) -> None:
    theirs = put(stage, "claude-code-compacted-keeping.jsonl", KEEPING)
    before = theirs.read_bytes()

    first = words(await go_on(stage, *asked))
    second = words(await go_on(stage, *asked, prompt="And then?"))

    history = [
        "So far: two wheels, three cogs.",
        "And the levers?",
        "One lever.",
        "<local-command-caveat>Not for the model.</local-command-caveat>",
        "<command-name>/compact</command-name>",
        "<local-command-stdout>Compacted</local-command-stdout>",
        "How many parts in all?",
        "Six parts.",
    ]
    [briefing] = first[len(history) : -1]
    assert str(stage.project) in briefing
    assert first == [*history, briefing, "And now?"]
    assert second == [*first, "Well.", "And then?"]
    assert theirs.read_bytes() == before
    assert stage.transcript.read_bytes().startswith(before)
    assert [path.name for path in theirs.parent.iterdir()] == [theirs.name]
    [line] = (await stage.run("sessions", "--json")).stdout.splitlines()
    assert (msgspec.json.decode(line)["is_ours"], msgspec.json.decode(line)["tag"]) == (True, "parts")


async def test_copy_that_is_not_to_be_kept_is_not_made(stage: Stage) -> None:
    theirs = put(stage, "claude-code-compacted-keeping.jsonl", KEEPING)
    before = theirs.read_bytes()

    sent = words(await go_on(stage, "-r", KEEPING, "--no-session-persistence"))

    assert "Six parts." in sent
    assert (stage.transcripts(), theirs.read_bytes()) == ([], before)


async def test_session_forks_into_our_home(stage: Stage) -> None:
    theirs = put(stage, "claude-code-steered.jsonl", STEERED)
    before = theirs.read_bytes()

    sent = await go_on(stage, "-r", STEERED, "--fork-session")

    assert "Thin oil only." in words(sent)
    assert (stage.transcript.stem != STEERED, theirs.read_bytes()) == (True, before)


async def test_session_that_died_in_a_call_goes_on(stage: Stage) -> None:
    put(stage, "claude-code-steered.jsonl", STEERED)

    sent = await go_on(stage, "-r", STEERED)

    results = [block for message in sent for block in message["content"] if block["type"] == "tool_result"]
    assert [(block["tool_use_id"], block.get("is_error", False)) for block in results] == [
        ("toolu_51", False),
        ("toolu_52", True),
        ("toolu_53", True),
    ]


async def test_directory_of_claude_code_may_be_told(stage: Stage, tmp_path: Path) -> None:
    stage.environment["CLAUDE_CONFIG_DIR"] = str(tmp_path / "config")
    put(stage, "claude-code-steered.jsonl", STEERED, tmp_path / "config")

    assert "Oiling day  (Claude Code)" in (await stage.run("sessions")).stdout


async def test_directory_that_is_ours_is_no_other_agents(stage: Stage) -> None:
    stage.environment["CLAUDE_CONFIG_DIR"] = str(stage.home)
    await go_on(stage, prompt="Ours.")
    await go_on(stage, "-c")

    [line] = (await stage.run("sessions", "--json")).stdout.splitlines()
    assert (msgspec.json.decode(line)["is_ours"], len(stage.transcripts())) == (True, 1)


def _may_cut_the_network() -> bool:
    if shutil.which("unshare") is None:
        return False
    alone = ["unshare", "-rn", "ip", "link", "set", "lo", "up"]
    return subprocess.run(alone, check=False, capture_output=True).returncode == 0


real = pytest.mark.skipif(
    CLAUDE_CODE is None or not _may_cut_the_network(),
    reason="needs Claude Code (npm i -g @anthropic-ai/claude-code) and network namespaces",
)


@real
async def test_session_that_the_real_program_wrote_goes_on(stage: Stage, tmp_path: Path) -> None:
    note = stage.write("a.txt", "the line\n")
    replies = (
        says("I look.", calls("Read", file_path=str(note)), calls("Bash", command="echo hi")),
        says("It holds one line."),
        says("Nothing more."),
    )
    stage.environment["CLAUDE_CONFIG_DIR"] = str(tmp_path / "config")
    first = ("-p", "What is in a.txt?", "--session-id", REAL, "--allowedTools", "Read,Bash")
    _let_it_speak(stage, Script(replies=replies), first, ("-p", "And else?", "-r", REAL))
    theirs = project_directory(projects_directory(tmp_path / "config"), str(stage.project)) / f"{REAL}.jsonl"
    before = theirs.read_bytes()

    sent = await go_on(stage, "-r", REAL)

    said = [text for text in words(sent) if not text.startswith("<")]
    assert said == ["What is in a.txt?", "I look.", "It holds one line.", "And else?", "Nothing more.", "And now?"]
    results = [block["type"] for message in sent for block in message["content"] if block["type"] == "tool_result"]
    assert (len(results), load(stage.transcript).damaged_lines) == (2, 0)
    assert (theirs.read_bytes(), stage.transcript.stem) == (before, REAL)


@real
async def test_real_program_and_ours_take_turns_in_one_session(stage: Stage) -> None:
    stage.environment["CLAUDE_CONFIG_DIR"] = str(stage.home)
    mine = Script(replies=(says("Mine."),), repeat_last=True)

    _let_it_speak(stage, mine, ("-p", "Theirs.", "--session-id", REAL))
    await go_on(stage, "-r", REAL, prompt="Ours.")
    _let_it_speak(stage, mine, ("-p", "Theirs again.", "-r", REAL))
    sent = await go_on(stage, "-r", REAL, prompt="Ours again.")

    said = [text for text in words(sent) if not text.startswith("<")]
    assert said == ["Theirs.", "Mine.", "Ours.", "Well.", "Theirs again.", "Mine.", "Ours again."]


def _let_it_speak(stage: Stage, script: Script, *runs: tuple[str, ...]) -> None:
    """Let Claude Code run with these arguments, one after the other, away from any network."""
    path = stage.home.parent / "script.yaml"
    path.write_bytes(msgspec.json.encode(script))
    quiet = {"DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    commands = msgspec.json.encode([[CLAUDE_CODE, *run] for run in runs]).decode()
    alone = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    program = [sys.executable, "-c", BESIDE_A_MODEL, str(path), str(stage.project), commands]
    environment = {**stage.environment, **quiet, "ANTHROPIC_API_KEY": KEY}
    subprocess.run([*alone, *program], env=environment, check=True, capture_output=True, timeout=50)
