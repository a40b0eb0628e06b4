"""What a person or a program asked for on the command line, once it is checked."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.protocol.events import PermissionMode
from tianting.protocol.requests import Effort, ThinkingDisplay
from tianting.settings.levels import Level

InputFormat = Literal["text", "stream-json"]
OutputFormat = Literal["text", "json", "stream-json"]


class Invocation(Struct, frozen=True, kw_only=True):
    """`tianting [prompt]`, with every option. Field names are those of the options."""

    prompt: str | None = None
    print: bool = False
    input_format: InputFormat = "text"
    """`stream-json`: prompts come as lines, as long as there are any."""
    output_format: OutputFormat = "text"
    include_partial_messages: bool = False
    include_hook_events: bool = False
    replay_user_messages: bool = False
    json_schema: str | None = None
    """JSON, or the path of a file."""
    continue_: bool = False
    resume: str | None = None
    """A session's id; empty asks for the list."""
    resume_session_at: str | None = None
    """The message behind which the conversation is forgotten."""
    resume_drops_turn: str | None = None
    """The only prompt that may be forgotten so."""
    session_id: str | None = None
    fork_session: bool = False
    name: str | None = None
    """The session's title."""
    no_session_persistence: bool = False
    model: str | None = None
    fallback_model: str | None = None
    """One, or several by commas, each for the one before."""
    effort: Effort | None = None
    thinking: Literal["adaptive", "enabled", "disabled"] | None = None
    max_thinking_tokens: int | None = None
    thinking_display: ThinkingDisplay | None = None
    max_turns: int | None = None
    max_budget_usd: float | None = None
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    tools: str | None = None
    """Names parted by commas; empty for none; `default` for the usual ones."""
    permission_mode: PermissionMode | None = None
    permission_prompt_tool: str | None = None
    """`stdio`: the client is asked, by lines."""
    permission_prompts: Literal["host", "none"] | None = None
    """`none`: nobody is asked, whoever reads the output."""
    dangerously_skip_permissions: bool = False
    allow_dangerously_skip_permissions: bool = False
    """A client may choose bypassPermissions while the session runs."""
    system_prompt: str | None = None
    """Empty for none."""
    append_system_prompt: str | None = None
    add_dir: tuple[Path, ...] = ()
    settings: str | None = None
    left_out: frozenset[Level] = frozenset()
    """Levels of settings that are not read: what `--setting-sources` does not name."""
    bare: bool = False
    mcp_config: tuple[str, ...] = ()
    """Each JSON, or the path of a file."""
    strict_mcp_config: bool = False
    verbose: bool = False
