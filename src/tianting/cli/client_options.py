"""The flags that programs pass and people seldom do: what the Agent SDKs give to Claude Code, word for word.

What each means stands in `Invocation`; what `WITHOUT_EFFECT` names is taken and does nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path)

WITHOUT_EFFECT = {
    "agents": "--agents",
    "betas": "--betas",
    "chrome": "--chrome",
    "debug_file": "--debug-file",
    "ide": "--ide",
    "plugin_dir": "--plugin-dir",
    "session_mirror": "--session-mirror",
    "task_budget": "--task-budget",
}
"""By the names of their parameters. Nothing that a person would rely on for safety may stand here."""

REFUSED = {
    "agent": "--agent: there are no agents to choose from yet; leave it out.",
    "managed_settings": "--managed-settings: only a file of the administrator's is beyond everybody's reach; "
    "use /etc/tianting/managed-settings.json, or --settings.",
    "project_config_root": "--project-config-root: settings of a project are taken from the project itself; leave it "
    "out, or name what is to count with --setting-sources and --settings.",
}
"""What a client may rely on to forbid something, and would not be obeyed: named by its parameter, with the way out."""

CLIENT_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--input-format",
        type=click.Choice(["text", "stream-json"]),
        default="text",
        help="stream-json: prompts and control requests as JSON lines. Needs --output-format stream-json.",
    ),
    click.option("--replay-user-messages", is_flag=True, help="With stream-json in and out: repeat what came in."),
    click.option("--include-hook-events", is_flag=True, help="With stream-json: also what hooks did."),
    click.option(
        "--permission-prompt-tool",
        metavar="stdio|TOOL",
        help="Who answers questions: whoever reads the output, or its tool.",
    ),
    click.option(
        "--permission-prompts", type=click.Choice(["host", "none"]), help="Whether it is asked; none: nobody."
    ),
    click.option("--allow-dangerously-skip-permissions", is_flag=True, help="bypassPermissions may be chosen later."),
    click.option("--resume-session-at", metavar="UUID", help="With -c or -r: forget what came after this message."),
    click.option(
        "--resume-drops-turn", metavar="UUID", help="Refuse --resume-session-at if it forgets more than this prompt."
    ),
    click.option("--thinking", type=click.Choice(["adaptive", "enabled", "disabled"]), help="Whether to think first."),
    click.option("--max-thinking-tokens", type=click.IntRange(min=0), metavar="N", help="How long; 0 is not at all."),
    click.option(
        "--thinking-display", type=click.Choice(["summarized", "omitted"]), help="Whether to see a summary of it."
    ),
    click.option("--system-prompt-file", type=_FILE, help="--system-prompt from a file."),
    click.option("--append-system-prompt-file", type=_FILE, help="--append-system-prompt from a file."),
    click.option("--strict-mcp-config", is_flag=True, help="No MCP servers but those of --mcp-config."),
    click.option("--agent", metavar="NAME", hidden=True),
    click.option("--agents", metavar="JSON", hidden=True),
    click.option("--betas", metavar="NAMES", multiple=True, hidden=True),
    click.option("--chrome/--no-chrome", default=None, hidden=True),
    click.option("--debug-file", type=_FILE, hidden=True),
    click.option("--ide", is_flag=True, hidden=True),
    click.option("--managed-settings", metavar="JSON", hidden=True),
    click.option("--plugin-dir", type=_FILE, multiple=True, hidden=True),
    click.option("--project-config-root", type=_FILE, hidden=True),
    click.option("--session-mirror", is_flag=True, hidden=True),
    click.option("--task-budget", type=click.IntRange(min=1), metavar="TOKENS", hidden=True),
)
