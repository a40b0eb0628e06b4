"""What the daemon says for itself: JSON lines in a file that is rotated, and warnings on a terminal."""

import logging
import logging.handlers
import sys
from pathlib import Path

from tianting.telemetry.logs import json_handler

BYTES = 10_000_000
FILES = 5


def begin_log(path: Path) -> None:
    """From now on. The directory is private."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    file = logging.handlers.RotatingFileHandler(path, maxBytes=BYTES, backupCount=FILES, encoding="utf-8")
    file.setFormatter(json_handler(sys.stderr).formatter)
    handlers: list[logging.Handler] = [file]
    if sys.stderr.isatty():
        screen = logging.StreamHandler(sys.stderr)
        screen.setLevel(logging.WARNING)
        handlers.append(screen)
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
