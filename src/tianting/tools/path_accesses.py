"""What a tool declares to touch: a symlink leads elsewhere, and both ends must be permitted."""

import os
from pathlib import Path
from typing import Literal

from tianting.protocol.tool_calls import Access


def path_accesses(effect: Literal["read", "edit"], *paths: Path) -> tuple[Access, ...]:
    """One access for each path, and one for its real place where that differs."""
    targets = [target for path in paths for target in (str(path), os.path.realpath(path))]
    return tuple(Access(effect=effect, target=target) for target in dict.fromkeys(targets))
