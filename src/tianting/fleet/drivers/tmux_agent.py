"""One program in a terminal: prompts go in as if somebody typed them, and what happens is read off the screen.

    prompt -> queue -> typed when it rests -> in the box? -> Enter, up to three times -> taken? -> events

Nothing is typed twice: where the screen does not show that a text was taken, that is told, and a person can look.
"""

import contextlib
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import anyio

from tianting.fleet.drivers.driver import Answer, DriverError, Prompt, Standing, Tell
from tianting.fleet.drivers.tmux_kinds import Choose, Press, ScreenKind
from tianting.fleet.drivers.tmux_turn import ScreenTurns
from tianting.fleet.drivers.tmux_view import Option, Question, View, view
from tianting.plumbing.printable import printable
from tianting.plumbing.tmux_control import ControlMode, TmuxError
from tianting.plumbing.tmux_pane import Pane, Screen, own_pane

log = logging.getLogger(__name__)

_DECLINED = "The user declined this call."
_PACE = 0.08
"""Seconds between two looks at a screen that changes."""
_AT_WORK, _AT_REST = 0.1, 1.0
"""Seconds without a look at one that does not."""
_TYPING = 2.0
"""Seconds until a text stands in the box."""
_STEADY = 0.3
"""Seconds that a mark must stay."""
_ENTERS = (1.0, 3.0, 6.0)
"""Seconds that each key gets until it shows."""

Now = Callable[[], float]
Look = tuple[Screen, View]


class TmuxAgent:
    """The `Agent` in the pane whose user option `option` says `mark`, on the server behind `control`."""

    def __init__(
        self, control: ControlMode, option: str, mark: str, kind: ScreenKind, standing: Standing, now: Now
    ) -> None:
        self._control = control
        self._option = option
        self._mark = mark
        self._kind = kind
        self._now = now
        self._pane: Pane | None = None
        self._turns = ScreenTurns(kind, standing, mark)
        self._prompts: deque[Prompt] = deque()
        self._keyboard = anyio.Lock()
        """Held while something is typed that belongs together."""

    async def get_ready(self, *, taken_over: bool) -> None:
        """Wait until a prompt can be typed, or a person is asked. Raises `DriverError`; the caller has the deadline."""
        error: DriverError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._control.run)
            try:
                await self._settle_in(taken_over=taken_over)
            except TmuxError as failure:
                error = DriverError(str(failure))
            except DriverError as failure:
                error = failure
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def run(self, tell: Tell) -> None:
        """See `Agent`. It returns when the program has ended, or its window or server is gone."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._control.run)
            try:
                await self._watch(tell)
            except TmuxError as error:
                log.info("%s is watched no more: %s", self._mark, error)
            tasks.cancel_scope.cancel()

    async def prompt(self, prompt: Prompt) -> None:
        """See `Agent`. It is typed as soon as the program rests; `PromptTaken` says that it was taken."""
        if self._control.is_over:
            raise DriverError("The tmux server has ended.")
        self._prompts.append(prompt)
        self._control.stirred.set()

    async def interrupt(self) -> None:
        """See `Agent`."""
        with _reaching():
            self._turns.interrupted()
            await self._opened().press(*self._kind.interrupt)

    async def answer(self, question_id: str, answer: Answer) -> None:
        """See `Agent`. Raises `DriverError` where no option says what was answered."""
        async with self._keyboard:
            question = self._turns.question
            if question is None or self._turns.question_id != question_id:
                return
            with _reaching():
                await self._answer(self._opened(), question, answer)

    async def probe(self) -> None:
        """See `Agent`. Only the terminal is asked: what a program does not say on its screen is not known."""
        with _reaching():
            await self._opened().look(0)

    async def leave(self) -> None:
        """See `Agent`."""
        async with self._keyboard:
            with _reaching():
                pane = self._opened()
                if not self._kind.leave:
                    await pane.press("C-d")
                    return
                before = (await self._look(pane))[1].box
                await pane.paste(self._kind.leave)
                await self._until(pane, lambda look: look[1].box != before, _TYPING)
                await pane.press("Enter")

    def _opened(self) -> Pane:
        if self._pane is None:
            raise DriverError("The window is not open yet.")
        return self._pane

    async def _settle_in(self, *, taken_over: bool) -> None:
        pane = self._pane = await own_pane(self._control, self._mark, self._option)
        look = await self._look(pane)
        since, shown = self._now(), look[0].lines
        while not taken_over and not self._is_ready(look[1], self._now() - since):
            if look[0].ended is not None:
                raise DriverError(_ended_early(look[0]))
            await self._pause(_AT_WORK)
            look = await self._look(pane)
            if look[0].lines != shown:
                since, shown = self._now(), look[0].lines
        self._turns.begin(look[1], look[0].width, whole=not taken_over)

    def _is_ready(self, look: View, quiet: float) -> bool:
        if look.question is not None:
            return True
        return look.box is not None if self._kind.box else quiet >= self._kind.quiet

    async def _watch(self, tell: Tell) -> None:
        pane = self._pane or await own_pane(self._control, self._mark, self._option)
        while True:
            screen, look = await self._look(pane)
            for event in self._turns.see(look, screen.width, self._now(), ended=screen.ended is not None):
                await tell(event)
            if screen.ended is not None:
                return
            if self._prompts and self._can_type(look):
                async with self._keyboard:
                    await self._submit(pane, self._prompts.popleft(), tell)
            else:
                await self._pause(_AT_WORK if self._prompts or not self._turns.is_idle else _AT_REST)

    def _can_type(self, look: View) -> bool:
        """A person who types at the screen is not interrupted."""
        rests = self._turns.is_idle and not look.working and look.question is None
        return rests and (look.empty or not self._kind.box)

    async def _submit(self, pane: Pane, prompt: Prompt, tell: Tell) -> None:
        text = _typeable(prompt.text)
        before = await self._look(pane)
        self._turns.typing(text)
        await pane.paste(text)
        typed = await self._until(pane, lambda look: _differs(before, look), _TYPING)
        if typed is not None:
            for patience in _ENTERS:
                await pane.press("Enter")
                if await self._until(pane, partial(self._is_taken, typed), patience) is not None:
                    for event in self._turns.submitted(prompt, self._now()):
                        await tell(event)
                    return
        for event in self._turns.not_submitted(self._now()):
            await tell(event)

    def _is_taken(self, typed: Look, now: Look) -> bool:
        look = now[1]
        if look.working or look.question is not None or now[0].ended is not None:
            return True
        if not self._kind.box:
            return now[0] != typed[0]
        return look.empty or (look.box is None and not self._kind.box_below)

    async def _answer(self, pane: Pane, question: Question, answer: Answer) -> None:
        way = question.dialog.allow if answer.allow else question.dialog.deny
        match way:
            case Press(keys=keys, then_text=then_text):
                await self._insist(pane, question, keys)
                if then_text:
                    await pane.paste(_typeable(answer.text or _DECLINED))
                    await pane.press("Enter")
            case Choose(label=label):
                wanted = chosen(question.options, label, answer.text)
                if wanted is None:
                    known = ", ".join(option.label for option in question.options)
                    raise DriverError(f"No option says {answer.text or label!r}: {known}.")
                await self._move(pane, wanted)
                await self._insist(pane, question, ("Enter",))

    async def _move(self, pane: Pane, wanted: int) -> None:
        """Move the mark until it stays where it is wanted. A program that is still starting takes keys late: what was
        pressed twice may arrive twice."""
        for patience in _ENTERS:
            look = await self._until(pane, lambda look: _selected(look[1]) is not None, patience)
            at = None if look is None else _selected(look[1])
            if at is not None and at != wanted:
                await pane.press(*["Down" if wanted > at else "Up"] * abs(wanted - at))
            if await self._until(pane, lambda look: _selected(look[1]) == wanted, patience) is not None:
                await anyio.sleep(_STEADY)
                if _selected((await self._look(pane))[1]) == wanted:
                    return
        raise DriverError("The mark did not move to the option that was chosen.")

    async def _insist(self, pane: Pane, question: Question, keys: tuple[str, ...]) -> None:
        """Press `keys` until the question is gone; never once it is."""
        for patience in _ENTERS:
            await pane.press(*keys)
            if await self._until(pane, lambda look: not _same(look[1], question), patience) is not None:
                return
        raise DriverError("The program did not take the answer.")

    async def _until(self, pane: Pane, right: Callable[[Look], bool], patience: float) -> Look | None:
        with anyio.move_on_after(patience):
            while True:
                look = await self._look(pane)
                if right(look):
                    return look
                with anyio.move_on_after(_AT_WORK):
                    await self._control.stirred.wait()
        return None

    async def _look(self, pane: Pane) -> Look:
        self._control.calm()
        screen = await pane.look()
        return screen, view(screen, self._kind)

    async def _pause(self, longest: float) -> None:
        await anyio.sleep(_PACE)
        with anyio.move_on_after(longest):
            await self._control.stirred.wait()


def chosen(options: Sequence[Option], label: str, said: str) -> int | None:
    """The place of the option that is meant: by its label, or as a person named it."""
    for place, option in enumerate(options):
        if re.match(label, option.label) if label else said.strip() in {option.number, option.label}:
            return place
    return None


def _selected(look: View) -> int | None:
    options = look.question.options if look.question else ()
    return next((place for place, option in enumerate(options) if option.selected), None)


def _same(look: View, question: Question) -> bool:
    return look.question is not None and look.question.text == question.text


def _differs(before: Look, now: Look) -> bool:
    return now[1].box != before[1].box or (now[1].box is None and now[0] != before[0])


def _typeable(text: str) -> str:
    """Without what a terminal would take for keys: an escape could end the paste, and a return would submit half."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        character for character in lines if character in "\n\t" or (character >= " " and character != "\x7f")
    )


def _ended_early(screen: Screen) -> str:
    said = [line.strip() for line in screen.lines if line and not line.startswith("Pane is dead")]
    return f"The program ended with {screen.ended} before it was ready: {printable(said[-1]) if said else 'no word'}."


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except TmuxError as error:
        raise DriverError(str(error)) from None
