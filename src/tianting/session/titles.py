"""What a conversation is called in lists: by its person, by us, or by its first words."""

import re

_LONGEST_TITLE = 80
_LONGEST_PROMPT = 200
_SPACES = re.compile(r"\s+")
_MACHINE_WORDS = (
    *("<command-", "<local-command-", "<system-reminder>", "<bash-", "<task-notification>"),
    "[Request interrupted by user",
)
"""How a text begins that a program put into a person's mouth."""


def title_from(prompt: str) -> str:
    """A line short enough for a list, cut between words where that costs little."""
    return _shortened(prompt, _LONGEST_TITLE)


def prompt_line(prompt: str) -> str:
    """A prompt on one line, long enough to know it again."""
    return _shortened(prompt, _LONGEST_PROMPT)


def is_spoken(text: str) -> bool:
    """Whether a person may have typed `text`."""
    return bool(text.strip()) and not text.lstrip().startswith(_MACHINE_WORDS)


def _shortened(text: str, longest: int) -> str:
    line = _SPACES.sub(" ", text[: 4 * longest]).strip()
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    at_word = cut.rpartition(" ")[0]
    return f"{(at_word if len(at_word) > longest // 2 else cut).rstrip()}…"
