"""What a person asked for on the command line, once it is checked."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.protocol.events import PermissionMode
from tianting.protocol.requests import Effort

OutputFormat = Literal["text", "json", "stream-json"]


class Invocation(Struct, frozen=True, kw_only=True):
    """`tianting [prompt]`, with every option. Field names are those of the options."""

    prompt: str | None = None
    print: bool = False
    output_format: OutputFormat = "text"
    include_partial_messages: bool = False
    json_schema: str | None = None
    """JSON, or the path of a file."""
    continue_: bool = False
    resume: str | None = None
    """A session's id; empty asks for the list."""
    session_id: str | None = None
    fork_session: bool = False
    no_session_persistence: bool = False
    model: str | None = None
    fallback_model: str | None = None
    effort: Effort | None = None
    max_turns: int | None = None
    max_budget_usd: float | None = None
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    tools: str | None = None
    """Names parted by commas; empty for none; `default` for the usual ones."""
    permission_mode: PermissionMode | None = None
    dangerously_skip_permissions: bool = False
    system_prompt: str | None = None
    append_system_prompt: str | None = None
    add_dir: tuple[Path, ...] = ()
    settings: str | None = None
    debug: bool = False
    verbose: bool = False
