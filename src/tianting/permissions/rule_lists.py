"""Takes apart lists of rules as a command line gives them: `--allowedTools "Read,Bash(git log *) Edit"`."""


def split_rules(values: tuple[str, ...]) -> tuple[str, ...]:
    """The rules in the values of a repeated flag; each may hold several, parted by commas or blanks."""
    return tuple(rule for value in values for rule in _split(value))


def _split(value: str) -> list[str]:
    """Cut at commas and blanks outside parentheses."""
    parts, depth = [""], 0
    for character in value:
        depth += (character == "(") - (character == ")")
        if depth == 0 and character in ", \n":
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
