"""Text of models and tools made harmless for a terminal.

A file or a web page can hold escape sequences that repaint the screen, answer a question in the person's place or
change the window's title; bidirectional overrides make code read otherwise than it runs. All are shown as signs.
"""

import re

_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` with every control character but line feeds and tabs turned into a sign; Windows line ends become \\n."""
    return _HARMFUL.sub(_sign, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 120) -> str:
    """`text` for the inside of a line: visible, white space folded, at most `limit` characters."""
    folded = visible(" ".join(text.split()))
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures of Unicode
    return "␡" if code == 0x7F else f"\\u{code:04x}"
