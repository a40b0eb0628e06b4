"""A process of Codex and its threads: one `codex app-server` takes 100 MB and any number of conversations, so a process
for each would be waste.

    initialize -> join (start, resume or fork a thread) -> run: read, and send each message to its thread
"""

import msgspec

from tianting.fleet.drivers.codex_messages import Thread, ThreadNotice, address_of, started_thread
from tianting.fleet.drivers.codex_thread import CodexThread
from tianting.fleet.drivers.driver import Brief, Garbled, LineRead, Pipe, Tell
from tianting.fleet.drivers.json_rpc import METHOD_NOT_FOUND, Answered, Asked, Incoming, JsonRpc, Nonsense, Told
from tianting.protocol.ids import NewId

_SAMPLE = 200

_ACCESS: dict[str, tuple[str, str]] = {
    "plan": ("on-request", "read-only"),
    "default": ("on-request", "workspace-write"),
    "acceptEdits": ("on-request", "workspace-write"),
    "dontAsk": ("never", "workspace-write"),
    "bypassPermissions": ("never", "danger-full-access"),
}
"""What our permission modes are called there: when it asks, and what it may touch without asking."""


class CodexHost:
    """Implements `Host`. Threads are found by the id in each message; those that a thread started belong to it."""

    def __init__(self, pipe: Pipe, new_id: NewId, *, taken_over: bool) -> None:
        self._rpc = JsonRpc(pipe, marked=False, alone=not taken_over, new_id=new_id)
        self._threads: dict[str, CodexThread] = {}
        self._parents: dict[str, str] = {}
        self._tell: Tell | None = None

    async def initialize(self, version: str) -> None:
        """Shake hands. Raises `DriverError`."""
        client = {"name": "tianting", "title": "Tianting", "version": version}
        await self._rpc.request("initialize", {"clientInfo": client, "capabilities": {"experimentalApi": True}})
        await self._rpc.notify("initialized")

    async def join(self, brief: Brief, *, taken_over: bool) -> CodexThread:
        """Begin, go on with or copy a thread. Raises `DriverError`."""
        thread_id = brief.conversation_id if taken_over else await self._open(brief)
        thread = CodexThread(self._rpc, thread_id, brief.standing, said_before=taken_over)
        self._threads[thread_id] = thread
        return thread

    async def run(self, tell: Tell) -> None:
        """Read to the end of the pipe. Told here is what belongs to no thread; the threads tell the rest themselves."""
        self._tell = tell
        try:
            await self._rpc.run(self._hear)
        finally:
            for thread in self._threads.values():
                thread.finish()

    async def probe(self) -> None:
        """Return once the process has answered."""
        await self._rpc.request("thread/loaded/list", {})

    async def leave(self) -> None:
        """Let the process end; its threads end with it."""
        await self._rpc.finish()

    async def _open(self, brief: Brief) -> str:
        method, named = _way_in(brief)
        result = await self._rpc.request(method, {**named, **_shape(brief)})
        return msgspec.json.decode(result, type=ThreadNotice).thread.id

    async def _hear(self, message: Incoming) -> None:
        match message:
            case Answered(topic=topic):
                await self._hear_answer(message, self._threads.get(topic))
            case Nonsense(line=line):
                await self._say_garbled(line)
            case Told() | Asked():
                await self._pass_on(message)

    async def _pass_on(self, message: Told | Asked) -> None:
        thread_id = address_of(message)
        if isinstance(message, Told) and (started := started_thread(message)) is not None:
            thread_id = self._note(started)
        owner = self._threads.get(thread_id) or self._threads.get(self._owner(thread_id))
        if owner is not None:
            await owner.hear(message, of_child=owner.thread_id != thread_id)
            return
        await self._say_line(message.line)
        if isinstance(message, Asked):
            await self._rpc.refuse(message.id, METHOD_NOT_FOUND, f"{message.method} is not supported here")
        elif message.method == "account/rateLimits/updated":
            for thread in tuple(self._threads.values()):
                await thread.hear_limits(message)

    def _note(self, thread: Thread) -> str:
        """Remember whose child a new thread is."""
        if thread.parent_thread_id is not None:
            self._parents.setdefault(thread.id, thread.parent_thread_id)
        return thread.id

    def _owner(self, thread_id: str) -> str:
        """The thread of ours from which `thread_id` stems."""
        seen = {thread_id}
        while (parent := self._parents.get(thread_id, "")) and parent not in seen and thread_id not in self._threads:
            seen.add(parent)
            thread_id = parent
        return thread_id

    async def _hear_answer(self, answered: Answered, thread: CodexThread | None) -> None:
        if thread is not None:
            await thread.hear_answer(answered)
        else:
            await self._say_line(answered.line)

    async def _say_line(self, line: bytes) -> None:
        assert self._tell is not None
        await self._tell(LineRead(line=line))

    async def _say_garbled(self, line: bytes) -> None:
        assert self._tell is not None
        await self._tell(Garbled(sample=line[:_SAMPLE].decode(errors="replace")))


class SoleThread:
    """Implements `Agent`: a process with one thread, so that both live and end together."""

    def __init__(self, host: CodexHost, thread: CodexThread) -> None:
        self._host = host
        self._thread = thread
        self.ask = thread.ask
        self.prompt = thread.prompt
        self.interrupt = thread.interrupt
        self.answer = thread.answer
        self.probe = thread.probe
        self.leave = host.leave

    async def run(self, tell: Tell) -> None:
        """Read to the end of the pipe."""
        await self._thread.listen(tell)
        await self._host.run(tell)


def _way_in(brief: Brief) -> tuple[str, dict[str, object]]:
    if brief.copy_of is not None:
        return "thread/fork", {"threadId": brief.copy_of, "excludeTurns": True}
    if brief.resume:
        return "thread/resume", {"threadId": brief.conversation_id, "excludeTurns": True}
    return "thread/start", {}


def _shape(brief: Brief) -> dict[str, object]:
    """What a thread is to be like. A resumed one has forgotten it, so it is always said."""
    mode = brief.permission_mode
    policy, sandbox = _ACCESS.get(mode or "", (mode, None))
    shape = {
        "cwd": brief.cwd,
        "model": brief.model,
        "developerInstructions": brief.system_prompt,
        "approvalPolicy": policy,
        "sandbox": sandbox,
    }
    return {name: value for name, value in shape.items() if value is not None}
