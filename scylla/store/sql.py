"""All SQL of an experiment: the tables, and one function per statement.

Records are JSON (see `codec`); the other columns are what statements look up. The tables themselves forbid a second
recording of a step: one open attempt per run, one result, one grading and one score, one verdict per judge call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scylla.domain.plan import RunKey

SCHEMA_VERSION = 1

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE cases (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL)",
    "CREATE TABLE subtests (position INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, record TEXT NOT NULL)",
    """CREATE TABLE runs (
        position INTEGER PRIMARY KEY,
        case_id TEXT NOT NULL REFERENCES cases (id),
        tier TEXT NOT NULL,
        subtest TEXT NOT NULL,
        run_number INTEGER NOT NULL CHECK (run_number >= 1),
        UNIQUE (case_id, tier, subtest, run_number)
    )""",
    """CREATE TABLE attempts (
        run INTEGER NOT NULL REFERENCES runs,
        number INTEGER NOT NULL,
        started_at TEXT NOT NULL,
        setup_digest TEXT NOT NULL,
        folder TEXT NOT NULL,
        is_result INTEGER,
        record TEXT,
        lost_spend TEXT,
        PRIMARY KEY (run, number),
        CHECK (record IS NULL OR lost_spend IS NULL)
    )""",
    "CREATE UNIQUE INDEX one_open_attempt ON attempts (run) WHERE record IS NULL AND lost_spend IS NULL",
    "CREATE UNIQUE INDEX one_result ON attempts (run) WHERE is_result",
    """CREATE TABLE gradings (
        run INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL,
        record TEXT NOT NULL,
        FOREIGN KEY (run, attempt) REFERENCES attempts (run, number)
    )""",
    """CREATE TABLE judge_calls (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        judge_number INTEGER NOT NULL,
        call INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        model TEXT NOT NULL,
        started_at TEXT NOT NULL,
        folder TEXT NOT NULL,
        record TEXT,
        UNIQUE (run, judge_number, call),
        FOREIGN KEY (run, attempt) REFERENCES attempts (run, number)
    )""",
    "CREATE UNIQUE INDEX one_open_call ON judge_calls (run, judge_number) WHERE record IS NULL",
    "CREATE TABLE scores (run INTEGER PRIMARY KEY REFERENCES runs, record TEXT NOT NULL)",
)


class AttemptRow(NamedTuple):
    """One attempt; `record` once it is finished, `lost_spend` once it is lost, neither while it is open."""

    run: int
    number: int
    started_at: str
    folder: str
    record: str | None
    lost_spend: str | None


class CallRow(NamedTuple):
    """One judge call; `record` is None while it is open."""

    run: int
    judge_number: int
    call: int
    attempt: int
    model: str
    started_at: str
    folder: str
    record: str | None


_ATTEMPT = "SELECT run, number, started_at, folder, record, lost_spend FROM attempts"
_CALL = "SELECT run, judge_number, call, attempt, model, started_at, folder, record FROM judge_calls"


def version(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 for a database in which nothing was ever committed."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def create_tables(connection: sqlite3.Connection) -> None:
    """Make all tables and state their version."""
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def set_meta(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
    """Set some values of the experiment."""
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", values.items())


def meta(connection: sqlite3.Connection) -> dict[str, str]:
    """All values of the experiment."""
    return dict(connection.execute("SELECT key, value FROM meta"))


def add_cases(connection: sqlite3.Connection, cases: Iterable[tuple[str, str]]) -> None:
    """Append (id, record) of cases that are not there yet."""
    connection.executemany("INSERT OR IGNORE INTO cases (id, record) VALUES (?, ?)", cases)


def cases(connection: sqlite3.Connection) -> list[str]:
    """Records of the cases, in order."""
    return [record for (record,) in connection.execute("SELECT record FROM cases ORDER BY position")]


def add_subtests(connection: sqlite3.Connection, subtests: Iterable[tuple[str, str]]) -> None:
    """Append (label, record) of subtests that are not there yet."""
    connection.executemany("INSERT OR IGNORE INTO subtests (label, record) VALUES (?, ?)", subtests)


def subtests(connection: sqlite3.Connection) -> list[str]:
    """Records of the subtests, in order."""
    return [record for (record,) in connection.execute("SELECT record FROM subtests ORDER BY position")]


def add_runs(connection: sqlite3.Connection, keys: Iterable[RunKey]) -> None:
    """Append runs that are not there yet."""
    connection.executemany(
        "INSERT OR IGNORE INTO runs (case_id, tier, subtest, run_number) VALUES (?, ?, ?, ?)",
        [(key.case_id, key.tier, key.subtest, key.run_number) for key in keys],
    )


def runs(connection: sqlite3.Connection) -> dict[int, RunKey]:
    """All runs by their id, in planned order."""
    rows = connection.execute("SELECT position, case_id, tier, subtest, run_number FROM runs ORDER BY position")
    return {
        position: RunKey(case_id=case_id, tier=tier, subtest=subtest, run_number=run_number)
        for position, case_id, tier, subtest, run_number in rows
    }


def run_id(connection: sqlite3.Connection, key: RunKey) -> int | None:
    """The id of a planned run, None for one that is not planned."""
    row = connection.execute(
        "SELECT position FROM runs WHERE case_id = ? AND tier = ? AND subtest = ? AND run_number = ?",
        (key.case_id, key.tier, key.subtest, key.run_number),
    ).fetchone()
    return row[0] if row else None


def has_result(connection: sqlite3.Connection, run: int) -> bool:
    """True when an attempt of the run is a result."""
    return connection.execute("SELECT 1 FROM attempts WHERE run = ? AND is_result", (run,)).fetchone() is not None


def add_attempt(connection: sqlite3.Connection, run: int, *, started_at: str, setup_digest: str, folder: str) -> int:
    """Claim the next attempt of a run; its number."""
    row = connection.execute(
        "INSERT INTO attempts (run, number, started_at, setup_digest, folder)"
        " SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ? FROM attempts WHERE run = ? RETURNING number",
        (run, started_at, setup_digest, folder, run),
    ).fetchone()
    number: int = row[0]
    return number


def finish_attempt(connection: sqlite3.Connection, run: int, number: int, *, is_result: bool, record: str) -> bool:
    """Close an open attempt; False when there is no such open attempt."""
    return _changed(
        connection,
        "UPDATE attempts SET is_result = ?, record = ?"
        " WHERE run = ? AND number = ? AND record IS NULL AND lost_spend IS NULL",
        (is_result, record, run, number),
    )


def lose_attempt(connection: sqlite3.Connection, run: int, number: int, *, spend: str) -> bool:
    """Close an open attempt as lost; False when there is no such open attempt."""
    return _changed(
        connection,
        "UPDATE attempts SET lost_spend = ? WHERE run = ? AND number = ? AND record IS NULL AND lost_spend IS NULL",
        (spend, run, number),
    )


def replace_attempt(connection: sqlite3.Connection, run: int, number: int, *, record: str) -> None:
    """Put another record in the place of a finished attempt's."""
    connection.execute("UPDATE attempts SET record = ? WHERE run = ? AND number = ?", (record, run, number))


def attempts(connection: sqlite3.Connection, run: int | None = None) -> list[AttemptRow]:
    """Attempts of one run, or of all, oldest first within each run."""
    rows = connection.execute(f"{_ATTEMPT} WHERE ?1 IS NULL OR run = ?1 ORDER BY run, number", (run,))  # noqa: S608
    return [AttemptRow(*row) for row in rows]


def open_attempts(connection: sqlite3.Connection) -> list[AttemptRow]:
    """Attempts that were claimed and neither finished nor lost."""
    rows = connection.execute(
        f"{_ATTEMPT} WHERE record IS NULL AND lost_spend IS NULL ORDER BY run, number"  # noqa: S608
    )
    return [AttemptRow(*row) for row in rows]


def add_grading(connection: sqlite3.Connection, run: int, *, attempt: int, record: str) -> None:
    """Record the checks of a run."""
    connection.execute("INSERT INTO gradings (run, attempt, record) VALUES (?, ?, ?)", (run, attempt, record))


def gradings(connection: sqlite3.Connection, run: int | None = None) -> dict[int, str]:
    """Grading records by run."""
    return dict(connection.execute("SELECT run, record FROM gradings WHERE ?1 IS NULL OR run = ?1", (run,)))


def add_call(
    connection: sqlite3.Connection, run: int, *, attempt: int, judge_number: int, model: str, started_at: str, folder: str
) -> int:
    """Claim the next call of a judge for a run; its number."""
    row = connection.execute(
        "INSERT INTO judge_calls (run, judge_number, call, attempt, model, started_at, folder)"
        " SELECT ?1, ?2, coalesce(max(call), 0) + 1, ?3, ?4, ?5, ?6"
        " FROM judge_calls WHERE run = ?1 AND judge_number = ?2 RETURNING call",
        (run, judge_number, attempt, model, started_at, folder),
    ).fetchone()
    call: int = row[0]
    return call


def finish_call(
    connection: sqlite3.Connection, run: int, *, judge_number: int, call: int, attempt: int, record: str
) -> bool:
    """Close an open judge call; False when there is no such open call."""
    return _changed(
        connection,
        "UPDATE judge_calls SET record = ?"
        " WHERE run = ? AND judge_number = ? AND call = ? AND attempt = ? AND record IS NULL",
        (record, run, judge_number, call, attempt),
    )


def calls(connection: sqlite3.Connection, run: int | None = None) -> list[CallRow]:
    """Judge calls of one run, or of all, in the order in which they were claimed."""
    return [CallRow(*row) for row in connection.execute(f"{_CALL} WHERE ?1 IS NULL OR run = ?1 ORDER BY id", (run,))]  # noqa: S608


def open_calls(connection: sqlite3.Connection) -> list[CallRow]:
    """Judge calls that were claimed and not finished."""
    return [CallRow(*row) for row in connection.execute(f"{_CALL} WHERE record IS NULL ORDER BY id")]  # noqa: S608


def add_score(connection: sqlite3.Connection, run: int, *, record: str) -> None:
    """Record the score of a run."""
    connection.execute("INSERT INTO scores (run, record) VALUES (?, ?)", (run, record))


def scores(connection: sqlite3.Connection, run: int | None = None) -> dict[int, str]:
    """Score records by run."""
    return dict(connection.execute("SELECT run, record FROM scores WHERE ?1 IS NULL OR run = ?1", (run,)))


def _changed(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> bool:
    return connection.execute(statement, values).rowcount == 1
