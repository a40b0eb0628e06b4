"""The model sees the place it changed, and no more than it needs."""

import pytest

from tianting.tools.editing.excerpt import changed_excerpt
from tianting.tools.editing.matching import Found, find
from tianting.tools.editing.replacement import regions_of, replaced

TEXT = "".join(f"line {number}\n" for number in range(1, 100))


def excerpt(text: str, old: str, new: str) -> str:
    found = find(text, old, new, replace_all=True)
    assert isinstance(found, Found)
    return changed_excerpt(text, replaced(text, found.replacements), regions_of(found.replacements))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "line 5\n",
            "five\n",
            "Lines 3-7 now:\n     3\tline 3\n     4\tline 4\n     5\tfive\n     6\tline 6\n     7\tline 7",
            id="one line",
        ),
        pytest.param("line 1\n", "", "Lines 1-2 now:\n     1\tline 2\n     2\tline 3", id="deletion at the start"),
        pytest.param(TEXT, "", "The file is empty now.", id="emptied"),
        pytest.param(
            "line 99\n",
            "x" * 400,
            "Lines 97-99 now:\n    97\tline 97\n    98\tline 98\n    99\t" + "x" * 299 + "…",
            id="long line",
        ),
    ],
)
def test_excerpt(old: str, new: str, expected: str) -> None:
    assert excerpt(TEXT, old, new) == expected


def test_long_stretch_shows_its_ends() -> None:
    lines = excerpt(TEXT, "line 5\n", "new\n" * 50).split("\n")

    assert (lines[0], lines[11], len(lines)) == ("Lines 3-56 now:", "[34 lines more]", 22)


def test_many_places_are_named_only() -> None:
    shown = excerpt("a\n\n\n\n\n\n" * 20, "a", "b")

    assert shown.count("now:") == 3
    assert "\n[changed too: lines 17-21, 23-27," in shown
    assert shown.endswith(" and 7 places more]")
