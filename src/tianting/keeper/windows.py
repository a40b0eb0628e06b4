"""The windows of one keeper: started, signalled, ended, reaped, and remembered until somebody has noted their end."""

import os
import resource
import signal
import socket
import time
from pathlib import Path

from tianting.keeper.child import ChildSetup, become_window
from tianting.keeper.groups import Controllers, Group, make_group
from tianting.keeper.image import Image
from tianting.keeper.marks import Marks, inherited, signal_marked
from tianting.keeper.words import Gone, Held, Name, Start

BUFFER = 1024 * 1024
"""Bytes that wait for a fleet that is away, in each direction; the kernel may allow less."""

_FOR_LOGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A link could lead anywhere, and a pipe without a reader would hold everybody up."""


class Refused(Exception):
    """A request that cannot be met; `str(error)` is one line for whoever asked."""


class _Kept:
    """One window."""

    def __init__(self, held: Held, pipe: int, mark: int, group: Group) -> None:
        self.held = held
        self.pipe = pipe
        """Our duplicate of the fleet's end. It keeps what the window has said, and can be handed over again."""
        self.mark = mark
        self.group = group
        self.gone: Gone | None = None
        self.kill_at: float | None = None
        """Monotonic time at which an asked end becomes an unasked one."""


class Windows:
    """All of them. Single-threaded; nothing here waits."""

    def __init__(self, *, image: Image, marks: Marks, controllers: Controllers, umask: int) -> None:
        self._image = image
        self._marks = marks
        self._controllers = controllers
        self._umask = umask
        self._kept: dict[Name, _Kept] = {}
        self._leaders: dict[int, _Kept] = {}
        self._leftovers: list[_Kept] = []
        """Those whose leader is gone, and of which something may still be there."""

    def start(self, start: Start) -> Held:
        """Start a process. Raises `Refused` where that cannot even be tried; what fails later is told by its end."""
        name = (start.window, start.generation)
        if name in self._kept:
            raise Refused(f"{start.window} has been started in generation {start.generation} already: take it")
        if not (start.argv or start.native):
            raise Refused(f"{start.window} cannot be started: there is no command")
        try:
            kept = self._fork(start)
        except OSError as error:
            raise Refused(f"{start.window} cannot be started: {error}") from error
        self._kept[name] = self._leaders[kept.held.pid] = kept
        return kept.held

    def _fork(self, start: Start) -> _Kept:
        log = os.open(start.stderr, _FOR_LOGS, 0o600)
        try:
            ours, theirs = _socket_pair()
        except OSError:
            os.close(log)
            raise
        mark = self._marks.new()
        group = make_group(self._controllers, str(mark), start.limits)
        environment = {**start.environment, "TIANTING_WINDOW": f"{start.window}:{start.generation}"}
        setup = ChildSetup(os.getpid(), theirs, log, group, self._umask, self._image)
        try:
            with inherited(mark):
                pid = _forked(start._replace(environment=environment), setup)
        except OSError:
            os.close(ours)
            group.remove()
            raise
        finally:
            os.close(theirs)
            os.close(log)
        return _Kept(Held(start.window, start.generation, pid, _started(pid), start.native), ours, mark, group)

    def roster(self) -> tuple[list[Held], list[Gone]]:
        """Those that run, and those whose end nobody has noted."""
        running = [kept.held for kept in self._kept.values() if kept.gone is None]
        return running, [kept.gone for kept in self._kept.values() if kept.gone is not None]

    def pipe(self, name: Name) -> int:
        """The fleet's end of a window's pipe; also of one that is gone: its last words are in it."""
        return self._find(name).pipe

    def signal(self, name: Name, number: int, *, group: bool) -> None:
        """Send a signal to a window's process, or to its process group. One that is gone does not hear it."""
        kept = self._find(name)
        if kept.gone is None:
            # An unreaped child keeps its number, so this cannot meet a stranger.
            try:
                (os.killpg if group else os.kill)(kept.held.pid, number)
            except ProcessLookupError:  # so young that it leads no group yet
                os.kill(kept.held.pid, number)

    def end(self, name: Name, *, kill_at: float) -> bool:
        """Ask a window and all that it started to end; KILL at `kill_at`. False where it is gone already."""
        kept = self._find(name)
        if kept.gone is not None:
            return False
        kept.kill_at = kill_at if kept.kill_at is None else min(kept.kill_at, kill_at)
        # Stopped processes act on TERM once they go on.
        signal_marked({kept.mark}, signal.SIGTERM, signal.SIGCONT)
        return True

    def end_all(self, *, kill_at: float) -> None:
        """`end` for every window that runs."""
        for held in self.roster()[0]:
            self.end((held.window, held.generation), kill_at=kill_at)

    def kill_overdue(self, now: float) -> None:
        """Kill those whose time to end by themselves is over."""
        overdue = [kept for kept in self._leaders.values() if kept.kill_at is not None and kept.kill_at <= now]
        for kept in overdue:
            kept.kill_at = None
        _kill(overdue)

    def next_kill(self) -> float | None:
        """Monotonic time at which `kill_overdue` has something to do."""
        return min((kept.kill_at for kept in self._leaders.values() if kept.kill_at is not None), default=None)

    def forget(self, name: Name) -> None:
        """Somebody has noted the end: close the pipe, and tell no more of it. Raises `Refused` while it runs."""
        kept = self._find(name)
        if kept.gone is None:
            raise Refused(f"{name[0]} runs in generation {name[1]}: end it first")
        os.close(kept.pipe)
        del self._kept[name]

    def reap(self) -> list[Gone]:
        """Bury every child that has ended, kill what the windows among them left behind, and tell of their ends."""
        ended = []
        while (dead := _next_dead()) is not None:
            pid, status, used = dead
            kept = self._leaders.pop(pid, None)
            if kept is not None:
                kept.gone = _told(kept, status, used)
                ended.append(kept)
        self._leftovers = _kill([*self._leftovers, *ended])
        return [kept.gone for kept in ended if kept.gone is not None]

    @property
    def has_leftovers(self) -> bool:
        """Whether something that was killed is still there; then `reap` is to be called again soon."""
        return bool(self._leftovers)

    def _find(self, name: Name) -> _Kept:
        try:
            return self._kept[name]
        except KeyError:
            raise Refused(f"The keeper knows no {name[0]} of generation {name[1]}") from None


def _socket_pair() -> tuple[int, int]:
    """The fleet's end, which does not block, and the window's, which does."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    ours.setblocking(False)
    return ours.detach(), theirs.detach()


def _forked(start: Start, setup: ChildSetup) -> int:
    # A signal between the fork and the child's own handlers would run the keeper's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            become_window(start, setup)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _started(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    # The name in parentheses may hold anything, parentheses too.
    return int(stat[stat.rindex(b")") + 2 :].split()[19])


def _next_dead() -> tuple[int, int, resource.struct_rusage] | None:
    try:
        pid, status, used = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status, used) if pid else None


def _told(kept: _Kept, status: int, used: resource.struct_rusage) -> Gone:
    code = os.waitstatus_to_exitcode(status)
    return Gone(
        window=kept.held.window,
        generation=kept.held.generation,
        pid=kept.held.pid,
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        user_seconds=used.ru_utime,
        system_seconds=used.ru_stime,
        peak_rss=used.ru_maxrss * 1024,
        oom=kept.group.met_memory_limit(),
        at=time.time(),
    )


def _kill(windows: list[_Kept]) -> list[_Kept]:
    """Kill whatever belongs to `windows`, and give back those of which something was there."""
    if not windows:
        return []
    for kept in windows:
        kept.group.kill()
    seen = signal_marked({kept.mark for kept in windows}, signal.SIGKILL)
    return [kept for kept in windows if kept.mark in seen or not kept.group.remove()]
