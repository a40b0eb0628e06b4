"""What a process has consumed in all its turns: clients read the newest result's total and never add results up."""

from msgspec import structs

from tianting.protocol.events import ModelUse, TurnReport


class RunningTotals:
    """One per session and process. A session that goes on in another process begins at zero there."""

    def __init__(self) -> None:
        self.cost_usd = 0.0
        """US dollars."""
        self.models: dict[str, ModelUse] = {}

    def add(self, report: TurnReport) -> None:
        """Count one more turn."""
        self.cost_usd += report.cost_usd
        for name, use in report.models.items():
            before = self.models.get(name)
            self.models[name] = use if before is None else _sum(before, use)


def _sum(before: ModelUse, use: ModelUse) -> ModelUse:
    return structs.replace(use, usage=before.usage.plus(use.usage), cost_usd=before.cost_usd + use.cost_usd)
