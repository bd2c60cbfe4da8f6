"""The one writer of an experiment folder. Every method that writes is one durable transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from scylla.domain.experiment import ExperimentMeta, describe
from scylla.domain.plan import Plan, RunKey
from scylla.domain.record import Attempt, Baseline, Grading, RunRecord, Verdict
from scylla.domain.score import Score
from scylla.domain.usage import Spend
from scylla.domain.winner import Winner
from scylla.errors import StoreError
from scylla.store import schema
from scylla.store.codec import decode, encode, to_plain
from scylla.store.files import write_whole
from scylla.store.lock import FolderLock
from scylla.store.reading import DATABASE, Row, guarded, read_meta, read_records, record_of, require_version


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAttempt:
    """An attempt that was claimed and has not ended."""

    key: RunKey
    number: int
    started_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenJudgeCall:
    """A judge call that was claimed and has not ended."""

    key: RunKey
    attempt: int
    judge_number: int
    call: int
    model: str
    started_at: str


class Store:
    """An experiment folder, opened for writing; use as a context manager. A second writer gets a StoreError."""

    def __init__(self, folder: Path, lock: FolderLock) -> None:
        self.folder = folder
        self._lock = lock
        self._path = folder / DATABASE
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            with guarded(self._path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
        except StoreError:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path, plan: Plan, *, created_at: str) -> Store:
        """A new experiment in a folder that does not exist yet."""
        return cls.create_from(folder, describe(plan, created_at=created_at), plan.order)

    @classmethod
    def create_from(cls, folder: Path, meta: ExperimentMeta, order: Sequence[RunKey]) -> Store:
        """A new experiment in a folder that does not exist yet, from its description."""
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(
                f"the experiment folder {folder} cannot be made: {error.strerror}", fix="choose another --results-dir"
            ) from error
        store = cls(folder, FolderLock(folder))
        with store._transaction() as connection:
            for statement in filter(str.strip, schema.CREATE.split(";\n")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
            store._write_plan(meta, order)
        store._write_plan_file()
        return store

    @classmethod
    def open(cls, folder: Path) -> Store:
        """An experiment that exists."""
        if not (folder / DATABASE).is_file():
            raise StoreError(f"{folder} is no experiment folder", fix="name a folder that holds an experiment.db")
        store = cls(folder, FolderLock(folder))
        try:
            with guarded(store._path):
                require_version(store._connection, store._path)
        except StoreError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the folder."""
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def extend(self, plan: Plan) -> None:
        """Add the runs and subtests that the plan has and the experiment has not; nothing is removed."""
        known = self.meta()
        asked = describe(plan, created_at=known.created_at)
        labels = {subtest.label for subtest in known.subtests}
        added = tuple(subtest for subtest in asked.subtests if subtest.label not in labels)
        merged = replace(
            known,
            subtests=tuple(sorted((*known.subtests, *added), key=lambda subtest: subtest.label)),
            runs_per_subtest=max(known.runs_per_subtest, asked.runs_per_subtest),
            winners=tuple({winner.tier: winner for winner in (*asked.winners, *known.winners)}.values()),
        )
        with self._transaction():
            self._write_plan(merged, plan.order)
        self._write_plan_file()

    def adopt(self, meta: ExperimentMeta, records: Sequence[RunRecord]) -> None:
        """Add runs of another experiment: the result of each and its grading, no verdicts; known ones stay as they are.

        `meta` describes the experiment with these runs in it.
        """
        with self._transaction() as connection:
            self._write_plan(meta, [record.key for record in records])
            for record in records:
                attempt, cell = record.result, self._cell(record.key)[0]
                assert attempt is not None
                text = encode(replace(attempt, workspace=None))
                place = (cell, attempt.number, attempt.started_at, attempt.setup_digest)
                connection.execute(schema.ADOPT_ATTEMPT, (*place, text))
                connection.execute(schema.ADOPT_GRADING, (cell, encode(record.grading)))
        self._write_plan_file()

    def save_winners(self, winners: tuple[Winner, ...]) -> None:
        """Record which subtests those that inherit take; StoreError when another winner of a tier is on record."""
        with self._transaction() as connection:
            known = self.meta()
            if not set(known.winners) <= set(winners):
                raise StoreError("winners are recorded already", fix="report this: they were to be picked twice")
            connection.execute(schema.SET_META, ("experiment", encode(replace(known, winners=winners))))
        self._write_plan_file()

    def planned(self) -> tuple[RunKey, ...]:
        """Every planned run, in the order of planning."""
        with guarded(self._path):
            rows = self._connection.execute(schema.CELLS).fetchall()
        return tuple(_key(row[1:5]) for row in rows)

    def meta(self) -> ExperimentMeta:
        """What was planned."""
        with guarded(self._path):
            return read_meta(self._connection)

    def record(self, key: RunKey) -> RunRecord:
        """All that is known of a run; KeyError when it is not planned."""
        with guarded(self._path):
            return record_of(self._connection, self._cell(key))

    def records(self) -> tuple[RunRecord, ...]:
        """The record of every planned run."""
        with guarded(self._path):
            return read_records(self._connection)

    def claim_attempt(self, key: RunKey, *, started_at: str, setup_digest: str) -> int:
        """The number of a new attempt, recorded as open before anything is started.

        An attempt is paid: StoreError while another one of the run is open, and once the run has a result.
        """
        with self._transaction() as connection:
            cell = self._cell(key)[0]
            if connection.execute(schema.HAS_RESULT, (cell,)).fetchone():
                raise StoreError(f"{key.label} has a result already", fix="report this: a run was to be paid twice")
            (number,) = connection.execute(schema.NEXT_ATTEMPT, (cell,)).fetchone()
            connection.execute(schema.CLAIM_ATTEMPT, (cell, number, started_at, setup_digest))
        return int(number)

    def finish_attempt(self, attempt: Attempt) -> None:
        """Record how an open attempt ended."""
        values = (attempt.outcome.is_result, encode(attempt), self._cell(attempt.key)[0], attempt.number)
        self._once(schema.END_ATTEMPT, values, f"attempt {attempt.number} of {attempt.key.label}")

    def lose_attempt(self, key: RunKey, number: int, spend: Spend) -> None:
        """Close an attempt whose runner was killed, with what it had used."""
        place = (self._cell(key)[0], number)
        self._once(schema.LOSE_ATTEMPT, (encode(spend), *place), f"attempt {number} of {key.label}")

    def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """Attempts that were claimed and have not ended."""
        with guarded(self._path):
            rows = self._connection.execute(schema.OPEN_ATTEMPTS).fetchall()
        return tuple(OpenAttempt(key=_key(row[:4]), number=row[4], started_at=row[5]) for row in rows)

    def forget_workspace(self, key: RunKey, number: int) -> None:
        """Record that the final workspace of an attempt has been removed."""
        attempt = next(attempt for attempt in self.record(key).attempts if attempt.number == number)
        text = encode(replace(attempt, workspace=None))
        self._once(schema.REWRITE_ATTEMPT, (text, self._cell(key)[0], number), f"attempt {number} of {key.label}")

    def baseline(self, case_id: str) -> Baseline | None:
        """What the checks say of the untouched workspace, None while nobody has asked them."""
        with guarded(self._path):
            found = self._connection.execute(schema.GET_META, (f"{schema.BASELINE}{case_id}",)).fetchone()
            return None if found is None else decode(Baseline, found[0])

    def save_baseline(self, baseline: Baseline) -> None:
        """Record it; the first one stays."""
        if self.baseline(baseline.case_id) is None:
            with self._transaction() as connection:
                connection.execute(schema.SET_META, (f"{schema.BASELINE}{baseline.case_id}", encode(baseline)))

    def note_ungraded(self, key: RunKey, reason: str) -> None:
        """Record why a run could not be graded on this machine; a grading makes it void."""
        with self._transaction() as connection:
            connection.execute(schema.SET_META, (f"{schema.UNGRADED}{self._cell(key)[0]}", reason))

    def save_grading(self, grading: Grading) -> None:
        """Record changes and checks of a run."""
        place = self._cell(grading.key)[0]
        self._once(schema.ADD_GRADING, (place, encode(grading)), f"the grading of {grading.key.label}")

    def claim_judge_call(self, key: RunKey, *, attempt: int, judge_number: int, model: str, started_at: str) -> int:
        """The number of a new call of a judge, recorded as open before it is started."""
        with self._transaction() as connection:
            cell = self._cell(key)[0]
            (call,) = connection.execute(schema.NEXT_CALL, (cell, judge_number)).fetchone()
            connection.execute(schema.CLAIM_CALL, (cell, judge_number, call, attempt, model, started_at))
        return int(call)

    def save_verdict(self, verdict: Verdict) -> None:
        """Record what an open judge call gave."""
        place = (self._cell(verdict.key)[0], verdict.judge_number, verdict.call)
        self._once(schema.END_CALL, (encode(verdict), *place), f"call {verdict.call} for {verdict.key.label}")

    def lose_judge_call(self, lost: OpenJudgeCall, spend: Spend) -> None:
        """Close a judge call whose runner was killed, as a verdict that is not valid, with what it had used."""
        self.save_verdict(
            Verdict(
                key=lost.key,
                attempt=lost.attempt,
                judge_number=lost.judge_number,
                call=lost.call,
                model=lost.model,
                is_valid=False,
                detail="The program was killed while this judge was at work.",
                marks=(),
                started_at=lost.started_at,
                duration_s=0.0,
                spend=spend,
            )
        )

    def open_judge_calls(self) -> tuple[OpenJudgeCall, ...]:
        """Judge calls that were claimed and have not ended."""
        with guarded(self._path):
            rows = self._connection.execute(schema.OPEN_CALLS).fetchall()
        return tuple(
            OpenJudgeCall(
                key=_key(row[:4]), attempt=row[4], judge_number=row[5], call=row[6], model=row[7], started_at=row[8]
            )
            for row in rows
        )

    def save_score(self, key: RunKey, score: Score) -> None:
        """Record the score of a run that has none."""
        self._once(schema.SET_SCORE, (encode(score), self._cell(key)[0]), f"the score of {key.label}")

    def _cell(self, key: RunKey) -> Row:
        found: Row | None = self._connection.execute(
            schema.CELL, (key.case_id, key.tier, key.subtest, key.run_number)
        ).fetchone()
        if found is None:
            raise KeyError(key)
        return found

    def _write_plan(self, meta: ExperimentMeta, order: Sequence[RunKey]) -> None:
        self._connection.execute(schema.SET_META, ("experiment", encode(meta)))
        for key in order:
            self._connection.execute(schema.ADD_CELL, (key.case_id, key.tier, key.subtest, key.run_number))

    def _write_plan_file(self) -> None:
        meta = to_plain(self.meta())
        document = {"format_version": 1, **meta, "runs": [key.label for key in self.planned()]}
        write_whole(self.folder / "plan.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def _once(self, statement: str, values: tuple[object, ...], what: str) -> None:
        """One statement that must change exactly one row."""
        with self._transaction() as connection:
            if connection.execute(statement, values).rowcount != 1:
                raise StoreError(f"{what} is recorded already", fix="report this: a step was done twice")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with guarded(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _key(columns: tuple[str, str, str, int]) -> RunKey:
    case_id, tier, subtest, run_number = columns
    return RunKey(case_id=case_id, tier=tier, subtest=subtest, run_number=run_number)
