"""Every failure this program raises on purpose.

TiantingError                 never raised itself
├── ConfigError               a person must fix a flag, a file or a variable: exit 2
├── SessionError              a conversation cannot be found, read or written: exit 1
├── ModelError                the provider failed; ends the turn
│   ├── ModelUnavailable      the same request may work later: `RetryingModel` waits and asks again
│   ├── NotAuthenticated      a key is missing, wrong or may not do this: a person must act
│   ├── RequestRejected       the provider calls our request wrong: a bug here, or a limit there
│   └── ContextOverflow       the history no longer fits: compact first
├── FleetError                a window cannot be created, found or commanded: exit 1
│   └── DriverError           an agent did not start or keep to its protocol: `fleet.verdicts.failures` classifies it
├── CheckpointError           a work tree cannot be kept or given back: the agent goes on, undo does not
├── WorktreeError             a separate work tree cannot be made, given back or taken away: nothing was lost
├── ProtocolError             a client wrote what is no line of the protocol: exit 1
└── ProcessError              a command could not be started

A tool that fails and a call that is denied are not here: they are results the model reads.
`str(error)` is one line that says what to do next.
"""

from tianting.protocol.deltas import RateLimitSeen, RetryCause


class TiantingError(Exception):
    """A failure we foresaw; `str(error)` is one line a person can act on."""


class ConfigError(TiantingError):
    """A setting is missing, malformed, or contradicts another."""


class SessionError(TiantingError):
    """A transcript is missing, unreadable, or cannot be written."""


class FleetError(TiantingError):
    """A window cannot be created, found or commanded."""


class CheckpointError(TiantingError):
    """The state of a work tree cannot be kept, found or given back."""


class WorktreeError(TiantingError):
    """A work tree of its own cannot be made, merged or removed. Files and branches are as they were."""


class ProtocolError(TiantingError):
    """A client broke the protocol in a way that no answer can tell it."""


class ProcessError(TiantingError):
    """A command could not be started."""


class ModelError(TiantingError):
    """The provider refused or broke off."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        rate_limit: RateLimitSeen | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status, where there was an answer at all."""
        self.request_id = request_id
        self.rate_limit = rate_limit
        """The limit that refused the request, where one did."""


class ModelUnavailable(ModelError):
    """Overloaded, rate limited, or unreachable; worth trying again."""

    def __init__(
        self,
        message: str,
        *,
        cause: RetryCause,
        retry_after: float | None = None,
        status: int | None = None,
        request_id: str | None = None,
        rate_limit: RateLimitSeen | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id, rate_limit=rate_limit)
        self.cause = cause
        self.retry_after = retry_after
        """Seconds the provider asked us to wait."""


class NotAuthenticated(ModelError):
    """401, 402 or 403: trying again helps nobody."""


class RequestRejected(ModelError):
    """400 and its like: the same request will never be taken."""


class ContextOverflow(ModelError):
    """The history no longer fits the model's window."""
