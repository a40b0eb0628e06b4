"""`tianting-claude`: for programs that look for Claude Code and would not start anything else.

The same program, which says the version they expect, keeps what it keeps where they look for it, and takes the model
from the variable that they set.
"""

import os
from collections.abc import Mapping, MutableMapping

from tianting.cli.entry import start
from tianting.protocol.compatible_version import COMPATIBLE_VERSION


def main() -> None:
    """Run `tianting-claude` with the arguments and the environment of the process."""
    settle(os.environ)
    start("tianting-claude", f"{COMPATIBLE_VERSION} (Claude Code)", defaults(os.environ))


def settle(environment: MutableMapping[str, str]) -> None:
    """Make `$CLAUDE_CONFIG_DIR`, where it is set, the home: of transcripts, settings, checkpoints."""
    if home := environment.get("CLAUDE_CONFIG_DIR"):
        environment["TIANTING_HOME"] = home


def defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """Options that a variable stands for; unlike other variables it stands above the settings."""
    model = environment.get("ANTHROPIC_MODEL", "").strip()
    return {"model": model} if model else {}
