"""What to start and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """What to start. `env` is the whole environment; `stdin` a file that is read (nothing when None).

    `held` are descriptors (locks) that stay open as long as anything of the process's tree may still live. `files` are
    written before the start, readable by this user alone: what must not be seen in an argument.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    stdin: Path | None = None
    held: tuple[int, ...] = ()
    files: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How a process ended. Either `exit_code` or `signal` is set; both are None when it could not be started."""

    exit_code: int | None
    signal: int | None
    timed_out: bool
    duration_s: float
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAnswer:
    """The last answer a model provider gave to a process; `status` is the HTTP status, 0 when none came.

    `retry_after_s` is what the provider asked to wait for; `after_success` is True when an earlier request of the same
    process had been answered.
    """

    status: int
    after_success: bool = False
    error_type: str | None = None
    error_message: str | None = None
    retry_after_s: float | None = None

    @property
    def is_failure(self) -> bool:
        """True unless the answer was a success."""
        return not 200 <= self.status < 300
