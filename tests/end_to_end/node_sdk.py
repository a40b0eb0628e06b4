"""The SDK for Node, fetched once for all tests of a machine, and small programs that use it.

They lie in `node/` and print what the SDK gave them, a line of JSON each.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec
import pytest

from tests.end_to_end.sdk_stage import answering
from tests.end_to_end.stage import CLAUDE, Ended, Line, Stage, body
from tianting.models.scripted import Reply

VERSION = "0.3.329"
FETCHING = 25
"""Seconds that it may take: two who want it one after the other have less than a minute together."""
CASES = Path(__file__).with_name("node")


def modules() -> Path:
    """The directory `node_modules` with the SDK in it. Skips the test where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    place = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()) / f"tianting-node-sdk-{VERSION}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want it at once
        if not (place / "whole").exists():
            _fetch(place)
    return place / "node_modules"


async def play(
    stage: Stage, node_modules: Path, case: str, *replies: Reply, **wish: object
) -> tuple[list[Line], list[Line]]:
    """The lines of a case, and what the model was sent meanwhile."""
    stage.environment |= {"NODE_SDK_MODULES": str(node_modules), "NODE_SDK_PROGRAM": CLAUDE}
    stage.program = str(CASES / f"{case}.mjs")
    async with answering(stage, *replies) as server:
        ended: Ended = await stage.run(msgspec.json.encode(wish).decode(), through=("node",))
        assert (ended.code, ended.stderr) == (0, "")
        return ended.lines, [body(server, index) for index in range(len(server.requests))]


def _fetch(place: Path) -> None:
    """The SDK without the program it brings along."""
    package = f"@anthropic-ai/claude-agent-sdk@{VERSION}"
    flags = ["--prefix", str(place), "--cache", str(place / "cache"), "--omit=optional", "--ignore-scripts"]
    command = ["npm", "install", *flags, "--fetch-retries=0", "--no-audit", "--no-fund", "--no-save", package]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCHING)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"npm could not fetch {package}: {error}")
    (place / "whole").touch()
