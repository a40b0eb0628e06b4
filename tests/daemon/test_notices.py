"""systemd hears what it asked for, and nobody else anything."""

import os
import socket
from pathlib import Path

import pytest

from tianting.daemon.notices import READY, notify, wants_watchdog


@pytest.mark.parametrize("abstract", [pytest.param(False, id="a file"), pytest.param(True, id="no file")])
def test_manager_is_told(tmp_path: Path, abstract: bool) -> None:
    place = f"@tianting-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + place[1:] if abstract else place)
        manager.settimeout(5)

        notify({"NOTIFY_SOCKET": place}, READY)

        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("place", [pytest.param("/nowhere", id="gone"), pytest.param("x", id="odd"), ""])
def test_manager_that_is_not_there_is_no_matter(place: str) -> None:
    notify({"NOTIFY_SOCKET": place}, READY)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        pytest.param({}, False, id="not asked"),
        pytest.param({"WATCHDOG_USEC": "5000000"}, True, id="asked"),
        pytest.param({"WATCHDOG_USEC": "5", "WATCHDOG_PID": str(os.getpid())}, True, id="this one"),
        pytest.param({"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}, False, id="another"),
    ],
)
def test_watchdog(environment: dict[str, str], wanted: bool) -> None:
    assert wants_watchdog(environment) is wanted
