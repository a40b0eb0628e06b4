"""One command while it runs and afterwards, so that whoever waits for it may stop waiting without stopping it."""

import logging

import anyio

from tianting.plumbing.clock import Clock
from tianting.plumbing.process_group import KILL_PATIENCE, ProcessGroup
from tianting.tools.shell.command_sandbox import ConfinedCommand
from tianting.tools.shell.exit_codes import shell_code
from tianting.tools.shell.output import TAIL, ShellOutput

log = logging.getLogger(__name__)

LATE_OUTPUT = 0.05
"""Seconds for the last words of children that outlive the command, as in `make > >(tee log)`."""
_PAUSE = 0.002
_DETACHED_PAUSE = 1.0
"""Seconds between two looks at children that let go of the pipe: nothing tells when they end."""


class ShellJob:
    """Foreground or background is only a question of who waits for `finished`."""

    def __init__(
        self,
        command: str,
        group: ProcessGroup,
        output: ShellOutput,
        clock: Clock,
        confined: ConfinedCommand | None = None,
        description: str = "",
    ) -> None:
        self.command = command
        self.description = description
        """What it does, in the model's words, where it gave any."""
        self.output = output
        self.finished = anyio.Event()
        """The command has ended, and its output is gathered. What it started may go on."""
        self.exit_code = 0
        """As a shell gives it. Means nothing before `finished`."""
        self.remark = ""
        """What a sandbox had to do with its end; empty before `finished`, and where it had nothing."""
        self.was_stopped = False
        """Somebody ended it before it came to its own end."""
        self._group = group
        self._confined = confined
        self._clock = clock
        self._start = clock.monotonic()
        self._end = self._start
        self._drained = anyio.Event()
        self._following = anyio.CancelScope()

    async def follow(self) -> None:
        """Gather output until nobody holds the pipe. Runs in the session's task group, whatever becomes of the turn."""
        try:
            with self._following:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._gather)
                    await self._watch()
        except Exception:  # a bug in gathering must not take the session along
            log.exception("the output of %r cannot be gathered", self.command)
            await self._group.end(grace=0)
        finally:
            self._drained.set()
            self._finish(self._group.exit_code)
            self.output.finish()
            self._group.close()
            if self._confined is not None:
                self._confined.after()

    @property
    def seconds(self) -> float:
        """How long it ran, or runs."""
        return (self._end if self.finished.is_set() else self._clock.monotonic()) - self._start

    @property
    def is_active(self) -> bool:
        """Whether the command, or something it started, still runs."""
        return not self.finished.is_set() or not self._drained.is_set() or self._has_survivors()

    async def until_over(self) -> None:
        """Wait until neither the command nor anything it started runs."""
        await self.finished.wait()
        await self._drained.wait()
        while self._has_survivors():
            await anyio.sleep(_DETACHED_PAUSE)

    async def end(self, *, grace: float) -> None:
        """Stop the command and what it started: TERM, after `grace` seconds KILL. Cannot be cancelled."""
        self.was_stopped = self.was_stopped or self.is_active
        with anyio.CancelScope(shield=True):
            await self._group.end(grace=grace)
            with anyio.move_on_after(LATE_OUTPUT):
                await self._drained.wait()
            # A daemon that left the session may hold the pipe for ever.
            self._following.cancel()
            with anyio.move_on_after(KILL_PATIENCE):
                await self._drained.wait()
                await self.finished.wait()

    async def _gather(self) -> None:
        while data := await self._group.read():
            self.output.write(data)
        self._drained.set()

    async def _watch(self) -> None:
        code = await self._group.wait()
        with anyio.move_on_after(LATE_OUTPUT):
            await self._drained.wait()
            # A child that ends closes its pipe a moment before it is gone.
            while self._has_survivors():
                await anyio.sleep(_PAUSE)
        self._finish(code)

    def _has_survivors(self) -> bool:
        if self._confined is not None and self._confined.ends_together and self._group.exit_code is not None:
            return False  # and looking through all processes would cost two milliseconds
        return self._group.is_alive()

    def _finish(self, code: int | None) -> None:
        if not self.finished.is_set():
            # Unknown only for a process that even SIGKILL does not end.
            self.exit_code = 137 if code is None else shell_code(code)
            self._end = self._clock.monotonic()
            try:
                if self._confined is not None:
                    self.remark = self._confined.explain(self.exit_code, self.output.recent(TAIL)) or ""
            finally:
                self.finished.set()
