"""What happens on a screen, told as events: without it a terminal would be a picture, and not a window.

    look -> lines that are new -> a question came or went -> a turn began, went on, or is over

Pure but for its memory: the caller has the clock and the keyboard.
"""

import re

from tianting.fleet.drivers.driver import (
    AgentEvent,
    Fault,
    LineRead,
    ModelWaited,
    PersonAsked,
    Progressed,
    Prompt,
    PromptTaken,
    QuestionClosed,
    Standing,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.tmux_echo import TypedText
from tianting.fleet.drivers.tmux_kinds import ScreenKind
from tianting.fleet.drivers.tmux_view import Question, View
from tianting.plumbing.tmux_reader import ScreenReader

_SLOW_START = 3.0
"""Seconds in which a program may show nothing of a prompt that it has taken."""
_SETTLED = 1.0
"""Seconds after which the last line is taken for whole: words come in pieces."""
_FINISHED = 0.1
"""Seconds without a change that do for one that says so itself."""
_MOST_LINES = 2000
"""Of an answer; the earlier ones are dropped."""
_BULLET = re.compile(r"^[●⏺•]\s|^\s\s")


class ScreenTurns:
    """The events of one pane."""

    def __init__(self, kind: ScreenKind, standing: Standing, question_prefix: str) -> None:
        self.in_turn = standing.in_turn
        self.question: Question | None = None
        self.question_id = ""
        self._kind = kind
        self._prefix = question_prefix
        self._asked = 0
        self._inherited = list(standing.open_questions)
        self._reader = ScreenReader()
        self._typed = TypedText()
        self._look: View | None = None
        self._changed_at = 0.0
        self._last_line_at = 0.0
        self._answer: list[str] = []
        self._stirred = standing.in_turn
        self._interrupted = False

    @property
    def is_idle(self) -> bool:
        """Nothing runs and nobody is asked."""
        return not self.in_turn and self.question is None

    def begin(self, view: View, width: int, *, whole: bool) -> None:
        """What stands there before the first `see`. `whole`: none of it is news; otherwise only what stands below what
        was typed last."""
        typed = [place for place, line in enumerate(view.said) if line[:1] in {"❯", "›"}]
        cut = len(view.said) if whole or not typed else typed[-1]
        self._reader.read(view.said[:cut], width)

    def submitted(self, prompt: Prompt, now: float) -> list[AgentEvent]:
        """The screen has shown that `prompt` was taken."""
        began = self._begin(now)
        return [*began, PromptTaken(uuid=prompt.uuid), ModelWaited()]

    def typing(self, text: str) -> None:
        """`text` is going in."""
        self._typed.typed(text)

    def not_submitted(self, now: float) -> list[AgentEvent]:
        """The text went in and nothing shows that it was taken: a turn that failed."""
        began = self._begin(now)
        self.in_turn = False
        fault = Fault(message="The prompt was typed, but the screen does not show that it was taken.", code="not_taken")
        return [*began, TurnDone(fault=fault)]

    def interrupted(self) -> None:
        """Somebody asked the turn to end."""
        self._interrupted = self.in_turn

    def see(self, view: View, width: int, now: float, *, ended: bool = False) -> list[AgentEvent]:
        """What `view` tells that the one before did not. `ended`: it is the last."""
        if view != self._look:
            if self._look is None or view.said[-1:] != self._look.said[-1:]:
                self._last_line_at = now
            self._look, self._changed_at = view, now
        events = [
            *self._begin_by_itself(view, now),
            *self._questions(view),
            *self._lines(view, width, now, ended=ended),
        ]
        return [*events, *self._end(view, now)]

    def _begin_by_itself(self, view: View, now: float) -> list[AgentEvent]:
        """A person at the screen may have typed."""
        if not view.working:
            return []
        self._stirred = True
        return [] if self.in_turn else self._begin(now)

    def _begin(self, now: float) -> list[AgentEvent]:
        if self.in_turn:
            return []
        self.in_turn, self._stirred, self._interrupted = True, False, False
        self._answer.clear()
        self._changed_at = now
        return [TurnBegan()]

    def _questions(self, view: View) -> list[AgentEvent]:
        if (view.question and view.question.text) == (self.question and self.question.text):
            return []
        return [*self._close(), *self._ask(view.question)]

    def _close(self) -> list[AgentEvent]:
        closed = [self.question_id] if self.question is not None else []
        self.question = None
        return [QuestionClosed(question_id=question_id) for question_id in closed]

    def _ask(self, question: Question | None) -> list[AgentEvent]:
        if question is None:
            return []
        self.question = question
        self._stirred = True
        if self._inherited:
            self.question_id = self._inherited.pop(0)
            return []
        self._asked += 1
        self.question_id = f"{self._prefix}-{self._asked}"
        asked = PersonAsked(
            question_id=self.question_id,
            kind=question.dialog.kind,
            tool=question.tool,
            text=question.text,
            input={"options": [option.label for option in question.options]},
        )
        return [asked]

    def _lines(self, view: View, width: int, now: float, *, ended: bool) -> list[AgentEvent]:
        quiet = now - self._last_line_at
        whole = ended or quiet >= _SETTLED or view.question is not None or self._is_over(view, quiet)
        events: list[AgentEvent] = []
        for line in self._reader.read(view.said if whole else view.said[:-1], width):
            events.append(LineRead(line=line.encode()))
            if self._typed.is_typed(line):
                self._answer.clear()  # what stands above it belongs to something else
            elif self.in_turn:
                self._stirred = True
                self._answer = [*self._answer, _BULLET.sub("", line)][-_MOST_LINES:]
                events.append(Progressed(text=f"{self._answer[-1]}\n"))
        return events

    def _end(self, view: View, now: float) -> list[AgentEvent]:
        closed = self._moot() if view.question is None else []
        if not self.in_turn or not self._rests(view, now):
            return closed
        self.in_turn = False
        text = "\n".join(self._answer).strip()
        return [*closed, TurnDone(text=text, interrupted=self._interrupted)]

    def _moot(self) -> list[AgentEvent]:
        """Questions of an earlier fleet's that do not stand there any more."""
        moot, self._inherited = self._inherited, []
        return [QuestionClosed(question_id=question_id) for question_id in moot]

    def _rests(self, view: View, now: float) -> bool:
        """It waits for a prompt, and has been quiet for long enough."""
        quiet = now - self._changed_at
        begun = self._stirred or self._interrupted or quiet >= _SLOW_START
        return begun and self._is_over(view, quiet)

    def _is_over(self, view: View, quiet: float) -> bool:
        """It shows where to type and no sign of work, or even that it has finished."""
        if view.working or view.question is not None or (self._kind.box and view.box is None):
            return False
        return quiet >= (_FINISHED if view.finished else self._kind.quiet)
