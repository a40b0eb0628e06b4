"""`tianting windows interrupt|answer|stop|restart|destroy|diff|merge`: what is done to a window that there is."""

from collections.abc import Callable

import click

from tianting.cli.program import complain
from tianting.cli.windows_calling import call
from tianting.fleet.door.client import FleetClient, FleetGone
from tianting.fleet.door.words import (
    AnswerQuestion,
    Ask,
    Destroy,
    Done,
    Interrupt,
    Merge,
    Restart,
    Review,
    Reviewed,
    Stop,
)
from tianting.plumbing.printable import printable
from tianting.protocol.errors import FleetError

_WINDOWS = click.argument("windows", nargs=-1, required=True, metavar="WINDOW…")


@click.command()
@click.argument("window")
def interrupt(window: str) -> None:
    """End the turn that runs; the window stays."""
    _do(Interrupt(window=window))


@click.command()
@click.argument("window")
@click.argument("said", type=click.Choice(["yes", "no"]))
@click.argument("text", nargs=-1)
def answer(window: str, said: str, text: tuple[str, ...]) -> None:
    """Answer what a window asks: yes, or no with a reason; or yes with the input that it wants."""
    _do(AnswerQuestion(window=window, allow=said == "yes", text=" ".join(text)))


@click.command()
@_WINDOWS
def stop(windows: tuple[str, ...]) -> None:
    """End the processes of windows; conversations and files stay, and `restart` goes on."""
    _each(windows, lambda window: Stop(window=window))


@click.command()
@_WINDOWS
def restart(windows: tuple[str, ...]) -> None:
    """Go on in a new process: after a stop, a failure, a limit, or in the middle."""
    _each(windows, lambda window: Restart(window=window))


@click.command()
@_WINDOWS
@click.option("--force", is_flag=True, help="Even though it works, owes answers, or has work in its worktree.")
def destroy(windows: tuple[str, ...], force: bool) -> None:
    """End windows and forget them, with their conversations. The directories that they worked in stay."""
    _each(windows, lambda window: Destroy(window=window, force=force))


@click.command()
@click.argument("window")
def diff(window: str) -> None:
    """Show what `merge` would bring from the window's own worktree."""
    review = call(lambda fleet: fleet.ask(Review(window=window), Reviewed))
    for commit in review.commits:
        complain(printable(commit))
    if review.uncommitted:
        files = ", ".join(map(printable, review.uncommitted))
        complain(f"not committed, so a merge does not bring them: {files}")
    if review.diff:
        click.echo(review.diff, nl=not review.diff.endswith("\n"))
    else:
        complain(f"nothing on {review.branch} that {review.base or 'its base'} has not.")


@click.command()
@click.argument("window")
def merge(window: str) -> None:
    """Merge the commits of the window's own worktree into its base, all or nothing."""
    _do(Merge(window=window))


def _do(ask: Ask) -> None:
    done = call(lambda fleet: fleet.ask(ask, Done))
    if done.told:
        click.echo(done.told)


def _each(windows: tuple[str, ...], asking: Callable[[str], Ask]) -> None:
    """One after the other. What fails for one is said, and is no reason to leave out the others."""

    async def ask_all(fleet: FleetClient) -> bool:
        went_well = True
        for window in windows:
            try:
                done = await fleet.ask(asking(window), Done)
            except FleetGone:
                raise
            except FleetError as error:
                complain(str(error))
                went_well = False
            else:
                if done.told:
                    click.echo(done.told)
        return went_well

    if not call(ask_all):
        click.get_current_context().exit(1)
