"""May this address be fetched? Only the host decides, read the way a careful person reads it."""

import re
from urllib.parse import urlsplit

from tianting.permissions.case import Case
from tianting.permissions.questions import Verdict, strictest
from tianting.permissions.rule_text import Rule
from tianting.permissions.ruleset import permitted, questioned, refused


def judge_fetch(url: str, case: Case) -> Verdict:
    """Deny and ask rules cover a host's subdomains, too; an allow rule means the host it says and no other."""
    host = host_of(url)
    names = _above(host)
    found = [refused(rule) for rule in case.ruleset.deny.domains if any(_means(rule, name) for name in names)]
    found += [questioned(rule) for rule in case.ruleset.ask.domains if any(_means(rule, name) for name in names)]
    if case.question.mode == "bypassPermissions":
        return strictest([*found, Verdict("allow", "mode bypassPermissions")])
    allowing = next((rule for rule in case.ruleset.allow.domains if host and _means(rule, host)), None)
    return strictest([*found, permitted(allowing) if allowing else Verdict("ask", f"it reaches {host or url}")])


def host_of(url: str) -> str:
    """The host in lower case and plain letters; empty for an address that programs read differently."""
    if re.search(r"[\s\\\x00-\x1f]", url):
        return ""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host = (parts.hostname or "").rstrip(".")
        return host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""


def _means(rule: Rule, host: str) -> bool:
    return rule.domain is not None and rule.domain.matches(host)


def _above(host: str) -> list[str]:
    """The host and the domains it belongs to."""
    labels = host.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]
