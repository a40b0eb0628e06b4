"""The first message: where the agent is. Said once; what changes later is appended, so that the cache survives."""

from msgspec import Struct

from tianting.protocol.messages import UserMessage, note
from tianting.worktree.survey import Survey


class Environment(Struct, frozen=True, kw_only=True):
    """What the machine is, as far as the work depends on it."""

    system: str
    """`Linux 6.1`, `Darwin 25`."""
    shell: str
    day: str
    """`2026-11-20`: nothing finer, or every session would write its own cache."""
    additional: tuple[str, ...] = ()
    """Further directories the tools may use."""


def briefing(environment: Environment, survey: Survey) -> UserMessage:
    """Build the message that stands before the first prompt."""
    parts = [_machine(environment, survey), *_git(survey)]
    if survey.checks:
        parts.append("Checks this project seems to have:\n" + "\n".join(survey.checks))
    if survey.outline:
        parts.append(f"Outline of the project (it may be cut):\n{survey.outline}")
    return note("\n\n".join(parts))


def _machine(environment: Environment, survey: Survey) -> str:
    lines = [
        f"Project root: {survey.root}",
        f"System: {environment.system}, shell {environment.shell}, day {environment.day}",
    ]
    if environment.additional:
        lines.append(f"You may also work in: {', '.join(environment.additional)}")
    return "\n".join(lines)
