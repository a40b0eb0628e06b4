"""`tianting permissions`: which rules hold, where each stands, and what they say of a call."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec
from msgspec import Struct

from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.cli.explaining import Asked, Explained, Explainer
from tianting.cli.invocation import Invocation
from tianting.cli.judging import Flags, ground, permission_mode, ruleset
from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import current_directory, home_directory
from tianting.cli.replaying import Replayed, differences
from tianting.cli.toolbox import SandboxWish, open_toolbox
from tianting.permissions.gate import Gate
from tianting.permissions.questions import Outcome
from tianting.permissions.session_judge import SessionJudge
from tianting.permissions.tool_classes import EDITING
from tianting.plumbing.printable import printable
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.session.listing import find
from tianting.session.places import projects_directory
from tianting.session.reading import load
from tianting.settings.loading import Loaded
from tianting.tools.workspace import Workspace

_INKS: dict[Outcome, str] = {"allow": "green", "ask": "yellow", "deny": "red"}
_LONGEST = 10_000
_MODES = click.Choice(["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"])
_SETTINGS = click.option("--settings", metavar="JSON|FILE", help="Further settings.")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_SETTINGS
@click.pass_context
def permissions(ctx: click.Context, as_json: bool, settings: str | None) -> None:
    """List the rules in force with their places; `explain` says what they decide."""
    if ctx.invoked_subcommand is not None:
        return
    loaded = loaded_settings(settings)
    lines = ruleset(loaded, Flags(), _workspace(loaded), with_lines=True).lines
    if as_json:
        for line in lines:
            click.echo(msgspec.json.encode({"behaviour": line.behaviour, "rule": line.text, "source": line.source}))
        return
    click.echo(f"mode  {permission_mode(skip=False, asked_for=None, loaded=loaded)}")
    for line in lines:
        click.echo(f"{line.behaviour:<6}{printable(line.text, _LONGEST)}    {line.source}")
    for warning in loaded.warnings:
        click.echo(f"tianting: {warning}", err=True)


class Wish(Struct, frozen=True, kw_only=True):
    """What to explain, as it was asked for."""

    command: str | None
    tool: str | None
    path: str | None
    input: str | None
    replay: str | None
    mode: PermissionMode | None
    as_json: bool


@permissions.command()
@click.argument("command", required=False)
@click.option("--tool", metavar="NAME", help="A call of this tool, with --path or --input.")
@click.option("--path", metavar="PATH", help="The file that the tool would touch.")
@click.option("--input", metavar="JSON", help="The tool's whole input.")
@click.option("--mode", type=_MODES, help="As if in this mode.")
@click.option("--replay", metavar="SESSION", help="The calls of a past session whose fate would be another one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_SETTINGS
def explain(settings: str | None, **options: Any) -> None:
    """Say what the rules decide of a shell COMMAND, or of another call, and why. Nothing runs.

    COMMAND may be -: then each line of standard input is {"tool": NAME, "input": {…}, "mode": MODE}, and each line of
    the answer one JSON object.

    \b
    tianting permissions explain 'git push origin main'
    tianting permissions explain --tool Edit --path .git/config
    tianting permissions explain --json --tool Bash --input '{"command": "ls"}' --mode plan
    """
    wish = msgspec.convert(options, Wish)
    given = sum(each is not None for each in (wish.command, wish.tool, wish.replay))
    if given != 1 or (wish.tool is None and (wish.path or wish.input)):
        raise ConfigError("Say one thing to explain: a command, --tool with --path or --input, or --replay SESSION.")
    anyio.run(_explain, wish, loaded_settings(settings))


async def _explain(wish: Wish, loaded: Loaded) -> None:
    async with _explainer(loaded, wish.mode) as explainer:
        if wish.replay is not None:
            _replay(wish, explainer)
        elif wish.command == "-":
            _explain_lines(explainer)
        else:
            _explain_one(_asked(wish), explainer, as_json=wish.as_json)


@asynccontextmanager
async def _explainer(loaded: Loaded, asked_for: PermissionMode | None) -> AsyncGenerator[Explainer, None]:
    workspace, home = _workspace(loaded), home_directory(os.environ)
    wish = SandboxWish(settings=loaded.settings.sandbox, home=home)
    spill = home / "tool-results"  # nothing is written there: nothing runs
    async with open_toolbox(Invocation(), workspace, "claude", spill, dict(os.environ), wish) as toolbox:
        yield Explainer(
            ruleset=ruleset(loaded, Flags(), workspace, with_lines=True),
            ground=ground(workspace),
            workspace=workspace,
            dispatcher=ToolDispatcher(toolbox.tools, Gate(_no_judge), Limits()),
            mode=permission_mode(skip=False, asked_for=asked_for, loaded=loaded),
        )


def _no_judge() -> SessionJudge:
    raise AssertionError("calls are read here, and never run")


def _workspace(loaded: Loaded) -> Workspace:
    additional = loaded.settings.permissions.additional_directories
    return Workspace(current_directory(), tuple(Path(path).expanduser() for path in additional))


def _asked(wish: Wish) -> Asked:
    if wish.command is not None:
        return Asked(tool="Bash", input={"command": wish.command})
    assert wish.tool is not None
    if wish.input is not None:
        return Asked(tool=wish.tool, input=_decoded(wish.input))
    if wish.path is None:
        return Asked(tool=wish.tool)
    key = "file_path" if wish.tool in EDITING | {"Read"} else "path"
    return Asked(tool=wish.tool, input={key: wish.path})


def _decoded(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConfigError(f"--input is no JSON object: {error}.") from None


def _explain_lines(explainer: Explainer) -> None:
    """A line that cannot be understood is answered in its place: who asks thousands must find his answers."""
    decode = msgspec.json.Decoder(Asked).decode
    encode = msgspec.json.Encoder().encode
    for line in sys.stdin.buffer:
        if line.strip():
            click.echo(encode(_answer(line, decode, explainer)))


def _answer(line: bytes, decode: Callable[[bytes], Asked], explainer: Explainer) -> Explained | dict[str, str]:
    try:
        return explainer.explain(decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError, ConfigError) as error:
        return {"error": str(error)}


def _explain_one(asked: Asked, explainer: Explainer, *, as_json: bool) -> None:
    explained = explainer.explain(asked)
    if as_json:
        click.echo(msgspec.json.encode(explained))
        return
    click.echo(f"{_word(explained.decision)}: {printable(explained.reason or 'nothing forbids it', _LONGEST)}")
    for line in _details(explained):
        click.echo(f"  {line}")
    if rules := explainer.suggestions(asked):
        click.echo(f"Rules that would allow it: {printable(' '.join(rules), _LONGEST)}")


def _details(explained: Explained) -> Iterator[str]:
    if explained.source:
        yield f"rule {explained.rule} in {explained.source}"
    if len(explained.parts) > 1:
        for part in explained.parts:
            yield f"{part.decision:<6}{printable(part.text, _LONGEST)}    {printable(part.reason, _LONGEST)}"


def _word(decision: Outcome) -> str:
    return click.style(decision, fg=_INKS[decision], bold=True)


def _replay(wish: Wish, explainer: Explainer) -> None:
    assert wish.replay is not None
    path = find(projects_directory(home_directory(os.environ)), str(current_directory()), wish.replay)
    found = list(differences(load(path).history, explainer))
    for replayed in found:
        click.echo(msgspec.json.encode(replayed) if wish.as_json else _difference(replayed))
    if not found and not wish.as_json:
        click.echo("The present rules would decide every call as it was decided.")


def _difference(replayed: Replayed) -> str:
    explained = replayed.explained
    touched = " · ".join(dict.fromkeys(part.text for part in explained.parts)) or explained.tool
    return (
        f"{replayed.happened}, now {_word(explained.decision)}  {explained.tool}: {printable(touched, _LONGEST)}"
        f"    {printable(explained.reason, _LONGEST)}"
    )
