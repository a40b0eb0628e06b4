"""From the way a process or a turn ended to what it means: without it a rate limit, a wrong key and a crash would all
be "it stopped", and all be answered by starting again.

    we ended it → the work tree or the conversation is gone → memory → killed → the provider's words → standard error
    → a program that never began → nonsense on the pipe → unknown

Pure. `MEANINGS` is the table that people, the recovery and the documentation share.
"""

import signal
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tianting.fleet.drivers.driver import Fault
from tianting.fleet.verdicts.failure_words import Kind, kind_of_fault, kind_of_line


class Meaning(Struct, frozen=True, kw_only=True):
    """What a kind of failure says about an agent."""

    crash: bool
    """It counts against the restart intensity."""
    retry: bool
    """The same thing may work later, with nothing changed."""
    reads: str
    """What happened, for a person."""
    act: str
    """What that person does about it; empty where the fleet does it."""


class Failure(Struct, frozen=True, kw_only=True):
    """One end, classified."""

    kind: Kind
    said: str = ""
    """The words that it was recognised by, in one line."""

    @property
    def meaning(self) -> Meaning:
        """The row of the table."""
        return MEANINGS[self.kind]

    @property
    def line(self) -> str:
        """All of it in one line, for a person."""
        told = f" ({self.said})" if self.said else ""
        act = f" {self.meaning.act}" if self.meaning.act else ""
        return f"{self.meaning.reads}{told}.{act}"


class Ended(Struct, frozen=True, kw_only=True):
    """Everything known about the end of a process."""

    exit_code: int | None = None
    signal: int | None = None
    """Number of the signal that ended it."""
    oom: bool = False
    """The kernel ended it for its memory."""
    was_ready: bool = True
    """It had shaken hands."""
    in_turn: bool = False
    """A prompt was being worked on."""
    ended_by: Literal["itself", "owner", "stall", "wedge"] = "itself"
    """We ended it: because somebody wanted it, because nothing came any more, or because it did not answer."""
    fault: Fault | None = None
    """Of the turn that was running or has just failed; none after a turn that went well."""
    stderr: tuple[str, ...] = ()
    """Its last lines, oldest first."""
    garbled: int = 0
    """Lines since its start that were not the protocol."""
    cwd_exists: bool = True


MEANINGS: Mapping[Kind, Meaning] = {
    "spawn_missing": Meaning(
        crash=False,
        retry=False,
        reads="The agent's program is missing, or does not start as it is called",
        act="Install or mend it, then restart the window.",
    ),
    "auth": Meaning(
        crash=False,
        retry=False,
        reads="The provider refused the key or the login",
        act="Log in or set a valid key, then restart the window.",
    ),
    "rate_limited": Meaning(crash=False, retry=True, reads="The provider's rate limit is reached", act=""),
    "usage_limit": Meaning(
        crash=False,
        retry=True,
        reads="The account's usage limit is reached",
        act="It can go on when the limit is reset; choose another key or model to go on now.",
    ),
    "overloaded": Meaning(
        crash=False, retry=True, reads="The provider is overloaded or has a fault of its own", act=""
    ),
    "context_full": Meaning(
        crash=False,
        retry=False,
        reads="The conversation no longer fits the model's window",
        act="Compact it, rewind it, or begin a new one.",
    ),
    "budget": Meaning(
        crash=False,
        retry=False,
        reads="The budget of this run or the credit of the account is used up",
        act="Raise it, or choose another key.",
    ),
    "bad_request": Meaning(
        crash=False,
        retry=False,
        reads="The provider does not take the request as it is",
        act="Check the model's name, the base URL and the prompt.",
    ),
    "network": Meaning(crash=False, retry=True, reads="The provider could not be reached", act=""),
    "stall": Meaning(crash=True, retry=True, reads="It answered, but its work did not move", act=""),
    "wedge": Meaning(crash=True, retry=True, reads="It did not answer any more", act=""),
    "signal": Meaning(crash=True, retry=True, reads="It was killed by a signal that was not ours", act=""),
    "oom": Meaning(
        crash=True,
        retry=True,
        reads="It ran out of memory",
        act="Where this goes on, raise the memory limit of its template.",
    ),
    "protocol_garbage": Meaning(
        crash=True,
        retry=True,
        reads="What it wrote is not its protocol",
        act="Where this goes on, check that the program and its version are the right ones.",
    ),
    "resume_missing": Meaning(
        crash=False,
        retry=False,
        reads="The conversation cannot be found any more",
        act="Begin a new one, or bring its transcript back.",
    ),
    "workspace_lost": Meaning(
        crash=False,
        retry=False,
        reads="The work tree is gone",
        act="Bring the directory back (see `refs/tianting/rescue`), or destroy the window.",
    ),
    "disk_full": Meaning(
        crash=False, retry=False, reads="There is no space left on the disk", act="Make room, then restart the window."
    ),
    "clean": Meaning(crash=False, retry=False, reads="It was ended on purpose", act=""),
    "unknown": Meaning(crash=True, retry=True, reads="It ended for no reason that is known", act=""),
}


def classify(ended: Ended) -> Failure:
    """What the end of a process means. Never fails: what fits nothing is `unknown`, and counts as a crash."""
    return _on_purpose(ended) or _lost(ended) or _told(ended) or _silent(ended)


def classify_fault(fault: Fault) -> Failure:
    """What a failed turn means when its process lives on."""
    return Failure(kind=kind_of_fault(fault) or "unknown", said=_one_line(fault.message or fault.code))


def _on_purpose(ended: Ended) -> Failure | None:
    if ended.ended_by == "owner":
        return Failure(kind="clean")
    if ended.ended_by == "itself" or not ended.cwd_exists:  # without its directory it could not help being stuck
        return None
    return Failure(kind=ended.ended_by)


def _lost(ended: Ended) -> Failure | None:
    """What took away the ground: nothing that the agent says about it is as true as this."""
    if not ended.cwd_exists:
        return Failure(kind="workspace_lost")
    line = _line_about_memory(ended.stderr) if ended.exit_code != 0 else ""
    if ended.oom or line:
        return Failure(kind="oom", said=line)
    if (number := _signal(ended)) is not None:
        return Failure(kind="signal", said=_signal_name(number))
    return None


def _told(ended: Ended) -> Failure | None:
    """What the agent itself said, on its pipe first. A program that ends well has nothing to explain."""
    if ended.fault is not None and (kind := kind_of_fault(ended.fault)) is not None:
        return Failure(kind=kind, said=_one_line(ended.fault.message or ended.fault.code))
    if ended.exit_code == 0:
        return None
    for line in reversed(ended.stderr):
        kind = kind_of_line(line)
        # A program that has begun is installed: what it says of files is about its work.
        if kind is not None and not (kind == "spawn_missing" and ended.was_ready):
            return Failure(kind=kind, said=_one_line(line))
    return None


def _silent(ended: Ended) -> Failure:
    if ended.exit_code in (126, 127) and not ended.was_ready:
        return Failure(kind="spawn_missing", said=_last_line(ended.stderr) or f"exit code {ended.exit_code}")
    if ended.garbled:
        return Failure(kind="protocol_garbage", said=f"{ended.garbled} lines could not be read")
    when = "in a turn" if ended.in_turn else "between turns" if ended.was_ready else "before it was ready"
    code = "nobody saw how" if ended.exit_code is None else f"exit code {ended.exit_code}"
    return Failure(kind="unknown", said=_last_line(ended.stderr) or f"{code}, {when}")


def _signal(ended: Ended) -> int | None:
    """The signal it died of, also where a shell or the program itself made an exit code of it."""
    if ended.signal is not None:
        return ended.signal
    code = ended.exit_code or 0
    return code - 128 if 128 < code < 128 + signal.NSIG else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no name
        return f"signal {number}"


def _line_about_memory(lines: tuple[str, ...]) -> str:
    return next((_one_line(line) for line in reversed(lines) if kind_of_line(line) == "oom"), "")


def _last_line(lines: tuple[str, ...]) -> str:
    return next((_one_line(line) for line in reversed(lines) if line.strip()), "")


def _one_line(text: str) -> str:
    """Short enough for a status: 200 characters, no line breaks, no full stop of its own."""
    return " ".join(text.split())[:200].rstrip(".")
