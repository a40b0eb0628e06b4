"""A file that takes a command's output while it comes, and never lets the command fail: a full disk is only noted."""

import os
from pathlib import Path

from tianting.plumbing.json_lines import make_private_directory

FILE_LIMIT = 100_000_000
"""Bytes after which the file stops growing: a runaway command must not fill the disk."""


class OutputFile:
    """Comes to be with the first `write`. Readable by its owner alone, since output may hold secrets."""

    def __init__(self, path: Path, *, limit: int = FILE_LIMIT) -> None:
        self.path = path
        self.flaw = ""
        """Why not everything is in it; empty while everything is."""
        self.exists = False
        self._descriptor: int | None = None
        self._room = limit
        self._limit = limit

    def write(self, text: str) -> None:
        """Append `text`; others can read it at once."""
        if self.flaw:
            return
        try:
            self._append(text.encode())
        except OSError as error:
            self._give_up(f"could not be written: {error.strerror}")

    def close(self) -> None:
        """Let go of the file. Writing again opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _append(self, data: bytes) -> None:
        if self._descriptor is None:
            make_private_directory(self.path.parent)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self.exists = True
        kept = memoryview(data)[: self._room]
        self._room -= len(kept)
        while kept:
            kept = kept[os.write(self._descriptor, kept) :]
        if len(data) > 0 and not self._room:
            self._give_up(f"ends after {self._limit:,} bytes")

    def _give_up(self, flaw: str) -> None:
        self.flaw = flaw
        self.close()
