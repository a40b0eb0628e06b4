"""What an exit code means, so that a search without a match is not taken for a failure, nor a missing program for one's
own mistake.
"""

import re
import signal

from msgspec import Struct

from tianting.tools.shell.command import deciding_words

_NO_MATCH, _DIFFER, _FALSE = "no line matched", "they differ", "the condition is false"
_BENIGN = {
    "grep": _NO_MATCH,
    "egrep": _NO_MATCH,
    "fgrep": _NO_MATCH,
    "rg": _NO_MATCH,
    "git grep": _NO_MATCH,
    "diff": _DIFFER,
    "git diff": _DIFFER,
    "test": _FALSE,
    "[": _FALSE,
    "find": "some places could not be searched",
}
_MISSING = re.compile(r"(?:^|: )([^\s:]+): (?:command )?not found$", re.MULTILINE)
_PROMPT = re.compile(
    r"^.*(?:\[y/n\]|\(y/n\)|\[yes/no\]|\(yes/no\)|password[^\n]*:|passphrase[^\n]*:).*$", re.IGNORECASE | re.MULTILINE
)
_END_OF_OUTPUT = 400
"""Characters in which a question counts as the last words."""


class Ending(Struct, frozen=True, kw_only=True):
    """How a command ended, for the model."""

    failed: bool
    meaning: str = ""
    """In a few words; empty where the code says it all."""


def shell_code(code: int) -> int:
    """The code as a shell gives it: 128 and the signal's number for a process that a signal ended."""
    return 128 - code if code < 0 else code


def ending(code: int, command: str, output: str) -> Ending:
    """Explain `code`, as a shell gave it for `command`."""
    if code == 1 and (benign := _benign(command, output)):
        return Ending(failed=False, meaning=benign)
    return Ending(failed=code != 0, meaning=_meaning(code, output))


def question(output: str) -> str:
    """The question at the end of `output` that nobody can answer, since input is closed; empty without one."""
    found = _PROMPT.findall(output[-_END_OF_OUTPUT:])
    return found[-1].strip()[:100] if found else ""


def _benign(command: str, output: str) -> str:
    words = deciding_words(command)
    name = _git_command(words) if words[:1] == ("git",) else "".join(words[:1])
    # `cd missing && grep x` never reached the grep.
    return "" if ": cd: " in output else _BENIGN.get(name, "")


def _git_command(words: tuple[str, ...]) -> str:
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        del rest[: 2 if rest[0] in ("-C", "-c") else 1]
    return f"git {rest[0]}" if rest else "git"


def _meaning(code: int, output: str) -> str:
    match code:
        case 126:
            return "found, but it may not be executed; chmod +x it, or run it with its interpreter"
        case 127:
            missing = _MISSING.findall(output)
            return f"not found: {missing[-1]}" if missing else "a program was not found"
        case 137:
            return "killed by SIGKILL, perhaps for want of memory"
    with_signal = code - 128
    return f"ended by {signal.Signals(with_signal).name}" if with_signal in _SIGNALS else ""


_SIGNALS = frozenset(signal.Signals)
