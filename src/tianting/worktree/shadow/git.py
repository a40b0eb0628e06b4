"""Runs git so that nothing of the user's reaches in: no configuration, no hooks, no environment, no terminal.

It works on stores of ours alone, never on the user's files.
"""

import os
import subprocess
from pathlib import Path

from tianting.protocol.errors import CheckpointError

TIMEOUT = 120.0
"""Seconds for one command: packing a large store takes the longest."""


def run_git(store: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """What git says to `arguments`, said to the repository `store`. Raises `CheckpointError`."""
    try:
        done = subprocess.run(
            ("git", *arguments),
            cwd="/",
            env=environment(store),
            input=stdin,
            capture_output=True,
            check=True,
            timeout=TIMEOUT,
        )
    except FileNotFoundError:
        raise CheckpointError("Undo needs git, and it is not installed.") from None
    except subprocess.TimeoutExpired:
        raise CheckpointError(f"git {arguments[0]} took longer than {TIMEOUT:g} s on {store}.") from None
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CheckpointError(f"git {arguments[0]} failed on {store}: {(told or ['no reason given'])[-1]}") from error
    return done.stdout


def environment(store: Path) -> dict[str, str]:
    """All that git gets to know."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_DIR": str(store),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
