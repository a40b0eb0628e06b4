"""Which files are read, in which order, and where they are looked for."""

import os
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from tests.settings.conftest import put
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import MOST_BYTES, Level, Places, Source, find_places, read_sources


def test_nothing_is_needed(places: Places) -> None:
    assert read_sources(places, None) == ()


def test_sources_come_highest_first(places: Places) -> None:
    files = [
        put(places.managed[0], "{}"),
        put(places.managed[1], "{}"),
        put(places.project / "given.json", "{}"),
        put(places.project / ".tianting/settings.local.json", "{}"),
        put(places.project / ".claude/settings.local.json", "{}"),
        put(places.project / ".tianting/settings.json", "{}"),
        put(places.project / ".claude/settings.json", "{}"),
        put(places.home / "settings.json", "{}"),
        put(places.project.parent / "other/settings.json", "{}"),
    ]

    sources = read_sources(places, str(files[2]))

    assert [(source.name, source.level, source.foreign, source.guest) for source in sources] == [
        (str(files[0]), "managed", False, False),
        (str(files[1]), "managed", False, False),
        (str(files[2]), "command line", False, False),
        (str(files[3]), "local", False, True),
        (str(files[4]), "local", True, True),
        (str(files[5]), "project", False, True),
        (str(files[6]), "project", True, True),
        (str(files[7]), "user", False, False),
        (str(files[8]), "user", True, True),
    ]


def test_levels_that_are_left_out_are_not_read(places: Places) -> None:
    for level in ("local", "project", "user"):
        put(places.own_file(level), "{}")
    put(places.managed[0], "{}")
    put(places.other_home / "settings.json" if places.other_home else places.home, "nonsense")

    def read(*left_out: Level) -> list[Level]:
        narrow = structs.replace(places, left_out=frozenset(left_out))
        return [source.level for source in read_sources(narrow, "{}")]

    assert read("user") == ["managed", "command line", "local", "project"]
    assert read("local", "project", "user") == ["managed", "command line"]


def test_text_on_the_command_line_is_a_source(places: Places) -> None:
    assert read_sources(places, ' {"model": "opus"}') == (
        Source(level="command line", name="--settings", text=' {"model": "opus"}'),
    )


def test_path_rules_of_a_project_start_at_the_project_and_others_at_their_file(places: Places) -> None:
    linked = structs.replace(places, project=places.project.parent / "linked")
    put(linked.own_file("local"), "{}")
    put(linked.own_file("project"), "{}")
    put(linked.own_file("user"), "{}")
    given = put(places.project / "given.json", "{}")

    assert [(source.level, source.directory) for source in read_sources(linked, str(given))] == [
        ("command line", given.parent),
        ("local", linked.project),
        ("project", linked.project),
        ("user", linked.home),
    ]


def test_byte_order_mark_is_left_out(places: Places) -> None:
    (places.home / "settings.json").write_bytes(b"\xef\xbb\xbf{}")

    assert read_sources(places, None)[0].text == "{}"


def test_home_as_project_is_the_user_s_own(tmp_path: Path) -> None:
    places = Places(
        home=tmp_path / ".tianting",
        project=tmp_path,
        main_checkout=tmp_path,
        other_home=tmp_path / ".claude",
        managed=(),
    )
    put(tmp_path / ".tianting/settings.json", "{}")
    put(tmp_path / ".claude/settings.json", "{}")

    assert [(source.level, source.foreign) for source in read_sources(places, None)] == [
        ("user", False),
        ("user", True),
    ]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        pytest.param("a", None, "No such file", id="missing"),
        pytest.param("d", "directory", "not a regular file", id="directory"),
        pytest.param("p", "pipe", "not a regular file", id="pipe nobody writes to"),
        pytest.param("b", b" " * (MOST_BYTES + 1), "larger than 1 MiB", id="huge"),
        pytest.param("l", b'{\n "a": "\xff"}', r"l:2 are not UTF-8", id="not UTF-8"),
        pytest.param("loop", "loop", "Too many levels of symbolic links", id="link to itself"),
    ],
)
def test_file_that_cannot_be_read_is_named(
    places: Places, name: str, content: bytes | str | None, complaint: str
) -> None:
    path = places.project / name
    match content:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case bytes():
            path.write_bytes(content)

    with pytest.raises(ConfigError, match=complaint):
        read_sources(places, str(path))


def test_places_of_a_plain_directory(tmp_path: Path) -> None:
    found = find_places(tmp_path, tmp_path / "home", {"CLAUDE_CONFIG_DIR": str(tmp_path / "c")})

    assert found == Places(home=tmp_path / "home", project=tmp_path, main_checkout=tmp_path, other_home=tmp_path / "c")


def test_places_of_another_agent_without_its_variable(tmp_path: Path) -> None:
    assert find_places(tmp_path, tmp_path, {}).other_home == Path("~/.claude").expanduser()


def test_project_begins_at_the_top_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a/b").mkdir(parents=True)

    assert find_places(tmp_path / "a/b", tmp_path, {}).project == tmp_path


def test_worktree_shares_local_settings_with_its_main_checkout(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    _git("init", "-q", str(main))
    _git("-C", str(main), "commit", "-q", "--allow-empty", "-m", "x")
    _git("-C", str(main), "worktree", "add", "-q", str(linked))

    places = find_places(linked, tmp_path / "home", {})

    assert (places.project, places.main_checkout) == (linked, main)
    assert places.own_file("local") == main / ".tianting/settings.local.json"
    assert places.own_file("project") == linked / ".tianting/settings.json"
    assert places.own_file("user") == tmp_path / "home/settings.json"


def test_forged_pointer_to_another_repository_is_not_followed(tmp_path: Path) -> None:
    main, linked, forged = tmp_path / "main", tmp_path / "linked", tmp_path / "forged"
    _git("init", "-q", str(main))
    _git("-C", str(main), "commit", "-q", "--allow-empty", "-m", "x")
    _git("-C", str(main), "worktree", "add", "-q", str(linked))
    forged.mkdir()
    (forged / ".git").write_bytes((linked / ".git").read_bytes())

    assert find_places(forged, tmp_path, {}).main_checkout == forged


@pytest.mark.parametrize("text", ["", "nonsense", "gitdir: ../nowhere\n"])
def test_pointer_that_leads_nowhere_changes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)

    assert find_places(tmp_path, tmp_path, {}).main_checkout == tmp_path


def _git(*arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, stdin=subprocess.DEVNULL, timeout=20)
