"""Records out of a database, for the writer and for reports."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import RunKey
from scylla.domain.record import Attempt, Grading, RunRecord, Verdict
from scylla.domain.score import Score
from scylla.domain.usage import Spend
from scylla.errors import StoreError
from scylla.store import schema
from scylla.store.codec import CodecError, decode

DATABASE = "experiment.db"

Row = tuple[int, str, str, str, int, str | None]


def read_experiment(folder: Path) -> tuple[ExperimentMeta, tuple[RunRecord, ...]]:
    """The experiment and the record of each planned run, in planned order; also while a writer is at work.

    StoreError when the folder holds no experiment or one of another version.
    """
    with _experiment(folder) as connection:
        return read_meta(connection), read_records(connection)


def read_experiment_meta(folder: Path) -> ExperimentMeta:
    """The experiment without its records."""
    with _experiment(folder) as connection:
        return read_meta(connection)


def read_meta(connection: sqlite3.Connection) -> ExperimentMeta:
    """What was planned."""
    (text,) = connection.execute(schema.GET_META, ("experiment",)).fetchone()
    return decode(ExperimentMeta, text)


def read_records(connection: sqlite3.Connection) -> tuple[RunRecord, ...]:
    """The record of each planned run."""
    return tuple(record_of(connection, row) for row in connection.execute(schema.CELLS).fetchall())


def record_of(connection: sqlite3.Connection, row: Row) -> RunRecord:
    """All that is known of one run."""
    position, case_id, tier, subtest, run_number, score = row
    attempts: list[Attempt] = []
    lost: list[Spend] = []
    for _, state, text in connection.execute(schema.ATTEMPTS, (position,)):
        if state == "ended":
            attempts.append(decode(Attempt, text))
        elif state == "lost":
            lost.append(decode(Spend, text))
    grading = connection.execute(schema.GRADING, (position,)).fetchone()
    verdicts = connection.execute(schema.VERDICTS, (position,)).fetchall()
    ungraded = connection.execute(schema.GET_META, (f"{schema.UNGRADED}{position}",)).fetchone()
    return RunRecord(
        key=RunKey(case_id=case_id, tier=tier, subtest=subtest, run_number=run_number),
        attempts=tuple(attempts),
        lost_attempts=len(lost),
        lost_spend=sum(lost, Spend()),
        grading=None if grading is None else decode(Grading, grading[0]),
        verdicts=tuple(decode(Verdict, text) for (text,) in verdicts),
        score=None if score is None else decode(Score, score),
        ungraded_reason="" if ungraded is None or grading is not None else ungraded[0],
    )


def require_version(connection: sqlite3.Connection, path: Path) -> None:
    """StoreError unless the file was written by this version of the format."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != schema.SCHEMA_VERSION:
        raise StoreError(
            f"{path} has format version {version}; this Scylla reads {schema.SCHEMA_VERSION}",
            fix="use the Scylla that wrote it, or start a new experiment with --fresh",
        )


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Errors of the database and of the codec as StoreError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: {error}", fix="check the disk (scylla doctor); everything recorded before is still there"
        ) from error
    except CodecError as error:
        raise StoreError(f"{path}: {error}", fix="use the Scylla that wrote it") from error


@contextmanager
def _experiment(folder: Path) -> Iterator[sqlite3.Connection]:
    """One consistent view of the folder's database."""
    path = folder / DATABASE
    if not path.is_file():
        raise StoreError(f"{folder} is no experiment folder", fix="name a folder that holds an experiment.db")
    with guarded(path), _opened_to_read(path) as connection:
        require_version(connection, path)
        connection.execute("BEGIN")
        yield connection


@contextmanager
def _opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as it stands, journal included.

    Where the folder cannot be written, SQLite cannot make the shared-memory file that a journal needs; a copy is read
    then. (`immutable` would leave the journal of a killed writer out.)
    """
    with closing(_connect(path, "ro")) as connection:
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            pass
        else:
            yield connection
            return
    with tempfile.TemporaryDirectory(prefix="scylla-read-") as scratch:
        for source in (path, path.with_name(f"{path.name}-wal")):
            if source.exists():
                shutil.copyfile(source, Path(scratch) / source.name)
        with closing(_connect(Path(scratch) / path.name, "rw")) as connection:
            yield connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
