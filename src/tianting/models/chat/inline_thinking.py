"""Takes `<think>…</think>` out of an answer whose server leaves a model's reasoning in its text.

    start -> inside -> after -> answer          <think>…</think>
    start -> unopened -> after -> answer        …</think>: the prompt's template had opened the tag

Only the beginning of an answer is looked at: later on the tags are things a model talks about.
"""

from typing import Literal

Kind = Literal["text", "thinking", "was_thinking"]
"""`was_thinking` comes without words: all text so far was reasoning."""
Said = tuple[Kind, str]

_OPEN = "<think>"
_CLOSE = "</think>"
_CLOSE_OF_UNOPENED = "\n</think>"


class ThinkSplitter:
    """Splits the pieces of one answer, wherever the tags are cut."""

    def __init__(self) -> None:
        self._state: Literal["start", "inside", "unopened", "after", "answer"] = "start"
        self._pending = ""

    def feed(self, piece: str) -> list[Said]:
        """What `piece` adds. The beginning of a tag is held back until it is one or is none."""
        self._pending += piece
        said: list[Said] = []
        state = None
        while state != self._state:
            state = self._state
            said += self._step()
        return [(kind, text) for kind, text in said if text or kind == "was_thinking"]

    def flush(self) -> list[Said]:
        """The answer is over: what was held back was no tag."""
        kind: Kind = "thinking" if self._state == "inside" else "text"
        rest = "" if self._state == "after" else self._take(len(self._pending))
        return [(kind, rest)] if rest else []

    def _step(self) -> list[Said]:
        match self._state:
            case "start":
                return self._start()
            case "inside":
                return self._until(_CLOSE, "thinking")
            case "unopened":
                return self._until(_CLOSE_OF_UNOPENED, "text")
            case "after":
                return self._after()
            case "answer":
                return [("text", self._take(len(self._pending)))]

    def _start(self) -> list[Said]:
        begun = self._pending.lstrip()
        if begun.startswith(_OPEN):
            self._pending = begun.removeprefix(_OPEN)
            self._state = "inside"
        elif begun.startswith(_CLOSE):
            self._pending = "\n" + begun
            self._state = "unopened"
        elif not _OPEN.startswith(begun) and not _CLOSE.startswith(begun):
            self._state = "unopened"
        return []

    def _until(self, tag: str, kind: Kind) -> list[Said]:
        place = self._pending.find(tag)
        if place < 0:
            return [(kind, self._take(len(self._pending) - _held_back(self._pending, tag)))]
        said: list[Said] = [(kind, self._take(place))]
        self._take(len(tag))
        self._state = "after"
        return [*said, ("was_thinking", "")] if kind == "text" else said

    def _after(self) -> list[Said]:
        self._pending = self._pending.lstrip()
        if self._pending:
            self._state = "answer"
        return []

    def _take(self, count: int) -> str:
        taken, self._pending = self._pending[:count], self._pending[count:]
        return taken


def _held_back(text: str, tag: str) -> int:
    """How much of the end of `text` may be the beginning of `tag`."""
    longest = min(len(text), len(tag) - 1)
    return next((length for length in range(longest, 0, -1) if tag.startswith(text[-length:])), 0)
