"""Agents that others make are reached by the scripts as they are, in their own terminal interface."""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from tests.end_to_end.real_agents import claude_program, codex_program
from tests.fleet.drivers.offline import Offline, offline
from tests.scripts.private_swarm import PrivateSwarm, Ran, needs
from tianting.models.scripted import says

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180), needs("tmux")]

ODD = 'Say "hello"; it\'s $HOME\n\n- ünï — 天庭 🎉 `x`\n[DONE] task-1\nand # the last line;'
REASON = "none of these many words can be done " * 4


def tianting(home: Path, base_url: str) -> list[str]:
    return [
        "env",
        f"ANTHROPIC_BASE_URL={base_url}",
        "ANTHROPIC_API_KEY=a-key",
        str(Path(sys.executable).with_name("tianting")),
    ]


def claude(home: Path, base_url: str) -> list[str]:
    config = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["a-key"], "rejected": []},
        "projects": {str(home): {"hasTrustDialogAccepted": True}},
    }
    (home / ".claude.json").write_bytes(msgspec.json.encode(config))
    return ["env", f"ANTHROPIC_BASE_URL={base_url}", "ANTHROPIC_API_KEY=a-key", claude_program()]


def codex(home: Path, base_url: str) -> list[str]:
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        f'model = "gpt-5"\nmodel_provider = "scripted"\n[projects."{home}"]\ntrust_level = "trusted"\n'
        '[analytics]\nenabled = false\n[model_providers.scripted]\nname = "scripted"\n'
        f'base_url = "{base_url}/v1"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"\n'
    )
    return ["env", "SCRIPTED_KEY=a-key", codex_program(), "--disable", "daemon_auto_start"]  # it would outlive us


@pytest.mark.parametrize("prepare", [tianting, claude, codex], ids=lambda prepare: str(prepare.__name__))
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no network of its own can be made here")
async def test_real_agent_is_taught_and_reports(
    prepare: Callable[[Path, str], list[str]], swarm: PrivateSwarm, tmp_path: Path
) -> None:
    lesson, first, second = (
        says("ready"),
        says("I begin.\n\n[ACK] task-1\n\n- [DONE] task-1"),
        says(f"[ACK] task-10\n\n[ERROR] task-10 {REASON}"),
    )
    large = "".join(f"{number}: a line of text; 'quoted'\n" for number in range(3000)) + "the end"
    async with offline(tmp_path, lesson, first, second) as network:
        command = shlex.join(network.inside(prepare(tmp_path, network.base_url)))

        def work() -> None:
            start = ("--private", "--workers", "0", "--agent", f"cd {shlex.quote(str(tmp_path))} && exec {command}")
            assert swarm.run("run_claude_swarm.sh", *start).complained == ""
            swarm.tmux("resize-window", "-t", swarm.pane("master"), "-x", "60", "-y", "40")
            assert swarm.poll("master", "0").code == 124
            swarm.send("master", "task-1", ODD)
            assert swarm.poll("master", "20", "task-1") == Ran(0, "[DONE] task-1\n")
            swarm.send("master", "task-10", large)
            assert swarm.poll("master", "20", "task-10") == Ran(1, f"[ERROR] task-10 {REASON.strip()}\n")

        try:
            await anyio.to_thread.run_sync(work)
        except AssertionError as error:
            error.add_note(swarm.screen("master"))
            raise
        said = prompts(network)
        assert [text for text in (ODD, large) if not any(f" {text}" in prompt for prompt in said)] == []


def prompts(network: Offline) -> list[str]:
    """All texts that the model was sent."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(network.requests())
    return found
