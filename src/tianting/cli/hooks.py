"""`tianting hooks`: which hooks there are and which of them count, and what they say to an event that is made up."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec
from msgspec import Struct

from tianting.agent.dispatch import Prepared, ToolDispatcher
from tianting.agent.limits import Limits
from tianting.cli.hooking import heeded, read_configured, rule_holds, setting
from tianting.cli.invocation import Invocation
from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import current_directory, home_directory
from tianting.cli.toolbox import SandboxWish, open_toolbox
from tianting.extensions.hooks.dry_run import DryRun, Trial, dry_run
from tianting.extensions.hooks.events import EVENTS, HookInput, decode_input
from tianting.extensions.hooks.matching import Holds
from tianting.extensions.hooks.outcome import HookOutcome
from tianting.extensions.hooks.reading import read_hooks
from tianting.extensions.hooks.runner import HookRunner
from tianting.permissions.gate import Gate
from tianting.permissions.session_judge import SessionJudge
from tianting.plumbing.printable import printable
from tianting.protocol.content import ToolUse
from tianting.protocol.errors import ConfigError
from tianting.protocol.ids import random_uuid
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.settings.loading import Loaded
from tianting.settings.statements import Statement
from tianting.tools.workspace import Workspace

_LONGEST = 10_000
_SETTINGS = click.option("--settings", metavar="JSON|FILE", help="Further settings.")


@click.group()
def hooks() -> None:
    """See which hooks there are, and try them."""


class Listed(Struct, frozen=True, kw_only=True):
    """One hook, and its fate."""

    event: str
    matcher: str
    title: str
    place: str
    state: str
    """`counts`, or why it does not."""


@hooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@_SETTINGS
def list_hooks(as_json: bool, settings: str | None) -> None:
    """List every hook with its place, and whether it counts."""
    listed = list(_listed(loaded_settings(settings)))
    for one in listed:
        click.echo(msgspec.json.encode(one) if as_json else _line(one))
    if not listed and not as_json:
        click.echo("There are no hooks.")


def _listed(loaded: Loaded) -> Iterator[Listed]:
    counting = heeded(loaded)
    for statement in loaded.about("hooks"):
        yield from _of_statement(statement, "counts" if statement in counting else "disabled by disableAllHooks")
    for statements, state in ((loaded.waiting, "waits for trust"), (loaded.refused, "cannot be set here")):
        for statement in statements:
            if statement.key[0] == "hooks":
                yield from _of_statement(statement, state)


def _of_statement(statement: Statement, state: str) -> Iterator[Listed]:
    event, place = statement.key[-1], statement.place
    try:
        read = read_hooks({event: [statement.value]}, statement.source.name)
    except ConfigError as error:
        yield Listed(event=event, matcher="", title="", place=place, state=str(error))
        return
    for hook in read.hooks:
        yield Listed(event=event, matcher=hook.matcher, title=hook.title, place=place, state=state)
    for complaint in read.complaints:
        yield Listed(event=event, matcher="", title="", place=place, state=complaint)


def _line(one: Listed) -> str:
    what = f"{one.event:<20}{one.matcher or '*':<16}{one.title}    {one.place}"
    return printable(what if one.state == "counts" else f"{what}    [{one.state}]", _LONGEST)


@hooks.command()
@click.argument("event")
@click.option("--input", "text", metavar="JSON|FILE", default="{}", help="The event's own fields.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_SETTINGS
def test(event: str, text: str, as_json: bool, settings: str | None) -> None:
    """Run the hooks of EVENT on an event that did not happen, and print what they say. Nothing follows from it.

    \b
    tianting hooks test PreToolUse --input '{"tool_name": "Bash", "tool_input": {"command": "rm -rf build"}}'
    """
    run = anyio.run(_tried, loaded_settings(settings), _given(event, text))
    for line in [msgspec.json.encode(run).decode()] if as_json else _told(run):
        click.echo(line)


def _given(event: str, text: str) -> HookInput:
    """The event that is made up; what a session would add has values that do no harm. Raises `ConfigError`."""
    if event not in EVENTS:
        raise ConfigError(f"There is no event {event!r}. Events: {', '.join(sorted(EVENTS))}.")
    surroundings = {"session_id": "test", "transcript_path": "", "cwd": str(current_directory()), "tool_use_id": "test"}
    fields = {**surroundings, **_decoded(text), "hook_event_name": event}
    return decode_input(msgspec.json.encode(fields))


def _decoded(text: str) -> dict[str, Any]:
    try:
        data = text.encode() if text.lstrip().startswith("{") else Path(text).expanduser().read_bytes()
        return msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        raise ConfigError(f"--input: {text!r} is neither JSON nor a file: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ConfigError(f"--input is no JSON object: {error}.") from None


async def _tried(loaded: Loaded, hook_input: HookInput) -> DryRun:
    additional = tuple(Path(path).expanduser() for path in loaded.settings.permissions.additional_directories)
    workspace, environment = Workspace(current_directory(), additional), {**os.environ, **loaded.settings.env}
    spill = home_directory(os.environ) / "tool-results"
    wish = SandboxWish(settings=loaded.settings.sandbox, home=home_directory(os.environ))
    async with (
        open_toolbox(Invocation(), workspace, "claude", spill, environment, wish) as toolbox,
        HookRunner(
            read_configured(loaded).hooks,
            setting(loaded, workspace, environment, spill, toolbox.sandbox),
            new_id=random_uuid,
        ) as runner,
    ):
        dispatcher = ToolDispatcher(toolbox.tools, Gate(_no_judge), Limits())
        return await dry_run(runner, hook_input, _holds(hook_input, dispatcher, workspace))


def _no_judge() -> SessionJudge:
    raise AssertionError("calls are read here, and never run")


def _holds(hook_input: HookInput, dispatcher: ToolDispatcher, workspace: Workspace) -> Holds:
    """Judges the `if` of hooks about the call that the event tells of."""
    fields = msgspec.to_builtins(hook_input.event)
    name, arguments = fields.get("tool_name", ""), fields.get("tool_input", {})
    prepared = dispatcher.prepare(ToolUse(id="test", name=name, input=arguments))
    accesses: tuple[Access, ...] = prepared.accesses if isinstance(prepared, Prepared) else ()
    judged = rule_holds(workspace)
    return lambda rule: judged(rule, ToolCall(call_id="test", tool_name=name, arguments=arguments), accesses)


def _told(run: DryRun) -> Iterator[str]:
    for trial in run.trials:
        yield printable(f"{trial.title}    {trial.source} {trial.place}", _LONGEST)
        for line in _about(trial):
            yield printable(f"  {line}", _LONGEST)
    if not run.trials:
        yield "No hook that counts waits for this: `tianting hooks list` shows all."
    elif len(run.trials) > 1:
        yield f"Together: {'; '.join(_words(run.outcome))}"


def _about(trial: Trial) -> Iterator[str]:
    if trial.outcome is None:
        yield f"does not run: {trial.passed_over}"
        return
    for record in trial.outcome.records:
        how = "no exit code" if record.exit_code is None else f"exit code {record.exit_code}"
        yield f"{how}, {record.duration:.2f} s"
    yield from _words(trial.outcome)


def _words(outcome: HookOutcome) -> list[str]:
    """What would follow, one thing each."""
    said = (
        ("refuses", outcome.blocked),
        ("permission", None if outcome.blocked is not None else outcome.permission),
        ("answers the question", outcome.request and outcome.request.behavior),
        ("changes the input to", _json(outcome.updated_input)),
        ("changes the result to", _json(outcome.updated_output)),
        *(("tells the model", text) for text in outcome.contexts),
        ("ends the turn", outcome.stop),
        *(("tells you", text) for text in outcome.messages),
    )
    return [f"{what}: {' '.join(words.split())}" for what, words in said if words] or ["lets it happen"]


def _json(value: Any) -> str | None:
    return None if value is None or value is msgspec.UNSET else msgspec.json.encode(value).decode()
