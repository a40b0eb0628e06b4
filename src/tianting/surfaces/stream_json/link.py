"""Questions to the client: without it no permission, hook or tool that lives in the client could be asked for.

ask → control_request → (the reader) answered → the payload, or ClientRefused
                     └→ cancelled → control_cancel_request
"""

import logging
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
from msgspec import Struct

from tianting.protocol.client_lines import Answered, Refused
from tianting.protocol.control_answers import cancel_line, question_line
from tianting.protocol.ids import NewId
from tianting.protocol.line_limit import MAX_LINE_BYTES
from tianting.surfaces.stream_json.outlet import Outlet

log = logging.getLogger(__name__)

FOR_A_PERSON = frozenset({"can_use_tool", "elicitation", "request_user_dialog"})
"""Questions that a person behind the client answers, so nobody knows how long it takes."""


class ClientSilent(Exception):
    """The client gave no answer in the time it had. Whoever asked says what that means."""


class ClientRefused(Exception):
    """The client answered with an error, or could not be asked at all; `str` is its one line."""


class ClientGone(Exception):
    """The client can answer no more: its input has ended."""


class ControlLink:
    """Asks the client, many questions at a time."""

    def __init__(self, outlet: Outlet, new_id: NewId) -> None:
        self._outlet = outlet
        self._new_id = new_id
        self._open: dict[str, _Question] = {}
        self._closed = False
        self._quiet = anyio.Event()
        self._when_person_is_asked: Callable[[bool], None] = _tell_nobody

    @property
    def open_questions(self) -> tuple[str, ...]:
        """The ids of all questions that wait for their answer."""
        return tuple(self._open)

    async def until_quiet(self) -> None:
        """Wait until no question waits for its answer."""
        while self._open:
            self._quiet = anyio.Event()
            await self._quiet.wait()

    def watch(self, when_person_is_asked: Callable[[bool], None]) -> None:
        """Call this with True right before the first question to a person goes out, with False after the last."""
        self._when_person_is_asked = when_person_is_asked

    async def ask(self, request: Struct | dict[str, Any], *, timeout: float | None = None) -> Any:
        """Send `request` and give back the payload of the answer; None where it has none.

        Waits for ever, or `timeout` seconds. Raises `ClientRefused`, `ClientSilent`, `ClientGone`, and
        `OutputClosed`. Given up or cancelled, it tells the client so.
        """
        if self._closed:
            raise ClientGone("The client has closed its side.")
        content: dict[str, Any] = msgspec.to_builtins(request)
        question = _Question(for_person=content.get("subtype") in FOR_A_PERSON)
        request_id = self._new_id()
        line = _within_limit(question_line(request_id, content))
        self._begin(request_id, question)
        try:
            with anyio.fail_after(timeout):
                await self._outlet.write(line)
                await question.settled.wait()
        except TimeoutError:
            raise ClientSilent(f"The client gave no answer within {timeout:g} seconds.") from None
        finally:
            self._end(request_id, question)
        return question.outcome()

    def answered(self, response: Answered | Refused) -> None:
        """Hand an answer to whoever waits for it. One that nobody waits for is dropped."""
        question = self._open.get(response.request_id)
        if question is None or question.settled.is_set():
            log.debug("the client answered %r, which nobody waits for", response.request_id)
            return
        question.settle(response)

    def close(self) -> None:
        """Let all questions fail, and those to come: nobody is left to answer."""
        self._closed = True
        for question in self._open.values():
            question.settle(None)

    def _begin(self, request_id: str, question: "_Question") -> None:
        if question.for_person and not self._person_is_asked():
            self._when_person_is_asked(True)
        self._open[request_id] = question

    def _end(self, request_id: str, question: "_Question") -> None:
        del self._open[request_id]
        if not question.settled.is_set():
            self._outlet.post(cancel_line(request_id))
        if question.for_person and not self._person_is_asked():
            self._when_person_is_asked(False)
        if not self._open:
            self._quiet.set()

    def _person_is_asked(self) -> bool:
        return any(question.for_person for question in self._open.values())


class _Question:
    """One question, and its answer once it has come."""

    def __init__(self, *, for_person: bool) -> None:
        self.for_person = for_person
        self.settled = anyio.Event()
        self._answer: Answered | Refused | None = None

    def settle(self, answer: Answered | Refused | None) -> None:
        """Take the answer; None when none can come any more."""
        self._answer = answer
        self.settled.set()

    def outcome(self) -> Any:
        """What `ControlLink.ask` gives back or raises."""
        match self._answer:
            case Answered(payload=payload):
                return payload
            case Refused(error=error):
                raise ClientRefused(error)
            case None:
                raise ClientGone("The client has closed its side.")


def _within_limit(line: bytes) -> bytes:
    """Raises `ClientRefused`: clients give up on longer lines, and a cut one would ask something else."""
    if len(line) > MAX_LINE_BYTES:
        raise ClientRefused(f"The question is too long to be asked: {len(line):,} bytes of {MAX_LINE_BYTES:,}.")
    return line


def _tell_nobody(_: bool) -> None:
    """Until somebody watches."""
