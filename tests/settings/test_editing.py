"""Changing one thing in a settings file."""

import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.settings.conftest import put
from tianting.protocol.errors import ConfigError
from tianting.settings import editing
from tianting.settings.editing import (
    add_items,
    parse_value,
    remove_items,
    save_grant,
    set_value,
    trust_written,
    unset_value,
)
from tianting.settings.levels import Places
from tianting.settings.loading import load_settings

FILE = """{
  "zebra": 1.50,
  "model": "opus",
  "env": {
    "B": "2",
    "A": "1"
  },
  "fallbackModel": [
    "sonnet",
    "haiku"
  ]
}
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        pytest.param(("model",), "haiku", '"opus"', '"haiku"', id="changed"),
        pytest.param(("env", "A"), "3", '"A": "1"', '"A": "3"', id="inner"),
        pytest.param(("env", "C"), "3", '"A": "1"', '"A": "1",\n    "C": "3"', id="added"),
        pytest.param(("model",), "opus", "", "", id="the same"),
    ],
)
def test_rest_of_the_file_stays_as_it_was(places: Places, key: tuple[str, ...], value: str, old: str, new: str) -> None:
    path = put(places.own_file("user"), FILE.replace("1.50", "1.5"))

    assert set_value(places, "user", key, value) == path

    assert path.read_text() == FILE.replace("1.50", "1.5").replace(old, new)


def test_nothing_is_written_when_nothing_changes(places: Places) -> None:
    path = put(places.own_file("user"), '{"model":"opus"}')

    set_value(places, "user", ("model",), "opus")

    assert path.read_text() == '{"model":"opus"}'


def test_new_file_is_the_owner_s_alone(places: Places) -> None:
    path = set_value(places, "user", ("permissions", "defaultMode"), "plan")

    assert path.read_text() == '{\n  "permissions": {\n    "defaultMode": "plan"\n  }\n}\n'
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        pytest.param(("model",), 5, "model: expected `str", id="type"),
        pytest.param(("permissions", "defaultMode"), "yolo", "invalid enum value 'yolo'", id="choice"),
        pytest.param(("permissions",), [], "permissions: expected `object`", id="shape"),
    ],
)
def test_value_the_schema_forbids_changes_nothing(
    places: Places, key: tuple[str, ...], value: Any, complaint: str
) -> None:
    path = put(places.own_file("user"), FILE)

    with pytest.raises(ConfigError, match=complaint):
        set_value(places, "user", key, value)
    assert path.read_text() == FILE


def test_file_that_is_wrong_already_is_not_touched(places: Places) -> None:
    path = put(places.own_file("user"), '{\n  "model": 5}')

    with pytest.raises(ConfigError, match=r"settings\.json:2:3: model"):
        set_value(places, "user", ("language",), "French")
    assert path.read_text() == '{\n  "model": 5}'


def test_setting_is_taken_out(places: Places) -> None:
    path = put(places.own_file("user"), {"env": {"A": "1", "B": "2"}, "model": "m"})

    unset_value(places, "user", ("env", "A"))
    unset_value(places, "user", ("model",))

    assert msgspec.json.decode(path.read_bytes()) == {"env": {"B": "2"}}


@pytest.mark.parametrize("key", [("model",), ("env", "A"), ("env", "A", "b")])
def test_what_is_not_set_cannot_be_taken_out(places: Places, key: tuple[str, ...]) -> None:
    put(places.own_file("user"), {"env": {}})

    with pytest.raises(ConfigError, match=f"{'.'.join(key)} is not set there"):
        unset_value(places, "user", key)


def test_rule_is_added_once(places: Places) -> None:
    for rule in ("Bash(ls)", "Bash(make:*)", "Bash(ls)"):
        path = add_items(places, "project", ("permissions", "ask"), (rule,))

    assert msgspec.json.decode(path.read_bytes()) == {"permissions": {"ask": ["Bash(ls)", "Bash(make:*)"]}}


def test_items_are_taken_out_and_others_stay(places: Places) -> None:
    put(places.own_file("user"), {"permissions": {"deny": ["Read(.env)", "Bash(rm)", "Edit"]}})

    remove_items(places, "user", ("permissions", "deny"), ("Edit", "Bash(rm)", "Bash(not there)"))

    assert load_settings(places).settings.permissions.deny == ("Read(.env)",)


@pytest.mark.parametrize("text", ["{}", '{"permissions":{"deny":["Edit"]}}'])
def test_nothing_to_take_out_writes_nothing(places: Places, text: str) -> None:
    path = put(places.own_file("user"), text)

    remove_items(places, "user", ("permissions", "deny"), ("Read",))

    assert path.read_text() == text


def test_trust_that_cannot_be_kept_is_said(places: Places) -> None:
    places = structs.replace(places, home=places.project / "taken")
    places.home.write_text("no directory")

    with pytest.raises(ConfigError, match=f"What was written cannot be trusted: .* in {places.home}"):
        trust_written(places, ("permissions", "allow"), ["Edit"], now=1.0)


def test_grant_counts_at_once_and_nothing_else_begins_to(places: Places) -> None:
    put(places.own_file("project"), {"permissions": {"allow": ["Bash(curl:*)"]}})

    save_grant(places, ("Bash(make)", "Edit"), now=1.0)

    loaded = load_settings(places)
    assert loaded.settings.permissions.allow == ("Bash(make)", "Edit")
    assert [statement.value for statement in loaded.waiting] == ["Bash(curl:*)"]


def test_local_settings_stay_out_of_commits(places: Places) -> None:
    exclude = places.main_checkout / ".git/info/exclude"
    put(exclude, "*.tmp")

    for rule in ("Edit", "Read"):
        add_items(places, "local", ("permissions", "allow"), (rule,))

    assert exclude.read_text() == "*.tmp\n/.tianting/settings.local.json\n"


@pytest.mark.parametrize("git", ["file", "without info", "none"])
def test_every_kind_of_repository_takes_local_settings(places: Places, git: str) -> None:
    if git == "file":
        (places.project / ".git").write_text("gitdir: elsewhere")
    elif git == "without info":
        (places.project / ".git").mkdir()

    assert add_items(places, "local", ("permissions", "allow"), ("Edit",)).exists()
    assert (places.project / ".git/info/exclude").exists() == (git == "without info")


@pytest.mark.parametrize("linked", [".tianting", ".tianting/settings.local.json"])
def test_link_of_a_project_does_not_lead_outside(places: Places, linked: str) -> None:
    target = put(places.home / "settings.local.json", "{}")
    link = places.project / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target if link.suffix else places.home)

    with pytest.raises(ConfigError, match="a link leads out of the project"):
        add_items(places, "local", ("permissions", "allow"), ("Bash",))
    assert target.read_text() == "{}"


def test_disk_that_refuses_is_said(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(editing, "write_atomically", full)

    with pytest.raises(ConfigError, match="cannot be changed: No space left on device"):
        set_value(places, "user", ("model",), "m")


def test_two_windows_lose_no_rule(places: Places) -> None:
    def add(name: str) -> None:
        for number in range(10):
            add_items(places, "local", ("permissions", "allow"), (f"Bash({name}{number})",))

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    rules = msgspec.json.decode(places.own_file("local").read_bytes())["permissions"]["allow"]
    assert sorted(rules) == sorted(f"Bash({name}{number})" for name in "abc" for number in range(10))


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        pytest.param("3", ("maxRetries",), 3, id="number"),
        pytest.param('["a"]', ("permissions", "deny"), ["a"], id="list"),
        pytest.param("opus", ("model",), "opus", id="no JSON"),
        pytest.param("5", ("model",), "5", id="a text that looks like a number"),
        pytest.param("true", ("env", "CI"), "true", id="a text that looks like a truth"),
    ],
)
def test_value_is_read_as_its_key_wants(text: str, key: tuple[str, ...], expected: Any) -> None:
    assert parse_value(text, key) == expected


KEYS = st.lists(st.sampled_from(["x", "y", "z.z"]), min_size=1, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=4))
def test_what_was_set_last_is_there(tmp_path_factory: pytest.TempPathFactory, sets: list[tuple[Any, int]]) -> None:
    home = tmp_path_factory.mktemp("home")
    places = Places(home=home, project=home, main_checkout=home, managed=())

    for key, value in sets:
        path = set_value(places, "user", key, value)
        node = msgspec.json.decode(Path(path).read_bytes())
        for name in key:
            node = node[name]
        assert node == value
    assert [name for name in os.listdir(home) if name.endswith(".tmp")] == []  # noqa: PTH208
