"""The console script. `--version` answers before anything is imported; all else goes to the command line proper."""

import sys

from tianting import __version__


def main() -> None:
    """Run `tianting` with the arguments of the process."""
    if sys.argv[1:] in (["--version"], ["-v"]):
        sys.stdout.write(f"{__version__} (Tianting)\n")
        return
    from tianting.cli.main import run

    sys.exit(run(sys.argv[1:]))
