"""What the server asks of a dialect: the server knows scripts and sockets, a dialect knows shapes."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from tianting.protocol.messages import AssistantMessage
from tianting.testing.playback import Conversation

T = TypeVar("T")

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Refusal(Exception):
    """The request is answered with an error. `name` is an error type in Anthropic's words."""

    def __init__(self, words: str, *, status: int = 400, name: str = "invalid_request_error") -> None:
        super().__init__(words)
        self.status = status
        self.name = name


class Asked(Struct, frozen=True, kw_only=True):
    """A request that passed the checks."""

    model: str
    stream: bool
    usage_wanted: bool = True
    """Whether the stream may tell its usage; Chat Completions wants to be asked."""
    free_form: frozenset[str] = frozenset()
    """Tools that take plain text in place of JSON; only Responses has them."""
    conversation: Conversation


class Dialect(Protocol):
    """One API. All methods are pure."""

    @property
    def path(self) -> str:
        """Where requests for answers go."""
        ...

    @property
    def count_path(self) -> str | None:
        """Where requests to count tokens go."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, *, counting: bool) -> Asked:
        """Check a request as strictly as the real API does. Raises `Refusal`."""
        ...

    def frames(self, asked: Asked, message: AssistantMessage, chunk: int) -> Iterator[bytes]:
        """The server-sent events of an answer, with deltas of `chunk` characters."""
        ...

    def whole(self, asked: Asked, message: AssistantMessage) -> bytes:
        """The answer to a request that wants no stream."""
        ...

    def counted(self, tokens: int) -> bytes:
        """The answer to a request to count."""
        ...

    def error(self, status: int, name: str, words: str) -> bytes:
        """The body of an answer with an error `status`."""
        ...

    def error_frame(self, name: str, words: str, *, place: int) -> bytes:
        """An error that comes when the stream has begun, after `place` other events."""
        ...


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises `Refusal`."""
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Refusal(f"The body is not a JSON object: {error}") from error
    return content


def frame(data: Struct | dict[str, Any], event: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    return head + b"data: " + msgspec.json.encode(data) + b"\n\n"


def conversation(items: Sequence[T], by_model: Callable[[T], bool], words: Callable[[T], str]) -> Conversation:
    """What a history tells the playback. Neighbouring items of the model are one answer."""
    answers = sum(is_model for is_model, _ in itertools.groupby(items, by_model))
    newest = list(itertools.takewhile(lambda item: not by_model(item), reversed(items)))
    opening = next((words(item) for item in items if not by_model(item)), "")
    return Conversation(answers=answers, opening=opening, said="\n".join(words(item) for item in reversed(newest)))


def check_keys(content: Mapping[str, Any], known: frozenset[str], required: tuple[str, ...]) -> None:
    """OpenAI's words for keys that must not or must be there. Raises `Refusal`."""
    for key in content:
        if key not in known:
            raise Refusal(f"Unknown parameter: '{key}'.", name="unknown_parameter")
    for key in required:
        if key not in content:
            raise Refusal(f"Missing required parameter: '{key}'.", name="missing_required_parameter")


def keys(names: str) -> frozenset[str]:
    """The names in a list with blanks between them."""
    return frozenset(names.split())


def first_repeated(words: Iterable[str]) -> str | None:
    """A word that came before."""
    seen: set[str] = set()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return None
