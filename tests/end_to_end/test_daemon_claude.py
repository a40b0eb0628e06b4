"""`claude-codex`: Claude Code with everything it was given, a daemon beside it, and nothing left when it has gone."""

import os
import signal
from pathlib import Path

import anyio
import pytest

from tests.daemon.stage import PATIENCE, PROGRAMS, DaemonStage, daemon_stage
from tests.end_to_end.real_agents import claude_program
from tests.fleet.drivers.offline import offline
from tianting.models.scripted import Reply

pytestmark = pytest.mark.anyio

FAKE = """\
#!/bin/sh
printf '%s\\n' "$@" > "$HOME/arguments"
trap 'exit 7' TERM
tianting-codex status > "$HOME/status" 2>&1
echo "$TIANTING_CODEX_CONVERSATION" > "$HOME/conversation"
[ "$1" = wait ] && { echo ready > "$HOME/ready"; while :; do sleep 0.05; done; }
exit 3
"""


async def test_arguments_and_exit_code_pass_through_and_the_daemon_leaves() -> None:
    with daemon_stage() as stage:
        pretend(stage)

        await stage.run("claude-codex", "-p", "two words", "", "--model=x", "--help", code=3)

        arguments = (stage.home / "arguments").read_text(encoding="utf-8")
        assert arguments == "-p\ntwo words\n\n--model=x\n--help\n"
        assert (stage.home / "status").read_text(encoding="utf-8").startswith(("starting", "ready"))
        await nothing_left(stage)


async def test_signals_reach_claude_code() -> None:
    with daemon_stage() as stage:
        pretend(stage)
        program = str(PROGRAMS / "claude-codex")
        with anyio.fail_after(PATIENCE):
            async with await anyio.open_process([program, "wait"], env=stage.environment) as process:
                while not (stage.home / "ready").exists():
                    await anyio.sleep(0.01)

                process.send_signal(signal.SIGTERM)

                assert await process.wait() == 7
        await nothing_left(stage)


async def test_daemon_leaves_when_claude_code_is_killed() -> None:
    with daemon_stage() as stage:
        pretend(stage)
        program = str(PROGRAMS / "claude-codex")
        with anyio.fail_after(PATIENCE):
            async with await anyio.open_process([program, "wait"], env=stage.environment) as process:
                while not (stage.home / "ready").exists():
                    await anyio.sleep(0.01)

                process.kill()

                await process.wait()
        await nothing_left(stage)


async def test_running_daemon_is_found_and_stays() -> None:
    with daemon_stage() as stage:
        pretend(stage)
        await stage.run("tianting", "daemon", "start")
        before = stage.serving

        await stage.run("claude-codex", code=3)

        assert stage.serving == before
        assert before.daemon.is_alive


async def test_without_claude_code_it_says_what_to_install() -> None:
    with daemon_stage() as stage:
        stage.environment["PATH"] = "/usr/bin:/bin"

        said = await stage.run("claude-codex", code=127)

        assert "npm install -g @anthropic-ai/claude-code" in said


async def test_real_claude_code_answers(tmp_path: Path) -> None:
    async with offline(tmp_path, Reply(text="Hello.")) as network:
        told = {"ANTHROPIC_BASE_URL": network.base_url, "ANTHROPIC_API_KEY": "a-key"}
        with daemon_stage(network.inside(()), told) as stage:
            stage.environment["PATH"] = (
                f"{Path(claude_program()).parent}:{stage.environment['PATH']}:{os.environ['PATH']}"
            )

            said = await stage.run("claude-codex", "-p", "Hello?")

            assert said == "Hello.\n"
            await nothing_left(stage)


def pretend(stage: DaemonStage) -> None:
    """A Claude Code that says what it was given."""
    directory = stage.root / "bin"
    directory.mkdir()
    (directory / "claude").write_text(FAKE, encoding="utf-8")
    (directory / "claude").chmod(0o755)
    stage.environment["PATH"] = f"{directory}:{stage.environment['PATH']}"


async def nothing_left(stage: DaemonStage) -> None:
    """Until the daemon has gone, with all that it had."""
    with anyio.fail_after(PATIENCE):
        while stage.processes():
            await anyio.sleep(0.02)
    assert not stage.socket.exists()
    assert list(stage.socket.parent.glob("*.pid")) == []
