"""Agents that speak to nobody but a person at a terminal, driven all the same: text in, screen out.

    launch -> what runs in the pane (`Launch.terminal`) -> whoever starts it marks the pane, and connects
    attach -> the pipe speaks tmux's control mode -> the pane of this window is found by its mark -> ready

The second choice by far: where a program has a protocol, use the driver of that.
"""

import os
import shutil
import time
from collections.abc import Callable

from tianting.fleet.drivers.driver import Abilities, Brief, Driver, DriverError, Launch, Pipe
from tianting.fleet.drivers.tmux_agent import TmuxAgent
from tianting.fleet.drivers.tmux_kinds import GENERIC_SCREEN, SCREENS, ScreenKind
from tianting.plumbing.tmux_control import ControlMode

OPTION = "@tianting-window"
"""The user option of a pane that says whose it is; it outlives names, places and fleets."""


def terminal_drivers() -> dict[str, Driver]:
    """By kind, as `templates.driver_for` looks them up: one for each program whose screen is known, one for any."""
    known = {f"tmux:{screen.command}": TmuxDriver(screen) for screen in SCREENS.values() if screen.command}
    return {"tmux": TmuxDriver(), **known}


def mark(window_id: str, generation: int) -> str:
    """What `OPTION` says of a window's pane."""
    return f"{window_id}/{generation}"


def session(window_id: str, generation: int) -> str:
    """What tmux calls the session with a window's pane, for people who attach to it."""
    return f"{window_id}-{generation}"


class TmuxDriver:
    """The `Driver` of one kind of screen. Without a kind: any command, as the brief's program and arguments say."""

    def __init__(self, screen: ScreenKind = GENERIC_SCREEN, *, now: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._now = now

    @property
    def kind(self) -> str:
        """See `Driver`."""
        return "tmux"

    @property
    def abilities(self) -> Abilities:
        """See `Driver`. What a screen does not show, as usage, cannot be had."""
        screen = self._screen
        return Abilities(resume="resume" in screen.flags, interrupt=True, approvals=bool(screen.dialogs), terminal=True)

    def launch(self, brief: Brief) -> Launch:
        """See `Driver`."""
        screen = self._screen
        program = brief.program or screen.command
        if not program:
            raise DriverError("No program was named for the terminal: give its path.")
        path = brief.environment.get("PATH", os.defpath)
        found = shutil.which(program, path=path)
        if found is None:
            advice = f" Install it ({screen.install}), or name its path." if screen.install else ""
            raise DriverError(f"There is no program {program!r} that can be run.{advice}")
        return Launch(
            argv=(found, *screen.arguments, *_wishes(screen, brief), *brief.arguments),
            terminal=True,
            environment={"LANG": "C.UTF-8", **screen.environment, **brief.environment},
            cwd=brief.cwd,
        )

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> TmuxAgent:
        """See `Driver`. An agent that asks a person before it takes a prompt, as for trust, counts as ready."""
        agent = TmuxAgent(
            ControlMode(pipe), OPTION, mark(brief.window_id, brief.generation), self._screen, brief.standing, self._now
        )
        await agent.get_ready(taken_over=taken_over)
        return agent


def _wishes(screen: ScreenKind, brief: Brief) -> tuple[str, ...]:
    conversation = {"resume" if brief.resume else "begin": brief.conversation_id}
    wishes = {
        "model": brief.model,
        "permission_mode": brief.permission_mode,
        "system_prompt": brief.system_prompt,
        **conversation,
    }
    flags = ((flag, wishes.get(name)) for name, flag in screen.flags.items())
    return tuple(part for flag, value in flags if value is not None for part in (flag, value))
