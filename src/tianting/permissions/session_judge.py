"""The judge of one session: its rules as they are at this moment, its mode, and where its shell stands.

call -> Question -> engine.judge -> Allow, Ask or Deny in the words of the loop
"""

from collections.abc import Callable, Iterable

from msgspec import structs

from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.permissions.engine import judge
from tianting.permissions.gate import clipped
from tianting.permissions.questions import Ground, Judgement, Question
from tianting.permissions.rule_text import RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.suggestions import suggestions
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, ToolCall


class SessionJudge:
    """Judges calls, and takes the rules that a person grants meanwhile."""

    def __init__(self, *, mode: PermissionMode, ruleset: Ruleset, ground: Ground, cwd: Callable[[], str]) -> None:
        self._asks = True
        self.set_mode(mode)
        self._ruleset = ruleset
        self._ground = ground
        self._cwd = cwd

    @property
    def ruleset(self) -> Ruleset:
        """The rules as they are now."""
        return self._ruleset

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        """What rules and mode say of `call`."""
        judgement = judge(self._question(call, accesses), self._ruleset, self._ground)
        match judgement.outcome:
            case "allow":
                return Allow(reason=judgement.reason)
            case "ask":
                return Ask(reason=judgement.reason, binding=_is_binding(judgement))
            case "deny":
                return Deny(reason=_refusal(call, judgement))

    def may_read(self, path: str) -> bool:
        """Whether no rule forbids reading `path`, or wants a person asked about it: for what a search comes upon."""
        access = Access(effect="read", target=path)
        call = ToolCall(call_id="", tool_name="Read", arguments={"file_path": path})
        judgement = judge(self._question(call, (access,)), self._ruleset, self._ground)
        return judgement.outcome != "deny" and not _is_binding(judgement)

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        """Allow rules that are enough for `call`; none where no rule could be."""
        return suggestions(self._question(call, accesses), self._ruleset, self._ground)

    def would_allow(
        self, call: ToolCall, accesses: tuple[Access, ...], *, mode: PermissionMode, additional: tuple[str, ...]
    ) -> bool:
        """Whether `call` would run unasked in `mode`, with `additional` directories and all else as it is."""
        question = structs.replace(self._question(call, accesses), mode=mode)
        ground = structs.replace(self._ground, additional=(*self._ground.additional, *additional))
        return judge(question, self._ruleset, ground).outcome == "allow"

    def grant(self, rules: tuple[str, ...], source: str) -> None:
        """Let `rules` allow from now on. `source` says, for people, where they come from."""
        lines = [RuleLine(text=rule, behaviour="allow", source=source) for rule in rules]
        self._ruleset = self._ruleset.with_lines(*lines)

    def exchange(self, gone: Callable[[RuleLine], bool], new: Iterable[RuleLine] = ()) -> None:
        """Forget the rules that are `gone`, and let `new` ones hold.

        Raises `ConfigError` for one that is not understood, and then nothing changes.
        """
        kept = [line for line in self._ruleset.lines if not gone(line)]
        self._ruleset = Ruleset.compile([*kept, *new], self._ruleset.places)

    @property
    def asks(self) -> bool:
        """Whether the mode of this moment lets anybody be asked."""
        return self._asks

    def set_mode(self, mode: PermissionMode) -> None:
        """Judge by `mode` from now on."""
        # Where nobody is asked, the gate refuses what would be, and says which rule would help.
        self._asks = mode != "dontAsk"
        self._mode: PermissionMode = mode if self._asks else "default"

    def set_directories(self, additional: tuple[str, ...]) -> None:
        """Count these, absolute and real, as inside besides the project, and no others."""
        self._ground = structs.replace(self._ground, additional=additional)

    def _question(self, call: ToolCall, accesses: tuple[Access, ...]) -> Question:
        return Question(
            tool_name=call.tool_name,
            accesses=accesses,
            arguments=call.arguments,
            mode=self._mode,
            cwd=self._cwd(),
        )


def _is_binding(judgement: Judgement) -> bool:
    return any(part.outcome == "ask" and (part.fixed or part.rule) for part in judgement.parts)


def _refusal(call: ToolCall, judgement: Judgement) -> str:
    """For the model: what holds it back, and that asking again is no way."""
    if not judgement.rule:
        return judgement.reason
    return f"{call.tool_name} was not run: {clipped(judgement.reason)}. Choose another way; do not repeat it."
