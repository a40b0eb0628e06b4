"""The console script. `--version` answers before anything is imported; all else goes to the command line proper."""

import gc
import os
import sys

from tianting import __version__


def main() -> None:
    """Run `tianting` with the arguments of the process."""
    if sys.argv[1:] in (["--version"], ["-v"]):
        sys.stdout.write(f"{__version__} (Tianting)\n")
        return
    _occupy_standard_streams()
    # Nearly everything that is imported stays for good; looking for garbage in it costs a tenth of the start.
    # `open_session` lets the collector begin.
    gc.disable()
    try:
        from tianting.cli.main import run

        code = run(sys.argv[1:])
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
