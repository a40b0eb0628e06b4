"""Keeps lines that are too long for whoever reads them, so that cutting a line loses nothing of it."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from tianting.plumbing.json_lines import make_private_directory

log = logging.getLogger(__name__)


def keep_in(directory: Path) -> Callable[[str, bytes], str | None]:
    """What an encoder takes as `spill`: writes each line to a file of its own in `directory`, for its owner alone.

    Gives the path, or None where the disk refuses: a line that is only cut is better than none.
    """

    def keep(name: str, data: bytes) -> str | None:
        path = directory / name
        try:
            make_private_directory(directory)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError as error:
            log.warning("a line of %d bytes cannot be kept in %s: %s", len(data), path, error.strerror)
            return None
        return str(path)

    return keep
