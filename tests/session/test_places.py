"""Project paths become directory names, the same ones Claude Code uses."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.session.places import projects_directory, slug, transcript_path


@pytest.mark.parametrize(
    ("cwd", "name"),
    [
        pytest.param("/work/app", "-work-app", id="plain"),
        pytest.param("/work/my.app_2/", "-work-my-app-2", id="punctuation"),
        pytest.param("/work/../srv/app", "-srv-app", id="dots are resolved"),
        pytest.param("/" + "a" * 199, "-" + "a" * 199, id="200 characters fit"),
        pytest.param("/" + "a" * 200, "-" + "a" * 199 + "-b6ymvl", id="201 do not"),
        pytest.param("/" + "é" * 200, "-" * 200 + "-s4uqmp", id="the hash tells apart what the slug does not"),
        pytest.param("/" + "𝄞" * 200, "-" * 200 + "-2xyoe9", id="characters beyond 16 bits"),
    ],
)
def test_slug(cwd: str, name: str) -> None:
    assert slug(cwd) == name


def test_link_and_its_target_are_one_project(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert slug(str(tmp_path / "link")) == slug(str(tmp_path / "real"))


def test_accents_may_be_written_two_ways() -> None:
    assert slug("/work/" + unicodedata.normalize("NFD", "é")) == slug("/work/é") == "-work--"


def test_transcript_lies_in_its_project(tmp_path: Path) -> None:
    projects = projects_directory(tmp_path)

    assert transcript_path(projects, "/work/app", "abc") == tmp_path / "projects" / "-work-app" / "abc.jsonl"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300))
def test_any_path_has_a_short_plain_name(path: str) -> None:
    name = slug(f"/{path}")

    assert len(name) <= 200 + 1 + 6
    assert all(character.isascii() and (character.isalnum() or character == "-") for character in name)
