"""Writes a conversation down while it happens, so that it outlives its process.

    event -> lines -> one append -> the disk, for certain, when the turn ends

A line is in the file before the next event is worked on. What the disk refuses is kept and written first with the
next event, so that file and memory say the same again as soon as there is room.
"""

import contextlib
from pathlib import Path
from typing import Literal

from msgspec import structs

from tianting.plumbing.clock import Clock, iso_utc
from tianting.plumbing.json_lines import FileInUse, JsonLineWriter
from tianting.protocol.content import AssistantBlock, Text, ToolUse, UserBlock, block_json, text_of
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import SessionError
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    NoteAdded,
    PermissionModeChanged,
    PromptDelivered,
    SessionStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
)
from tianting.protocol.ids import NewId
from tianting.protocol.line_names import LineNames
from tianting.protocol.messages import AssistantMessage, UserMessage
from tianting.protocol.tool_calls import CallResult
from tianting.session.conversation import Conversation
from tianting.session.entries import (
    AiTitle,
    AssistantBody,
    CustomTitle,
    Entry,
    LastPrompt,
    Record,
    Stamp,
    Tag,
    UserBody,
    encode,
)
from tianting.session.remarks import remarks_since
from tianting.session.titles import prompt_line, title_from

_STORED = frozenset(
    {
        SessionStarted,
        PermissionModeChanged,
        TurnStarted,
        PromptDelivered,
        NoteAdded,
        MessageFinished,
        AnswerAborted,
        ToolFinished,
        TurnFinished,
    }
)
_TITLE_REACH = 60 * 1024
"""Bytes. Lists look for titles in a file's last 64 KiB; a title must stand there with room to spare."""


class SessionLog:
    """Appends one session to its transcript. One per session; listens to every event."""

    def __init__(
        self, path: Path, stamp: Stamp, clock: Clock, new_id: NewId, resumed: Conversation | None = None
    ) -> None:
        self._path = path
        # A name that is no UTF-8 would make every line unwritable.
        self._stamp = structs.replace(stamp, cwd=stamp.cwd.encode(errors="replace").decode())
        self._clock = clock
        self._new_id = new_id
        self.names = LineNames(new_id)
        """For whoever tells a client of the same lines."""
        self._file = JsonLineWriter(path)
        self._unsaved: list[bytes] = []
        self._leaf = resumed.leaf if resumed else None
        self._title = resumed.title if resumed else ""
        self._titled_by_person = resumed.titled_by_person if resumed else False
        self._tag = resumed.tag if resumed else ""
        self._last_prompt = ""
        self._since_title = _TITLE_REACH
        self._looked_to = path.stat().st_size if resumed and path.exists() else 0
        """Bytes of the file in which others' titles and tags are known."""
        self._mode: str | None = None
        self._call_lines: dict[str, str] = {}
        self._prompts: set[str] = set()

    def record(self, event: Event) -> None:
        """Write down what of `event` must last. Raises `SessionError` when the disk refuses or another has the file."""
        if type(event) in _STORED:
            self._store(event)

    def rename(self, title: str) -> None:
        """Give the session a person's title. Raises `SessionError`."""
        self._title, self._titled_by_person = title, True
        self._append(self._title_line())

    def close(self) -> None:
        """Let another process have the session."""
        self._file.close()

    def _store(self, event: Event) -> None:
        match event:
            case SessionStarted(permission_mode=mode) | PermissionModeChanged(mode=mode):
                self._mode = mode
            case TurnStarted(uuid=uuid, prompt=prompt) | PromptDelivered(uuid=uuid, message=prompt):
                self._store_prompt(uuid, prompt)
            case NoteAdded(message=message):
                self._append(self._user_line(self._new_id(), message))
            case MessageFinished(message=message) | AnswerAborted(message=message):
                self._append(*self._answer_lines(message))
            case ToolFinished(result=result):
                self._append(self._result_line(result))
            case TurnFinished():
                self._finish_turn()

    def _store_prompt(self, uuid: str, prompt: UserMessage) -> None:
        if uuid in self._prompts:  # a client sent one twice: a chain with two of a name loses what stands between them
            uuid = self._new_id()
        self._prompts.add(uuid)
        words = text_of(prompt.content)
        self._title = self._title or title_from(words)
        self._last_prompt = prompt_line(words)
        line = structs.replace(self._user_line(uuid, prompt), permission_mode=self._mode)
        self._append(line, self._last_prompt_line())

    def _user_line(self, uuid: str, message: UserMessage) -> Entry:
        line = self._entry("user", uuid, UserBody(content=_user_content(message.content)))
        return structs.replace(line, is_meta=True) if message.meta else line

    def _answer_lines(self, message: AssistantMessage) -> list[Entry]:
        """One line per block. Only the last tells why the answer stopped, so that a cut one can be told."""
        self._call_lines.clear()
        last, uuids = len(message.content) - 1, self.names.answer(len(message.content))
        return [
            self._answer_line(message, block, uuids[index], whole=index == last)
            for index, block in enumerate(message.content)
        ]

    def _answer_line(self, message: AssistantMessage, block: AssistantBlock, uuid: str, *, whole: bool) -> Entry:
        if isinstance(block, ToolUse):
            self._call_lines[block.id] = uuid
        body = AssistantBody(
            id=message.id,
            model=message.model,
            content=(block_json(block),),
            stop_reason=message.stop_reason if whole else None,
            usage=message.usage,
        )
        return structs.replace(self._entry("assistant", uuid, body), origin=message.origin, aborted=message.aborted)

    def _result_line(self, result: CallResult) -> Entry:
        return structs.replace(
            self._entry("user", self.names.result(result.call_id), UserBody(content=(result.block(),))),
            source_tool_assistant_uuid=self._call_lines.get(result.call_id),
            tool_use_result=result.data,
        )

    def _entry(self, kind: Literal["user", "assistant"], uuid: str, body: UserBody | AssistantBody) -> Entry:
        """Make the next link of the chain."""
        parent, self._leaf = self._leaf, uuid
        return Entry(
            type=kind,
            parent_uuid=parent,
            is_sidechain=False,
            user_type="external",
            cwd=self._stamp.cwd,
            session_id=self._stamp.session_id,
            version=self._stamp.version,
            git_branch=self._stamp.git_branch,
            uuid=uuid,
            timestamp=iso_utc(self._clock.now()),
            message=body,
        )

    def _finish_turn(self) -> None:
        if self._title and self._since_title >= _TITLE_REACH:
            self._repeat_remarks()
        try:
            self._file.sync()
        except OSError as error:
            raise self._refused(error) from error

    def _repeat_remarks(self) -> None:
        """Say title and tag again, near the end. Other programs may have said them meanwhile: theirs count."""
        with contextlib.suppress(OSError):
            start, self._looked_to = self._looked_to, self._path.stat().st_size
            latest = remarks_since(self._path, start)
            self._title = latest.custom_title or self._title
            self._titled_by_person |= bool(latest.custom_title)
            self._tag = self._tag if latest.tag is None else latest.tag
        tag = [Tag(tag=self._tag, session_id=self._stamp.session_id)] if self._tag else []
        self._append(self._title_line(), self._last_prompt_line(), *tag)
        self._since_title = 0

    def _title_line(self) -> CustomTitle | AiTitle:
        if self._titled_by_person:
            return CustomTitle(custom_title=self._title, session_id=self._stamp.session_id)
        return AiTitle(ai_title=self._title, session_id=self._stamp.session_id)

    def _last_prompt_line(self) -> LastPrompt:
        return LastPrompt(last_prompt=self._last_prompt, leaf_uuid=self._leaf, session_id=self._stamp.session_id)

    def _append(self, *records: Record) -> None:
        self._unsaved += [encode(record) for record in records]
        try:
            self._since_title += self._file.append(self._unsaved)
        except FileInUse as error:
            raise self._in_use(error) from error
        except OSError as error:
            raise self._refused(error) from error
        self._unsaved.clear()

    def _in_use(self, error: FileInUse) -> SessionError:
        where = f"process {error.process}" if error.process else "another process"
        session = self._stamp.session_id
        return SessionError(
            f"Session {session} is open in {where}. End that one, or add --fork-session to go on in a copy."
        )

    def _refused(self, error: OSError) -> SessionError:
        return SessionError(
            f"Cannot save the session to {self._path}: {error.strerror}. Make room or access there, then go on."
        )


def _user_content(blocks: tuple[UserBlock, ...]) -> str | tuple[UserBlock, ...]:
    """Words alone become a string, the form every reader of transcripts knows."""
    match blocks:
        case (Text(text=words, opaque=""),):
            return words
    return blocks
