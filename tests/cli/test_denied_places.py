"""Deny rules about files become places of the sandbox; a table of rules, and of what each hides."""

import logging
import os
from pathlib import Path

import pytest

from tianting.cli.denied_places import DeniedPlaces
from tianting.permissions.rule_text import Places, RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.sandbox.places import Forbidden
from tianting.sandbox.tree_search import TreeSearch

FILES = (
    "work/.env",
    "work/a/.env",
    "work/a/b/x.pem",
    "work/secrets/key",
    "work/main.py",
    "home/.pgpass",
    "home/k/1.key",
)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def ruleset(top: Path, *rules: str, directory: str = "") -> Ruleset:
    lines = [RuleLine(text=rule, behaviour="deny", source="test", directory=directory) for rule in rules]
    return Ruleset.compile(lines, Places(str(top / "work"), str(top / "home")))


def forbidden(top: Path, *rules: str) -> tuple[list[str], list[str]]:
    found = DeniedPlaces(lambda: ruleset(top, *rules), (str(top / "work"),)).forbidden()
    return [os.path.relpath(path, top) for path in found.hidden], [os.path.relpath(p, top) for p in found.read_only]


@pytest.mark.parametrize(
    ("rule", "hidden"),
    [
        pytest.param("Read(./secrets/**)", ["work/secrets"], id="a directory's content"),
        pytest.param("Read(./secrets/)", ["work/secrets"], id="a directory"),
        pytest.param("Read(secrets/**)", ["work/secrets"], id="a directory of that name anywhere"),
        pytest.param("Read(~/.pgpass)", ["home/.pgpass"], id="a file at home"),
        pytest.param("Read(~/k/*.key)", ["home/k/1.key"], id="files of a directory elsewhere"),
        pytest.param("Read(/a/.env)", ["work/a/.env"], id="a file of the project"),
        pytest.param("Read(./later)", ["work/later"], id="a file that is not there yet"),
        pytest.param("Read(**/.env)", ["work/.env", "work/a/.env"], id="a name at any depth"),
        pytest.param("Read(.env)", ["work/.env", "work/a/.env"], id="a name alone"),
        pytest.param("Read(*.pem)", ["work/a/b/x.pem"], id="an ending"),
        pytest.param("Read(./*/.env)", ["work/a/.env"], id="one level"),
        pytest.param("Read(./a/**/*.pem)", ["work/a/b/x.pem"], id="below a directory"),
        pytest.param("Read(//**/secrets/key)", ["work/secrets/key"], id="anywhere, so also here"),
        pytest.param("Read(./**)", [], id="all of the project is left to the judge"),
        pytest.param("Read", [], id="all is left to the judge"),
        pytest.param("Bash(cat *)", [], id="no rule about files"),
    ],
)
def test_rule_hides_what_it_names(rule: str, hidden: list[str], top: Path) -> None:
    assert forbidden(top, rule) == (hidden, [])


def test_file_of_the_system_is_hidden(top: Path) -> None:
    denied = DeniedPlaces(lambda: ruleset(top, "Read(//etc/hostname)"), (str(top / "work"),))

    assert denied.forbidden() == Forbidden(hidden=("/etc/hostname",))


def test_rules_about_edits_make_read_only(top: Path) -> None:
    assert forbidden(top, "Edit(./main.py)", "Write(*.pem)") == ([], ["work/main.py", "work/a/b/x.pem"])


def test_rule_of_today_counts_and_so_does_a_file_of_now(top: Path) -> None:
    rules = ["Read(.env)"]
    compiled = {len(rules): ruleset(top, *rules)}
    denied = DeniedPlaces(lambda: compiled.setdefault(len(rules), ruleset(top, *rules)), (str(top / "work"),))
    before = denied.forbidden().hidden

    (top / "work/a/b/.env").touch()
    rules.append("Read(./main.py)")

    added = {f"{top}/work/a/b/.env", f"{top}/work/main.py"}
    assert set(denied.forbidden().hidden) == {*before, *added}


def test_link_is_hidden_where_it_leads(top: Path) -> None:
    (top / "work/a/.env").unlink()
    (top / "work/a/.env").symlink_to(top / "home/.pgpass")

    assert forbidden(top, "Read(./a/.env)", "Read(./*/.env)") == (["home/.pgpass"], [])


@pytest.mark.parametrize(
    ("rule", "linked", "hidden"),
    [
        pytest.param("Read(**/.env)", "work/.env", ["work/.env", "work/a/.env", "work/hard"], id="a name"),
        pytest.param("Read(./secrets/**)", "work/secrets/key", ["work/secrets", "work/hard"], id="in a directory"),
        pytest.param("Read(~/.pgpass)", "home/.pgpass", ["home/.pgpass", "work/hard"], id="a file elsewhere"),
        pytest.param("Read(*.pem)", "work/main.py", ["work/a/b/x.pem"], id="another file"),
    ],
)
def test_hard_link_is_hidden_too(rule: str, linked: str, hidden: list[str], top: Path) -> None:
    (top / "work/hard").hardlink_to(top / linked)

    assert forbidden(top, rule) == (hidden, [])


def test_hard_link_in_the_repository_is_hidden_too(top: Path) -> None:
    (top / "work/.git").mkdir()
    (top / "work/.git/x").hardlink_to(top / "work/secrets/key")
    (top / "work/secrets/key-2").hardlink_to(top / "work/secrets/key")

    assert forbidden(top, "Read(./secrets/**)") == (["work/secrets", "work/.git/x"], [])


def test_directory_that_is_hidden_is_not_searched_for_hard_links(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (top / "work/a/hard").hardlink_to(top / "work/secrets/key")
    read: list[str] = []
    remember = TreeSearch._read

    def noted(self: TreeSearch, directory: str, changed: int) -> object:
        read.append(os.path.relpath(directory, top))
        return remember(self, directory, changed)

    monkeypatch.setattr(TreeSearch, "_read", noted)

    assert (forbidden(top, "Read(./secrets/**)"), read) == (
        (["work/secrets", "work/a/hard"], []),
        ["work", "work/a", "work/a/b"],
    )


def test_too_many_files_in_hidden_places_are_not_forgotten(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1", "2"):
        (top / f"work/secrets/{name}").touch()
        (top / f"work/{name}").hardlink_to(top / f"work/secrets/{name}")
    compiled = ruleset(top, "Read(./secrets/**)")
    denied = DeniedPlaces(lambda: compiled, (str(top / "work"),))
    whole = denied.forbidden()

    monkeypatch.setattr("tianting.cli.denied_places.MAX_HELD", 1)

    assert denied.forbidden() == whole
    assert whole.hidden == tuple(f"{top}/work/{name}" for name in ("secrets", "1", "2"))


def test_hard_link_of_what_is_not_to_be_edited_is_read_only(top: Path) -> None:
    (top / "work/a/hard").hardlink_to(top / "work/main.py")

    assert forbidden(top, "Edit(./main.py)") == ([], ["work/main.py", "work/a/hard"])


def test_hard_link_of_now_counts(top: Path) -> None:
    denied = DeniedPlaces(lambda: compiled, (str(top / "work"),))
    compiled = ruleset(top, "Read(./secrets/**)")
    found = [denied.forbidden().hidden]

    for name in ("1", "2"):
        (top / "work/a" / name).hardlink_to(top / "work/secrets/key")
        found.append(denied.forbidden().hidden)
    (top / "work/a/1").unlink()
    found.append(denied.forbidden().hidden)

    links = [[], ["1"], ["1", "2"], ["2"]]
    assert found == [(f"{top}/work/secrets", *(f"{top}/work/a/{name}" for name in some)) for some in links]


def test_link_to_the_project_hides_nothing(top: Path) -> None:
    (top / "work/trap").symlink_to(top / "work")

    assert forbidden(top, "Read(./trap)") == ([], [])


def test_what_is_left_to_the_judge_is_told(top: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert forbidden(top, "Read(~/**/*.pem)") == ([], [])

    assert "the sandbox cannot hold all of the rule Read(~/**/*.pem)" in caplog.text


def test_too_many_files_are_told(top: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("tianting.cli.denied_places.MAX_PLACES", 1)
    monkeypatch.setattr("tianting.cli.denied_places.FoundPlaces.now.__kwdefaults__", {"max_entries": 1, "max_time": 9})

    with caplog.at_level(logging.DEBUG):
        assert forbidden(top, "Read(*.pem)") == ([], [])

    assert f"too many files for the deny rules: from {top}/work/a on" in caplog.text


def test_case_is_folded_where_the_file_system_does(top: Path) -> None:
    (top / "work/Makefile.PEM").touch()
    line = RuleLine(text="Read(./*.pem)", behaviour="deny")
    places = Places(str(top / "work"), str(top / "home"), folds_case=True)
    denied = DeniedPlaces(lambda: Ruleset.compile([line], places), (str(top / "work"),))

    assert denied.forbidden().hidden == (f"{top}/work/Makefile.PEM",)
