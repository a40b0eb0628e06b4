"""Bytes that are no UTF-8, in arguments, names and outputs: they cost a sign, and never the turn."""

import os
from pathlib import Path

import pytest

from tests.end_to_end.stage import Stage, body, playing
from tianting.models.scripted import calls, says
from tianting.session.reading import load

pytestmark = pytest.mark.anyio

ODD = os.fsdecode(b"odd\xff")
SEEN = "odd\ufffd"


async def test_prompt_with_odd_bytes(stage: Stage) -> None:
    async with playing(says("Fine."), repeat_last=True) as server:
        stage.toward(server)
        ended = await stage.run("-p", ODD, "--append-system-prompt", ODD, "--output-format", "stream-json")
        piped = await stage.run("-p", "This:", stdin=b"odd\xff")
        listed = await stage.run("sessions")

    assert [run.code for run in (ended, piped, listed)] == [0, 0, 0]
    assert body(server, 0)["messages"][-1]["content"][-1]["text"] == SEEN
    assert body(server, 0)["system"][-1]["text"] == SEEN
    assert body(server, 1)["messages"][-1]["content"][-1]["text"] == f"This:\n\n{SEEN}"
    assert SEEN in listed.stdout


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "gpt-6.2-sol"])
async def test_file_names_and_outputs_with_odd_bytes(stage: Stage, model: str) -> None:
    Path(os.fsdecode(os.fsencode(stage.project) + b"/odd\xff.py")).write_bytes(b"needle = '\xff'\n")
    look = (
        calls("Glob", pattern="*.py"),
        calls("Grep", pattern="needle"),
        calls("LS", path="."),
        calls("Bash", command="ls; printf '\\377\\n'; cd -P . ; cat odd*"),
    )
    async with playing(says("", *look), says("Seen."), says("Again.")) as server:
        stage.toward(server)
        ended = await stage.run(
            "-p", "Look.", "--model", model, "--allowedTools", "Bash", "--output-format", "stream-json"
        )
        again = await stage.run("-p", "Go on.", "-c", "--model", model)

    results = [block for line in ended.lines if line["type"] == "user" for block in line["message"]["content"]]
    assert (ended.code, ended.stderr, again.code) == (0, "", 0)
    assert ["odd" in block["content"] for block in results] == [True, True, True, True]
    assert not any(block.get("is_error") for block in results)
    assert load(stage.transcript).damaged_lines == 0


async def test_project_with_an_odd_name(stage: Stage) -> None:
    project = stage.project.parent / ODD
    project.mkdir()
    work = (
        calls("Write", file_path="made.py", content="a = 1\n"),
        calls("Edit", file_path="made.py", old_string="1", new_string="2"),
        calls("Read", file_path="made.py"),
        calls("Bash", command="pwd"),
        calls("Read", file_path="gone.py"),
        calls("Grep", pattern="a"),
    )
    async with playing(says("", *work), says("Here."), repeat_last=True) as server:
        stage.toward(server)
        ended = await stage.run(
            "-p", "Where?", "--dangerously-skip-permissions", "--output-format", "stream-json", cwd=project
        )
        again = await stage.run("-p", "Go on.", "-c", cwd=project)

    assert (ended.code, ended.stderr, ended.lines[0]["cwd"].endswith(SEEN)) == (0, "", True)
    assert (project / "made.py").read_text() == "a = 2\n"
    assert (again.code, again.stderr) == (0, "")


async def test_options_with_odd_bytes_are_refused_in_one_line(stage: Stage) -> None:
    for option in ("--settings", "--json-schema", "--model", "--tools", "-r", "--allowedTools"):
        ended = await stage.run("-p", "Hi.", option, '{"' + ODD if option in {"--settings", "--json-schema"} else ODD)
        [line] = ended.stderr.splitlines()
        assert (ended.code in {1, 2}, "bug" in line) == (True, False), line
