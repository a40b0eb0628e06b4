"""What is remembered of a person's trust."""

from pathlib import Path
from typing import Any

import pytest

from tests.settings.conftest import put
from tianting.protocol.errors import ConfigError
from tianting.settings import turn_taking
from tianting.settings.levels import Places, Source
from tianting.settings.statements import Statement, canonical
from tianting.settings.trust import TrustBook, forget, read_trust, trust, trust_root


def hook(command: Any) -> Statement:
    source = Source(level="project", name="s.json", text="{}")
    return Statement(source=source, key=("hooks", "Stop"), value=command, index=0)


def test_nothing_is_trusted_at_first(tmp_path: Path) -> None:
    assert read_trust(tmp_path / "none") == TrustBook()


def test_what_was_trusted_is_covered_and_nothing_else(tmp_path: Path) -> None:
    home, project = tmp_path / "new" / "home", tmp_path

    trust(home, project, [hook("a")], now=1.5)

    book = read_trust(home)
    assert book.trusted_in(project) == {canonical(hook("a"))}
    assert book.trusted_in(project / "inner") == set()
    assert (home / "trusted.json").stat().st_mode & 0o777 == 0o600


def test_trust_adds_up(tmp_path: Path) -> None:
    trust(tmp_path, tmp_path, [hook("a")], now=1.0)
    trust(tmp_path, tmp_path, [hook("b")], now=2.0)

    book = read_trust(tmp_path)
    assert book.trusted_in(tmp_path) == {canonical(hook("a")), canonical(hook("b"))}
    assert book.directories[str(tmp_path)].trusted_at == 2.0


def test_trust_follows_the_real_directory(tmp_path: Path) -> None:
    project, link = tmp_path / "project", tmp_path / "link"
    project.mkdir()
    link.symlink_to(project)
    trust(tmp_path, link, [hook("a")], now=1.0)

    assert read_trust(tmp_path).trusted_in(project) == {canonical(hook("a"))}


def test_trust_is_taken_back(tmp_path: Path) -> None:
    trust(tmp_path, tmp_path, [hook("a")], now=1.0)
    trust(tmp_path, Path("/other"), [hook("a")], now=1.0)

    assert forget(tmp_path, tmp_path)
    assert not forget(tmp_path, tmp_path)
    assert list(read_trust(tmp_path).directories) == ["/other"]


@pytest.mark.parametrize("content", ["", "[]", '{"directories": {"/p": {}}}'])
def test_damaged_book_trusts_nothing_and_says_so(tmp_path: Path, content: str) -> None:
    put(tmp_path / "trusted.json", content)

    with pytest.raises(ConfigError, match="is damaged: remove it"):
        read_trust(tmp_path)


def test_unreadable_book_is_said(tmp_path: Path) -> None:
    (tmp_path / "trusted.json").mkdir()

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_trust(tmp_path)


def test_project_is_trusted_by_its_main_checkout_and_the_other_agent_by_its_home(places: Places) -> None:
    local = Source(level="local", name="l", text="{}")
    other = Source(level="user", name="u", text="{}", foreign=True)

    assert (trust_root(places, local), trust_root(places, other)) == (places.main_checkout, places.other_home)


def test_two_writers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_taking, "PATIENCE", 0.02)

    with (
        turn_taking.turn_in(tmp_path),
        pytest.raises(ConfigError, match="being changed by another process"),
        turn_taking.turn_in(tmp_path),
    ):
        raise AssertionError

    with turn_taking.turn_in(tmp_path):
        pass
