"""What the runs of one sitting share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from scylla.domain.plan import RunKey
from scylla.e2e.known import KnownVerdicts
from scylla.e2e.parts import Parts

T = TypeVar("T")


@dataclass(kw_only=True)
class Sitting:
    """Room for agents and judges, and whether to go on.

    `undelivered` are the labels of subtests whose set-up did not reach an agent: trying again would only be paid again.

    `interrupt` is set once the person wants to stop: what runs is stopped and recorded. `stopped` holds the reason once
    no further run may start (a login that is refused concerns all of them); what runs goes on.
    `baselines` holds a lock for each case whose baseline has been asked for.
    """

    agents: anyio.CapacityLimiter
    judges: anyio.CapacityLimiter
    interrupt: anyio.Event = field(default_factory=anyio.Event)
    stopped: str = ""
    undelivered: set[str] = field(default_factory=set)
    known: KnownVerdicts = field(default_factory=KnownVerdicts)
    baselines: dict[str, anyio.Lock] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """True once nothing new may start."""
        return bool(self.stopped) or self.interrupt.is_set()

    async def unless_interrupted(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """The result of `work`, or None when the interrupt came first; `work` has then been cancelled and is over."""
        results: list[T] = []
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                await self.interrupt.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            results.append(await work())
            tasks.cancel_scope.cancel()
        return results[0] if results else None

    async def pause(self, key: RunKey, parts: Parts, *, tries: int, reason: str, retry_after_s: float | None) -> None:
        """Wait before the next try: as long as the provider asked for, else twice as long each time."""
        wanted_s = parts.limits.retry_wait_s * 2 ** (tries - 1) if retry_after_s is None else retry_after_s
        delay_s = min(wanted_s, parts.limits.longest_wait_s)
        parts.progress.waiting(key, reason, delay_s)
        await self.unless_interrupted(lambda: parts.sleep(delay_s))
