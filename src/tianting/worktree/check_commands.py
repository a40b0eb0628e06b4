"""How a project is checked, as its own files say: so that the model need not look for the way to run the tests."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

MAX_BYTES = 600
"""Of all commands together, joined by line ends."""
_MAX_FILE_BYTES = 256_000
_NAMES = ("check", "test", "tests", "lint", "typecheck", "type-check", "types", "build")
_TARGET = re.compile(rf"^({'|'.join(_NAMES)})(?:[ \t][^=:\n]*)?:(?!=)", re.MULTILINE)
_RUNNERS = (
    ("pnpm-lock.yaml", "pnpm run"),
    ("yarn.lock", "yarn run"),
    ("bun.lock", "bun run"),
    ("bun.lockb", "bun run"),
)
_PYTHON_TOOLS = (("pytest", "pytest"), ("ruff", "ruff check ."), ("mypy", "mypy"))


class _Package(Struct, frozen=True, kw_only=True):
    """What of a `package.json` counts."""

    scripts: dict[str, str] = {}


def check_commands(root: Path) -> tuple[str, ...]:
    """Detect the commands that check the project at `root`. Runs nothing; reads at most a few small files.

    Names come from a fixed list: text of the project never becomes part of a command.
    """
    commands, size = [], 0
    for command in dict.fromkeys(_detected(root)):
        size += len(command) + 1
        if size > MAX_BYTES + 1:
            break
        commands.append(command)
    return tuple(commands)


def _detected(root: Path) -> Iterator[str]:
    for makefile in ("Makefile", "makefile", "GNUmakefile"):
        yield from (f"make {target}" for target in _targets(_text(root / makefile)))
    yield from (f"just {recipe}" for recipe in _targets(_text(root / "justfile")))
    yield from _package_scripts(root)
    yield from _python_commands(root)
    if _text(root / "Cargo.toml"):
        yield from ("cargo test", "cargo clippy")
    if _text(root / "go.mod"):
        yield from ("go test ./...", "go vet ./...")


def _targets(makefile: str) -> Iterator[str]:
    found = {match[1] for match in _TARGET.finditer(makefile)}
    return (name for name in _NAMES if name in found)


def _package_scripts(root: Path) -> Iterator[str]:
    try:
        package = msgspec.json.decode(_text(root / "package.json"), type=_Package)
    except msgspec.DecodeError:
        return
    runner = next((runner for lock, runner in _RUNNERS if (root / lock).exists()), "npm run")
    yield from (f"{runner} {name}" for name in _NAMES if name in package.scripts)


def _python_commands(root: Path) -> Iterator[str]:
    project = _text(root / "pyproject.toml")
    runner = "uv run " if (root / "uv.lock").exists() else "poetry run " if (root / "poetry.lock").exists() else ""
    for tool, command in _PYTHON_TOOLS:
        if re.search(rf"^\[tool\.{tool}\b|^\s*[\"']{tool}\b", project, re.MULTILINE):
            yield runner + command
    if _text(root / "pytest.ini") or "[tool:pytest]" in _text(root / "setup.cfg"):
        yield f"{runner}pytest"
    if _text(root / "tox.ini"):
        yield "tox"


def _text(path: Path) -> str:
    """The beginning of a regular file. Anything else would block or is not there: empty."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
