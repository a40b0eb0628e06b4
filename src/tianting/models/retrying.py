"""Asks again when a failure passes by itself, so that a busy hour or a torn cable does not end a turn.

Repeating is safe at any moment before `MessageFinished`: tools run only after it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import NoReturn

from tianting.models.client import ModelClient
from tianting.plumbing.backoff import Backoff
from tianting.protocol.deltas import Delta, RequestRetried
from tianting.protocol.errors import ModelError, ModelUnavailable
from tianting.protocol.requests import ModelRequest

_LONGEST_OBEYED_WAIT = 600.0
"""Seconds. Whoever asks for more should be asked by a person, later."""


class RetryingModel:
    """A `ModelClient` around another, which repeats what `ModelUnavailable` broke off.

    `max_retries` counts for one request. A `retry_after` of the provider is obeyed, also where it is longer than
    any delay of `backoff`; beyond ten minutes the error is raised at once and names the wait.
    """

    def __init__(
        self,
        inner: ModelClient,
        *,
        backoff: Backoff,
        max_retries: int = 10,
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._backoff = backoff
        self._max_retries = max_retries
        self._sleep = sleep
        self._random = random

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request`. Before each wait it yields `RequestRetried`, which voids what came before.

        A limit of the account's that refused the request is told before anything else is done about it; any other
        only where nothing is.
        """
        for attempt in range(1, self._max_retries + 2):
            try:
                async with aclosing(self._inner.stream(request)) as deltas:
                    async for delta in deltas:
                        yield delta
            except ModelError as error:
                failure = error
            else:
                return
            limit = failure.rate_limit
            if limit is not None and (limit.window or not self._is_waited_for(failure, attempt)):
                yield limit
            retried = self._retried(failure, attempt)
            yield retried
            await self._sleep(retried.delay)

    async def count_tokens(self, request: ModelRequest) -> int:
        """Estimate once: a count that fails is not worth a wait."""
        return await self._inner.count_tokens(request)

    async def aclose(self) -> None:
        """Close what is inside."""
        await self._inner.aclose()

    def _is_waited_for(self, error: ModelError, attempt: int) -> bool:
        is_passing = isinstance(error, ModelUnavailable) and (error.retry_after or 0) <= _LONGEST_OBEYED_WAIT
        return is_passing and attempt <= self._max_retries

    def _retried(self, error: ModelError, attempt: int) -> RequestRetried:
        """What is done about `error` on try `attempt`. Raises it again when nothing is."""
        if attempt > self._max_retries or not isinstance(error, ModelUnavailable):
            raise error
        if error.retry_after is not None and not self._is_waited_for(error, attempt):
            _give_up(error, error.retry_after)
        delay = max(self._backoff.delay(attempt, self._random), error.retry_after or 0)
        return RequestRetried(
            attempt=attempt,
            max_retries=self._max_retries,
            delay=delay,
            status=error.status,
            cause=error.cause,
            message=str(error),
        )


def _give_up(error: ModelUnavailable, wait: float) -> NoReturn:
    raise ModelUnavailable(
        f"{str(error).rstrip('.')}. It asks to wait {wait / 60:.0f} minutes: try again then, or choose another model.",
        cause=error.cause,
        retry_after=wait,
        status=error.status,
        request_id=error.request_id,
    ) from error
