"""A swarm of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.private_swarm import PrivateSwarm


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[PrivateSwarm]:
    """Nothing runs in it yet."""
    swarm = PrivateSwarm(tmp_path)
    yield swarm
    swarm.close()
