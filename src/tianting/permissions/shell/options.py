"""Tells the options of a command from its operands, as `getopt` does, abbreviations of long options included."""

from collections.abc import Iterable

from tianting.permissions.script import Word


def operands(words: Iterable[Word], valued: frozenset[str] = frozenset()) -> list[Word]:
    """What is no option, nor the value of one in `valued` (`-n`, `--lines`)."""
    found: list[Word] = []
    rest = iter(words)
    for word in rest:
        text = word.value
        if text[:1] != "-" or text == "-":
            found.append(word)
        elif text == "--" and word.literal:
            return [*found, *rest]
        elif text in valued:
            next(rest, None)
    return found


def options(words: Iterable[Word]) -> list[str]:
    """What begins with a dash, up to `--`."""
    found: list[str] = []
    for word in words:
        text = word.value
        if text[:1] != "-":
            continue
        if text == "--" and word.literal:
            break
        if text != "-":
            found.append(text)
    return found


def has_option(words: Iterable[Word], letters: str, names: Iterable[str] = ()) -> bool:
    """Whether one of these may be among the options: `-xo`, `--output=f` and `--out` all are `o` or `output`."""
    given = options(words)
    names = tuple(names)
    return bool(given) and any(_is_option(option, letters, names) for option in given)


def _is_option(option: str, letters: str, names: tuple[str, ...]) -> bool:
    if option.startswith("--"):
        given = option[2:].partition("=")[0]
        return any(name.startswith(given) for name in names)
    # Some programs take long options behind one dash.
    return any(letter in option for letter in letters) or option[1:].partition("=")[0] in names


def option_value(words: Iterable[Word], letter: str, name: str = "") -> list[str]:
    """What is given to an option, attached or as the next word."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        text = word.value
        if text == "--":
            break
        if (letter and text == f"-{letter}") or (name and text == f"--{name}"):
            following = next(rest, None)
            found += [following.value] if following else []
        elif name and text.startswith(f"--{name}="):
            found.append(text.partition("=")[2])
        elif letter and text.startswith(f"-{letter}") and not text.startswith("--"):
            found.append(text[2:])
    return found
