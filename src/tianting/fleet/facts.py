"""Everything that can happen to a window, as values: one inbox takes them one by one, so that no two can race."""

import anyio
from msgspec import Struct

from tianting.fleet.drivers.driver import Agent, AgentEvent, Answer, DriverError, Prompt
from tianting.fleet.intake import Mark
from tianting.fleet.templates import Template
from tianting.fleet.verdicts.health import Health
from tianting.keeper.words import Gone, Held
from tianting.protocol.errors import FleetError


class Started(Struct, frozen=True, kw_only=True):
    """The keeper has started the process, or has handed it over."""

    generation: int
    held: Held


class Ready(Struct, frozen=True, kw_only=True):
    """It has shaken hands."""

    generation: int
    agent: Agent


class Said(Struct, frozen=True, kw_only=True):
    """What the agent said since the last time. Nothing more is read until `kept` is set."""

    generation: int
    events: tuple[AgentEvent, ...]
    mark: Mark | None
    kept: anyio.Event


class Drained(Struct, frozen=True, kw_only=True):
    """Nothing more will be read from this process."""

    generation: int
    error: FleetError | None = None
    """Why, when its pipe did not just end."""


class Lost(Struct, frozen=True, kw_only=True):
    """The process is gone, or can no longer be reached."""

    generation: int
    gone: Gone | None = None
    """None where nobody saw how: its keeper died, too."""


class Probed(Struct, frozen=True, kw_only=True):
    """It has answered a probe."""

    generation: int
    took: float
    """Seconds."""


class Saved(Struct, frozen=True, kw_only=True):
    """Its work tree is safe, or could not be saved."""

    generation: int
    saved: bool


class Refused(Struct, frozen=True, kw_only=True):
    """It did not take what was written to it."""

    generation: int
    error: DriverError


class Begun(Struct, frozen=True, kw_only=True):
    """A fleet looks after the window from now on."""

    found: Held | Gone | None = None
    """What the keeper says of the process that an earlier fleet has started."""


class Looked(Struct, frozen=True, kw_only=True):
    """Time has passed."""


class Foreseen(Struct, frozen=True, kw_only=True):
    """Something will go wrong that only a person can prevent."""

    reason: str


class Send(Struct, frozen=True, kw_only=True):
    """A prompt was accepted."""

    prompt: Prompt


class Interrupt(Struct, frozen=True, kw_only=True):
    """The turn is to end."""


class Reply(Struct, frozen=True, kw_only=True):
    """A person answered a question."""

    question_id: str
    answer: Answer


class Stop(Struct, frozen=True, kw_only=True):
    """The process is to end; the conversation stays."""


class Restart(Struct, frozen=True, kw_only=True):
    """Begin again, or go on at once: somebody has mended what was wrong."""

    reason: str


class Change(Struct, frozen=True, kw_only=True):
    """Its template is another now."""

    template: Template


class Recycle(Struct, frozen=True, kw_only=True):
    """Go on in a new process at the next idle moment."""

    reason: str


class Claim(Struct, frozen=True, kw_only=True):
    """A spare becomes somebody's window."""

    owner: str


class Check(Struct, frozen=True, kw_only=True):
    """Somebody asks how it is."""


class Ordered(Struct, frozen=True, kw_only=True):
    """A command, and where its outcome is waited for."""

    order: "Order"
    outcome: "Outcome"


class Outcome:
    """What became of a command. Set once."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.error: FleetError | None = None
        self.health: Health | None = None


Order = Send | Interrupt | Reply | Stop | Restart | Recycle | Change | Claim | Check
OfProcess = Started | Ready | Said | Drained | Lost | Probed | Saved | Refused
Fact = OfProcess | Begun | Looked | Foreseen | Ordered
