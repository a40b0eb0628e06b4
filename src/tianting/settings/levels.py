"""Which settings files there are, and which stands above which; here they are found and read, and nothing else.

    managed -> command line -> local -> project -> user        highest first

Of one level, our file stands above the one that is read for compatibility with another agent.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.plumbing.well_formed import well_formed
from tianting.protocol.errors import ConfigError
from tianting.settings.positions import Step, position_of

Level = Literal["managed", "command line", "local", "project", "user"]

FILE_NAME = "settings.json"
LOCAL_FILE_NAME = "settings.local.json"
OUR_DIRECTORY = ".tianting"
OTHER_DIRECTORY = ".claude"
MANAGED_FILES = (Path("/etc/tianting/managed-settings.json"), Path("/etc/claude-code/managed-settings.json"))
MOST_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_POINTER = 4_096


class Places(Struct, frozen=True, kw_only=True):
    """Where settings can lie. `find_places` looks; a test says."""

    home: Path
    """The agent's own directory: `~/.tianting`."""
    project: Path
    """The top of the git work tree, or the working directory where there is none."""
    main_checkout: Path
    """Of a linked git worktree the repository's main one, else `project`. Local settings lie here: what a person
    allowed for a repository holds in all its worktrees."""
    other_home: Path | None = None
    """Another agent's directory: `~/.claude`."""
    managed: tuple[Path, ...] = MANAGED_FILES
    """What an administrator decides, highest first."""
    left_out: frozenset[Level] = frozenset()
    """Levels that are not read, whatever there is."""

    def own_file(self, level: Literal["local", "project", "user"]) -> Path:
        """Our file of `level`, which is the one that is ever written."""
        match level:
            case "local":
                return self.main_checkout / OUR_DIRECTORY / LOCAL_FILE_NAME
            case "project":
                return self.project / OUR_DIRECTORY / FILE_NAME
            case "user":
                return self.home / FILE_NAME


class Source(Struct, frozen=True, kw_only=True):
    """One settings file as it was found, or the text given to `--settings`."""

    level: Level
    name: str
    """Its path, or `--settings`."""
    text: str
    directory: Path | None = None
    """What `/path` in its rules starts at: the project for its own files, else where the file is; None for text on the
    command line."""
    foreign: bool = False
    """Written for another agent: what we read otherwise than it does is left out, with a warning."""

    @property
    def guest(self) -> bool:
        """Whether a person of this machine need not have written it: it came with a project, or for another agent."""
        return self.level in {"local", "project"} or (self.level == "user" and self.foreign)

    def place(self, path: Sequence[Step]) -> str:
        """Where the member or item at `path` stands: `file:line:column`. Scans the text."""
        position = position_of(self.text, path)
        return f"{self.name}:{position.line}:{position.column}"


def find_places(cwd: Path, home: Path, environment: Mapping[str, str]) -> Places:
    """The places for an agent that works in `cwd` and keeps its own in `home`."""
    project = next((top for top in (cwd, *cwd.parents) if os.path.lexists(top / ".git")), cwd)
    other = environment.get("CLAUDE_CONFIG_DIR")
    return Places(
        home=home,
        project=project,
        main_checkout=_main_checkout(project) or project,
        other_home=Path(other) if other else Path("~/.claude").expanduser(),
    )


def read_sources(places: Places, from_command_line: str | None) -> tuple[Source, ...]:
    """All settings there are, highest first. `from_command_line` is JSON or the path of a file.

    Raises `ConfigError` for a file that is there and cannot be read.
    """
    sources = [source for found in _files(places) if (source := _read(*found)) is not None]
    if from_command_line:
        behind_managed = sum(source.level == "managed" for source in sources)
        sources.insert(behind_managed, _given(from_command_line))
    return tuple(sources)


def settings_files(places: Places) -> tuple[tuple[Path, Level], ...]:
    """Every file that can hold settings, highest first, whether it is there or not."""
    return tuple((path, level) for path, level, _, _ in _files(places))


_File = tuple[Path, Level, bool, Path]
"""Where it is, its level, whether it is another agent's, and what its rules start at."""


def _files(places: Places) -> Iterator[_File]:
    yield from (file for file in _all_files(places) if file[1] not in places.left_out)


def _all_files(places: Places) -> Iterator[_File]:
    for managed in places.managed:
        yield managed, "managed", False, managed.parent
    users = list(_user_files(places))
    for file in _project_files(places):
        if file[0] not in {user[0] for user in users}:  # whoever works in their home directory has one file, not two
            yield file
    yield from users


def _user_files(places: Places) -> Iterator[_File]:
    yield places.home / FILE_NAME, "user", False, places.home
    if places.other_home is not None and places.other_home != places.home:
        yield places.other_home / FILE_NAME, "user", True, places.other_home


def _project_files(places: Places) -> Iterator[_File]:
    for directory in (OUR_DIRECTORY, OTHER_DIRECTORY):
        yield places.main_checkout / directory / LOCAL_FILE_NAME, "local", directory != OUR_DIRECTORY, places.project
    for directory in (OUR_DIRECTORY, OTHER_DIRECTORY):
        yield places.project / directory / FILE_NAME, "project", directory != OUR_DIRECTORY, places.project


def _given(from_command_line: str) -> Source:
    if from_command_line.lstrip().startswith("{"):
        return Source(level="command line", name="--settings", text=well_formed(from_command_line))
    path = Path(from_command_line).expanduser()
    source = _read(path, "command line", foreign=False, directory=path.parent)
    if source is None:
        raise ConfigError(f"Settings in {path} cannot be read: No such file or directory.")
    return source


def read_text(path: Path) -> str | None:
    """The text of the settings file at `path`; None where there is none. Raises `ConfigError`."""
    try:
        data = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"Settings in {path} cannot be read: {error.strerror}.") from None
    try:
        return data.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"Settings in {path}:{line} are not UTF-8: save the file in that encoding.") from None


def _read(path: Path, level: Level, foreign: bool, directory: Path) -> Source | None:
    text = read_text(path)
    if text is None:
        return None
    return Source(level=level, name=str(path), text=text, directory=directory, foreign=foreign)


def _content(path: Path) -> bytes:
    # A named pipe that came with a project would keep us waiting for a writer, hence O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigError(f"Settings in {path} cannot be read: it is not a regular file.")
        if facts.st_size > MOST_BYTES:
            raise ConfigError(f"Settings in {path} cannot be read: it is larger than {MOST_BYTES >> 20} MiB.")
        return os.read(descriptor, MOST_BYTES)
    finally:
        os.close(descriptor)


def _main_checkout(top: Path) -> Path | None:
    """Of a linked worktree the main one; None for anything else. The format is git's, see gitrepository-layout(5)."""
    git_directory = _pointer(top / ".git", "gitdir: ")
    if git_directory is None:
        return None
    common = _pointer(git_directory / "commondir")
    back = _pointer(git_directory / "gitdir")
    # Anybody can write a `.git` that points at somebody else's repository; only git writes the way back.
    if common is None or back is None or common.name != ".git" or not _same(back, top / ".git"):
        return None
    return Path(os.path.normpath(common)).parent


def _pointer(path: Path, prefix: str = "") -> Path | None:
    """The path that a file of git names, relative to the file's directory."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_LONGEST_POINTER).rstrip("\n")
    except OSError:
        return None
    return Path(os.path.normpath(path.parent / text.removeprefix(prefix))) if text.startswith(prefix) else None


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
