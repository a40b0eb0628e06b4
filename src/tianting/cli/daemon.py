"""`tianting daemon`: begins, ends and examines the daemon that keeps a Codex warm."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Literal

import click

from tianting.cli.places import home_directory
from tianting.cli.program import complain
from tianting.daemon import pid_file
from tianting.protocol.errors import ConfigError, FleetError

Kind = Literal["systemd", "launchd", "script"]
ENDING = 25.0
"""Seconds in which a daemon has ended its agents and itself."""
AGENTS = {"codex": "codex", "native": "tianting"}

_socket = click.option("--socket", type=click.Path(path_type=Path), help="Where it listens.")
_agent = click.option(
    "--agent", type=click.Choice(sorted(AGENTS)), default="codex", show_default=True, help="Who answers."
)

_archives = click.option(
    "--archive-every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Archive the conversations so often, and keep seven archives. Not at all unless told.",
)


@click.group()
def daemon() -> None:
    """Keep a Codex warm behind a socket, for Claude Code and everybody else."""


@daemon.command()
@click.option("--foreground", is_flag=True, help="Stay here, and start nothing again: for a service manager.")
@_agent
@_archives
@_socket
def start(foreground: bool, agent: str, archive_every: float | None, socket: Path | None) -> None:
    """Start the daemon. One that runs already is said, and left alone."""
    begin(foreground, agent, archive_every, socket)


@daemon.command()
@_socket
def stop(socket: Path | None) -> None:
    """End the daemon and its agents in order. Conversations are kept."""
    click.echo("Ended." if end(place(socket)) else "No daemon runs.")


@daemon.command()
@_agent
@_archives
@_socket
def restart(agent: str, archive_every: float | None, socket: Path | None) -> None:
    """End the daemon, if it runs, and start it. Who waits for an answer gets it from the next one."""
    end(place(socket))
    begin(False, agent, archive_every, socket)


@daemon.command()
@_socket
@click.option("--json", "as_json", is_flag=True, help="All figures, as one JSON object.")
@click.pass_context
def status(ctx: click.Context, socket: Path | None, as_json: bool) -> None:
    """Show the daemon and its conversations."""
    from tianting.cli.daemon_client_entry import run

    ctx.exit(run([f"--socket={place(socket)}", *(["--json"] if as_json else []), "status"], os.environ))


@daemon.command()
@_socket
@click.pass_context
def health(ctx: click.Context, socket: Path | None) -> None:
    """Say whether the daemon is well: 0 well · 1 not, and why."""
    from tianting.cli.daemon_examining import health_of

    why = health_of(place(socket))
    click.echo(why or "The daemon is well.")
    ctx.exit(1 if why else 0)


@daemon.command()
@_socket
@click.pass_context
def check(ctx: click.Context, socket: Path | None) -> None:
    """Say whether the socket is free: 0 free · 1 in use, by whom, and what to do."""
    from tianting.cli.daemon_examining import use_of

    path = place(socket)
    used = use_of(path)
    click.echo(used or f"{path} is free.")
    ctx.exit(1 if used else 0)


@daemon.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="So many of the last.")
def logs(follow: bool, lines: int) -> None:
    """Print the daemon's log."""
    from tianting.cli.daemon_examining import log_lines

    for line in log_lines(home_directory(os.environ) / "daemon" / "daemon.log", lines, follow=follow):
        click.echo(line, nl=False)


@daemon.command()
@click.option(
    "--verify", type=click.Path(path_type=Path, exists=True), help="Make none, but see whether this is sound."
)
def archive(verify: Path | None) -> None:
    """Put the conversations into one file, with checksums; the daemon may run meanwhile."""
    import anyio

    from tianting.cli.daemon_archiving import archive_now
    from tianting.cli.daemon_places import daemon_places
    from tianting.daemon.archives import read_archive

    if verify is not None:
        click.echo(f"{verify} is sound: {len(read_archive(verify))} files.")
        return
    click.echo(anyio.run(archive_now, daemon_places(home_directory(os.environ), os.environ), os.environ))


@daemon.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@_agent
@_archives
@_socket
def restore(archive: Path, agent: str, archive_every: float | None, socket: Path | None) -> None:
    """Put ARCHIVE back in place of the conversations that there are; those are archived first.

    A daemon that runs is restarted around it. The sessions of Codex are put back, too.
    """
    from tianting.cli.daemon_archiving import put_back
    from tianting.cli.daemon_places import daemon_places

    places = daemon_places(home_directory(os.environ), os.environ, socket)
    before = put_back(archive, places, lambda: end(places.socket), lambda: begin(False, agent, archive_every, socket))
    click.echo(f"Put back. What was there is kept as {before}." if before else "Put back.")


@daemon.command()
@_agent
@click.option("--for", "kind", type=click.Choice(["systemd", "launchd", "script"]), help="Default: what is here.")
@click.option("--print", "only_print", is_flag=True, help="Print the file, and write nothing.")
def install(agent: str, kind: Kind | None, only_print: bool) -> None:
    """Have the daemon started by itself: a systemd user unit, a launchd agent, or a script."""
    from tianting.daemon.installing import installed
    from tianting.plumbing.atomic_file import write_atomically

    file = installed(
        kind or _service_manager(),
        home=Path(os.environ.get("HOME", "/")),
        program=_own_program(),
        agent=agent,
        path=os.environ.get("PATH", os.defpath),
    )
    if only_print:
        click.echo(file.text, nl=False)
        return
    file.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file.path, file.text.encode(), mode=file.mode)
    click.echo(f"Written: {file.path}. To use it: {file.next}")


def place(socket: Path | None) -> Path:
    """Where the daemon of this home listens, or would. Raises `FleetError`."""
    from tianting.cli.daemon_places import daemon_places

    return daemon_places(home_directory(os.environ), os.environ, socket).socket


def begin(foreground: bool, agent: str, archive_every: float | None, socket: Path | None) -> None:
    """Start a daemon. Raises `FleetError` where it cannot be started."""
    from tianting.cli.daemon_places import DaemonWish, daemon_places
    from tianting.cli.daemon_serving import serve_behind, serve_here

    if os.geteuid() != os.getuid():
        raise ConfigError("The daemon does not run with another's rights.")
    places = daemon_places(home_directory(os.environ), os.environ, socket)
    running = pid_file.read(pid_file.place_of(places.socket))
    if running is not None and running.daemon.is_alive:
        click.echo(f"A daemon serves already: process {running.daemon.pid}, {places.socket}.")
        return
    wish = DaemonWish(agent=AGENTS[agent], archive_every=archive_every)
    if foreground:
        serve_here(places, wish, lambda: complain(f"the daemon listens at {places.socket}."))
    elif (why := serve_behind(places, wish)) is not None:
        raise FleetError(f"The daemon could not be started: {why}")
    else:
        click.echo(f"The daemon listens at {places.socket}.")


def end(path: Path) -> bool:
    """End the daemon at `path`, and wait for that; False where there is none. Raises `FleetError`."""
    serving = pid_file.read(pid_file.place_of(path))
    if serving is None:
        return False
    named = [one for one in (serving.guard, serving.daemon) if one is not None and one.is_alive]
    if not named:
        pid_file.place_of(path).unlink(missing_ok=True)
        return False
    pid_file.send(named[0], signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    while any(one.is_alive for one in named):
        if time.monotonic() > deadline:
            raise FleetError(f"Process {named[-1].pid} does not end: see `tianting daemon logs`, then `kill -9` it.")
        time.sleep(0.01)
    return True


def _service_manager() -> Kind:
    if sys.platform == "darwin":
        return "launchd"
    return "systemd" if shutil.which("systemctl") else "script"


def _own_program() -> str:
    """Where `tianting` is: beside the interpreter, or on the path."""
    beside = Path(sys.executable).with_name("tianting")
    return str(beside) if beside.exists() else shutil.which("tianting") or "tianting"
