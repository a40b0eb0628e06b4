"""A window's environment is built from nothing, its walls are never passed over, and its work is kept."""

import logging
import subprocess
from pathlib import Path

import pytest

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.grounds import Grounds
from tianting.fleet.isolation import Isolation
from tianting.fleet.templates import Template
from tianting.fleet.window import Window
from tianting.fleet.workspaces import Wanted
from tianting.protocol.errors import FleetError

TEMPLATE = Template(name="t", kind="echo", surroundings=Wanted(passed=("EDITOR", "SOME_API_KEY")))
OWN = {"PATH": "/bin", "EDITOR": "vi", "SOME_API_KEY": "secret", "OTHER": "1"}


@pytest.fixture
def window(tmp_path: Path) -> Window:
    (tmp_path / "work").mkdir()
    return Window(window_id="w1", kind="echo", cwd=str(tmp_path / "work"))


def test_environment_has_what_was_asked_for_and_a_home_of_its_own(tmp_path: Path, window: Window) -> None:
    found = Grounds(tmp_path, OWN).environment(window, TEMPLATE)

    assert (found["EDITOR"], found["SOME_API_KEY"], found["HOME"]) == ("vi", "secret", str(tmp_path / "w1" / "home"))
    assert "OTHER" not in found


def test_gateway_has_the_keys(tmp_path: Path, window: Window, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    grounds = Grounds(tmp_path, OWN, gateway=lambda _: {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"})

    found = grounds.environment(window, TEMPLATE)

    assert found["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert "SOME_API_KEY" not in found
    assert "not given, since the gateway has the keys: SOME_API_KEY" in caplog.text


def test_walls_that_cannot_be_built_are_not_passed_over(tmp_path: Path, window: Window) -> None:
    launch = Launch(argv=("agent",), environment={}, cwd=window.cwd)
    walled = Template(name="t", kind="echo", isolation=Isolation(choice="strict"))

    assert Grounds(tmp_path, OWN).enclose(launch, window, TEMPLATE) is launch
    with pytest.raises(FleetError, match="cannot be isolated"):
        Grounds(tmp_path, OWN).enclose(launch, window, walled)


@pytest.mark.anyio
async def test_outside_of_a_repository_nothing_is_lost(tmp_path: Path, window: Window) -> None:
    assert await Grounds(tmp_path, OWN).save(window)


@pytest.mark.anyio
async def test_repository_is_saved_and_a_broken_one_is_said(tmp_path: Path, window: Window) -> None:
    subprocess.run(["git", "init", "-q", window.cwd], check=True)
    grounds = Grounds(tmp_path, OWN)

    saved = await grounds.save(window)
    (Path(window.cwd) / ".git" / "HEAD").unlink()

    assert (saved, await grounds.save(window)) == (True, False)
