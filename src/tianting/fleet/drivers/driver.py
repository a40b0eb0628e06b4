"""What a driver is: without this port the fleet would have to know every agent's protocol.

    Driver.launch(brief)  -> Launch   what is to be started; the keeper does it
    Driver.attach(pipe)   -> Agent    the handshake; returns once the agent can take a prompt
    Agent.run()                       reads to the end of the pipe, and tells everything that happens

    SharingDriver.host(pipe) -> Host -> Host.join(brief) -> Agent      where one process holds many conversations

Drivers never start processes, never decide and never store: they translate. A driver says what it can do; the fleet
never asks for more.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from tianting.protocol.errors import FleetError
from tianting.protocol.usage import Usage


class Abilities(Struct, frozen=True, kw_only=True):
    """What an agent of this kind can be asked for."""

    resume: bool = False
    """A new process goes on with an old conversation."""
    fork: bool = False
    standby: bool = False
    """A second process may resume a conversation beside the first: until it is given a prompt it changes nothing."""
    interrupt: bool = False
    """A turn can be stopped without ending the process."""
    approvals: bool = False
    """It asks before it acts, and takes the answer over the pipe."""
    usage: bool = False
    """It says what a turn consumed."""
    probe: bool = False
    """It answers a question about nothing while a turn runs: proof that the process is not wedged."""
    steering: bool = False
    """It takes a prompt while a turn runs."""
    terminal: bool = False
    """It needs a terminal; what it says is read off a screen."""
    shared: bool = False
    """One process can hold many conversations: its driver is a `SharingDriver`."""


class Standing(Struct, frozen=True, kw_only=True):
    """What a process that is taken over was in the middle of, as far as its events were stored."""

    in_turn: bool = False
    open_questions: tuple[str, ...] = ()
    """Ids of the `PersonAsked` that have no `QuestionClosed`."""
    spent_usd: float = 0.0
    """Sum of the costs of this process's turns."""


class Brief(Struct, frozen=True, kw_only=True):
    """What a window is to be: all that a driver needs to start its agent, or to take it over."""

    window_id: str
    generation: int
    cwd: str
    conversation_id: str
    """Chosen by the fleet before the first byte, or the one to go on with. Drivers whose agents choose themselves
    report theirs by `ConversationKnown`."""
    resume: bool = False
    """Go on with `conversation_id`; otherwise begin it."""
    copy_of: str | None = None
    """Begin `conversation_id` as a copy of this one, which stays as it is. For drivers that can `fork`."""
    model: str | None = None
    permission_mode: str | None = None
    system_prompt: str | None = None
    """Added to the agent's own instructions."""
    environment: Mapping[str, str] = {}
    """All of it: a window inherits nothing."""
    program: str | None = None
    """Path of the agent's binary; None looks for its usual name."""
    arguments: tuple[str, ...] = ()
    """More arguments, as a person gave them."""
    standing: Standing = Standing()
    """Only for a process that is taken over."""


class Launch(Struct, frozen=True, kw_only=True):
    """What the keeper is to start."""

    argv: tuple[str, ...]
    """For a native window: what our own program would be given, without the program's name."""
    native: bool = False
    """Fork it from the warm image instead of executing a program."""
    terminal: bool = False
    """Not the keeper starts it, but a tmux server that outlives the fleet, in a pane whose user option
    `tmux.OPTION` is `tmux.mark(window, generation)`. The pipe is a connection to that server in control mode, opened
    anew by each fleet: the pane is kept, and the pipe need not be."""
    environment: Mapping[str, str]
    cwd: str


class Fault(Struct, frozen=True, kw_only=True):
    """Why a turn failed, in the agent's own words; `fleet.verdicts.failures` says what it means."""

    message: str
    status: int | None = None
    """HTTP status of the model API, where one came."""
    code: str = ""
    """The agent's own word: `overloaded`, `usageLimitExceeded`, `error_during_execution`."""


class ConversationKnown(Struct, frozen=True, kw_only=True, tag=True):
    """The conversation's name, by which it can be gone on with."""

    conversation_id: str


class TurnBegan(Struct, frozen=True, kw_only=True, tag=True):
    """The agent works on a prompt."""


class PromptTaken(Struct, frozen=True, kw_only=True, tag=True):
    """The prompt of this uuid has become a part of the conversation; until then it may have to be sent again.

    An agent may name what it tells itself, too: a uuid that nobody here has sent is no prompt of ours.
    """

    uuid: str


class ModelWaited(Struct, frozen=True, kw_only=True, tag=True):
    """A request went to the model; nothing came back yet."""


class Progressed(Struct, frozen=True, kw_only=True, tag=True):
    """Something came of it: a piece of an answer, a finished block."""

    text: str = ""
    """Words of the answer, for whoever follows along; empty where the agent does not show them."""


class ToolBegan(Struct, frozen=True, kw_only=True, tag=True):
    """A tool runs: silence may be work now."""

    call_id: str
    name: str


class ToolEnded(Struct, frozen=True, kw_only=True, tag=True):
    """A tool has its result."""

    call_id: str


class PersonAsked(Struct, frozen=True, kw_only=True, tag=True):
    """Somebody must answer before the turn goes on. Never judged as being stuck."""

    question_id: str
    kind: Literal["approval", "input"]
    tool: str = ""
    input: Any = None
    text: str = ""
    suggestions: tuple[Any, ...] = ()
    """What could be granted beside, in the agent's own shape."""


class QuestionClosed(Struct, frozen=True, kw_only=True, tag=True):
    """Answered, or moot."""

    question_id: str


class Limited(Struct, frozen=True, kw_only=True, tag=True):
    """The provider wants us to wait."""

    cause: Literal["rate_limit", "usage_limit", "overloaded"]
    until: float | None = None
    """Unix time; None where nobody said."""
    retrying: bool = False
    """The agent waits by itself; False: it gave up."""


class ContextFilled(Struct, frozen=True, kw_only=True, tag=True):
    """How full the context window is."""

    tokens: int
    window: int | None = None


class TurnDone(Struct, frozen=True, kw_only=True, tag=True):
    """Exactly one ends each turn, but for a turn that its process did not outlive: that one is not done."""

    text: str = ""
    fault: Fault | None = None
    interrupted: bool = False
    """Ended on request; then there is no fault."""
    usage: Usage = Usage()
    """Of this turn alone, as is the cost."""
    cost_usd: float = 0.0


class Garbled(Struct, frozen=True, kw_only=True, tag=True):
    """A line that is not the protocol."""

    sample: str
    """200 characters at most."""


class LineRead(Struct, frozen=True, kw_only=True, tag=True):
    """One message of the agent's, as it came: for logs, for attached clients, for the page."""

    line: bytes


AgentEvent = (
    ConversationKnown
    | TurnBegan
    | PromptTaken
    | ModelWaited
    | Progressed
    | ToolBegan
    | ToolEnded
    | PersonAsked
    | QuestionClosed
    | Limited
    | ContextFilled
    | TurnDone
    | Garbled
    | LineRead
)

Tell = Callable[[AgentEvent], Awaitable[None]]


class Answer(Struct, frozen=True, kw_only=True):
    """What a person said to a question."""

    allow: bool
    text: str = ""
    """The reason of a no, or the input that was asked for."""
    updated_input: Any = None
    suggestions: tuple[Any, ...] = ()
    """Those of the question's that the person took."""
    interrupt: bool = False
    """A no that ends the turn."""


class PromptOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a prompt is to be worked on. Agents that cannot be told so work as they always do."""

    effort: str | None = None
    """How hard the model thinks, in its own words: `low`, `high`."""
    reasoning: bool | None = None
    """Whether the agent tells its reasoning, too; how is its driver's matter. None leaves it as it is."""


class Prompt(Struct, frozen=True, kw_only=True):
    """What an agent is told to do."""

    text: str
    uuid: str
    options: PromptOptions | None = None


class Pipe(Protocol):
    """Both directions of what the keeper holds for a window."""

    async def receive(self) -> bytes:
        """The next bytes; empty at the end.

        Asking again says that everything told of the earlier bytes has been told: only then are they stored as read,
        and gone from the socket (`fleet.intake`). Bytes that were received and not told are lost with the fleet.
        """
        ...

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises `BrokenPipeError` where nobody reads any more."""
        ...

    async def finish(self) -> None:
        """Nothing more will be sent; what the agent still says can be read."""
        ...


class Agent(Protocol):
    """One conversation with a live process.

    No method may be awaited from inside `tell`: what it waits for may have to be read by the task that is telling.
    """

    async def run(self, tell: Tell) -> None:
        """Read to the end of the pipe, telling each event before the next is read. Runs once, and while it does the
        other methods work."""
        ...

    async def prompt(self, prompt: Prompt) -> None:
        """Hand over a prompt. Raises `DriverError` where the agent refuses."""
        ...

    async def interrupt(self) -> None:
        """Ask the running turn to end; its `TurnDone` follows."""
        ...

    async def answer(self, question_id: str, answer: Answer) -> None:
        """Answer `PersonAsked`. An answer to a question that is closed is dropped."""
        ...

    async def probe(self) -> None:
        """Return once the process has answered. The caller has the deadline."""
        ...

    async def leave(self) -> None:
        """Ask the agent to end in order. It may take its time; the caller has the deadline."""
        ...


class Driver(Protocol):
    """One kind of agent."""

    @property
    def kind(self) -> str:
        """`tianting`, `claude`, `codex`, `acp`, `tmux`, `echo`."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What its agents can do."""
        ...

    def launch(self, brief: Brief) -> Launch:
        """What to start. Raises `DriverError` naming what to install where the program is missing."""
        ...

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> Agent:
        """Shake hands. What the agent says meanwhile is told first by `run`.

        `taken_over`: the process was ready under an earlier fleet, and `brief.standing` says what it was doing. Then
        nothing is said and nothing is read here: its words wait to be told by `run`. Whether it is well is what
        `probe` is for.

        Raises `DriverError` when the agent ends or answers nonsense instead. The caller has the deadline.
        """
        ...


class Host(Protocol):
    """A live process with many conversations. It is kept like a window of its own, and its threads are windows, too."""

    async def join(self, brief: Brief, *, taken_over: bool) -> Agent:
        """Open the conversation of `brief`: before `run` or while it runs; in a process taken over, only while it runs.

        `taken_over`: the conversation was open under an earlier fleet. All of these must be joined, and be running,
        before `run` begins: nothing is said and nothing is read until then. Raises `DriverError`; the caller has the
        deadline.

        The agent's `run` returns when the process ends, or when the agent has left it.
        """
        ...

    async def run(self, tell: Tell) -> None:
        """Read to the end of the pipe, and send each message to its agent, which tells it. `tell` hears what belongs
        to none. A `tell` of an agent that raises ends this, for what was not told must not be read as told."""
        ...

    async def probe(self) -> None:
        """Return once the process has answered. The caller has the deadline."""
        ...

    async def leave(self) -> None:
        """Ask the process to end in order, and all its agents with it."""
        ...


@runtime_checkable
class SharingDriver(Driver, Protocol):
    """A driver whose agents can live in one process; `attach` gives each a process of its own all the same."""

    def shares(self, brief: Brief) -> str:
        """A key: windows with equal ones may live in one process. It tells nothing of what it is made of."""
        ...

    async def host(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> Host:
        """Shake hands with a process that `launch` described. Raises `DriverError`; the caller has the deadline."""
        ...


class DriverError(FleetError):
    """An agent could not be started or did not keep to its protocol; the fleet classifies it.

    `str(error)` is one line that a person can act on.
    """

    def __init__(self, message: str, *, fault: Fault | None = None) -> None:
        super().__init__(message)
        self.fault = fault
