"""From a fork to the window's program: without these steps a window would inherit what is the keeper's.

    own session -> dies with the keeper -> its own streams, nothing else -> limits -> signals -> directory -> program

Everything here runs in the child, which never returns to the keeper's loop.
"""

import os
import resource
import signal
import sys
import traceback
from typing import NamedTuple, NoReturn

from tianting.keeper import linux
from tianting.keeper.groups import Group
from tianting.keeper.image import Image
from tianting.keeper.words import Start

NOT_STARTED, NOT_FOUND = 126, 127
"""As shells say it."""


class ChildSetup(NamedTuple):
    """What the keeper has ready for a child."""

    keeper: int
    """The keeper's pid."""
    pipe: int
    """The child's end of the socket pair: its input and its output."""
    log: int
    """Its standard error."""
    group: Group
    umask: int
    """Of whoever launched the keeper."""
    image: Image


def become_window(start: Start, setup: ChildSetup) -> NoReturn:
    """Become the window. All signals are blocked when this begins."""
    code = NOT_STARTED
    try:
        os.setsid()
        linux.die_with(setup.keeper)
        _take_streams(setup)
        _enter_limits(start, setup)
        os.umask(setup.umask)
        _forget_signals(native=start.native)
        os.chdir(start.cwd)
        code = _run_image(start, setup.image) if start.native else _execute(start)
    except (OSError, ValueError) as error:
        os.write(2, f"tianting: {error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def _take_streams(setup: ChildSetup) -> None:
    # Objects of the keeper that own the closed descriptors live on in frames above this one. They must: were they
    # collected, they would close whatever has those numbers by then.
    for source, target in ((setup.pipe, 0), (setup.pipe, 1), (setup.log, 2)):
        os.dup2(source, target)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _enter_limits(start: Start, setup: ChildSetup) -> None:
    setup.group.enter()
    limits = start.limits
    if limits.memory is not None and not setup.group.counts:
        # Not the address space, of which V8 reserves gigabytes that it never uses.
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
    if limits.cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))


def _forget_signals(*, native: bool) -> None:
    """As a process finds them that a shell has started; `native`: as Python leaves them after that."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    if native:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _execute(start: Start) -> int:
    try:
        os.execvpe(start.argv[0], start.argv, start.environment)  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        os.write(2, f"tianting: {start.argv[0]}: command not found\n".encode(errors="replace"))
        return NOT_FOUND


def _run_image(start: Start, image: Image) -> int:
    os.environ.clear()
    os.environ.update(start.environment)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    try:
        code = _exit_code(image, start)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # nobody reads any more
        return 1
    return code


def _exit_code(image: Image, start: Start) -> int:
    try:
        return image(start.argv, start.environment) or 0
    except SystemExit as wish:
        if isinstance(wish.code, str):
            sys.stderr.write(f"{wish.code}\n")
        return wish.code if isinstance(wish.code, int) else int(wish.code is not None)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException:  # the last boundary of a process
        traceback.print_exc()
        return 1
