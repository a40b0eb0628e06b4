"""The stream and the transcript call a message by one name, whoever tells of it first."""

from itertools import count

import pytest

from tianting.protocol.line_names import LineNames


@pytest.fixture
def names() -> LineNames:
    numbers = count(1)
    return LineNames(lambda: f"id{next(numbers)}")


def test_stream_comes_first(names: LineNames) -> None:
    names.begin_answer()

    assert [names.block(0), names.block(1)] == ["id1", "id2"]
    assert names.answer(3) == ["id1", "id2", "id3"]
    assert names.block(2) == "id3"


def test_answer_that_came_to_nothing_leaves_no_name(names: LineNames) -> None:
    names.begin_answer()
    names.block(0)
    names.begin_answer()

    assert names.answer(1) == ["id2"]


def test_transcript_is_alone(names: LineNames) -> None:
    assert [names.answer(2), names.answer(1), names.answer(0)] == [["id1", "id2"], ["id3"], []]


def test_result_has_one_name_within_its_answer(names: LineNames) -> None:
    names.answer(1)

    assert [names.result("c1"), names.result("c2"), names.result("c1")] == ["id2", "id3", "id2"]
    names.answer(1)
    assert names.result("c1") == "id5"
