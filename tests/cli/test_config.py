"""`tianting config`: what is set comes into force, and every value tells where it comes from."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import CommandLine, Ran


def test_what_is_set_is_in_force_until_it_is_unset(tianting: CommandLine, home: Path) -> None:
    file = home / "settings.json"

    assert tianting("config", "set", "maxRetries", "3") == Ran(0, f"Set maxRetries in {file}.\n", "")
    assert tianting("config", "set", "model", "opus").code == 0
    assert tianting("config", "set", "permissions.deny", '["WebFetch"]').code == 0
    assert tianting("config", "get", "maxRetries").stdout == "3\n"
    assert tianting("config", "get", "model").stdout == "opus\n"
    assert tianting("config", "get", "permissions").stdout == '{"deny":["WebFetch"]}\n'
    assert tianting("config", "unset", "maxRetries") == Ran(0, f"Took maxRetries out of {file}.\n", "")
    assert tianting("config", "get", "maxRetries") == Ran(2, "", "tianting: maxRetries is not set.\n")


def test_project_stands_above_the_person(tianting: CommandLine, home: Path) -> None:
    tianting("config", "set", "language", "English")
    tianting("config", "set", "language", "Deutsch", "--level", "project")

    file, mine = Path.cwd() / ".tianting/settings.json", home / "settings.json"
    listing = f'language = "Deutsch"    {file}:2:3\nlanguage = "English"    {mine}:2:3    [overridden]\n'
    assert tianting("config", "get", "language").stdout == "Deutsch\n"
    assert tianting("config", "where", "language") == Ran(0, listing, "")
    assert tianting("config", "list") == Ran(0, listing, "")


def test_what_waits_for_trust_is_said_when_it_is_set(tianting: CommandLine) -> None:
    told = tianting("config", "set", "permissions.allow", '["Bash"]', "--level", "project")

    assert told.stderr == (
        "tianting: permissions.allow: waits for trust; see `tianting config where permissions.allow`.\n"
    )


def test_as_json(tianting: CommandLine, home: Path) -> None:
    tianting("config", "set", "model", "opus")

    told = tianting("config", "list", "--json")

    assert msgspec.json.decode(told.stdout) == {
        "key": "model",
        "value": "opus",
        "place": f"{home}/settings.json:2:3",
        "state": "in force",
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(("set", "maxRetries", "many"), "maxRetries: expected", id="wrong type"),
        pytest.param(("set", "a..b", "1"), "The key 'a..b' is not understood", id="no key"),
        pytest.param(("get", "permissions.dney"), "did you mean permissions.deny?", id="slip"),
        pytest.param(("where", "modle"), "did you mean model?", id="slip of a place"),
        pytest.param(("unset", "model"), "model is not set there", id="nothing to unset"),
    ],
)
def test_mistakes_are_one_line(tianting: CommandLine, arguments: tuple[str, ...], complaint: str) -> None:
    told = tianting("config", *arguments)

    [line] = told.stderr.splitlines()
    assert (told.code, told.stdout, complaint in line) == (2, "", True), line
