"""`tianting windows send|logs|events`: words to a window, what came of them, and what happens in all of them."""

import sys
from contextlib import aclosing

import click
import msgspec

from tianting.cli.program import complain
from tianting.cli.windows_calling import call
from tianting.cli.windows_listing import JSON
from tianting.cli.windows_tables import SHORT_ID, event_line
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.words import Accepted, Follow, Happened, Send, Show, Shown
from tianting.fleet.drivers.driver import LineRead, PersonAsked, TurnDone
from tianting.fleet.store.records import PromptDone, WindowMoved
from tianting.fleet.window import OVER
from tianting.plumbing.printable import printable
from tianting.protocol.errors import FleetError

INTERRUPTED = 130
_FOLLOW = click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
_WORTH_SAYING = frozenset({"parked", "recovering", "waiting", "failed", "stopped"})


@click.command()
@click.argument("window")
@click.argument("text", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Print the answer. Exits with 0 for one, 1 for none, 130 if interrupted.")
@click.pass_context
def send(ctx: click.Context, window: str, text: tuple[str, ...], wait: bool) -> None:
    """Give a window a prompt: TEXT, or - for standard input. It is kept until it is answered, whatever happens."""
    prompt = sys.stdin.read() if text == ("-",) else " ".join(text)
    if not prompt.strip():
        raise click.UsageError("The prompt is empty.")
    if wait:
        ctx.exit(_outcome(call(lambda fleet: _answered(fleet, window, prompt))))
    accepted = call(lambda fleet: fleet.ask(Send(window=window, text=prompt), Accepted))
    complain(f"accepted; `tianting windows logs {accepted.window[:SHORT_ID]} -f` shows what comes of it.")


@click.command()
@click.argument("window")
@_FOLLOW
@click.option("--raw", is_flag=True, help="The agent's own lines, as they came.")
def logs(window: str, follow: bool, raw: bool) -> None:
    """Print what a window has answered."""
    ask = Follow(window=window, after=0, live=follow, raw=raw)
    call(lambda fleet: _print_log(fleet, ask))


@click.command()
@click.argument("window", required=False)
@_FOLLOW
@JSON
def events(window: str | None, follow: bool, as_json: bool) -> None:
    """Print what happened in a window, or in all: time, window, how many processes it had, event."""
    # Of all windows, what is new; the past of all would be long.
    ask = Follow(window=window, after=None if window is None else 0, live=follow)
    call(lambda fleet: _print_events(fleet, ask, as_json=as_json))


async def _answered(fleet: FleetClient, window: str, text: str) -> PromptDone:
    """The end of this prompt; what it waits for meanwhile is said."""
    accepted = await fleet.ask(Send(window=window, text=text), Accepted)
    short = accepted.window[:SHORT_ID]
    now = (await fleet.ask(Show(window=accepted.window), Shown)).row.window
    if now.status in OVER:
        raise FleetError(
            f"The prompt is accepted, but window {short} is {now.status}: `tianting windows restart {short}` goes on."
        )
    if now.status in _WORTH_SAYING:
        told = WindowMoved(status=now.status, reason=now.reason, question=now.question)
        complain(_waiting_for(short, told))
    stream = fleet.stream(Follow(window=accepted.window, after=accepted.after), Happened)
    async with aclosing(stream) as happenings:
        async for happened in happenings:
            match happened.stored.event:
                case PromptDone() as done if done.uuid == accepted.prompt:
                    return done
                case WindowMoved(status=status) as move if status in _WORTH_SAYING:
                    complain(_waiting_for(short, move))
                case _:
                    pass
    raise FleetError(f"Window {short} was destroyed before it answered.")


def _waiting_for(window: str, move: WindowMoved) -> str:
    told = printable(move.question or move.reason)
    match move.status:
        case "waiting":
            return f"{window} asks: {told}. Answer with `tianting windows answer {window} yes`, or no."
        case "stopped" | "failed":
            return (
                f"{window} is {move.status}{f' ({told})' if told else ''}: `tianting windows restart {window}` goes on."
            )
        case _:
            return f"{window} is {move.status}: {told}"


def _outcome(done: PromptDone) -> int:
    if done.text:
        click.echo(done.text)
    if done.interrupted:
        complain("interrupted.")
        return INTERRUPTED
    if done.fault is not None:
        complain(printable(done.fault.message))
        return 1
    return 0


async def _print_log(fleet: FleetClient, ask: Follow) -> None:
    async with aclosing(fleet.stream(ask, Happened)) as happenings:
        async for happened in happenings:
            match happened.stored.event:
                case LineRead(line=line) if ask.raw:
                    click.echo(line)
                case _ if ask.raw:
                    pass
                case TurnDone(text=text) if text:
                    click.echo(text)
                case WindowMoved() | PersonAsked() | TurnDone():
                    click.echo(click.style(event_line(happened), dim=True), err=True)
                case _:
                    pass


async def _print_events(fleet: FleetClient, ask: Follow, *, as_json: bool) -> None:
    async with aclosing(fleet.stream(ask, Happened)) as happenings:
        async for happened in happenings:
            line = msgspec.json.encode(happened) if as_json else event_line(happened)
            if line:
                click.echo(line)
