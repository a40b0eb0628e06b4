"""A window's environment is built from nothing, its walls are never passed over, and its work is kept."""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.ground.isolation import Choice, Isolation, Isolator
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.grounds import Grounds
from tianting.fleet.templates import Template
from tianting.fleet.window import Window
from tianting.protocol.errors import FleetError
from tianting.sandbox.abilities import find_abilities

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


@pytest.fixture
def place() -> Iterator[Path]:
    """Outside /tmp, which windows have one of their own of."""
    places = (os.environ.get("TIANTING_TEST_PLACE", ""), "/var/cache", "/srv", str(Path.cwd()))
    path = Path(tempfile.mkdtemp(prefix="tianting-test-", dir=next(p for p in places if p and os.access(p, os.W_OK))))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("choice", ["workspace", "strict"])
def test_an_isolated_window_commits_in_its_worktree(choice: Choice, place: Path) -> None:
    abilities = find_abilities(os.environ)
    if abilities.mechanism != "bubblewrap":
        pytest.skip(f"no bubblewrap here: {abilities.reason}")
    (place / "shop").mkdir()
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"], ["worktree", "add", "-q", "../t"]):
        subprocess.run([*git, *arguments], cwd=place / "shop", check=True, capture_output=True, timeout=10)
    grounds = Grounds(place / "windows", OWN, isolator=Isolator(abilities, state=place / "windows", home="/root"))
    window = Window(window_id="w1", kind="echo", cwd=str(place / "t"))
    template = Template(name="t", kind="echo", isolation=Isolation(choice=choice))
    commands = "git add f; git -c user.name=A -c user.email=a@b commit -qm mine; echo x > ../shop/.git/hooks/pre-commit"
    (place / "t" / "f").touch()
    launch = Launch(argv=("/bin/sh", "-c", commands), environment=grounds.environment(window, template), cwd=window.cwd)

    walled = grounds.enclose(launch, window, template)
    done = subprocess.run(walled.argv, env=dict(walled.environment), cwd=walled.cwd, timeout=20, check=False)
    said = subprocess.run([*git, "log", "--format=%s", "t"], cwd=place / "shop", capture_output=True, check=True)

    assert (said.stdout, done.returncode != 0) == (b"mine\na\n", True)
    assert not (place / "shop" / ".git" / "hooks" / "pre-commit").exists()


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
