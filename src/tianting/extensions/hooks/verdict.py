"""From what one hook did to what follows. Pure; which event can be stopped by what stands in the tables below.

exit 0      the output counts: JSON, or for a few events plain text for the model
exit 2      a refusal, its reason on standard error
otherwise   the hook failed: a person hears of it, and nothing is refused unless the hook is to fail closed
JSON is read whatever the exit code, so that a refusal said in both ways is heard in either.
"""

from typing import Any

from msgspec import UNSET, Struct, structs

from tianting.extensions.hooks.answer import Opinion, ReadAnswer, RequestDecision, read_answer
from tianting.extensions.hooks.outcome import HookOutcome
from tianting.extensions.hooks.schema import OnFailure

BLOCKED_BY_EXIT_2 = frozenset({"PreToolUse", "UserPromptSubmit", "Stop", "SubagentStop", "PreCompact", "ConfigChange"})
TOLD_BY_EXIT_2 = frozenset({"PostToolUse", "PostToolUseFailure"})
"""It has happened already: the reason reaches the model, and nothing is undone."""
ENDINGS = frozenset({"Stop", "SubagentStop"})
"""A refusal sends the model to work again, which is no safe answer to silence."""
BLOCKED_BY_DECISION = BLOCKED_BY_EXIT_2 | TOLD_BY_EXIT_2
HEARD_IN_PLAIN = frozenset({"UserPromptSubmit", "SessionStart"})
"""What such a hook prints is context for the model."""


class Said(Struct, frozen=True, kw_only=True):
    """What one hook did, however it was asked."""

    exit_code: int | None = None
    """None where it did not come to its end; less than zero for a signal."""
    stdout: str = ""
    stderr: str = ""
    failure: str = ""
    """Why it did not come to its end: `took longer than 60 s`."""
    timed_out: bool = False


def judge(event_name: str, said: Said, *, title: str, on_failure: OnFailure) -> HookOutcome:
    """What follows from `said`. `title` names the hook to people and to the model."""
    read = ReadAnswer() if said.failure else read_answer(said.stdout, event_name)
    trouble = _trouble(said, read)
    outcome = _plain_outcome(event_name, said, read, title)
    if not trouble:
        return outcome
    if on_failure == "block":
        outcome = _closed(event_name, outcome, f"The hook `{title}` failed ({trouble}), and nothing passes without it.")
    return structs.replace(outcome, messages=(*outcome.messages, _complaint(event_name, title, trouble, outcome)))


def _trouble(said: Said, read: ReadAnswer) -> str:
    """Why the hook's word is not to be relied on; empty where it is."""
    if said.failure:
        return said.failure
    if read.flaws:
        return "; ".join(read.flaws)
    if said.exit_code in (0, 2):
        return ""
    how = f"exit code {said.exit_code}" if (said.exit_code or 0) >= 0 else f"ended by signal {-(said.exit_code or 0)}"
    first_line = said.stderr.strip().partition("\n")[0][:300]
    return f"{how}: {first_line}" if first_line else how


def _plain_outcome(event_name: str, said: Said, read: ReadAnswer, title: str) -> HookOutcome:
    answer, specific = read.answer, read.specific
    permission, permission_reason = _opinion(event_name, said, read, title)
    return HookOutcome(
        blocked=permission_reason if permission == "deny" else _refusal(event_name, said, read, title),
        permission=permission,
        permission_reason=permission_reason,
        request=_request(event_name, read),
        updated_input=specific.updated_input if event_name == "PreToolUse" else None,
        updated_output=_updated_output(event_name, read),
        contexts=_contexts(event_name, said, read),
        stop=None if answer.go_on else answer.stop_reason or f"The hook `{title}` ended the turn.",
        messages=(answer.system_message,) if answer.system_message else (),
        initial_user_message=specific.initial_user_message if event_name == "SessionStart" else "",
        session_title=" ".join(specific.session_title.split()),
        retry=specific.retry and event_name == "PermissionDenied",
        hides_output=answer.suppress_output,
    )


def _opinion(event_name: str, said: Said, read: ReadAnswer, title: str) -> tuple[Opinion | None, str]:
    """What a `PreToolUse` hook says of the call. Of several words of one hook the strictest counts."""
    if event_name != "PreToolUse":
        return None, ""
    if (refusal := _refusal(event_name, said, read, title)) is not None:
        return "deny", refusal
    reason = read.specific.permission_decision_reason or read.answer.reason
    opinion = read.specific.permission_decision or ("allow" if read.answer.decision == "approve" else None)
    if opinion == "deny":
        return "deny", reason or _unexplained(title)
    if opinion is None or (opinion == "allow" and read.flaws):  # a yes may hang on the part that was not understood
        return None, ""
    return opinion, reason


def _refusal(event_name: str, said: Said, read: ReadAnswer, title: str) -> str | None:
    """The reason where exit code or `decision` refuses; None where neither does."""
    by_code = said.exit_code == 2 and event_name in BLOCKED_BY_EXIT_2
    by_decision = read.answer.decision == "block" and event_name in BLOCKED_BY_DECISION
    if not by_code and not by_decision:
        return None
    explained = (read.specific.permission_decision_reason, read.answer.reason)
    stated = next((reason for reason in explained if reason), "")
    spoken = said.stderr.strip() if by_code else ""
    return (stated if by_decision and stated else spoken or stated) or _unexplained(title)


def _unexplained(title: str) -> str:
    return f"The hook `{title}` refused this and gave no reason."


def _request(event_name: str, read: ReadAnswer) -> RequestDecision | None:
    if event_name != "PermissionRequest" or read.request is None or read.request.behavior is None:
        return None
    return None if read.request.behavior == "allow" and read.flaws else read.request


def _updated_output(event_name: str, read: ReadAnswer) -> Any:
    return read.updated_output if event_name == "PostToolUse" else UNSET


def _contexts(event_name: str, said: Said, read: ReadAnswer) -> tuple[str, ...]:
    spoken = said.stderr.strip() if said.exit_code == 2 and event_name in TOLD_BY_EXIT_2 else ""
    printed = read.plain if said.exit_code == 0 and event_name in HEARD_IN_PLAIN else ""
    found = (printed, spoken, read.answer.additional_context, read.specific.additional_context)
    return tuple(text for text in found if text)


def _closed(event_name: str, outcome: HookOutcome, reason: str) -> HookOutcome:
    """`outcome` as a refusal, where the event can be refused."""
    if event_name == "PermissionRequest":
        return structs.replace(outcome, request=RequestDecision(behavior="deny", message=reason))
    if event_name not in BLOCKED_BY_DECISION:
        return outcome
    if outcome.blocked is not None:
        return outcome
    if event_name == "PreToolUse":
        return structs.replace(outcome, blocked=reason, permission="deny", permission_reason=reason)
    return structs.replace(outcome, blocked=reason)


def _complaint(event_name: str, title: str, trouble: str, outcome: HookOutcome) -> str:
    refused = outcome.blocked is not None or (outcome.request is not None and outcome.request.behavior == "deny")
    what_follows = "it was refused" if refused else "nothing was stopped"
    return f"The hook `{title}` failed on {event_name} ({trouble}); {what_follows}."
