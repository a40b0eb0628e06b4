"""Agents that others make, for tests that drive the real ones.

Looked for in `$TIANTING_REAL_AGENTS`, a directory that npm has installed them into. In CI they are installed there, or
into the cache directory, and a test that needs one never skips.
"""

import fcntl
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_PACKAGES = (
    "@anthropic-ai/claude-code@latest",
    "@openai/codex@latest",
    "@agentclientprotocol/claude-agent-acp",
    "@agentclientprotocol/sdk",
)
"""Without `@latest` npm chooses an old release for an old Node, which the last two are better for."""
_PATIENCE = 300


def claude_program() -> str:
    """Where Claude Code is. Skips the test that needs it where it is not, with what to do."""
    return _program("claude")


def codex_program() -> str:
    """Where Codex is. Skips the test that needs it where it is not, with what to do."""
    return _program("codex")


def acp_program() -> str:
    """Where the program is that makes an ACP agent of Claude Code. Skips the test where it is not."""
    return _program("claude-agent-acp")


def acp_schema() -> Path:
    """Where the published schema of ACP is, version 1."""
    package = Path(acp_program()).parent.parent / "@agentclientprotocol" / "sdk"
    return package / "schema" / "v1" / "schema.json"


def _program(name: str) -> str:
    directory = _directory()
    if os.environ.get("CI") == "true":
        _install(directory)
    program = directory / "node_modules" / ".bin" / name
    if not program.exists():
        command = f"npm install --prefix {directory} {' '.join(_PACKAGES)}"
        pytest.skip(f"{name} is not installed: {command}")
    return str(program)


def _directory() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TIANTING_REAL_AGENTS") or cache / "tianting" / "real-agents")


@functools.cache
def _install(directory: Path) -> None:
    """Once for all tests of this process, one process after the other; npm leaves alone what is there."""
    if shutil.which("npm") is None:
        pytest.fail("The real agents are tested in CI, and npm is missing.")
    directory.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *_PACKAGES]
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
