"""What the rules in force say of a call, as a session in this directory would judge it; nothing runs.

question -> the tool tells what the call would touch -> engine.judge -> Explained
"""

from typing import Any

from msgspec import Struct

from tianting.agent.dispatch import Prepared, ToolDispatcher
from tianting.permissions.engine import judge
from tianting.permissions.questions import Ground, Judgement, Outcome, Question
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.suggestions import suggestions
from tianting.permissions.tool_classes import EDITING, READING, present_name
from tianting.protocol.content import ToolUse
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, Effect
from tianting.tools.contract import ToolFailed
from tianting.tools.workspace import Workspace

_PATH_KEYS = ("file_path", "notebook_path", "path")


class Asked(Struct, frozen=True, kw_only=True):
    """One call to explain; a line of `explain -`."""

    tool: str
    input: dict[str, Any] = {}
    mode: PermissionMode | None = None


class ExplainedPart(Struct, frozen=True, kw_only=True):
    """One thing the call would do."""

    text: str
    decision: Outcome
    rule: str
    source: str
    reason: str


class Explained(Struct, frozen=True, kw_only=True):
    """What is printed."""

    tool: str
    decision: Outcome
    rule: str
    """Empty where a mode or a built-in check decides."""
    source: str
    reason: str
    fixed: bool
    """No rule and no mode lifts it."""
    mode: PermissionMode
    parts: tuple[ExplainedPart, ...]


class Explainer:
    """Explains calls under one set of rules."""

    def __init__(
        self,
        *,
        ruleset: Ruleset,
        ground: Ground,
        workspace: Workspace,
        dispatcher: ToolDispatcher,
        mode: PermissionMode,
    ) -> None:
        self._ruleset = ruleset
        self._ground = ground
        self._workspace = workspace
        self._dispatcher = dispatcher
        self._mode = mode

    def explain(self, asked: Asked) -> Explained:
        """What rules and mode say. Raises `ConfigError` for a call that does not tell what it would touch."""
        question = self._question(asked)
        return _explained(question, judge(question, self._ruleset, self._ground))

    def suggestions(self, asked: Asked) -> tuple[str, ...]:
        """Allow rules that would let it run."""
        return suggestions(self._question(asked), self._ruleset, self._ground)

    def _question(self, asked: Asked) -> Question:
        tool = present_name(asked.tool)
        return Question(
            tool_name=tool,
            accesses=self._accesses(tool, asked.input),
            arguments=asked.input,
            mode=asked.mode or self._mode,
            cwd=str(self._workspace.root),
        )

    def _accesses(self, tool: str, values: dict[str, Any]) -> tuple[Access, ...]:
        prepared = self._dispatcher.prepare(ToolUse(id="explain", name=tool, input=values))
        if isinstance(prepared, Prepared):
            return prepared.accesses
        # A rule can be asked about with less than the tool needs to work: the path without the words to write.
        if accesses := self._named(tool, values):
            return accesses
        if tool == "Bash" or tool in EDITING | READING:
            raise ConfigError(str(prepared.content))
        return ()

    def _named(self, tool: str, values: dict[str, Any]) -> tuple[Access, ...]:
        """What arguments of the usual names say, of a tool that is not here or was not given all it needs."""
        effect: Effect = "read" if tool in READING else "edit"
        try:
            paths = [str(self._workspace.resolve(str(values[key]))) for key in _PATH_KEYS if key in values]
        except ToolFailed as error:
            raise ConfigError(f"{tool}: {error}") from None
        if tool in EDITING | READING:
            return tuple(Access(effect=effect, target=path) for path in paths)
        if tool in {"WebFetch", "WebSearch"} and "url" in values:
            return (Access(effect="fetch", target=str(values["url"])),)
        return ()


def _explained(question: Question, judgement: Judgement) -> Explained:
    return Explained(
        tool=question.tool_name,
        decision=judgement.outcome,
        rule=judgement.rule,
        source=judgement.source,
        reason=judgement.reason,
        fixed=judgement.fixed,
        mode=question.mode,
        parts=tuple(
            ExplainedPart(text=part.text, decision=part.outcome, rule=part.rule, source=part.source, reason=part.reason)
            for part in judgement.parts
        ),
    )
