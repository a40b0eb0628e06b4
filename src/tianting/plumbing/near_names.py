"""Which known name was meant: who mistypes or misremembers one is told the right one instead of a list.

By hand: `difflib` would cost every start 3 ms.
"""

from collections.abc import Iterable


def nearest(word: str, names: Iterable[str], *, at_least: float, most: int) -> list[str]:
    """The names most like `word`, best first: at most `most`, none less alike than `at_least` (0 to 1)."""
    scored = sorted(((likeness(word, name), name) for name in names), reverse=True)
    return [name for score, name in scored[:most] if score >= at_least]


def likeness(one: str, other: str) -> float:
    """1 for the same word in any case, 0 for nothing in common: Dice's coefficient of the pairs of letters.

    Beginning and end count as letters, because people get those right.
    """
    pairs, others = _pairs(one), _pairs(other)
    return 2 * len(pairs & others) / (len(pairs) + len(others))


def _pairs(word: str) -> set[str]:
    framed = f"^{word.lower()}$"
    return {framed[index : index + 2] for index in range(len(framed) - 1)}
