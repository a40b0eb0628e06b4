"""The hard links that rules speak of: searched for when asked, for a moment only, and never half without saying so."""

import os
from pathlib import Path

import pytest

from tianting.cli import covered_names
from tianting.cli.covered_names import FRESH, CoveredNames
from tianting.permissions.rule_text import PathPattern, Places, RuleLine, read_rule


class Clock:
    """Stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/.env", "secrets/key", "free"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.link(tmp_path / name, tmp_path / f"{Path(name).name}-2")
    return tmp_path


def patterns(root: Path, *texts: str) -> tuple[PathPattern, ...]:
    read = [read_rule(RuleLine(text=text, behaviour="deny"), Places(str(root), "/nobody")) for text in texts]
    return tuple(rule.path for rule in read if rule.path is not None)


def names(covered: CoveredNames, root: Path, link: str, *rules: str) -> list[str] | None:
    found = covered.of(patterns(root, *rules), f"{root}/{link}", (str(root),))
    return None if found is None else [os.path.relpath(path, root) for path in found]


@pytest.mark.parametrize(
    ("link", "rules", "expected"),
    [
        pytest.param(".env-2", ["Read(**/.env)"], ["a/.env"], id="a name"),
        pytest.param(".env-2", ["Read(./a/.env)"], ["a/.env"], id="a path"),
        pytest.param("key-2", ["Read(**/.env)", "Read(./secrets/**)"], ["secrets/key"], id="in a directory"),
        pytest.param("free-2", ["Read(**/.env)"], [], id="a file that no rule is about"),
        pytest.param("gone", ["Read(**/.env)"], [], id="a file that has just gone"),
    ],
)
def test_names_that_rules_cover(root: Path, link: str, rules: list[str], expected: list[str]) -> None:
    assert names(CoveredNames(folds_case=False), root, link, *rules) == expected


def test_case_is_folded_where_the_file_system_does(root: Path) -> None:
    (root / "a/.env").rename(root / "a/.ENV")

    assert [names(CoveredNames(folds_case=folds), root, ".env-2", "Read(**/.env)") for folds in (False, True)] == [
        [],
        ["a/.ENV"],
    ]


def test_search_is_good_for_a_moment(root: Path) -> None:
    clock = Clock()
    covered = CoveredNames(folds_case=False, now=clock)
    assert names(covered, root, "free-2", "Read(**/.env)") == []

    (root / "free").rename(root / ".env")

    found = [names(covered, root, "free-2", "Read(**/.env)")]
    clock.now = FRESH
    assert [*found, names(covered, root, "free-2", "Read(**/.env)")] == [[], [".env"]]


@pytest.mark.parametrize("rule", ["Read(**/.env)", "Read(./secrets/**)"])
def test_search_that_does_not_end_leaves_the_answer_open(
    root: Path, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(covered_names, "MAX_TIME", -1.0)
    monkeypatch.setattr("tianting.cli.covered_names.linked_files.__kwdefaults__", {"max_entries": 1, "max_time": -1.0})

    assert names(CoveredNames(folds_case=False), root, "free-2", rule) is None


def test_only_some_sets_of_rules_are_remembered(root: Path) -> None:
    covered = CoveredNames(folds_case=False)

    found = [names(covered, root, "key-2", f"Read(./{number})", "Read(./secrets/**)") for number in range(20)]

    assert found == [["secrets/key"]] * 20
