"""Names from outside, safe to show: a file called `a\\nb` must not become two lines of a report."""


def printable(text: str, limit: int = 1_000) -> str:
    """Show `text` on one line: what does not print becomes a `\\x` escape, and what exceeds `limit` an ellipsis."""
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
