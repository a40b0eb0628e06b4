"""Starts agents that speak stream-json over their standard input and output: our own, and Claude Code as it is.

    tianting --input-format stream-json --output-format stream-json ...     forked from the warm image, or executed
    claude -p --input-format stream-json --output-format stream-json ...    executed

Where an agent keeps its conversations is decided by the brief's environment: `TIANTING_HOME`, `CLAUDE_CONFIG_DIR`.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from tianting.fleet.drivers.driver import Abilities, Brief, DriverError, Launch, Pipe
from tianting.fleet.drivers.stream_json_agent import StreamJsonAgent
from tianting.fleet.drivers.stream_json_events import StreamJsonEvents
from tianting.protocol.ids import NewId, random_uuid

_PROTOCOL = (
    *("--input-format", "stream-json", "--output-format", "stream-json", "--verbose"),
    *("--include-partial-messages", "--replay-user-messages", "--permission-prompt-tool", "stdio"),
)
_STATES = {"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1", "CLAUDE_CODE_SDK_READS_SESSION_STATE": "1"}
"""Without these an agent does not say when it rests."""
_QUIET = {
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
"""A window must not change under its conversation, nor talk to anybody but its model. A brief may say otherwise."""


class Program(Struct, frozen=True, kw_only=True):
    """How one kind of agent is called."""

    kind: Literal["tianting", "claude", "echo"]
    command: tuple[str, ...] = ()
    """What to execute where the brief names no program; a single word is looked for on its `PATH`. Empty: the program
    is forked from the keeper's warm image."""
    variable: str | None = None
    """Names the program instead, where the brief's environment has it."""
    install: str = ""
    """What a person does where it is missing."""
    environment: Mapping[str, str] = {}
    """Set unless the brief sets it."""


TIANTING = Program(kind="tianting")
CLAUDE = Program(
    kind="claude",
    command=("claude",),
    variable="CLAUDE_PATH",
    install="npm install -g @anthropic-ai/claude-code",
    environment=_QUIET,
)


class StreamJsonDriver:
    """The `Driver` of one program."""

    def __init__(self, program: Program, *, new_id: NewId = random_uuid, now: Callable[[], float] = time.time) -> None:
        self._program = program
        self._new_id = new_id
        self._now = now

    @property
    def kind(self) -> str:
        """See `Driver`."""
        return self._program.kind

    @property
    def abilities(self) -> Abilities:
        """See `Driver`."""
        return Abilities(
            resume=True,
            fork=True,
            standby=True,
            interrupt=True,
            approvals=True,
            usage=True,
            probe=True,
            steering=True,
        )

    def launch(self, brief: Brief) -> Launch:
        """See `Driver`."""
        command = self._command(brief)
        return Launch(
            argv=(*command, *_print_mode(self.kind), *_PROTOCOL, *_conversation(brief), *_wishes(brief)),
            native=not command,
            environment={**_STATES, **self._program.environment, **brief.environment},
            cwd=brief.cwd,
        )

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> StreamJsonAgent:
        """See `Driver`."""
        agent = StreamJsonAgent(pipe, StreamJsonEvents(brief.conversation_id, brief.standing, self._now), self._new_id)
        if not taken_over:
            await agent.shake_hands()
        return agent

    def _command(self, brief: Brief) -> tuple[str, ...]:
        named = brief.program or brief.environment.get(self._program.variable or "")
        if named:
            return (self._found(named, brief),)
        if len(self._program.command) == 1:
            return (self._found(self._program.command[0], brief),)
        return self._program.command

    def _found(self, program: str, brief: Brief) -> str:
        found = shutil.which(program, path=brief.environment.get("PATH", os.defpath))
        if found is None:
            advice = f" Install it ({self._program.install}), or name its path." if self._program.install else ""
            raise DriverError(f"There is no program {program!r} that can be run.{advice}")
        return found


def _print_mode(kind: str) -> tuple[str, ...]:
    return ("-p",) if kind == "claude" else ()


def _conversation(brief: Brief) -> tuple[str, ...]:
    if brief.resume:
        return (f"--resume={brief.conversation_id}",)
    copied = (f"--resume={brief.copy_of}", "--fork-session") if brief.copy_of else ()
    return (*copied, "--session-id", brief.conversation_id)


def _wishes(brief: Brief) -> tuple[str, ...]:
    wished = {
        "--model": brief.model,
        "--permission-mode": brief.permission_mode,
        "--append-system-prompt": brief.system_prompt,
    }
    flags = (part for flag, value in wished.items() if value is not None for part in (flag, value))
    return (*flags, *brief.arguments)
