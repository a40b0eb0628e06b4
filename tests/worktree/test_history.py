"""Undo and redo are arithmetic over a journal, so their tests are a table of journals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.worktree.history import History, history_of
from tianting.worktree.shadow.journal import Checkpoint, Moved, Moving, Record, retained
from tianting.worktree.shadow.limits import Retention

DAY = 86_400.0


def taken(name: str, tree: str = "", **rest: str) -> Checkpoint:
    return Checkpoint(id=name, at=0.0, label="", tree=tree or name, root="", **rest)


def moved(to: str) -> list[Record]:
    return [Moving(to=to, at=0.0), Moved(to=to, at=0.0)]


A, B, C = taken("a"), taken("b"), taken("c")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([], ((), None, ()), id="nothing"),
        pytest.param([A], ((), "a", ()), id="first"),
        pytest.param([A, B, C], (("a", "b"), "c", ()), id="line"),
        pytest.param([A, taken("a2", "a"), B], (("a",), "b", ()), id="nothing changed"),
        pytest.param([A, B, taken("a2", "a")], (("a", "b"), "a2", ()), id="as it was once, but later"),
        pytest.param([A, B, C, *moved("b")], (("a",), "b", ("c",)), id="undo"),
        pytest.param([A, B, C, *moved("a"), *moved("b")], (("a",), "b", ("c",)), id="redo of one"),
        pytest.param([A, B, C, *moved("a"), taken("a2", "a")], ((), "a", ("b", "c")), id="look after undo"),
        pytest.param([A, B, *moved("a"), C], (("a",), "c", ()), id="something new after undo"),
        pytest.param([A, B, *moved("a"), C, *moved("b")], (("a", "c"), "b", ()), id="to a state left behind"),
        pytest.param([A, B, *moved("gone")], (("a",), "b", ()), id="state that retention took"),
        pytest.param([*moved("a"), B], ((), "b", ()), id="only the move is left"),
        pytest.param(
            [A, B, *moved("a"), taken("x", stands_for="a"), taken("y", "x")], ((), "a", ("b",)), id="short of"
        ),
        pytest.param([A, B, *moved("a"), taken("x", stands_for="a"), C], (("a",), "c", ()), id="new after short of"),
        pytest.param([taken("x", stands_for="gone"), B], (("x",), "b", ()), id="short of what is gone"),
    ],
)
def test_history(records: list[Record], expected: tuple[tuple[str, ...], str | None, tuple[str, ...]]) -> None:
    history = history_of(records)

    found = (history.past, history.present, history.future)
    assert found == expected
    assert not history.unfinished


@pytest.mark.parametrize(
    ("records", "unfinished"),
    [
        pytest.param([A, B, Moving(to="a", at=0.0)], True, id="killed"),
        pytest.param([A, B, Moving(to="a", at=0.0), taken("x", stands_for="a")], True, id="killed and saved"),
        pytest.param([A, B, Moving(to="a", at=0.0), taken("x", stands_for="a"), *moved("a")], False, id="finished"),
        pytest.param([A, B, Moving(to="a", at=0.0), C], False, id="work went on"),
    ],
)
def test_killed_restore_is_remembered(records: list[Record], unfinished: bool) -> None:
    assert history_of(records).unfinished == unfinished


@pytest.mark.parametrize(
    ("steps", "back", "ahead"),
    [
        pytest.param(1, "b", "d", id="one"),
        pytest.param(2, "a", "e", id="two"),
        pytest.param(9, "a", "e", id="too many"),
    ],
)
def test_steps(steps: int, back: str, ahead: str) -> None:
    history = History(past=("a", "b"), present="c", future=("d", "e"))

    assert (history.back(steps), history.ahead(steps)) == (back, ahead)
    assert (History().back(steps), History().ahead(steps)) == (None, None)


RECORDS = st.lists(
    st.one_of(
        st.builds(lambda number, tree: taken(f"{number}", f"t{tree}"), st.integers(0, 99), st.integers(0, 3)),
        st.builds(lambda number: Moving(to=f"{number}", at=0.0), st.integers(0, 99)),
        st.builds(lambda number: Moved(to=f"{number}", at=0.0), st.integers(0, 99)),
    ),
    unique_by=lambda record: record.id if isinstance(record, Checkpoint) else id(record),
)


@given(RECORDS)
def test_every_checkpoint_stands_for_a_state(records: list[Record]) -> None:
    history = history_of(records)

    ids = {record.id for record in records if isinstance(record, Checkpoint)}
    line = (*history.past, *filter(None, [history.present]), *history.future)
    assert history.states.keys() == ids
    assert len(set(line)) == len(line)
    assert set(line) <= set(history.states.values()) <= ids


def at(day: float, name: str, prompt: str | None = None) -> Checkpoint:
    return Checkpoint(id=name, at=day * DAY, label="", tree=name, root="", prompt_id=prompt)


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([at(9, "a"), at(9, "b"), at(9, "c")], ["b", "c"], id="too many states"),
        pytest.param([at(9, "p", "x"), at(9, "a"), at(9, "b"), at(9, "c")], ["p", "b", "c"], id="prompts last longer"),
        pytest.param([at(9, "p", "x"), at(9, "q", "y")], ["q"], id="too many prompts"),
        pytest.param([at(1, "a"), at(9, "b")], ["b"], id="too old"),
        pytest.param([at(1, "a"), at(2, "b")], ["b"], id="the last one stays"),
        pytest.param([at(1, "a"), *moved("a"), at(9, "b")], ["a", "a", "a", "b"], id="where we went stays"),
    ],
)
def test_retention(records: list[Record], kept: list[str]) -> None:
    found = retained(records, Retention(prompts=1, others=2, days=7), now=10 * DAY)

    assert [record.id if isinstance(record, Checkpoint) else record.to for record in found] == kept
