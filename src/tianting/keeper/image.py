"""The program that native windows are forked from, warmed once: without it each would import everything again.

It is named as `module:function`. What the module's `warm()` imports and builds, every fork has already.
"""

import gc
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Image = Callable[[Sequence[str], Mapping[str, str]], int | None]
"""Takes the arguments and the environment, and gives back an exit code. The environment is also in `os.environ`."""


class ImageError(Exception):
    """The image cannot be forked; `str(error)` says why."""


def load(name: str) -> Image:
    """Import and warm the image `name`. Raises `ImageError`, and whatever the module raises.

    After this the garbage collector leaves alone what is there, so that the pages stay shared with every fork.
    """
    module_name, _, function = name.partition(":")
    module = importlib.import_module(module_name)
    image: Image | None = getattr(module, function or "run", None)
    if image is None:
        raise ImageError(f"{module_name} has no function {function!r}")
    warm = getattr(module, "warm", None)
    if warm is not None:
        warm()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise ImageError(f"{name} left a thread running; a fork would copy its locks, but not the thread")
    gc.collect()
    gc.freeze()
    return image
