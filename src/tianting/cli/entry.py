"""The console script. `--version` answers before anything is imported; all else goes to the command line proper."""

import gc
import sys

from tianting import __version__


def main() -> None:
    """Run `tianting` with the arguments of the process."""
    if sys.argv[1:] in (["--version"], ["-v"]):
        sys.stdout.write(f"{__version__} (Tianting)\n")
        return
    # Nearly everything that is imported stays for good; looking for garbage in it costs a tenth of the start.
    # `open_session` lets the collector begin.
    gc.disable()
    try:
        from tianting.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # also while modules are imported
        code = 130
    sys.exit(code)
