"""Saves what is not committed into the user's own repository before somebody kills the process that works on it.

    copy of the index -> update it with what changed -> tree -> commit on HEAD -> refs/tianting/rescue/<name>

That one ref, and the objects it holds, are all that is written: index, HEAD, stash and files stay as they are. git
is given a directory of ours in the place of `.git`, so no filter, attribute, hook or setting of the project counts:
what changed is stored as it lies there. Ignored files are not stored, nor are nested repositories.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from tianting.protocol.errors import CheckpointError

REFS = "refs/tianting/rescue/"
_TIMEOUT = 120.0
"""Seconds for one command of git."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_AS_IT_LIES = "* -text -filter -ident -diff -merge -working-tree-encoding\n"
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.logAllRefUpdates=false")
_PERSON = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "Tianting"), ("EMAIL", "tianting@localhost"))
}


class Rescue(Struct, frozen=True, kw_only=True):
    """A work tree's state as a commit."""

    ref: str
    commit: str


async def keep_rescue(root: Path, name: str) -> Rescue:
    """Commit the state of the git work tree at `root` under `refs/tianting/rescue/<name>`, replacing a former one.

    `name` has letters, digits, `-` and `_`. Bring it back with `git restore --source=<ref> .`, or look at it with
    `git diff HEAD <ref>`. Raises `CheckpointError`, also where there is no repository; then the ref is as it was.
    """
    if not _NAME.fullmatch(name):
        raise CheckpointError(f"A rescue cannot be called {name!r}: use letters, digits, `-` and `_`.")
    return await anyio.to_thread.run_sync(_keep, root, REFS + name)


class _Repository(Struct, frozen=True, kw_only=True):
    """What must be known of the user's."""

    top: Path
    git: Path
    """Of this work tree: its index is here."""
    common: Path
    """Of all its work trees: the objects are here."""
    object_format: str
    head: str
    """Empty before the first commit."""


def _keep(root: Path, ref: str) -> Rescue:
    repository = _look_at(root)
    with _stand_in(repository) as environment:

        def git(*arguments: str, stdin: bytes = b"") -> str:
            return _git(repository.top, environment, *arguments, stdin=stdin)

        paths = b"".join(path + b"\0" for path in _changed_paths(repository.top, environment))
        git("update-index", "-z", "--add", "--remove", "--stdin", stdin=paths)
        parents = ("-p", repository.head) if repository.head else ()
        commit = git("commit-tree", *parents, "-m", "State of the work tree before a rescue", git("write-tree"))
    _git(root, _surroundings(), "update-ref", ref, commit)
    return Rescue(ref=ref, commit=commit)


def _look_at(root: Path) -> _Repository:
    def ask(*arguments: str) -> str:
        return _git(root, _surroundings(), "rev-parse", "--path-format=absolute", *arguments)

    try:
        head = ask("--verify", "--quiet", "HEAD^{commit}")
    except CheckpointError:
        head = ""
    return _Repository(
        top=Path(ask("--show-toplevel")),
        git=Path(ask("--absolute-git-dir")),
        common=Path(ask("--git-common-dir")),
        object_format=ask("--show-object-format"),
        head=head,
    )


@contextlib.contextmanager
def _stand_in(repository: _Repository) -> Iterator[dict[str, str]]:
    """A git directory of ours over the user's objects: the environment that makes git use it."""
    with tempfile.TemporaryDirectory(prefix="tianting-rescue-") as directory:
        place = Path(directory)
        for folder in ("objects", "refs", "info"):
            (place / folder).mkdir()
        (place / "HEAD").write_text("ref: refs/heads/rescue\n", encoding="ascii")
        (place / "config").write_text(_config(repository.object_format), encoding="ascii")
        (place / "info" / "attributes").write_text(_AS_IT_LIES, encoding="ascii")
        for source in (repository.git / "index", *repository.git.glob("sharedindex.*")):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(source, place)  # its date tells git which files may have changed unseen
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(repository.common / "info" / "exclude", place / "info")
        yield {
            **_surroundings(),
            **_PERSON,
            "GIT_DIR": directory,
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.common / "objects"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }


def _config(object_format: str) -> str:
    if object_format == "sha1":
        return "[core]\n\trepositoryformatversion = 0\n"
    return f"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {object_format}\n"


def _changed_paths(top: Path, environment: Mapping[str, str]) -> Iterator[bytes]:
    """What is not as the index has it, conflicts included. Unreadable files and nested repositories are left out."""
    listing = ("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard")
    for path in dict.fromkeys(_raw(top, environment, *listing).split(b"\0")):
        place = os.path.join(os.fsencode(top), path)  # noqa: PTH118 - names of any bytes
        if path and not path.endswith(b"/") and (not os.path.isfile(place) or os.access(place, os.R_OK)):  # noqa: PTH113
            yield path


def _surroundings() -> dict[str, str]:
    """Our environment, less what would lead git to another repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _git(directory: Path, environment: Mapping[str, str], *arguments: str, stdin: bytes = b"") -> str:
    return os.fsdecode(_raw(directory, environment, *arguments, stdin=stdin)).removesuffix("\n")


def _raw(directory: Path, environment: Mapping[str, str], *arguments: str, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(
            ("git", *_QUIET, *arguments),
            cwd=directory,
            env=environment,
            input=stdin,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = told[-1] if told else f"git {arguments[0]} failed"
        raise CheckpointError(f"The work tree {directory} cannot be saved: {reason}.") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckpointError(f"The work tree {directory} cannot be saved: git does not run ({error}).") from error
    return done.stdout
