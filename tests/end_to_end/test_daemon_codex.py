"""The daemon with the real Codex behind it, offline: it answers, remembers, and outlives what dies."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.daemon.stage import PATIENCE, DaemonStage, daemon_stage
from tests.end_to_end.real_agents import codex_program
from tests.fleet.drivers.offline import Offline, offline
from tests.fleet.drivers.real_codex import CONFIG
from tianting.models.scripted import Reply

pytestmark = pytest.mark.anyio

SLOW = Reply(text="slow " * 40, chunk=5, pause=0.05)


@asynccontextmanager
async def codex_daemon(folder: Path, *replies: Reply) -> AsyncGenerator[tuple[DaemonStage, Offline]]:
    async with offline(folder, *replies) as network:
        with daemon_stage(network.inside(()), {"SCRIPTED_KEY": "a-key"}) as stage:
            stage.environment["PATH"] = (
                f"{Path(codex_program()).parent}:{stage.environment['PATH']}:{os.environ['PATH']}"
            )
            (stage.home / ".codex").mkdir()
            config = CONFIG.format(base_url=network.base_url)
            (stage.home / ".codex" / "config.toml").write_text(config, encoding="utf-8")
            await stage.run("tianting", "daemon", "start")
            yield stage, network


async def test_daemon_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with codex_daemon(tmp_path, Reply(text="Four.", thinking="Two and two.")) as (stage, network):
        first = await stage.ask("What is two and two?", id="q1")
        await stage.say("/codex-config", value="high")
        await stage.say("/codex-reasoning", value="on")
        second = await stage.ask("And again?", id="q2")
        wished = network.requests()[-1].get("reasoning")
        await stage.run("tianting", "daemon", "stop")

        assert first == {"success": True, "response": "Four.", "conversation": "tests", "id": "q1"}
        assert second == {**first, "reasoning": "Two and two.", "id": "q2"}
        assert wished == {"effort": "high", "summary": "detailed"}
        assert stage.processes() == []
        assert not stage.socket.exists()
        assert list(stage.socket.parent.glob("*.pid")) == []


async def test_conversation_outlives_the_death_of_codex_and_of_the_daemon(tmp_path: Path) -> None:
    async with codex_daemon(tmp_path, Reply(text="One."), SLOW, Reply(text="Two."), SLOW) as (stage, network):
        await stage.ask("first")

        async with asked(stage, "killed codex") as after_codex:
            await stage.kill(await stage.agent_pid())
        before, codex = stage.serving.daemon, await stage.agent_pid()
        async with asked(stage, "killed daemon") as after_daemon:
            await stage.kill(before.pid)

        assert [one["success"] for one in (*after_codex, *after_daemon)] == [True, True]
        assert stage.serving.daemon != before
        assert await stage.agent_pid() == codex
        said = [part["text"] for item in network.requests()[-1]["input"] for part in item.get("content") or ()]
        assert {"first", "killed codex", "killed daemon"} <= set(said)


async def test_archive_is_put_back_into_a_running_daemon(tmp_path: Path) -> None:
    async with codex_daemon(tmp_path, Reply(text="Noted.")) as (stage, network):
        await stage.ask("The word is blue.")
        archive = (await stage.run("tianting", "daemon", "archive")).strip()
        await stage.ask("The word is red.")
        for session in (stage.home / ".codex" / "sessions").rglob("*.jsonl"):
            session.unlink()

        said = await stage.run("tianting", "daemon", "restore", archive)
        reply = await stage.ask("What is the word?")

        assert "What was there is kept as" in said
        assert reply["success"] is True, reply
        assert await stage.run("tianting", "daemon", "archive", "--verify", archive)
        heard = [part["text"] for item in network.requests()[-1]["input"] for part in item.get("content") or ()]
        assert [said for said in heard if said.startswith(("The word", "What is"))] == [
            "The word is blue.",
            "What is the word?",
        ]


async def test_without_codex_it_says_what_to_install() -> None:
    with daemon_stage() as stage:
        await stage.run("tianting", "daemon", "start")

        reply = await stage.ask("Anybody?")

        assert reply["success"] is False
        assert "npm install -g @openai/codex" in reply["error"]


@asynccontextmanager
async def asked(stage: DaemonStage, question: str) -> AsyncGenerator[list[dict[str, Any]]]:
    """Within, the answer has begun to come; afterwards it is there."""
    begun, replies = anyio.Event(), list[dict[str, Any]]()

    async def ask() -> None:
        replies.append(await stage.ask(question, id=question, stream=True, begun=begun))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await begun.wait()
            yield replies
