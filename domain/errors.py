"""One family of errors. Each is *final* (the same call will fail again) or *retryable*.

    BahiError
    ├── FinalError                 do not repeat; someone must change something
    │   ├── InvalidInput           422: a field is wrong; names it and the remedy
    │   ├── NotFound               404: no such thing, or it is another customer's
    │   ├── Refused                409: not in this state; names the state and what is allowed
    │   ├── Unauthorised           401/403: who you are, or what you may do
    │   ├── GatewayRefused         the gateway understood and said no
    │   ├── CatalogueInvalid       the plan catalogue is wrong; names line and fault
    │   └── Misconfigured          a setting is missing or unsafe; start refused
    └── RetryableError             the same call may succeed later
        ├── GatewayUnavailable     nothing was done there, or doing it again is harmless
        ├── OutcomeUnknown         something may have been done: look it up before repeating
        └── Unavailable            a part of our own (database, store, sink) is away

Every message says what was wrong and what to do.
"""

from collections.abc import Sequence


class BahiError(Exception):
    """Root of the family. `code` is stable and machine-readable."""

    code = "error"
    retryable = False


class FinalError(BahiError):
    """Repeating the same call gives the same answer."""


class RetryableError(BahiError):
    """Repeating the same call later may succeed."""

    code = "unavailable"
    retryable = True


class InvalidInput(FinalError):
    """A value that came from outside is wrong."""

    code = "invalid_input"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotFound(FinalError):
    """No such thing for this caller."""

    code = "not_found"


class Refused(FinalError):
    """The command does not fit the present state; nothing was changed."""

    code = "refused"

    def __init__(self, message: str, *, state: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.state = state
        self.allowed = tuple(allowed)


class Unauthorised(FinalError):
    """The caller is not known (`known=False`) or may not do this."""

    code = "unauthorised"

    def __init__(self, message: str, *, known: bool = False) -> None:
        super().__init__(message)
        self.known = known


class GatewayRefused(FinalError):
    """The gateway understood the request and refused it.

    `status` is its HTTP status, `reason` its machine-readable reason where it gave one.
    """

    code = "gateway_refused"

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class CatalogueInvalid(FinalError):
    """The plan catalogue cannot be loaded; nothing was changed. `line` counts from 1."""

    code = "catalogue_invalid"

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class Misconfigured(FinalError):
    """A setting is missing, contradictory or unsafe."""

    code = "misconfigured"


class GatewayUnavailable(RetryableError):
    """The gateway gave no usable answer to a call that may safely be repeated."""

    code = "gateway_unavailable"


class OutcomeUnknown(RetryableError):
    """The gateway may or may not have acted: look the outcome up before anything else."""

    code = "outcome_unknown"


class Unavailable(RetryableError):
    """A part of this installation (database, store, sink) did not answer."""
