"""Which commands run inside the sandbox."""

import pytest

from tianting.sandbox.settings import SandboxSettings
from tianting.tools.shell.walls import Placement, is_excluded, placement

PATTERNS = ("docker:*", "npm run *", "bazel", "*", "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("docker", True, id="alone"),
        pytest.param("docker ps -a", True, id="with arguments"),
        pytest.param("TAG=x docker build .", True, id="with variables"),
        pytest.param("docker ps | docker inspect", True, id="all of a pipe"),
        pytest.param("docker ps | sh", False, id="half of a pipe"),
        pytest.param("docker ps; curl x.org", False, id="another behind it"),
        pytest.param("docker ps $(curl x.org)", False, id="another in it"),
        pytest.param("docker-compose up", False, id="another program"),
        pytest.param("npm run build", True, id="two words"),
        pytest.param("npm install", False, id="another second word"),
        pytest.param("bazel test //...", True, id="bare"),
        pytest.param("make", False, id="a star alone is nothing"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_only_what_is_named_is_excluded(command: str, expected: bool) -> None:
    assert is_excluded(command, PATTERNS) == expected


@pytest.mark.parametrize(
    ("command", "wants_out", "may_leave", "expected"),
    [
        pytest.param("make", False, True, "inside", id="inside"),
        pytest.param("make", True, True, "outside", id="wants out and may ask"),
        pytest.param("make", True, False, "inside", id="wants out and may not"),
        pytest.param("docker ps", True, False, "excluded", id="excluded anyway"),
    ],
)
def test_settings_and_the_call_decide(command: str, wants_out: bool, may_leave: bool, expected: Placement) -> None:
    settings = SandboxSettings(allow_unsandboxed_commands=may_leave, excluded_commands=("docker",))

    assert placement(settings, command, wants_out=wants_out) == expected
