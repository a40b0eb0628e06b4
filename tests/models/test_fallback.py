"""Fallback: three overloads in a row hand the session over, and nothing else does."""

from contextlib import aclosing

import anyio
import pytest

from tests.models.flaky_model import ANSWER, BEGINNING, FlakyModel, request, unavailable
from tianting.models.fallback import FallbackModel
from tianting.models.retrying import RetryingModel
from tianting.plumbing.backoff import Backoff
from tianting.protocol.deltas import Delta, ModelSwitched, RequestRetried, RetryCause
from tianting.protocol.errors import ModelUnavailable

pytestmark = pytest.mark.anyio

SWITCHED = ModelSwitched(original="first", fallback="second", trigger="overloaded")


async def no_nap(seconds: float) -> None:
    await anyio.lowlevel.checkpoint()


def pair(first: FlakyModel, second: FlakyModel, *, max_retries: int = 10) -> FallbackModel:
    def patient(inner: FlakyModel) -> RetryingModel:
        backoff = Backoff(first=1.0, jitter=0.0)
        return RetryingModel(inner, backoff=backoff, max_retries=max_retries, sleep=no_nap, random=lambda: 0.0)

    return FallbackModel(patient(first), patient(second), fallback_model="second")


async def deltas_of(model: FallbackModel) -> list[Delta]:
    with anyio.fail_after(5):
        async with aclosing(model.stream(request())) as deltas:
            return [delta async for delta in deltas]


def retried(attempt: int, delay: float, cause: RetryCause = "overloaded") -> RequestRetried:
    return RequestRetried(attempt=attempt, max_retries=10, delay=delay, status=529, cause=cause, message="Not now.")


async def test_second_is_not_asked_while_first_answers() -> None:
    first, second = FlakyModel([unavailable()], [unavailable()], [*ANSWER]), FlakyModel()

    assert await deltas_of(pair(first, second)) == [retried(1, 1.0), retried(2, 2.0), *ANSWER]
    assert second.seen == []


async def test_third_overload_switches_for_good() -> None:
    first = FlakyModel([unavailable()], [unavailable()], [*BEGINNING, unavailable()])
    second = FlakyModel([*ANSWER], [*ANSWER])
    model = pair(first, second)

    deltas = await deltas_of(model)

    assert deltas == [retried(1, 1.0), retried(2, 2.0), *BEGINNING, retried(3, 0.0), SWITCHED, *ANSWER]
    assert await deltas_of(model) == ANSWER
    assert (len(first.seen), second.seen, first.open) == (3, ["second", "second"], 0)
    assert await model.count_tokens(request()) == len("second")


async def test_overloads_must_follow_each_other() -> None:
    causes: list[RetryCause] = ["overloaded", "overloaded", "connection", "overloaded", "overloaded"]
    first = FlakyModel(*([unavailable(cause)] for cause in causes), [*ANSWER])
    second = FlakyModel()

    await deltas_of(pair(first, second))

    assert second.seen == []


async def test_first_that_gives_up_overloaded_is_replaced() -> None:
    first, second = FlakyModel([unavailable(retry_after=3600.0)]), FlakyModel([*ANSWER])

    assert await deltas_of(pair(first, second)) == [SWITCHED, *ANSWER]


async def test_other_failures_are_told() -> None:
    first, second = FlakyModel([unavailable("connection")]), FlakyModel([*ANSWER])

    with pytest.raises(ModelUnavailable):
        await deltas_of(pair(first, second, max_retries=0))

    assert second.seen == []


async def test_second_may_fail_too() -> None:
    first, second = FlakyModel([unavailable()]), FlakyModel([unavailable()])

    with pytest.raises(ModelUnavailable):
        await deltas_of(pair(first, second, max_retries=0))


@pytest.mark.parametrize("overloads", [0, 3], ids=["first", "second"])
async def test_closing_closes_what_is_inside(overloads: int) -> None:
    first = FlakyModel(*([unavailable()] for _ in range(overloads)), [*BEGINNING, None])
    second = FlakyModel([*BEGINNING, None])

    with anyio.fail_after(5):
        async with aclosing(pair(first, second).stream(request())) as deltas:
            async for delta in deltas:
                if delta == BEGINNING[-1]:
                    break

    assert (first.open, second.open) == (0, 0)


async def test_the_rest_is_passed_on() -> None:
    first, second = FlakyModel(), FlakyModel()
    model = pair(first, second)

    assert await model.count_tokens(request()) == len("first")
    await model.aclose()

    assert first.closed
    assert second.closed
