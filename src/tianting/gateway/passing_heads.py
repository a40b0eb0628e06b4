"""What of a head goes on to the other side: nothing of who a window is, and nothing that is between neighbours only.

Pure.
"""

import math

from tianting.gateway.http_heads import RequestHead, ResponseHead, end_to_end, write_head

_LONGEST_RETRY_AFTER = 86_400
"""Seconds."""

_OURS = frozenset(
    {"host", "authorization", "x-api-key", "cookie", "expect", "accept-encoding", "forwarded", "via", "origin"}
    | {"referer", "openai-organization", "openai-project", "anthropic-workspace-id", "x-real-ip"}
)
"""Of requests: what says who asks, or picks an account behind our key."""

_KEPT_BACK = frozenset({"set-cookie", "alt-svc", "strict-transport-security"})
"""Of answers: between the upstream and us."""


def forwarded(head: RequestHead) -> dict[str, str]:
    """The headers of a request that the upstream gets."""
    passing = end_to_end(head.headers)
    return {name: value for name, value in passing.items() if name not in _OURS and not name.startswith("x-forwarded-")}


def passed_back(head: ResponseHead, ours: dict[str, str]) -> bytes:
    """The head that the client gets, with `ours` instead of what the upstream says. The body keeps its framing."""
    headers = {name: value for name, value in end_to_end(head.headers).items() if name not in _KEPT_BACK}
    if head.chunked:
        headers["transfer-encoding"] = "chunked"
    elif head.length is not None and head.status not in (204, 304):
        headers["content-length"] = str(head.length)
    # No client reads the words behind a status.
    return write_head(f"HTTP/1.1 {head.status} OK", headers | ours)


def retry_after_header(seconds: float) -> dict[str, str]:
    """`retry-after`, in whole seconds, at least one."""
    return {"retry-after": str(math.ceil(min(max(seconds, 1.0), _LONGEST_RETRY_AFTER)))}
