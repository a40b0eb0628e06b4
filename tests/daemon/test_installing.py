"""The files that service managers read, whatever the paths in them look like."""

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tianting.daemon.installing import installed
from tianting.protocol.errors import FleetError

ODD = "/opt/with space/50% \"quoted\" & 'more' <$HOME>/tianting"
HOME = Path("/home/ada")


def test_unit_quotes_what_it_holds() -> None:
    file = installed("systemd", home=HOME, program=ODD, agent="native", path="/a b:/c%d")

    assert file.path == HOME / ".config" / "systemd" / "user" / "codex-daemon.service"
    assert (
        'ExecStart="/opt/with space/50%% \\"quoted\\" & \'more\' <$$HOME>/tianting"'
        " daemon start --foreground --agent native\n"
    ) in file.text
    assert 'Environment="PATH=/a b:/c%%d"\n' in file.text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_unit_is_understood_by_systemd(tmp_path: Path) -> None:
    file = installed("systemd", home=HOME, program="/bin/true", agent="codex", path="/usr/bin")
    unit = tmp_path / file.path.name
    unit.write_text(file.text, encoding="utf-8")

    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=30
    )

    assert str(unit) not in ran.stderr


def test_launch_agent_is_read_back() -> None:
    file = installed("launchd", home=HOME, program=ODD, agent="codex", path="/a & b")

    read = plistlib.loads(file.text.encode())

    assert read["ProgramArguments"] == [ODD, "daemon", "start", "--foreground", "--agent", "codex"]
    assert read["EnvironmentVariables"] == {"PATH": "/a & b"}


def test_script_starts_the_program(tmp_path: Path) -> None:
    program = tmp_path / 'it\'s a "program"'
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PATH" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    file = installed("script", home=HOME, program=str(program), agent="codex", path="/bin:/x y")
    (tmp_path / "start.sh").write_text(file.text, encoding="utf-8")

    ran = subprocess.run(
        ["sh", str(tmp_path / "start.sh"), "--socket", "a b"], capture_output=True, text=True, check=True, timeout=10
    )

    assert ran.stdout.splitlines() == ["/bin:/x y", "daemon", "start", "--agent", "codex", "--socket", "a b"]
    assert file.mode == 0o700


def test_line_feed_in_a_path_is_refused() -> None:
    with pytest.raises(FleetError, match="no service file can"):
        installed("systemd", home=HOME, program="/a\nExecStart=/evil", agent="codex", path="/b")
