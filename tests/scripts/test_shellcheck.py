"""Shell says nothing of most of its mistakes; shellcheck does."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SHELL_FILES = sorted([*ROOT.glob("scripts/*.sh"), *ROOT.glob("tests/scripts/*.sh")])


@pytest.mark.parametrize("path", SHELL_FILES, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    ran = subprocess.run(
        [shellcheck, "--external-sources", f"--source-path={ROOT}", path],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
