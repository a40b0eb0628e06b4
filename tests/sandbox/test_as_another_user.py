"""The same attacks as a user without rights: namespaces, limits and secrets work differently for root."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
ATTACKS = [str(Path(__file__).parent / name) for name in ("test_escapes.py", "test_confinement.py", "test_check.py")]


@pytest.mark.timeout(240)
def test_sandbox_holds_for_nobody_too() -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become nobody")
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *ATTACKS]
    with tempfile.TemporaryDirectory(dir="/var/cache") as place:
        os.chown(place, NOBODY, NOBODY)
        environment = {**os.environ, "HOME": place, "TMPDIR": place, "TIANTING_TEST_PLACE": place}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "COVERAGE_FILE": f"{place}/coverage"}
        try:
            done = subprocess.run(
                [*become, *run], env=environment, capture_output=True, text=True, timeout=200, check=False
            )
        except PermissionError:
            pytest.skip("nobody may not run this Python")
        if done.returncode == 127 or ("Permission denied" in done.stderr and not done.stdout):
            pytest.skip(f"nobody may not run this Python: {done.stderr[-200:]}")

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
