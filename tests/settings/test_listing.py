"""What `tianting config` can show."""

from typing import Any

import pytest

from tests.settings.conftest import put
from tianting.settings.levels import Places
from tianting.settings.listing import entries, value_of
from tianting.settings.loading import load_settings


@pytest.fixture(autouse=True)
def files(places: Places) -> None:
    put(
        places.own_file("user"),
        {
            "model": "opus",
            "theme": "dark",
            "sandbox": {"socatPath": "/x"},
            "permissions": {"deny": ["A"]},
            "env": {"X": "1"},
            "odd": 1,
        },
    )
    put(
        places.own_file("project"),
        {"permissions": {"deny": ["B"], "allow": ["C"]}, "providers": {"p": {"baseUrl": "u"}}},
    )


def test_every_statement_has_its_fate(places: Places) -> None:
    loaded = load_settings(places, '{"model": "haiku"}')

    assert [(entry.statement.key, entry.statement.value, entry.state) for entry in entries(loaded)] == [
        (("model",), "haiku", "in force"),
        (("permissions", "deny"), "B", "in force"),
        (("model",), "opus", "overridden"),
        (("theme",), "dark", "not used yet"),
        (("sandbox", "socatPath"), "/x", "not used yet"),
        (("permissions", "deny"), "A", "in force"),
        (("env", "X"), "1", "in force"),
        (("odd",), 1, "unknown"),
        (("permissions", "allow"), "C", "waits for trust"),
        (("providers", "p", "baseUrl"), "u", "cannot be set here"),
    ]


def test_one_key_and_what_lies_below_it_is_shown(places: Places) -> None:
    found = entries(load_settings(places), ("permissions",))

    assert [(entry.statement.value, entry.statement.place) for entry in found] == [
        ("B", f"{places.own_file('project')}:1:27"),
        ("A", f"{places.own_file('user')}:1:93"),
        ("C", f"{places.own_file('project')}:1:43"),
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(("model",), "opus", id="value"),
        pytest.param(("permissions",), {"deny": ["B", "A"]}, id="object"),
        pytest.param(("permissions", "deny"), ["B", "A"], id="list"),
        pytest.param(("permissions", "allow"), None, id="not in force"),
        pytest.param(("model", "x"), None, id="below a value"),
    ],
)
def test_value_in_force(places: Places, key: tuple[str, ...], expected: Any) -> None:
    assert value_of(load_settings(places), key) == expected
