"""Another client answers from the next stream on, and all of them are closed in the end."""

from contextlib import aclosing

import pytest

from tests.models.flaky_model import ANSWER, FlakyModel, request
from tianting.models.client import ModelClient
from tianting.models.switching import SwitchingModel
from tianting.protocol.deltas import Delta

pytestmark = pytest.mark.anyio


async def deltas_of(model: ModelClient) -> list[Delta]:
    async with aclosing(model.stream(request())) as deltas:
        return [delta async for delta in deltas]


async def test_other_client_answers_from_the_next_stream_on() -> None:
    first, second = FlakyModel(ANSWER, ANSWER), FlakyModel(ANSWER)
    model = SwitchingModel(first)

    async with aclosing(model.stream(request())) as deltas:
        begun = [await anext(deltas)]
        model.use(second)
        begun += [delta async for delta in deltas]
    assert (begun, second.seen) == (ANSWER, [])
    assert await deltas_of(model) == ANSWER
    model.use(first)
    assert await deltas_of(model) == ANSWER

    assert (first.seen, second.seen) == (["first", "first"], ["first"])
    assert (first.open, second.open) == (0, 0)


async def test_client_in_use_counts() -> None:
    first, second = FlakyModel(), FlakyModel()
    model = SwitchingModel(first)
    model.use(second)

    assert await model.count_tokens(request("four")) == 4
    assert (first.seen, second.seen) == ([], ["four"])


class StubbornModel(FlakyModel):
    """Does not close."""

    async def aclose(self) -> None:
        raise OSError("no")


async def test_every_client_is_closed_also_behind_one_that_fails_to() -> None:
    first, last = FlakyModel(), FlakyModel()
    model = SwitchingModel(first)
    for client in (StubbornModel(), last, first):
        model.use(client)

    with pytest.raises(OSError, match="no"):
        await model.aclose()
    assert (first.closed, last.closed) == (True, True)
