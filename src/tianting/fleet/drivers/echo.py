"""The smallest agent there is, driven like any other: for tests, demos and measurements of the fleet itself.

Its program answers a prompt with the prompt's words, and fails in the way that a prompt names:
`tianting.testing.echo_agent`.
"""

import sys

from tianting.fleet.drivers.stream_json import Program, StreamJsonDriver

ECHO = Program(kind="echo", command=(sys.executable, "-m", "tianting.testing.echo_agent"))


def echo_driver() -> StreamJsonDriver:
    """A driver whose windows need no model and no key."""
    return StreamJsonDriver(ECHO)
