"""Keeps the lines that match a model's regex, in bounded time.

Python's engine can take for ever over thirty characters, and nothing in its own process can interrupt it. So it runs
in another one, which is ended at the deadline and has no variable of ours to tell.
"""

import subprocess
import sys

import anyio

TIME_LIMIT = 2.0
"""Seconds."""
MAX_PATTERN = 1_000
"""Characters."""
_SCRIPT = """
import re, sys
pattern = re.compile(sys.argv[1])
sys.stdout.writelines(line for line in sys.stdin if pattern.search(line))
"""


async def matching_lines(pattern: str, text: str) -> str | None:
    """The lines of `text` in which `pattern`, which compiles, is found; None when that took too long."""
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _SCRIPT, pattern]
    with anyio.move_on_after(TIME_LIMIT):
        done = await anyio.run_process(
            command, input=text.encode(), stderr=subprocess.DEVNULL, check=False, env={}, start_new_session=True
        )
        return done.stdout.decode() if done.returncode == 0 else None
    return None
