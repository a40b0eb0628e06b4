"""What the keeper of a daemon has to fork, where no window of ours is wanted: nothing, so that it is there at once."""

import sys
from collections.abc import Mapping, Sequence


def run(_argv: Sequence[str], _environment: Mapping[str, str]) -> int:
    """Say that this keeper only executes programs."""
    sys.stderr.write("This keeper was started for agents of other kinds.\n")
    return 1
