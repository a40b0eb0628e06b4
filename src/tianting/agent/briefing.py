"""The first message: where the agent is. Said once; what changes later is appended, so that the cache survives."""

from msgspec import Struct

from tianting.plumbing.printable import printable
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


def briefing(environment: Environment, survey: Survey) -> UserMessage:
    """Build the message that stands before the first prompt."""
    parts = [_machine(environment, survey), *_git(survey)]
    if survey.check_commands:
        parts.append("Commands that seem to check this project:\n" + "\n".join(survey.check_commands))
    if survey.outline:
        parts.append(f"Outline of the project (it may be cut):\n{survey.outline}")
    return note("\n\n".join(parts))


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
