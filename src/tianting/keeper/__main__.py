"""Starts a keeper: `python -m tianting.keeper SOCKET IMAGE`.

Goes into the background, warms the image and says `ready` on its output once it listens, else in one line why not.
"""

import os
import sys
from pathlib import Path

from tianting.keeper.address import AddressError, claim, listen
from tianting.keeper.groups import HIERARCHY, find_controllers
from tianting.keeper.guard import stand_guard
from tianting.keeper.image import ImageError, load
from tianting.keeper.marks import Marks
from tianting.keeper.server import Server
from tianting.keeper.windows import Windows

READY = "ready"
GRACE = 5.0
"""Seconds that windows have when the keeper is told to end."""


def main(path: Path, image: str) -> None:
    """Keep windows until a signal ends it."""
    if os.fork():
        os._exit(0)  # so that the keeper is no child of the fleet, and is not reaped by it
    os.setsid()
    marks = Marks()
    stand_guard(marks)
    try:
        with claim(path):
            _serve(path, image, marks)
    except (AddressError, ImageError, OSError, ImportError) as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)


def _serve(path: Path, image: str, marks: Marks) -> None:
    umask = os.umask(0o077)
    windows = Windows(
        image=load(image),
        marks=marks,
        controllers=find_controllers(HIERARCHY, Path("/proc/self/cgroup").read_text()),
        umask=umask,
    )
    with listen(path) as listening:
        sys.stdout.write(f"{READY}\n")
        _leave_output()
        os.chdir("/")  # a directory that is somebody's work must stay free to be removed
        Server(windows, listening, grace=GRACE).run()
        path.unlink(missing_ok=True)


def _leave_output() -> None:
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
