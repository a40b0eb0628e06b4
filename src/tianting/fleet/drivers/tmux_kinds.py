"""What the screens of known programs look like, as data: nothing else would have to change for a new one.

Everything is a regular expression over one line of the screen, and holds for the versions in
`tests/fleet/drivers/screens/`.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct


class Press(Struct, frozen=True, kw_only=True, tag=True):
    """Answer by keys."""

    keys: tuple[str, ...]
    then_text: bool = False
    """Then it asks for words."""


class Choose(Struct, frozen=True, kw_only=True, tag=True):
    """Answer by the option with such a label; without one, by what the person wrote: a label or its number."""

    label: str = ""


class Dialog(Struct, frozen=True, kw_only=True):
    """A question to the person at the screen."""

    starts: str
    """Its first line: the last on the screen that looks so."""
    ends: str
    """A line below it, without which there is no question."""
    kind: Literal["approval", "input"] = "approval"
    tool: str = ""
    """Its group `tool` names the tool."""
    allow: Press | Choose = Choose(label=r"Yes\b")
    deny: Press | Choose = Press(keys=("Escape",))


class ScreenKind(Struct, frozen=True, kw_only=True):
    """How a program is started, read and answered."""

    name: str
    command: str = ""
    """The program. Empty: the brief names it, or its arguments are the command."""
    install: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    """Set unless the brief sets it."""
    flags: Mapping[Literal["begin", "resume", "model", "permission_mode", "system_prompt"], str] = {}
    """How it is told what the brief says; what is not here cannot be told."""
    box: str = ""
    """The line in which one types, ending with the column of the first character. Empty: it has none that is known,
    and is ready when it is quiet."""
    box_above: str = ""
    """The line above it, where it has a frame."""
    box_below: str = ""
    """The first line below it. Empty: nothing stands below it, and what is typed is indented."""
    working: str = ""
    """Seen among the last lines while it works."""
    done: str = ""
    """Seen when a turn is over."""
    noise: str = ""
    """Neither said nor asked."""
    quiet: float = 2.0
    """Seconds without a change after which it works no more, unless `working` is seen."""
    dialogs: tuple[Dialog, ...] = ()
    interrupt: tuple[str, ...] = ("C-c",)
    leave: str = ""
    """What is typed to end it; empty: the end of its input."""


_CLAUDE_SPINNER = r"^\s?[·✢✳✶✻✽*+]\s\S.*…"
_CLAUDE_DONE = r"^[·✢✳✶✻✽*]\s\S+ for \d.*"

CLAUDE_SCREEN = ScreenKind(
    name="claude",
    command="claude",
    install="npm install -g @anthropic-ai/claude-code",
    environment={
        "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    },
    flags={
        "begin": "--session-id",
        "resume": "--resume",
        "model": "--model",
        "permission_mode": "--permission-mode",
        "system_prompt": "--append-system-prompt",
    },
    box=r"^❯(\s|$)",
    box_above=r"─{10,}$",
    box_below=r"^─{10,}$",
    working=rf"esc to interrupt|{_CLAUDE_SPINNER}",
    done=_CLAUDE_DONE,
    noise=rf"{_CLAUDE_SPINNER}|{_CLAUDE_DONE}|^\s+⎿\s+Tip:|^\s+[◐○◯●].*/effort$",
    quiet=0.5,
    dialogs=(
        Dialog(
            starts=r"^─{10,}",
            ends=r"Esc to (cancel|exit)|Enter to (confirm|select)",
            tool=r"^ (?P<tool>\w+) (command|file)\b",
            allow=Choose(label=r"Yes$|Yes, (I trust|proceed)"),
        ),
    ),
    interrupt=("Escape",),
    leave="/exit",
)

CODEX_SCREEN = ScreenKind(
    name="codex",
    command="codex",
    install="npm install -g @openai/codex",
    arguments=("--no-alt-screen", "-c", "check_for_update_on_startup=false", "--disable", "daemon_auto_start"),
    flags={"model": "--model"},
    box=r"^›(\s|$)",
    box_below=r"^$|^  \S",
    working=r"^\s?[•◦].*esc to interrupt",
    done=r"^\s*Worked for [<\d]",
    noise=r"^\s?[•◦].*esc to interrupt|^\s*Worked for [<\d]",
    dialogs=(
        Dialog(
            starts=r"^\s*(Would you like to |Trust this folder\?|Do you trust )",
            ends=r"(?i)enter (to )?(confirm|continue)",
            tool=r"^\s*Would you like to (?P<tool>run|make|grant)\b",
            allow=Choose(label=r"Yes, (proceed|just this once|continue)|Yes$|Trust and continue"),
        ),
        Dialog(starts=r"Sign in with ChatGPT", ends=r"(?i)press enter to continue", kind="input", allow=Choose()),
    ),
    interrupt=("Escape",),
    leave="/quit",
)

TIANTING_SCREEN = ScreenKind(
    name="tianting",
    command="tianting",
    flags={
        "resume": "--resume",
        "begin": "--session-id",
        "model": "--model",
        "permission_mode": "--permission-mode",
        "system_prompt": "--append-system-prompt",
    },
    box=r"^›(\s|$)",
    quiet=0.3,
    dialogs=(
        Dialog(
            starts=r"^\? (?P<tool>\S+)",
            ends=r"^  y  yes",
            tool=r"^\? (?P<tool>\S+)",
            allow=Press(keys=("y",)),
            deny=Press(keys=("n",), then_text=True),
        ),
    ),
)

GENERIC_SCREEN = ScreenKind(name="terminal")

SHELL_SCREEN = ScreenKind(name="shell", command="sh", box=r"^\S*[$#](\s|$)", quiet=0.3, leave="exit")

SCREENS = {kind.name: kind for kind in (CLAUDE_SCREEN, CODEX_SCREEN, TIANTING_SCREEN, GENERIC_SCREEN, SHELL_SCREEN)}
