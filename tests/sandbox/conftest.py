"""What the tests of the sandbox stand on: a real confinement, as root and as nobody, or a clear skip."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tianting.sandbox.confinement import Confinement, choose


@pytest.fixture(scope="session")
def confinement() -> Iterator[Confinement]:
    """What confines here; without bubblewrap there is nothing to attack."""
    found = choose(os.environ)
    if found.abilities.mechanism != "bubblewrap":
        pytest.skip(f"no bubblewrap here: {found.abilities.reason}")
    yield found
    found.close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory outside /tmp, which a sandbox replaces by its own."""
    path = Path(tempfile.mkdtemp(prefix="tianting-test-", dir=_outside_tmp()))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def workspace(place: Path) -> Path:
    """A git repository with something worth protecting."""
    path = place / "work"
    path.mkdir()
    subprocess.run(["git", "init", "-q", str(path)], check=True, timeout=10)
    return path


def _outside_tmp() -> str:
    """Not the home: nobody has none. `TIANTING_TEST_PLACE` is theirs who may write nowhere else."""
    places = (os.environ.get("TIANTING_TEST_PLACE", ""), "/var/cache", "/srv", str(Path.cwd()))
    return next(path for path in places if path and os.access(path, os.W_OK))
