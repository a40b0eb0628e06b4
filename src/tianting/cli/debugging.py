"""What `--debug` shows: every log line, or those of the parts that it names.

--debug                   all
--debug models,hooks      what the modules with these words in their names say
--debug '!http'           all but those
"""

import logging
import re
import sys
from collections import deque
from collections.abc import Iterator, Sequence

ALL = "*"
_WITH_FILTER = {"-d", "--debug"}
_FLAGS = {*_WITH_FILTER, "-d2e", "--debug-to-stderr"}
_FILTER = re.compile(r"!?[a-z0-9_.]+(,!?[a-z0-9_.]+)*")


def with_filters(arguments: Sequence[str]) -> list[str]:
    """`arguments` with each debug flag bound to its filter, so that none takes the prompt for one."""
    return list(_bound(arguments))


def debug_wish(arguments: Sequence[str]) -> str | None:
    """The filter in `arguments`, which `with_filters` gave; None where nobody wants to see anything."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    wishes = [argument.removeprefix("--debug=") for argument in options if argument.startswith("--debug=")]
    return wishes[-1] if wishes else None


def begin_log(wish: str) -> None:
    """Log what `wish` names to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: is_wanted(record.name, wish))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])


def is_wanted(logger: str, wish: str) -> bool:
    """Whether `wish` shows what `logger` says."""
    words = [] if wish == ALL else wish.split(",")
    refused = [word[1:] for word in words if word.startswith("!")]
    asked_for = [word for word in words if not word.startswith("!")]
    if any(word in logger for word in refused):
        return False
    return not asked_for or any(word in logger for word in asked_for)


def _bound(arguments: Sequence[str]) -> Iterator[str]:
    waiting = deque(arguments)
    while waiting:
        argument = waiting.popleft()
        if argument == "--":
            yield from (argument, *waiting)
            return
        if argument not in _FLAGS:
            yield argument
            continue
        is_filter = argument in _WITH_FILTER and waiting and _FILTER.fullmatch(waiting[0])
        yield f"--debug={waiting.popleft() if is_filter else ALL}"
