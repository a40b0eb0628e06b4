"""What a program wrote for a terminal, as plain lines: colours, progress bars and spinners would only cost the model.

Escape sequences (ECMA-48) are dropped, a line keeps the state its last carriage return left it in, a backspace takes
its character away, other control characters vanish. NUL and what is no UTF-8 become U+FFFD.
"""

import codecs
import re

LONGEST_LINE = 4096
"""Characters of a line that are held back because a carriage return may still change them."""
_LONGEST_ESCAPE = 64

_ESCAPE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC and other strings: titles, links
    r"|[ -/]*[0-~]"  # two characters: charsets, resets
    r")?"
)
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"} | {0: "\ufffd"}


class TerminalText:
    """Takes bytes as they come, gives lines that are complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""

    def feed(self, data: bytes) -> str:
        """The lines that `data` completes, and the start of one that grows too long to wait for."""
        text = self._line + self._decoder.decode(data)
        cut = text.rfind("\n") + 1
        self._line = text[cut:]
        return plain(text[:cut]) + self._overflow()

    def flush(self) -> str:
        """The unfinished line as it stands. What comes after is a line's rest."""
        line, self._line = self._line, ""
        return plain(line)

    def finish(self) -> str:
        """The same, when nothing comes any more."""
        self._line += self._decoder.decode(b"", final=True)
        return self.flush()

    def _overflow(self) -> str:
        if len(self._line) <= LONGEST_LINE:
            return ""
        self._line = self._line[self._line.rfind("\r", 0, -1) + 1 :]
        if len(self._line) <= LONGEST_LINE:
            return ""
        # An escape sequence that is not whole yet stays for the next time.
        escape = self._line.find("\x1b", len(self._line) - _LONGEST_ESCAPE)
        cut = escape if escape > 0 else len(self._line)
        done, self._line = self._line[:cut], self._line[cut:]
        return plain(done)


def plain(text: str) -> str:
    """`text` without what only a screen needs."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    if "\r" in text:
        text = "\n".join(map(_last_state, text.split("\n")))
    if "\b" in text:
        text = "\n".join(map(_without_erased, text.split("\n")))
    return text.translate(_CONTROLS)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _without_erased(line: str) -> str:
    kept: list[str] = []
    for character in line:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
