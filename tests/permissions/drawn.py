"""A drawn file system and the ground that stands on it: /repo is the project, /home/me the home."""

import posixpath
import re
from collections.abc import Iterable, Mapping

from tianting.permissions.engine import judge
from tianting.permissions.glob_words import shell_pattern
from tianting.permissions.questions import Ground, Judgement, Place, Question
from tianting.permissions.rule_text import Behaviour, Places, RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.shell.syntax import read_script
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, Effect

ROOT = "/repo"
HOME = "/home/me"
FILES = (
    "/repo/.env",
    "/repo/a.py",
    "/repo/b.py",
    "/repo/src/c.py",
    "/repo/secrets/key",
    "/etc/passwd",
    "/home/me/.ssh/id_rsa",
)


class DrawnPaths:
    """Knows the links and the files it was given; `names` counts the hard links of a file."""

    def __init__(
        self,
        *,
        links: Mapping[str, str] | None = None,
        files: Iterable[str] = FILES,
        names: Mapping[str, int] | None = None,
    ) -> None:
        self._links = dict(links or {})
        self._files = tuple(files)
        self._names = dict(names or {})

    def for_one_call(self) -> "DrawnPaths":
        return self

    def place(self, path: str) -> Place:
        path = posixpath.normpath(path)
        for link, target in self._links.items():
            if path == link or path.startswith(f"{link}/"):
                path = target + path[len(link) :]
        return Place(path, self._names.get(path, 1 if path in self._files else 0))

    def matches(self, pattern: str, *, prefix: str) -> tuple[str, ...] | None:
        parts = [shell_pattern(part) for part in pattern.replace("/./", "/").split("/")]
        found = [file for file in self._files if self._fits(file.split("/"), parts)]
        return tuple(found) if len(found) < 3 else None

    @staticmethod
    def _fits(names: list[str], parts: list[re.Pattern[str]]) -> bool:
        return len(names) == len(parts) and all(part.fullmatch(name) for name, part in zip(names, parts, strict=True))


def ground(facts: DrawnPaths | None = None, *, additional: tuple[str, ...] = (), folds_case: bool = False) -> Ground:
    return Ground(
        root=ROOT,
        additional=additional,
        home=HOME,
        facts=facts or DrawnPaths(),
        read_script=read_script,
        folds_case=folds_case,
    )


def rules(*, allow: str = "", ask: str = "", deny: str = "", directory: str = "", folds_case: bool = False) -> Ruleset:
    """Rules parted by ` ; `."""
    texts: dict[Behaviour, str] = {"allow": allow, "ask": ask, "deny": deny}
    lines = [
        RuleLine(text=rule, behaviour=behaviour, source="settings.json", directory=directory)
        for behaviour, text in texts.items()
        for rule in text.split(" ; ")
        if rule
    ]
    return Ruleset.compile(lines, Places(ROOT, HOME, folds_case))


def bash(command: str, mode: PermissionMode = "default", cwd: str = ROOT, **arguments: object) -> Question:
    return Question(
        tool_name="Bash",
        accesses=(Access(effect="execute", target=command),),
        arguments={"command": command, **arguments},
        mode=mode,
        cwd=cwd,
    )


def call(
    tool: str, effect: Effect | None = None, *targets: str, mode: PermissionMode = "default", **arguments: object
) -> Question:
    accesses = tuple(Access(effect=effect, target=target) for target in targets) if effect else ()
    return Question(tool_name=tool, accesses=accesses, arguments=arguments, mode=mode, cwd=ROOT)


def answer(judgement: Judgement) -> str:
    """The outcome, with a `!` where nothing lifts it."""
    return judgement.outcome + ("!" if judgement.fixed else "")


def judged(question: Question, ruleset: Ruleset | None = None, on: Ground | None = None) -> str:
    return answer(judge(question, ruleset or rules(), on or ground()))
