"""Hunks lead from the text before to the text after, whoever applies them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.editing.replacement import Replacement, regions_of, replaced
from tianting.tools.editing.structured_patch import Hunk, added_and_removed, original_file, structured_patch, whole

NO_END = "\\ No newline at end of file"


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def patched(text: str, hunks: tuple[Hunk, ...]) -> str:
    """Apply `hunks` as any reader of unified diffs would, checking their counts and context."""
    present, result, at = lines_of(text), [], 0
    for hunk in hunks:
        first = hunk.old_start - (hunk.old_lines > 0)
        result += present[at:first]
        assert len(result) == hunk.new_start - (hunk.new_lines > 0)
        old, new = side(hunk, "-"), side(hunk, "+")
        assert (len(old), len(new)) == (hunk.old_lines, hunk.new_lines)
        assert present[first : first + len(old)] == old
        result += new
        at = first + len(old)
    return "".join(result + present[at:])


def side(hunk: Hunk, mark: str) -> list[str]:
    lines: list[str] = []
    for line, following in zip(hunk.lines, (*hunk.lines[1:], ""), strict=True):
        if line[0] in {" ", mark}:
            lines.append(line[1:] + ("" if following == NO_END else "\n"))
    return lines


@given(st.data(), st.text(alphabet="ab\n", max_size=60))
@settings(max_examples=100, deadline=None)
def test_hunks_rebuild_the_text_after(data: st.DataObject, text: str) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    places = tuple(
        Replacement(start=start, end=end, text=data.draw(st.text(alphabet="xa\n", max_size=4)))
        for start, end in zip(offsets[::2], offsets[1::2], strict=False)
    )
    after = replaced(text, places)

    assert patched(text, structured_patch(text, after, regions_of(places))) == after
    assert patched(text, structured_patch(text, after, whole(text, after))) == after


TEN = "".join(f"{number}\n" for number in range(1, 11))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            TEN,
            TEN.replace("5", "five"),
            Hunk(
                old_start=2,
                old_lines=7,
                new_start=2,
                new_lines=7,
                lines=(" 2", " 3", " 4", "-5", "+five", " 6", " 7", " 8"),
            ),
            id="three lines of context",
        ),
        pytest.param("", "a\n", Hunk(old_start=0, old_lines=0, new_start=1, new_lines=1, lines=("+a",)), id="new"),
        pytest.param("a\n", "", Hunk(old_start=1, old_lines=1, new_start=0, new_lines=0, lines=("-a",)), id="emptied"),
        pytest.param(
            "a",
            "a\n",
            Hunk(old_start=1, old_lines=1, new_start=1, new_lines=1, lines=("-a", NO_END, "+a")),
            id="final newline",
        ),
        pytest.param(
            "caf\udce9\n",
            "b\n",
            Hunk(old_start=1, old_lines=1, new_start=1, new_lines=1, lines=("-café", "+b")),
            id="stray byte",
        ),
    ],
)
def test_hunk(before: str, after: str, expected: Hunk) -> None:
    assert structured_patch(before, after, whole(before, after)) == (expected,)


def test_no_change_has_no_hunk() -> None:
    assert structured_patch("a\n", "a\n", whole("a\n", "a\n")) == ()


def test_distant_changes_are_hunks_of_their_own() -> None:
    text = "".join(f"{number}\n" for number in range(30))
    places = (Replacement(start=0, end=1, text="a"), Replacement(start=len(text) - 3, end=len(text) - 1, text="b"))

    hunks = structured_patch(text, replaced(text, places), regions_of(places))

    assert [(hunk.old_start, hunk.old_lines) for hunk in hunks] == [(1, 4), (27, 4)]
    assert added_and_removed(hunks) == (2, 2)


@pytest.mark.parametrize(
    ("gap", "hunks"), [pytest.param(6, 1, id="contexts touch"), pytest.param(7, 2, id="a line between contexts")]
)
def test_near_changes_share_a_hunk(gap: int, hunks: int) -> None:
    text = "a\n" + "-\n" * gap + "b\n"
    places = (Replacement(start=0, end=1, text="A"), Replacement(start=len(text) - 2, end=len(text) - 1, text="B"))

    assert len(structured_patch(text, replaced(text, places), regions_of(places))) == hunks


def test_large_original_is_left_out() -> None:
    assert original_file("a" * 256_000) == "a" * 256_000
    assert original_file("a" * 256_001) is None
