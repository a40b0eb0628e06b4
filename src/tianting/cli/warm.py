"""The image that native windows are forked from: without it each window would load the program for itself.

`keeper` calls `warm` once, and then `run` in every fork. Read no environment here that a window may have otherwise.
"""

import pkgutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module

import anyio
import httpx2

import tianting
from tianting.cli.entry import main
from tianting.models.http.trusted_roots import trusted_roots

ROOMS = (
    "agent", "extensions", "mcp", "models", "permissions", "plumbing", "protocol", "sandbox", "session", "settings",
    "surfaces.stream_json", "tools", "worktree",
)  # fmt: skip
"""What a window without a screen may come to need, whole: most of it is loaded late, for the sake of one prompt."""
DOORS = (
    "asking", "background_work", "client_company", "controls", "granting", "hook_questions", "hooking", "judging",
    "main", "mcp_servers", "model_door", "prompt", "safekeeping", "serving", "session_sandbox", "settings_watch",
    "toolbox", "trust", "wiring",
)  # fmt: skip
"""Of the command line, those that such a window comes through."""
BEYOND = ("tree_sitter", "tree_sitter_bash", "yaml", "uuid", "encodings.idna", "anyio._backends._asyncio")
"""Of others, what is loaded at its first use."""
NOWHERE = "http://127.0.0.1:9/"
"""Nobody listens there; trying is enough to load all that a request needs."""


def warm() -> None:
    """Load everything, and let one event loop run to its end; no thread and no open file is left."""
    for name in (*_modules(), *BEYOND):
        import_module(name)
    for name in dir(anyio):
        getattr(anyio, name)  # loads each of its parts when that is first named
    trusted_roots()
    anyio.run(_rehearse)


def run(argv: Sequence[str], _environment: Mapping[str, str]) -> int:
    """The console script with these arguments. Ends by `SystemExit`, as it does."""
    sys.argv = ["tianting", *argv]
    main()
    return 0


def _modules() -> Iterator[str]:
    for room in ROOMS:
        package = import_module(f"tianting.{room}")
        yield from (found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    yield from (f"{tianting.__name__}.cli.{door}" for door in DOORS)


async def _rehearse() -> None:
    with anyio.open_signal_receiver(signal.SIGHUP):
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            with suppress(httpx2.TransportError):
                await client.post(NOWHERE)
