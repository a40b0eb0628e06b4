"""Where commands are born: without it each would be moved into its control groups, which takes the kernel 8 ms.

A child begins where the thread stands that forks it. In version 1 of control groups a thread may stand elsewhere than
its process, so one thread for each command at a time is moved once, stays, and starts one command after the other. Its
own memory still counts for the agent, and since Linux 5.3 the kernel passes it by when it kills for want of memory.
In version 2 a command enters by itself.
"""

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tianting.sandbox.control_groups import Controllers, LimitedGroup, Usage, make_group
from tianting.sandbox.policy import ResourceLimits

_ENOUGH = 8
"""Resting places, more than which nothing is made."""
_LEAVING_TIME, _PAUSE = 0.05, 0.002
"""Seconds: a thread that has ended stands in its groups for a moment longer."""


class Birthplace:
    """The control groups of one command at a time, and the thread that stands in them if there is one."""

    def __init__(self, limits: ResourceLimits, group: LimitedGroup, thread: ThreadPoolExecutor | None = None) -> None:
        self.limits = limits
        self.group = group
        self._thread = thread
        self._before = Usage()

    @property
    def entrance(self) -> list[str]:
        """What a shell in front of the command must do to enter; nothing where it is born inside."""
        return [] if self._thread else self.group.entrance()

    def begin(self) -> None:
        """Count anew."""
        if self._thread:
            self.group.make_room(self.limits.processes)
        self._before = self.group.usage()

    def usage(self) -> Usage:
        """How often a limit was met since `begin`."""
        return self.group.usage().since(self._before)

    def start(self, spawn: "Callable[[], subprocess.Popen[bytes]]") -> "subprocess.Popen[bytes]":
        """Call `spawn` here, and raise what it raises."""
        return self._thread.submit(spawn).result() if self._thread else spawn()

    def close(self) -> bool:
        """End the thread and what is left inside. False while something is still dying: call it again."""
        if self._thread:
            self._thread.shutdown()
        return self.group.close()


class Birthplaces:
    """All of a session: some in use, some resting until the next command, some not yet empty."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._resting: list[Birthplace] = []
        self._leaving: list[Birthplace] = []

    def take(self, limits: ResourceLimits) -> Birthplace:
        """One with `limits` and nobody in it; `give_back` it. Without control groups it limits nothing."""
        # A group whose processes are still dying cannot be removed; the next command finds it empty.
        self._leaving = [place for place in self._leaving if not place.close()]
        place = self._rested(limits) or self._new(limits)
        place.begin()
        return place

    def give_back(self, place: Birthplace) -> None:
        """Its command has ended; kills what is left of it."""
        if self._stays(place):
            place.group.kill_others()
            self._resting.append(place)
        elif not place.close():
            self._leaving.append(place)

    def close(self) -> None:
        """End all threads and remove the groups. Takes at most 0.05 s; what is left then the next agent removes."""
        left, self._resting, self._leaving = [*self._resting, *self._leaving], [], []
        end = time.monotonic() + _LEAVING_TIME
        while (left := [place for place in left if not place.close()]) and time.monotonic() < end:
            time.sleep(_PAUSE)

    def _rested(self, limits: ResourceLimits) -> Birthplace | None:
        """One without dead in it: room made for them stays when they are reaped. Of many, that with the fewest."""
        fitting = [place for place in self._resting if _same(place.limits, limits)]
        best = next((place for place in fitting if not place.group.dead()), None)
        if best is None and len(fitting) >= _ENOUGH:
            empty = [place for place in fitting if place.group.kill_others()]
            best = min(empty, key=lambda place: place.group.dead(), default=None)
        if best is None:
            return None
        self._resting.remove(best)
        return best

    def _new(self, limits: ResourceLimits) -> Birthplace:
        group = make_group(self._controllers, limits)
        if self._controllers.version != 1 or not group.counts:
            return Birthplace(limits, group)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commands-start-here")
        try:
            thread.submit(group.admit_this_thread).result()
        except OSError:  # threads must stay together here: let each command enter by itself
            thread.shutdown()
            return Birthplace(limits, group)
        return Birthplace(limits, group, thread)

    def _stays(self, place: Birthplace) -> bool:
        return not place.entrance and place.group.counts


def _same(one: ResourceLimits, other: ResourceLimits) -> bool:
    """Whether a group of `one` does for `other`: processor time is not the group's."""
    return (one.memory, one.processes) == (other.memory, other.processes)
