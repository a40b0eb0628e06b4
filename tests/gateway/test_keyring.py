"""Places that are granted are never lost, and what is remembered of windows has an end."""

import asyncio

import anyio
import pytest

from tianting.gateway.keyring import Keyring, Lane, Wanted
from tianting.gateway.limits import DoorLimits
from tianting.gateway.upstream import Key, KeyLimits, Upstream
from tianting.gateway.upstream_pool import UpstreamPool

pytestmark = pytest.mark.anyio

WANTED = Wanted(owner="ann", window="w1", tokens=10)


def keyring(*, concurrency: int = 1, keys: int = 1) -> Keyring:
    limits = KeyLimits(concurrency=concurrency)
    named = tuple(Key(name=f"k{number}", secret="s", limits=limits) for number in range(keys))
    upstream = Upstream(name="u", speech="openai", base_url="http://u", keys=named)
    pool = UpstreamPool(upstream)
    return Keyring(tuple(Lane(upstream, key, pool) for key in named), DoorLimits(), lambda: 0.0)


async def test_a_place_that_was_granted_to_somebody_who_left_is_free_again() -> None:
    ring = keyring()
    first = await ring.acquire(WANTED, frozenset())
    with anyio.fail_after(5):
        waiting = asyncio.ensure_future(ring.acquire(WANTED, frozenset()))
        await anyio.wait_all_tasks_blocked()
        ring.release(first, surplus=10)  # grants it to the one who waits
        assert ring.states[0].in_flight == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert (ring.states[0].in_flight, ring.waiting) == (0, 0)


async def test_only_so_many_windows_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.gateway.keyring._MOST_REMEMBERED", 1)
    ring = keyring(concurrency=9, keys=2)
    second = await ring.acquire(WANTED, frozenset({0}))
    await ring.acquire(Wanted(owner="ann", window="w2", tokens=10), frozenset())

    assert (second, await ring.acquire(WANTED, frozenset())) == (1, 0)
