"""The shell runs commands that stand in a number: with `x='a[$(rm y)]'`, `[[ $x -eq 1 ]]` removes y.

So no text may be computed with that was read from a file or from a program, where a rule did not allow the whole.
"""

import re
from collections.abc import Sequence

from tianting.permissions.script import NUMBER, SUBSCRIPT, Command

_COMPARES = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge)\s|^-v\s")


def computes_with_read_text(commands: Sequence[Command]) -> bool:
    """Whether a variable that was set from outside the text may become part of a number."""
    setting = [each for each in commands if each.assignments or each.evaluates]
    return any(_sets_from_outside(each) for each in setting) and any(_computes(each) for each in commands)


def _sets_from_outside(command: Command) -> bool:
    values = [assignment.value for assignment in command.assignments]
    if command.evaluates and command.program not in {"[[", "[", "(("}:
        values += command.words[1:]
    return any(not value.literal and set(value.names) != {NUMBER} for value in values)


def _computes(command: Command) -> bool:
    words = [*command.words, *(assignment.value for assignment in command.assignments)]
    words += [redirection.target for redirection in command.redirections]
    if any(name in {NUMBER, SUBSCRIPT} for word in words for name in word.names):
        return True
    if any("[" in assignment.name for assignment in command.assignments):
        return True
    return command.evaluates and (
        command.program == "((" or (command.program == "[[" and bool(_COMPARES.search(command.words[1].raw)))
    )
