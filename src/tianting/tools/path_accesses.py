"""What a tool declares to touch: a symlink leads elsewhere, and both ends must be permitted."""

import os
from pathlib import Path
from typing import Literal

from tianting.protocol.tool_calls import Access


def path_accesses(effect: Literal["read", "edit"], *paths: Path) -> tuple[Access, ...]:
    """One access for each path, and one for its real place where that differs.

    For a link in a linked directory there is a third: the link itself, which a deletion takes away.
    """
    targets = [target for path in paths for target in (str(path), *_real_places(path))]
    return tuple(Access(effect=effect, target=target) for target in dict.fromkeys(targets))


def _real_places(path: Path) -> tuple[str, ...]:
    entry = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  a third of a Path's time
    return (entry, os.path.realpath(entry)) if os.path.islink(entry) else (entry,)  # noqa: PTH114  as above
