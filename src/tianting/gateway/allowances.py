"""The quotas of all owners: who may ask, and what was used of what. Survives a restart by what the ledger remembers."""

from collections.abc import Callable, Mapping

from tianting.gateway.quotas import Amount, OverQuota, Quota, QuotaAccount

EVERYBODY = "*"
"""The name under which stands the quota of every owner who has none of their own."""

Remembered = Callable[[str, float], list[tuple[float, Amount]]]
"""What an owner used in the last so many seconds: when, counted back from now, and how much."""


class Allowances:
    """Accounts are opened when an owner first asks."""

    def __init__(self, quotas: Mapping[str, tuple[Quota, ...]], remembered: Remembered) -> None:
        self._quotas = quotas
        self._remembered = remembered
        self._accounts: dict[str, list[QuotaAccount]] = {}

    def reserve(self, owner: str, estimate: Amount, now: float) -> OverQuota | None:
        """Hold `estimate` back in all of the owner's quotas, or in none."""
        held: list[QuotaAccount] = []
        for account in self._of(owner, now):
            over = account.reserve(estimate, now)
            if over is not None:
                for each in held:
                    each.give_back(estimate)
                return over
            held.append(account)
        return None

    def commit(self, owner: str, estimate: Amount, truth: Amount, now: float) -> None:
        """What was reserved as `estimate` became `truth`."""
        for account in self._of(owner, now):
            account.give_back(estimate)
            account.book(truth, now)

    def _of(self, owner: str, now: float) -> list[QuotaAccount]:
        if owner not in self._accounts:
            quotas = self._quotas.get(owner, self._quotas.get(EVERYBODY, ()))
            self._accounts[owner] = [self._opened(owner, quota, now) for quota in quotas]
        return self._accounts[owner]

    def _opened(self, owner: str, quota: Quota, now: float) -> QuotaAccount:
        account = QuotaAccount(quota)
        for ago, amount in self._remembered(owner, quota.span):
            account.book(amount, now - ago)
        return account


def over_quota_line(owner: str, over: OverQuota) -> str:
    """Whose quota is used up, for whoever reads it on a window's screen."""
    amount = f"${over.limit:g}" if over.measure == "usd" else f"{over.limit:,.0f} {over.measure}"
    return (
        f"The quota of {owner} is used up: {amount} in {_span(over.span)}. "
        f"Try again in {over.retry_after:.0f} s, or ask whoever runs the gateway for more."
    )


def _span(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}s" if count > 1 else f"one {unit}"
    return f"{seconds:g} s"
