"""What the editing tools declare to touch: a symlink leads elsewhere, and both ends must be permitted."""

import os
from collections.abc import Iterable
from pathlib import Path

from tianting.protocol.tool_calls import Access


def edit_accesses(paths: Iterable[Path]) -> tuple[Access, ...]:
    """One access for each path, and one for its real place where that differs."""
    targets = [target for path in paths for target in (str(path), os.path.realpath(path))]
    return tuple(Access(effect="edit", target=target) for target in dict.fromkeys(targets))
