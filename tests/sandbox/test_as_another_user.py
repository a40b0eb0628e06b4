"""The same attacks as a user without rights: namespaces, limits and secrets work differently for root."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
ATTACKS = ("test_escapes.py", "test_confinement.py", "test_check.py", "test_landlock.py", "test_proxy.py")


@pytest.mark.timeout(240)
def test_sandbox_holds_for_nobody_too() -> None:
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    python = _python_of_everybody()
    if os.getuid() != 0 or shutil.which("setpriv") is None or python is None:
        pytest.skip("becoming nobody takes root, setpriv, and a Python outside any home")
    with tempfile.TemporaryDirectory(dir="/var/cache") as place:
        os.chown(place, NOBODY, NOBODY)
        environment = {**os.environ, "HOME": place, "TMPDIR": place, "TIANTING_TEST_PLACE": place}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment.pop("COVERAGE_PROCESS_CONFIG", None)  # nobody may not write the figures
        tests = [str(Path(__file__).parent / name) for name in ATTACKS]
        done = subprocess.run(
            [*become, python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def _python_of_everybody() -> str | None:
    """The system's own, if compiled modules made for this one fit."""
    wanted = "{}.{}".format(*sys.version_info)
    return shutil.which(f"python{wanted}", path="/usr/bin:/usr/local/bin")
