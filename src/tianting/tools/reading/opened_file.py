"""The file that all of one reading comes from: its path is looked up once, and what was opened then stays the same."""

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class OpenedFile:
    """A regular file, open. Close it by a `with` block."""

    def __init__(self, file: BinaryIO, path: Path, name: str) -> None:
        self._file = file
        self.path = path
        """Where it was looked for. Not to be opened again."""
        self.name = name
        """What it is called before the model."""
        self.facts = os.fstat(file.fileno())
        """As it was when it was opened."""

    def __enter__(self) -> "OpenedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def rewound(self) -> BinaryIO:
        """Its bytes, from the first on."""
        self._file.seek(0)
        return self._file

    def unchanged(self) -> bool:
        """Whether it is still as it was when it was opened. Raises `OSError`."""
        now = os.fstat(self._file.fileno())
        return (now.st_size, now.st_mtime_ns) == (self.facts.st_size, self.facts.st_mtime_ns)
