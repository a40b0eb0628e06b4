"""Bash's side of the sandbox: which commands run inside, who must be asked, and what the model is told of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import structs

from tianting.protocol.tool_calls import ToolSpec
from tianting.sandbox.settings import SandboxSettings
from tianting.tools.shell.command import steps
from tianting.tools.shell.command_sandbox import CommandSandbox
from tianting.tools.shell.launch import Confine

Placement = Literal["inside", "excluded", "outside"]
"""`excluded` is outside because the settings name the command, `outside` because the model wants it there."""

_WAY_OUT = {
    "dangerouslyDisableSandbox": {
        "type": "boolean",
        "description": "Run outside the sandbox. The user is asked; only after the sandbox stood in the way",
    }
}


class Walls:
    """The sandbox of a session, or none."""

    def __init__(self, sandbox: CommandSandbox | None) -> None:
        self._sandbox = sandbox

    def told_in(self, spec: ToolSpec) -> ToolSpec:
        """`spec` with what the model must know of the walls, and of the door in them if there is one."""
        if self._sandbox is None or not self._sandbox.confines:
            return spec
        schema = spec.input_schema
        if self._sandbox.settings.allow_unsandboxed_commands:
            schema = {**schema, "properties": {**schema["properties"], **_WAY_OUT}}
        return structs.replace(spec, description=f"{spec.description} {self._sandbox.description}", input_schema=schema)

    def standing(self, command: str, *, wants_out: bool) -> Literal["", "inside", "outside"]:
        """What `Access.sandbox` is to say. Where nothing can confine, everything stands outside."""
        if self._sandbox is None:
            return ""
        settings = self._sandbox.settings
        match placement(settings, command, wants_out=wants_out):
            case "excluded":
                return ""
            case "inside" if self._sandbox.confines:
                needless = settings.auto_allow_bash_if_sandboxed and not settings.filesystem.disabled
                return "inside" if needless else ""
            case "inside" | "outside":
                return "outside"

    def refusal(self, command: str, *, wants_out: bool) -> list[str]:
        """A note for the model that wanted out and was kept inside."""
        if not wants_out or self._sandbox is None:
            return []
        if placement(self._sandbox.settings, command, wants_out=True) != "inside":
            return []
        return ["[the settings do not allow dangerouslyDisableSandbox; this ran in the sandbox]"]

    def confine(self, command: str, directory: Path, seconds: float, *, wants_out: bool) -> Confine | None:
        """How to put `command` into its walls, for at most `seconds`; nothing where it runs as it is."""
        sandbox = self._sandbox
        if sandbox is None or placement(sandbox.settings, command, wants_out=wants_out) != "inside":
            return None
        return lambda argv: sandbox.wrap(argv, cwd=directory, seconds=seconds)


def placement(settings: SandboxSettings, command: str, *, wants_out: bool) -> Placement:
    """Where `command` runs when the sandbox is enabled. One answer for the question to the person and for the start."""
    if is_excluded(command, settings.excluded_commands):
        return "excluded"
    return "outside" if wants_out and settings.allow_unsandboxed_commands else "inside"


def is_excluded(command: str, patterns: Iterable[str]) -> bool:
    """Whether everything that `command` runs begins with the words of a pattern: `docker`, `docker:*`, `npm run *`.

    What is not understood is not excluded: `docker ps; curl …` stays inside, and so does `docker ps $(curl …)`.
    """
    beginnings = [tuple(pattern.removesuffix("*").rstrip(" :").split()) for pattern in patterns]
    parts = steps(command)
    return bool(parts) and all(
        any(words and step.words[: len(words)] == words for words in beginnings) for step in parts
    )
