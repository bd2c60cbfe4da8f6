"""How an agent process ended, and whether that is a result."""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """The end of one attempt. The first four are results: recorded, graded, counted with their real cost."""

    FINISHED = "finished"
    TIMED_OUT = "timed_out"
    OVER_BUDGET = "over_budget"
    CRASHED = "crashed"

    RATE_LIMITED = "rate_limited"
    AUTH_FAILED = "auth_failed"
    PROVIDER_ERROR = "provider_error"
    SANDBOX_FAILED = "sandbox_failed"
    CANCELLED = "cancelled"

    @property
    def is_result(self) -> bool:
        """True when the run counts; False when it is to be tried again and shown as a gap until then."""
        return self in _RESULTS

    @property
    def is_worth_retrying(self) -> bool:
        """True when waiting a little may help."""
        return self in _RETRYABLE


_RESULTS = frozenset({Outcome.FINISHED, Outcome.TIMED_OUT, Outcome.OVER_BUDGET, Outcome.CRASHED})
_RETRYABLE = frozenset({Outcome.RATE_LIMITED, Outcome.PROVIDER_ERROR})
