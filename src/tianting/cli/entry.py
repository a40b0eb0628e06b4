"""The console script. `--version` answers before anything is imported; all else goes to the command line proper."""

import gc
import os
import sys
from collections.abc import Mapping

from tianting import __version__


def main() -> None:
    """Run `tianting` with the arguments of the process."""
    start("tianting", f"{__version__} (Tianting)", {})


def start(name: str, version: str, defaults: Mapping[str, str]) -> None:
    """Run the program under `name`. `defaults` are options of the prompt that hold unless they are given."""
    if sys.argv[1:] in (["--version"], ["-v"]):
        sys.stdout.write(f"{version}\n")
        return
    _occupy_standard_streams()
    # Nearly everything that is imported stays for good; looking for garbage in it costs a tenth of the start.
    # `open_session` lets the collector begin.
    gc.disable()
    try:
        from tianting.cli.main import run
        from tianting.cli.program import Program

        code = run(sys.argv[1:], Program(name=name, version=version, defaults=dict(defaults)))
    except KeyboardInterrupt:  # also while modules are imported
        code = 130
    sys.exit(code)


def _occupy_standard_streams() -> None:
    """A stream that was closed must not be opened again as a socket or a transcript, and be written answers into."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
