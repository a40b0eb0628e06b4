"""What a command wrote, held in little memory however much it is: its head, its tail, and a file with all of it."""

from pathlib import Path

from tianting.tools.shell.output_file import FILE_LIMIT, OutputFile
from tianting.tools.shell.terminal_text import TerminalText

LIMIT = 30_000
"""Characters the model gets of a command that succeeded."""
FAILED_HEAD, FAILED_TAIL = 2_000, 8_000
"""Characters the model gets of one that failed: errors stand last."""
TAIL = LIMIT // 2
_RAGGED = 500
"""Characters given up at most for a cut between two lines."""


class ShellOutput:
    """Gathers one command's output. The file comes to be when `LIMIT` is passed, or with `mirror`."""

    def __init__(self, path: Path, *, file_limit: int = FILE_LIMIT) -> None:
        self.path = path
        self.length = 0
        """Characters so far, without escape sequences and the like."""
        self._file = OutputFile(path, limit=file_limit)
        self._text = TerminalText()
        self._head = ""
        self._tail = ""
        self._taken = 0

    def write(self, data: bytes) -> None:
        """Take what the command wrote next."""
        self._keep(self._text.feed(data))

    def finish(self) -> None:
        """Nothing comes any more."""
        self._keep(self._text.finish())
        self._file.close()

    def mirror(self) -> None:
        """From now on each line is in the file as soon as it is complete."""
        if not self._file.exists:
            self._file.write(self._head)

    def is_clipped(self, *, failed: bool) -> bool:
        """Whether `shown` leaves something out."""
        return self.length > (FAILED_HEAD + FAILED_TAIL if failed else LIMIT)

    def shown(self, *, failed: bool) -> str:
        """What the model gets to read: everything, or head, tail and where the whole is."""
        self._keep(self._text.flush())
        if not self.is_clipped(failed=failed):
            return self._head
        self.mirror()
        head, tail = (FAILED_HEAD, FAILED_TAIL) if failed else (LIMIT - TAIL, TAIL)
        first, last = _first_lines(self._head[:head]), _last_lines(self.recent(tail))
        gap = self.length - len(first) - len(last)
        return f"{_line(first)}[... {gap:,} characters left out ...]\n{_line(last)}{self._clipped(self.length)}"

    def recent(self, count: int) -> str:
        """The last characters, `TAIL` at most."""
        self._keep(self._text.flush())
        return self._tail[max(len(self._tail) - count, 0) :]

    def take_new(self) -> str:
        """What came since the last time, at most `TAIL` characters; then the rest is only in the file."""
        self._keep(self._text.flush())
        new, self._taken = self.length - self._taken, self.length
        if new <= TAIL:
            return self.recent(new)
        self.mirror()
        return f"{self._clipped(new)}\n{_last_lines(self.recent(TAIL))}"

    def _keep(self, text: str) -> None:
        if self._file.exists or self.length + len(text) > LIMIT:
            self.mirror()
            self._file.write(text)
        if self.length < LIMIT:
            self._head += text[: LIMIT - self.length]
        self._tail = (self._tail + text)[-TAIL:]
        self.length += len(text)

    def _clipped(self, length: int) -> str:
        self._file.close()  # the next write opens it again
        rest = f"{self.path} {self._file.flaw}" if self._file.flaw else f"all of it in {self.path}, Grep it"
        return f"[clipped: {length:,} characters; {rest}]"


def _first_lines(text: str) -> str:
    """Cut `text` after its last line break, if that is near its end."""
    cut = text.rfind("\n", len(text) - _RAGGED) + 1
    return text[:cut] if cut else text


def _last_lines(text: str) -> str:
    """Cut `text` after its first line break, if that is near its start."""
    return text[text.find("\n", 0, _RAGGED) + 1 :]


def _line(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
