"""Our own agent as an image, which writes down what a window had to load for itself."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tianting.cli import warm as program

warm = program.warm


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    before = set(sys.modules)
    try:
        return program.run(argv, environment)
    finally:
        Path(environment["LATE"]).write_text(json.dumps(sorted(set(sys.modules) - before)))
