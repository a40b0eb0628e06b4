"""Killed without a word at any moment, the program loses nothing that it had told, and goes on where it was."""

import random

import anyio
import pytest
from msgspec import structs

from tests.end_to_end.stage import Line, Running, Stage, playing
from tianting.models.scripted import Reply, calls, says
from tianting.protocol.content import ToolResult
from tianting.protocol.messages import UserMessage, unanswered_calls
from tianting.session.reading import load

pytestmark = pytest.mark.anyio

STEPS = 6
LINES = 3 * STEPS
"""What a whole run tells, about: words, calls and results of each step."""


def script() -> tuple[Reply, ...]:
    steps = [
        says(
            f"Step {step} comes now, with some words to it.",
            calls("Bash", command=f"echo step {step} >> done.txt; echo told {step}"),
            calls("Write", file_path=f"file{step}.txt", content=f"{step}\n" * 200),
            thinking="Hm. " * 20,
        )
        for step in range(STEPS)
    ]
    return tuple(structs.replace(reply, pause=0.001) for reply in (*steps, says("All done.")))


@pytest.mark.parametrize("seed", range(16))
async def test_killed_at_any_moment(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    async with playing(*script()) as server:
        stage.toward(server)
        async with stage.running(
            "-p", "Do all steps.", "--output-format", "stream-json", "--dangerously-skip-permissions"
        ) as run:
            await see_some(run, chance.randrange(LINES))
            await anyio.sleep(chance.random() * 0.02)
            run.process.kill()
            assert (await run.ended()).code == -9
        again = await stage.run(
            "-p", "Go on.", *(["-c"] if stage.transcripts() else []), "--dangerously-skip-permissions"
        )

    assert (again.code, again.stdout, again.stderr) == (0, "All done.\n", "")
    history = load(stage.transcript).history
    kept = {
        block.tool_use_id: block.content
        for message in history
        if isinstance(message, UserMessage)
        for block in message.content
        if isinstance(block, ToolResult)
    }
    assert unanswered_calls(history) == []
    assert told_results(run.seen).items() <= kept.items()
    steps = (stage.project / "done.txt").read_text().splitlines()
    assert steps == [f"step {step}" for step in range(STEPS)]


async def see_some(run: Running, lines: int) -> None:
    try:
        for _ in range(lines):
            await run.line(lambda line: True)
    except anyio.IncompleteRead:  # it was done before
        return


def told_results(lines: list[Line]) -> dict[str, str]:
    blocks = [block for line in lines if line["type"] == "user" for block in line["message"]["content"]]
    return {block["tool_use_id"]: block["content"] for block in blocks}
