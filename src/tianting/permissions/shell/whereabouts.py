"""Where the commands of a text may run, once it changes the directory or sets variables.

A `cd` may fail, or stand in a loop or a branch; so every directory it names counts for every command.
"""

from collections.abc import Iterable

from tianting.permissions.paths import normal
from tianting.permissions.questions import Ground
from tianting.permissions.script import Word
from tianting.permissions.shell.options import operands
from tianting.permissions.shell.parts import Running
from tianting.permissions.shell.word_paths import Surroundings, paths_of

MOVES = frozenset({"cd", "pushd", "popd"})
_MOST = 8


def surroundings(running: Iterable[Running], cwd: str, ground: Ground) -> Surroundings:
    """Every directory the commands may be in, and the variables that are not what they were."""
    running = tuple(running)
    assigned = frozenset([each.name for one in running if one.command.assignments for each in one.command.assignments])
    where = Surroundings((cwd,), assigned)
    for each in _moving(running):
        if where.directories:
            where = _after(where, each, ground)
    return where


def moves(running: Iterable[Running], cwd: str, ground: Ground) -> bool:
    """Whether any command leads elsewhere than to where it starts."""
    start = Surroundings((cwd,))
    return any(targets(each, start, ground) != (normal(cwd),) for each in _moving(running))


def _moving(running: Iterable[Running]) -> list[Running]:
    return [each for each in running if each.command.program in MOVES]


def targets(running: Running, where: Surroundings, ground: Ground) -> tuple[str, ...] | None:
    """Where a `cd` may lead; None where only the running shell knows."""
    command = running.command
    given = operands(command.words[1:])
    if command.program == "popd" or len(given) > 1 or any(word.value == "-" for word in given):
        return None
    if command.program == "pushd" and not given:
        return None
    paths = paths_of(given[0] if given else Word(ground.home, ground.home), where, ground)
    return None if paths is None else tuple(dict.fromkeys(normal(path) for path in paths))


def _after(where: Surroundings, running: Running, ground: Ground) -> Surroundings:
    new = targets(running, where, ground)
    if new is None:
        return Surroundings((), where.assigned)
    directories = tuple(dict.fromkeys((*where.directories, *new)))
    return Surroundings(directories if len(directories) <= _MOST else (), where.assigned)
