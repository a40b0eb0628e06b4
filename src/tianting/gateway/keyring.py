"""The keys of all upstreams that speak alike, with what is known of each; and whoever waits for one, in fair order."""

from collections.abc import Callable

import anyio
from msgspec import Struct

from tianting.gateway.fair_queue import FairQueue
from tianting.gateway.key_choice import KeyState, Wait, choose, new_key_state
from tianting.gateway.limits import DoorLimits
from tianting.gateway.rate_headers import RateNotes
from tianting.gateway.upstream import Key, Upstream
from tianting.gateway.upstream_pool import UpstreamPool

_MOST_REMEMBERED = 4_096
"""Windows whose last key is known."""


class Lane(Struct, frozen=True):
    """One key and the way it opens."""

    upstream: Upstream
    key: Key
    pool: UpstreamPool


class Exhausted(Exception):
    """No key can take the request in time."""

    def __init__(self, reason: str, retry_after: float, *, failing: bool = False) -> None:
        super().__init__(reason)
        self.failing = failing
        """The provider is broken, rather than tired of us."""
        self.retry_after = retry_after
        """Seconds until one can, as far as anybody knows."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a request needs a key for."""

    owner: str
    window: str
    tokens: float


class _Waiting(Struct, eq=False):
    wanted: Wanted
    excluded: frozenset[int]
    granted: anyio.Event
    place: int | None = None


class Keyring:
    """Hands out places of `lanes`. Each place that was handed out must be given back by `release`."""

    def __init__(self, lanes: tuple[Lane, ...], limits: DoorLimits, now: Callable[[], float]) -> None:
        self.lanes = lanes
        self.states: list[KeyState] = [new_key_state(lane.key.limits, now()) for lane in lanes]
        self._limits = limits
        self._now = now
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._last_places: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Requests that wait for a key."""
        return len(self._queue)

    async def acquire(self, wanted: Wanted, excluded: frozenset[int]) -> int:
        """A place that is not `excluded`, as soon as it is this owner's turn. Raises `Exhausted`."""
        if not len(self._queue) and (place := self._take(wanted, excluded)) is not None:
            return place
        if self._queue.length(wanted.owner) >= self._limits.queue_length:
            raise Exhausted(f"{wanted.owner} has too many requests waiting", 1.0)
        waiting = _Waiting(wanted, excluded, anyio.Event())
        self._queue.push(wanted.owner, waiting)
        try:
            return await self._wait(waiting)
        except BaseException:  # cancelled between grant and return, above all
            if waiting.place is not None:
                self.abandoned(waiting.place)
                self.release(waiting.place, surplus=wanted.tokens)
            raise
        finally:
            self._queue.remove(wanted.owner, waiting, served=False)

    def soonest(self) -> float:
        """Seconds until some key can be asked again."""
        now = self._now()
        return min((state.wait(1.0, now) for state in self.states), default=0.0)

    def answered(self, place: int, notes: RateNotes) -> None:
        """A good answer began."""
        self.states[place] = self.states[place].answered(notes, self._now())

    def limited(self, place: int, notes: RateNotes) -> None:
        """The provider has had enough of this key for now."""
        self.states[place] = self.states[place].limited(notes, self._now())

    def failed(self, place: int) -> None:
        """The provider did not answer, or is broken."""
        self.states[place] = self.states[place].failed(self._now())

    def refused(self, place: int) -> None:
        """The provider does not know this key."""
        self.states[place] = self.states[place].refused(self._now())

    def abandoned(self, place: int) -> None:
        """Nothing was learned."""
        self.states[place] = self.states[place].abandoned()

    def release(self, place: int, *, surplus: float) -> None:
        """Give a place back; `surplus` tokens of what was wanted were not used."""
        self.states[place] = self.states[place].ended(surplus, self._now())
        self._grant()

    async def _wait(self, waiting: _Waiting) -> int:
        deadline = self._now() + self._limits.queue_patience
        while True:
            self._grant()
            if (place := waiting.place) is not None:
                return place
            left = deadline - self._now()
            pause = self._pause(waiting)
            if left <= 0 or pause > left:
                raise self._exhausted(max(pause, 1.0))
            with anyio.move_on_after(min(left, pause or left)):
                await waiting.granted.wait()

    def _exhausted(self, retry_after: float) -> Exhausted:
        if all(state.circuit.state(self._now()) != "closed" for state in self.states):
            return Exhausted("its providers fail, and are tried again soon", retry_after, failing=True)
        return Exhausted("all keys are busy or at their limits", retry_after)

    def _pause(self, waiting: _Waiting) -> float:
        """Seconds until time alone could help; 0 when only a release can."""
        match self._choose(waiting.wanted, waiting.excluded):
            case Wait(seconds=seconds):
                return seconds
            case _:
                return 0.0

    def _grant(self) -> None:
        """Give what is free to whose turn it is, until nobody in turn can use it."""
        while any(self._granted(waiting) for waiting in self._queue.order()):
            pass

    def _granted(self, waiting: _Waiting) -> bool:
        waiting.place = self._take(waiting.wanted, waiting.excluded)
        if waiting.place is None:
            return False
        self._queue.remove(waiting.wanted.owner, waiting, served=True)
        waiting.granted.set()
        return True

    def _take(self, wanted: Wanted, excluded: frozenset[int]) -> int | None:
        place = self._choose(wanted, excluded)
        if not isinstance(place, int):
            return None
        self.states[place] = self.states[place].began(wanted.tokens, self._now())
        self._last_places.pop(wanted.window, None)
        self._last_places[wanted.window] = place
        if len(self._last_places) > _MOST_REMEMBERED:
            del self._last_places[next(iter(self._last_places))]
        return place

    def _choose(self, wanted: Wanted, excluded: frozenset[int]) -> int | Wait | None:
        return choose(
            self.states,
            preferred=self._last_places.get(wanted.window),
            excluded=excluded,
            tokens=wanted.tokens,
            now=self._now(),
        )
