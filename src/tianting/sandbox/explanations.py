"""What the sandbox had to do with a command's failure: a model that is not told tries again, and again.

Pure: exit code, output and what was counted go in, sentences come out.
"""

import re
from collections.abc import Iterable

from tianting.sandbox.policy import SandboxPolicy

MAX_BYTES = 600
_READ_ONLY = re.compile(r"(?P<before>[^\n]*)(?:Read-only file system|EROFS)(?P<after>[^\n]*)")
_REFUSED = re.compile(r"(?P<before>[^\n]*)(?:Permission denied|EACCES)(?P<after>[^\n]*)", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w.])(?:~|\.{0,2})/[^\s'\"`:,;()<>]+|'[^'\n]+'")
_NO_NETWORK = re.compile(
    r"could not resolve|name resolution|name or service not known|network is unreachable|ENETUNREACH|EAI_AGAIN"
    r"|ENOTFOUND|getaddrinfo|no address associated|unable to resolve|couldn't connect to server|dial tcp",
    re.IGNORECASE,
)
_NO_SOCKET = re.compile(r"(socket|AF_UNIX|unix)[^\n]{0,80}(operation not permitted|EPERM)", re.IGNORECASE)
_ADVICE = "Retrying will not help: choose another way, or tell the user which setting of `sandbox` stands in the way."


def explanation(
    exit_code: int,
    output: str,
    policy: SandboxPolicy,
    *,
    limit: str | None = None,
    blocked_hosts: Iterable[str] = (),
    taken_back: Iterable[str] = (),
) -> str | None:
    """What the sandbox did to the command, or `None`; at most `MAX_BYTES`.

    `limit` is the sentence of `limits.ended_by`; `taken_back` names protected paths that were put right afterwards.
    """
    said = list(_certain(limit, blocked_hosts, taken_back))
    if exit_code != 0:
        said += _likely(output, policy, network_said=any("network" in sentence for sentence in said))
    if not said:
        return None
    return _clipped(f"[{' '.join(said)} {_ADVICE}]")


def _certain(limit: str | None, blocked_hosts: Iterable[str], taken_back: Iterable[str]) -> Iterable[str]:
    if limit:
        yield f"Sandbox limit: {limit}"
    if hosts := ", ".join(dict.fromkeys(blocked_hosts)):
        yield f"Sandbox blocked network to {hosts[:200]}."
    if paths := ", ".join(taken_back):
        yield f"Sandbox took back {paths[:200]}: these paths are protected."


def _likely(output: str, policy: SandboxPolicy, *, network_said: bool) -> Iterable[str]:
    if policy.files_confined and (written := _READ_ONLY.search(output)):
        yield f"Sandbox blocked writing {_named(written) or 'outside the writable directories'}."
    if policy.files_confined and (path := _hidden_path(output, policy)):
        yield f"Sandbox hides {path}: it may hold secrets."
    if policy.network.reach == "none" and _NO_NETWORK.search(output):
        yield "Sandbox blocked network: commands have none here."
    elif policy.network.reach == "hosts" and not network_said and _NO_NETWORK.search(output):
        yield "Sandbox lets commands reach allowed hosts only, and only through the proxy that HTTPS_PROXY names."
    if not (policy.all_unix_sockets or policy.unix_sockets) and _NO_SOCKET.search(output):
        yield "Sandbox blocked Unix sockets."


def _hidden_path(output: str, policy: SandboxPolicy) -> str | None:
    for line in _REFUSED.finditer(output):
        for path in policy.hidden:
            if path in line[0] or f"~/{path.rpartition('/')[2]}" in line[0]:
                return path
    return None


def _named(line: "re.Match[str]") -> str | None:
    """The path nearest to the words, as the program wrote it."""
    found = [*_PATH.findall(line["before"])[-1:], *_PATH.findall(line["after"])[:1]]
    return found[0].strip("'") if found else None


def _clipped(text: str) -> str:
    data = text.encode()
    return text if len(data) <= MAX_BYTES else data[: MAX_BYTES - 4].decode(errors="ignore") + "…]"
