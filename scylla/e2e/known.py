"""Verdicts that need not be paid for again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio

from scylla.domain.record import RunRecord, Verdict


class KnownVerdicts:
    """The valid verdicts of an experiment by the digest of their question."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Verdict] = {}
        self._turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    def learn(self, verdict: Verdict) -> None:
        """Keep a verdict that a judge was asked for; one that is not valid, or reused itself, is passed over."""
        if verdict.is_valid and verdict.question_digest is not None and verdict.reused_from is None:
            self._verdicts.setdefault(verdict.question_digest, verdict)

    def learn_all(self, records: Iterable[RunRecord]) -> None:
        """Keep what earlier sittings paid for."""
        for record in records:
            for verdict in record.verdicts:
                self.learn(verdict)

    def find(self, question_digest: str) -> Verdict | None:
        """The verdict on exactly this question, None when nobody has given one."""
        return self._verdicts.get(question_digest)

    @asynccontextmanager
    async def turn(self, question_digest: str) -> AsyncIterator[None]:
        """Room for one asker of a question at a time: the next one may find the verdict of the one before."""
        async with self._turns[question_digest]:
            yield
