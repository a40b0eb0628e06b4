"""A fleet to be killed: makes windows, promises answers, says which, and waits for its end.

python -m tests.fleet.mortal_fleet DIRECTORY WINDOWS TEXT
"""

import sys
from pathlib import Path

import anyio

from tests.fleet.court import fleet_in


async def main(directory: Path, count: int, text: str) -> None:
    """Print each window and its promise in one line, then `ready`."""
    async with fleet_in(directory) as fleet:
        for _ in range(count):
            name = (await fleet.create_window("echo")).window_id
            await fleet.ready(name)
            say(f"{name} {await fleet.send(name, text)}")
        say("ready")
        await anyio.sleep_forever()


def say(line: str) -> None:
    """To whoever will kill it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
