"""What a file may say that a person of this machine need not have written: a project's, or another agent's.

counts        it forbids something, or changes nothing that matters
needs trust   it lets something run, or loosens what the person set: it counts once the person trusts it
never         it chooses where keys and prompts go, or destroys what serves to undo: trusted or not

Deciding is pure; whoever is asked for trust, and what is remembered of it, is `trust.py`.
"""

import re
from typing import Literal

from tianting.settings.schema import Settings
from tianting.settings.statements import Statement

Standing = Literal["counts", "needs trust", "never"]

HARMLESS = frozenset({"attribution", "bashOutputMaxChars", "disabledMcpjsonServers", "effortLevel", "language"})
NEVER = frozenset(
    {
        "allowManagedHooksOnly",
        "allowManagedPermissionRulesOnly",
        "apiKeyHelper",
        "awsAuthRefresh",
        "awsCredentialExport",
        "checkpoints",
        "cleanupPeriodDays",
        "fleet",
        "forceLoginMethod",
        "forceLoginOrgUUID",
        "gateway",
        "gcpAuthRefresh",
        "models",
        "otelHeadersHelper",
        "passEnvironment",
        "providers",
        "skipDangerousModePermissionPrompt",
    }
)
"""Top-level keys. `models` is among them because a price of zero would lift a budget."""
NEVER_IN_SANDBOX = frozenset({"bwrapPath", "socatPath", "ripgrep"})
NEVER_IN_NETWORK = frozenset({"httpProxyPort", "socksProxyPort", "tlsTerminate"})
NEVER_IN_ENV = re.compile(
    r"(ANTHROPIC|OPENAI|AZURE_OPENAI|TIANTING|CLAUDE)_.*|CLAUDE_.*"
    r"|.*_(BASE_URL|API_BASE|API_KEY|AUTH_TOKEN|API_HOST|ENDPOINT)"
    r"|.*_PROXY|.*_CA_BUNDLE|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED|SSLKEYLOGFILE"
    r"|HOME|XDG_.*_HOME",
    re.IGNORECASE,
)
"""Variables that choose a door, open it, or move our own files."""

_TIGHTENING_LISTS = frozenset(
    {
        ("permissions", "ask"),
        ("permissions", "deny"),
        ("sandbox", "credentials", "envVars"),
        ("sandbox", "credentials", "files"),
        ("sandbox", "filesystem", "denyRead"),
        ("sandbox", "filesystem", "denyWrite"),
        ("sandbox", "network", "deniedDomains"),
    }
)
_TIGHTENING_VALUES: dict[tuple[str, ...], object] = {
    ("permissions", "defaultMode"): "plan",
    ("permissions", "disableBypassPermissionsMode"): "disable",
    ("sandbox", "failIfUnavailable"): True,
    ("sandbox", "hooks"): True,
    ("sandbox", "autoAllowBashIfSandboxed"): False,
    ("sandbox", "allowUnsandboxedCommands"): False,
    ("sandbox", "network", "strictAllowlist"): True,
    ("sandbox", "network", "allowAllUnixSockets"): False,
    ("sandbox", "network", "allowLocalBinding"): False,
    ("sandbox", "filesystem", "disabled"): False,
}
"""`sandbox.enabled` is not among them: in a sandbox commands may run unasked."""


def standing(statement: Statement) -> Standing:
    """Whether `statement` counts, as its source and content are, before anybody has trusted anything."""
    if not statement.source.guest:
        return "counts"
    key = statement.key
    if _is_never(statement):
        return "never"
    if key in _TIGHTENING_LISTS and statement.index is not None:
        return "counts"
    if key in _TIGHTENING_VALUES and statement.value == _TIGHTENING_VALUES[key]:
        return "counts"
    return "counts" if key[0] in HARMLESS or key[0] not in _IMPLEMENTED else "needs trust"


_IMPLEMENTED = frozenset(Settings.__struct_encode_fields__)
"""What nobody reads may stand where it likes."""


def _is_never(statement: Statement) -> bool:
    match statement.key:
        case ("env", name):
            return NEVER_IN_ENV.fullmatch(name) is not None
        case ("permissions", "defaultMode"):
            return bool(statement.value == "bypassPermissions")
        case ("sandbox", "network", name):
            return name in NEVER_IN_NETWORK
        case ("sandbox", name, *_):
            return name in NEVER_IN_SANDBOX
        case key:
            return key[0] in NEVER
