"""Two rounds of editing compose into one, so a patch needs no comparison of texts."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.editing.replacement import Region, Replacement, composed, regions_of, replaced


@st.composite
def rounds(draw: st.DrawFn, text: str) -> tuple[Replacement, ...]:
    """Some places of `text` in order, with what comes there."""
    offsets = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(offsets[::2], offsets[1::2], strict=False))
    return tuple(
        Replacement(start=start, end=end, text=draw(st.text(alphabet="xy\n", max_size=4))) for start, end in pairs
    )


def kept(before: str, after: str, regions: tuple[Region, ...]) -> bool:
    """Whether the two texts agree everywhere outside `regions`."""
    old = new = 0
    for region in regions:
        if before[old : region.old_start] != after[new : region.new_start]:
            return False
        old, new = region.old_end, region.new_end
    return before[old:] == after[new:]


def test_replaced_puts_texts_in_their_places() -> None:
    places = (Replacement(start=0, end=1, text="A"), Replacement(start=2, end=2, text="-"))

    assert replaced("abc", places) == "Ab-c"
    assert regions_of(places) == (
        Region(old_start=0, old_end=1, new_start=0, new_end=1),
        Region(old_start=2, old_end=2, new_start=2, new_end=3),
    )


@given(st.data(), st.text(alphabet="ab\n", max_size=20))
@settings(max_examples=100, deadline=None)
def test_composed_regions_hold_every_difference(data: st.DataObject, text: str) -> None:
    first = data.draw(rounds(text))
    between = replaced(text, first)
    second = data.draw(rounds(between))
    after = replaced(between, second)

    regions = composed(regions_of(first), regions_of(second))

    assert kept(text, after, regions)
    assert all(a.old_end <= b.old_start and a.new_end <= b.new_start for a, b in pairwise(regions))


def test_composed_regions_stay_small() -> None:
    first = regions_of([Replacement(start=0, end=1, text="xxx")])
    second = regions_of([Replacement(start=10, end=11, text="")])

    assert composed(first, second) == (
        Region(old_start=0, old_end=1, new_start=0, new_end=3),
        Region(old_start=8, old_end=9, new_start=10, new_end=10),
    )
