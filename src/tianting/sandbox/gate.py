"""Holds bwrap back until its limits are set: without it a shell would have to set them and be started for each command.

bwrap reads its options from a pipe to the end of it before it starts anything. What is set for its process meanwhile
holds for all that come from it.
"""

import contextlib
import os
import resource
from collections.abc import Mapping, Sequence


class Gate:
    """One bwrap waits at it, and no other process may."""

    def __init__(self, options: Sequence[str], limits: Mapping[int, tuple[int, int]]) -> None:
        self.descriptor, self._writer = os.pipe()
        """The end of bwrap; kept open for it."""
        self._options = options
        self._limits = limits

    @property
    def argv(self) -> list[str]:
        """Options of bwrap in place of all that it reads here."""
        return ["--args", str(self.descriptor)]

    def open(self, process: int) -> None:
        """Limit `process`, then let it go on. Raises `OSError` where it cannot be limited; then it never starts."""
        for kind, (soft, hard) in self._limits.items():
            with contextlib.suppress(ProcessLookupError):  # it has failed, and its exit code says so
                _limit(process, kind, soft, hard)
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._release(), "wb", buffering=0) as pipe:
            rest = memoryview(b"".join(os.fsencode(option) + b"\0" for option in self._options))
            while rest:
                rest = rest[pipe.write(rest) :]

    def close(self) -> None:
        """Call it once. A bwrap that still waits gets no options and fails."""
        os.close(self.descriptor)
        if self._writer >= 0:
            os.close(self._release())

    def _release(self) -> int:
        writer, self._writer = self._writer, -1
        return writer


def _limit(process: int, kind: int, soft: int, hard: int) -> None:
    """Never above what holds already: only root could."""
    _, most = resource.prlimit(process, kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.prlimit(process, kind, (soft, hard))
