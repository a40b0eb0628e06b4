"""Retrying: what passes is asked again, what does not is told at once."""

from contextlib import aclosing

import anyio
import pytest

from tests.models.flaky_model import ANSWER, BEGINNING, FlakyModel, request, unavailable
from tianting.models.retrying import RetryingModel
from tianting.plumbing.backoff import Backoff
from tianting.protocol.deltas import Delta, RateLimitSeen, RequestRetried, RetryCause
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, NotAuthenticated, RequestRejected

pytestmark = pytest.mark.anyio
LIMIT = RateLimitSeen(status="rejected", resets_at=1_800_000_000)


class Naps:
    """Remembers how long it was asked to sleep."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def retrying(inner: FlakyModel, naps: Naps, *, max_retries: int = 3) -> RetryingModel:
    backoff = Backoff(first=1.0, longest=8.0, jitter=0.0)
    return RetryingModel(inner, backoff=backoff, max_retries=max_retries, sleep=naps, random=lambda: 0.0)


async def deltas_of(model: RetryingModel) -> list[Delta]:
    with anyio.fail_after(5):
        async with aclosing(model.stream(request())) as deltas:
            return [delta async for delta in deltas]


def retried(attempt: int, delay: float, cause: RetryCause = "overloaded", *, max_retries: int = 3) -> RequestRetried:
    return RequestRetried(
        attempt=attempt, max_retries=max_retries, delay=delay, status=529, cause=cause, message="Not now."
    )


async def test_answer_comes_through_untouched() -> None:
    naps = Naps()

    assert await deltas_of(retrying(FlakyModel([*ANSWER]), naps)) == ANSWER
    assert naps.taken == []


async def test_broken_answer_is_asked_for_again() -> None:
    naps = Naps()
    inner = FlakyModel([unavailable()], [*BEGINNING, unavailable("broken_stream")], [*ANSWER])

    deltas = await deltas_of(retrying(inner, naps))

    assert deltas == [retried(1, 1.0), *BEGINNING, retried(2, 2.0, "broken_stream"), *ANSWER]
    assert naps.taken == [1.0, 2.0]
    assert inner.open == 0


async def test_patience_ends() -> None:
    naps = Naps()
    inner = FlakyModel(*([unavailable("server_error")] for _ in range(3)))

    with pytest.raises(ModelUnavailable, match=r"^Not now\.$"):
        await deltas_of(retrying(inner, naps, max_retries=2))

    assert (naps.taken, len(inner.seen)) == ([1.0, 2.0], 3)


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        pytest.param(None, 1.0, id="backoff"),
        pytest.param(0.0, 1.0, id="backoff is the least"),
        pytest.param(30.0, 30.0, id="longer than any backoff"),
        pytest.param(600.0, 600.0, id="ten minutes"),
    ],
)
async def test_wish_of_the_provider_is_obeyed(retry_after: float | None, delay: float) -> None:
    naps = Naps()

    deltas = await deltas_of(retrying(FlakyModel([unavailable(retry_after=retry_after)], [*ANSWER]), naps))

    assert deltas[0] == retried(1, delay)
    assert naps.taken == [delay]


async def test_wish_that_is_too_long_is_named() -> None:
    naps = Naps()

    with pytest.raises(ModelUnavailable) as caught:
        await deltas_of(retrying(FlakyModel([unavailable("rate_limit", retry_after=3600.0)]), naps))

    error = caught.value
    assert str(error) == "Not now. It asks to wait 60 minutes: try again then, or choose another model."
    assert (error.cause, error.retry_after, error.status, error.request_id) == ("rate_limit", 3600.0, 529, "r")
    assert naps.taken == []


@pytest.mark.parametrize("error", [NotAuthenticated("x"), RequestRejected("x"), ContextOverflow("x")], ids=repr)
async def test_what_does_not_pass_is_raised_at_once(error: ModelError) -> None:
    naps = Naps()

    with pytest.raises(type(error)):
        await deltas_of(retrying(FlakyModel([error]), naps))

    assert naps.taken == []


async def test_closing_closes_what_is_inside() -> None:
    inner = FlakyModel([*BEGINNING, None])

    async with aclosing(retrying(inner, Naps()).stream(request())) as deltas:
        await anext(deltas)
        assert inner.open == 1

    assert inner.open == 0


async def test_cancellation_is_no_failure() -> None:
    inner = FlakyModel([*BEGINNING, None], [*ANSWER])
    naps = Naps()
    seen: list[Delta] = []

    async def listen() -> None:
        async for delta in retrying(inner, naps).stream(request()):
            seen.append(delta)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            while len(seen) < len(BEGINNING):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    assert (seen, naps.taken, inner.open) == (BEGINNING, [], 0)


async def test_the_rest_is_passed_on() -> None:
    inner = FlakyModel()
    model = retrying(inner, Naps())

    assert await model.count_tokens(request("abc")) == 3
    await model.aclose()

    assert inner.closed


@pytest.mark.parametrize(
    ("window", "told"), [pytest.param("five_hour", True, id="of the account"), pytest.param(None, False, id="passing")]
)
async def test_limit_that_is_waited_for_is_told_only_if_it_is_the_accounts(window: str | None, told: bool) -> None:
    limit = RateLimitSeen(status="rejected", resets_at=1_800_000_000, window=window)
    refusal = ModelUnavailable("Later.", cause="rate_limit", rate_limit=limit, retry_after=1.0)

    deltas = await deltas_of(retrying(FlakyModel([refusal], [*ANSWER]), Naps()))

    assert [delta for delta in deltas if isinstance(delta, RateLimitSeen)] == [limit] * told


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(ModelUnavailable("Later.", cause="rate_limit", rate_limit=LIMIT, retry_after=9_000.0), id="later"),
        pytest.param(RequestRejected("Never.", rate_limit=LIMIT), id="never"),
    ],
)
async def test_limit_is_told_before_its_refusal(refusal: ModelError) -> None:
    with anyio.fail_after(5):
        async with aclosing(retrying(FlakyModel([refusal]), Naps()).stream(request())) as deltas:
            assert await anext(deltas) == LIMIT
            with pytest.raises(type(refusal)):
                await anext(deltas)
