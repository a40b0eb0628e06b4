"""Counts a turn: answers, tokens, money, time, refusals. The loop feeds it; the report comes out."""

from msgspec import structs

from tianting.plumbing.clock import Clock
from tianting.protocol.events import ModelUse, ToolFinished, TurnEnd, TurnReport
from tianting.protocol.messages import AssistantMessage
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.tool_calls import ToolCall
from tianting.protocol.usage import Usage


class Tally:
    """One per turn."""

    def __init__(self, catalogue: ModelCatalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._begun = clock.monotonic()
        self._asked = self._begun
        self._waited = 0.0
        self._models: dict[str, ModelUse] = {}
        self._denials: list[ToolCall] = []
        self._last: AssistantMessage | None = None
        self.answers = 0
        """Answers of the model so far; `--max-turns` counts these."""
        self._result_messages = 0

    def request_sent(self) -> None:
        """The provider's time begins."""
        self._asked = self._clock.monotonic()

    def request_over(self) -> None:
        """The provider's time ends, whatever came."""
        self._waited += self._clock.monotonic() - self._asked

    def answered(self, answer: AssistantMessage) -> None:
        """Count one whole answer."""
        info = self._catalogue.lookup(answer.model)
        former = self._models.get(answer.model)
        usage = answer.usage if former is None else former.usage.plus(answer.usage)
        self._models[answer.model] = ModelUse(
            usage=usage,
            cost_usd=info.cost_usd(usage),
            context_window=info.context_window,
            max_output_tokens=info.max_output,
        )
        self.answers += 1
        self._last = answer

    def tool_finished(self, finished: ToolFinished) -> None:
        """Count one result."""
        self._result_messages += 1
        if finished.result.outcome == "denied":
            self._denials.append(finished.call)

    @property
    def cost_usd(self) -> float:
        """US dollars so far."""
        return sum(use.cost_usd for use in self._models.values())

    def report(self, end: TurnEnd, text: str) -> TurnReport:
        """The turn in figures, as it stands now."""
        usage = Usage()
        for use in self._models.values():
            usage = usage.plus(use.usage)
        return TurnReport(
            end=end,
            text=text,
            num_turns=1 + self._result_messages,
            duration=self._clock.monotonic() - self._begun,
            api_duration=self._waited,
            usage=usage,
            cost_usd=self.cost_usd,
            models=dict(self._models),
            denials=tuple(self._denials),
            stop_reason=self._last.stop_reason if self._last else None,
        )

    def failure(self, text: str, status: int | None) -> TurnReport:
        """The report of a turn that the provider ended."""
        return structs.replace(self.report("model_error", text), error_status=status)
