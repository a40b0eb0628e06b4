"""What was worked out once is not worked out again, and never outlives what it was worked out from."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.sandbox.bubblewrap import Look, Standing
from tianting.sandbox.remembered import Remembered

STANDINGS = st.sampled_from(["directory", "file", "link", "missing"])
GROUNDS = st.fixed_dictionaries({"/a": STANDINGS, "/a/b": STANDINGS, "/c": STANDINGS})


def described(look: Look) -> tuple[Standing, ...]:
    """Looks further only where there is a directory, as the plan of the mounts does."""
    return (look("/a"), look("/a/b"), look("/c")) if look("/a") == "directory" else (look("/a"), look("/c"))


def test_same_ground_is_computed_once() -> None:
    asked: list[str] = []

    def look(path: str) -> Standing:
        return "file"

    def compute(look: Look) -> Standing:
        asked.append("once")
        return look("/a")

    remembered = Remembered(compute)

    assert [remembered.answer(look) for _ in range(3)] == ["file"] * 3
    assert asked == ["once"]


@settings(max_examples=100)
@given(st.lists(GROUNDS, min_size=1, max_size=6))
def test_answer_is_always_that_of_the_ground(grounds: list[dict[str, Standing]]) -> None:
    remembered = Remembered(described)

    for ground in grounds:
        assert remembered.answer(ground.__getitem__) == described(ground.__getitem__)
