"""What each permission mode says of a call that no rule decides.

mode               read inside  read outside  edit inside  edit outside  command  fetch
default            allow        ask           ask          ask           ask      ask
acceptEdits        allow        ask           allow        ask           ask      ask
plan               allow        ask           deny         deny          deny     ask
bypassPermissions  allow everywhere
dontAsk            as default, and what would ask is denied (the gate sees to that)
"""

from collections.abc import Callable

from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access

Inside = Callable[[str], bool]
"""Whether a path lies in the work tree or an additional directory, links followed."""


def judge(mode: PermissionMode, accesses: tuple[Access, ...], inside: Inside) -> Verdict:
    """The strictest answer to any access of the call."""
    verdicts = [_judge_one(mode, access, inside) for access in accesses]
    for strictest in (Deny, Ask):
        for verdict in verdicts:
            if isinstance(verdict, strictest):
                return verdict
    return Allow(reason=f"mode {mode}")


def _judge_one(mode: PermissionMode, access: Access, inside: Inside) -> Verdict:
    if mode == "bypassPermissions":
        return Allow(reason="mode bypassPermissions")
    match access.effect:
        case "note":
            return Allow(reason="touches only the agent's own memory")
        case "read":
            return _judge_read(access.target, inside)
        case "edit":
            return _judge_edit(mode, access.target, inside)
        case "execute":
            return _judge_command(mode)
        case "fetch":
            return Ask(reason=f"it reaches {access.target}")


def _judge_read(path: str, inside: Inside) -> Verdict:
    return Allow(reason="inside the work tree") if inside(path) else Ask(reason=f"{path} is outside the work tree")


def _judge_edit(mode: PermissionMode, path: str, inside: Inside) -> Verdict:
    if mode == "plan":
        return Deny(reason="Plan mode is on: nothing may be changed. Finish the plan and present it.")
    if not inside(path):
        return Ask(reason=f"{path} is outside the work tree")
    return Allow(reason="mode acceptEdits") if mode == "acceptEdits" else Ask(reason=f"it changes {path}")


def _judge_command(mode: PermissionMode) -> Verdict:
    if mode == "plan":
        return Deny(reason="Plan mode is on: commands do not run. Use Read, Grep and Glob, then present the plan.")
    return Ask(reason="it runs a command")
