"""`tianting windows`: many agents on one machine, kept alive."""

import click

from tianting.cli.windows_attaching import attach
from tianting.cli.windows_config import config
from tianting.cli.windows_deeds import answer, destroy, diff, interrupt, merge, restart, stop
from tianting.cli.windows_listing import health, list_, metrics, show
from tianting.cli.windows_making import create
from tianting.cli.windows_serve import serve
from tianting.cli.windows_talking import events, logs, send
from tianting.cli.windows_tasks import queue, run
from tianting.cli.windows_top import top


@click.group()
def windows() -> None:
    """Keep many agents alive: start them, talk to them, look after them.

    A WINDOW is one agent with its conversation. It is named by its name, its id, or the beginning of its id.

    \b
    tianting windows create --kind claude --name login
    tianting windows send login "Why does test_login fail?" --wait
    tianting windows top
    """


_COMMANDS = (
    answer, attach, config, create, destroy, diff, events, health, interrupt, list_, logs, merge, metrics, queue,
    restart, run, send, serve, show, stop, top,
)  # fmt: skip
for _command in _COMMANDS:
    windows.add_command(_command)
