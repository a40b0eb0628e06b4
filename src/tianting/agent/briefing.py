"""The first message: where the agent is. Said once; what changes later is appended, so that the cache survives.

Of what changes, files are named here that the model would else edit by a memory that went stale.
"""

from pathlib import Path

from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.events import TaskFinished
from tianting.protocol.messages import UserMessage, note
from tianting.worktree.survey import GitFacts, Survey


class Environment(Struct, frozen=True, kw_only=True):
    """What the machine is, as far as the work depends on it."""

    system: str
    """`Linux 6.1`, `Darwin 25`."""
    shell_name: str
    day: str
    """`2026-11-20`: nothing finer, or every session would write its own cache."""
    additional: tuple[str, ...] = ()
    """Further directories the tools may use."""


PLAN_MODE = note(
    "Plan mode is on: calls that would change something are refused. Study the project, then answer with a plan: "
    "what to change where, in which order, and how to check it."
)
"""Said when a session works in plan mode. The tools and the prompt stay as they are, for the cache's sake."""

PLAN_MODE_LEFT = note("Plan mode is off: calls that change something run again, as far as they are permitted.")
"""Said when it ends within a session."""

_MOST_NAMES = 5
_MOST_BYTES = 360
"""Of its sentence; with the marks around it a note stays below 400."""
_LONGEST_NAME = 240
"""Bytes: so that one name always fits."""


def briefing(environment: Environment, survey: Survey) -> UserMessage:
    """Build the message that stands before the first prompt."""
    parts = [_machine(environment, survey), *_git(survey)]
    if survey.check_commands:
        parts.append("Commands that seem to check this project:\n" + "\n".join(survey.check_commands))
    if survey.outline:
        parts.append(f"Outline of the project (it may be cut):\n{survey.outline}")
    return note("\n\n".join(parts))


def stale_note(paths: tuple[Path, ...], root: Path) -> UserMessage:
    """Say that `paths` changed since the model read them. As many are named as there is room for, at least one."""
    names = [_name(path, root) for path in paths[:_MOST_NAMES]]
    while len(names) > 1 and len(_sentence(names, len(paths)).encode()) > _MOST_BYTES:
        names.pop()
    return note(_sentence(names, len(paths)))


def task_note(finished: TaskFinished) -> UserMessage:
    """Say that work in the background is over."""
    said = f"Background {finished.task_id}: {_harmless(finished.summary)}"
    return note(f"{said}\nBashOutput shows what is new; all of it is in {finished.output_file}.")


def _machine(environment: Environment, survey: Survey) -> str:
    lines = [
        f"Project root: {printable(str(survey.root))}",
        f"System: {environment.system}, shell {environment.shell_name}, day {environment.day}",
    ]
    if environment.additional:
        lines.append(f"You may also work in: {', '.join(map(printable, environment.additional))}")
    return "\n".join(lines)


def _git(survey: Survey) -> list[str]:
    if not survey.is_git:
        return ["The project is not a git repository."]
    if survey.git is None:
        return ["The project is a git repository; its state is unknown."]
    facts = survey.git
    lines = [f"Git branch: {facts.branch or '(detached)'}{_distance(facts)}"]
    if facts.status:
        lines += ["Changed before you came, and not yours:", *facts.status]
        if (more := facts.status_total - len(facts.status)) > 0:
            lines.append(f"({more} more)")
    else:
        lines.append("The work tree is clean.")
    if facts.commits:
        lines += ["Newest commits:", *facts.commits]
    return ["\n".join(lines)]


def _distance(facts: GitFacts) -> str:
    parts = [f"{count} {word}" for count, word in ((facts.ahead, "ahead"), (facts.behind, "behind")) if count]
    return f" ({', '.join(parts)})" if parts else ""


def _sentence(names: list[str], total: int) -> str:
    others = f" and {total - len(names)} more" if total > len(names) else ""
    return f"Changed on disk since you read them: {', '.join(names)}{others}; read them again before you edit."


def _name(path: Path, root: Path) -> str:
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    name = _harmless(printable(well_formed(str(shown))))
    data = name.encode()
    return name if len(data) <= _LONGEST_NAME else f"…{data[-_LONGEST_NAME:].decode(errors='ignore')}"


def _harmless(text: str) -> str:
    """`text` from outside, which must not look like the end of the note that it stands in."""
    return text.replace("<", r"\x3c")
