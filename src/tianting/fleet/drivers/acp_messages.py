"""What an agent says over the Agent Client Protocol, version 1, as far as a fleet needs it: decoded once, here.

Names are the protocol's (https://agentclientprotocol.com), in snake case. Fields that nobody here reads are left out.
"""

from typing import Any

from msgspec import Struct

from tianting.protocol.usage import Usage

VERSION = 1


class Presence(Struct, frozen=True, kw_only=True):
    """An ability that is there because it is named."""


class SessionAbilities(Struct, frozen=True, kw_only=True):
    """What can be done with sessions beside beginning them."""

    resume: Presence | None = None


class AgentAbilities(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the agent can do."""

    load_session: bool = False
    session_capabilities: SessionAbilities = SessionAbilities()


class Introduction(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of `initialize`."""

    protocol_version: int
    agent_capabilities: AgentAbilities = AgentAbilities()


class Mode(Struct, frozen=True, kw_only=True):
    """A way of working that the agent offers."""

    id: str


class Modes(Struct, frozen=True, kw_only=True, rename="camel"):
    """All of them."""

    available_modes: tuple[Mode, ...] = ()


class ConfigOption(Struct, frozen=True, kw_only=True):
    """Something that can be chosen."""

    id: str
    category: str | None = None


class Session(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of `session/new`, `session/load` and `session/resume`; only the first names the session."""

    session_id: str = ""
    modes: Modes | None = None
    config_options: tuple[ConfigOption, ...] | None = None


class Content(Struct, frozen=True, kw_only=True):
    """A block of words; other types have no text."""

    type: str = ""
    text: str = ""


class Cost(Struct, frozen=True, kw_only=True):
    """Of the session so far."""

    amount: float = 0.0
    currency: str = ""


class Update(Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened; fields that its kind does not have are empty."""

    session_update: str
    content: Any = None
    """A block, or a list of them."""
    message_id: str | None = None
    tool_call_id: str = ""
    title: str | None = None
    name: str | None = None
    status: str | None = None
    used: int = 0
    size: int | None = None
    cost: Cost | None = None


class UpdateNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """`session/update`."""

    session_id: str
    update: Update


class PermissionOption(Struct, frozen=True, kw_only=True, rename="camel"):
    """One of the answers to choose from: `kind` is `allow_` or `reject_`, `once` or `always`."""

    option_id: str
    name: str = ""
    kind: str = ""


class CalledTool(Struct, frozen=True, kw_only=True, rename="camel"):
    """The call that is asked about."""

    tool_call_id: str = ""
    title: str | None = None
    name: str | None = None
    kind: str | None = None
    raw_input: Any = None


class PermissionRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """`session/request_permission`."""

    session_id: str
    tool_call: CalledTool
    options: tuple[PermissionOption, ...] = ()


class TurnUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a turn consumed, where the agent says it; exclusive counts."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_read_tokens: int | None = 0
    cached_write_tokens: int | None = 0
    thought_tokens: int | None = 0

    @property
    def usage(self) -> Usage:
        """In the words of the port."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_input_tokens=self.cached_read_tokens or 0,
            cache_creation_input_tokens=self.cached_write_tokens or 0,
            thinking_tokens=self.thought_tokens or 0,
        )


class PromptResult(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of `session/prompt`: a turn is over."""

    stop_reason: str
    usage: TurnUsage | None = None
