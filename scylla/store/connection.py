"""Opening `experiment.db`: who may write, which version it has, and errors that name the file."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from scylla.errors import StoreError
from scylla.store import sql
from scylla.store.codec import CodecError

DATABASE_NAME = "experiment.db"


@contextlib.contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Turn what SQLite and the codec complain of into a StoreError about `path`."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"{path}: this step is recorded already, or what it belongs to is not ({error})",
            fix="this is a fault of the program; nothing was changed, please report it",
        ) from error
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path} cannot be read or written: {error}",
            fix="free some space, or make the folder writable, and run the command again; nothing recorded is lost",
        ) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path} is damaged or no experiment: {error}",
            fix="restore it from a copy, or start a new experiment with --fresh",
        ) from error
    except CodecError as error:
        raise StoreError(
            f"{path} holds a record that cannot be understood: {error}",
            fix="use the version of Scylla that wrote it",
        ) from error


def open_writer(path: Path, *, new: bool) -> sqlite3.Connection:
    """A connection that makes every commit durable before it returns."""
    mode = "rwc" if new else "rw"
    connection = _connect(path, mode)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if not new:
            _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def open_reader(folder: Path) -> Iterator[sqlite3.Connection]:
    """One consistent view of `experiment.db`, whether or not somebody writes to it.

    On media that cannot be written SQLite refuses a database whose index of the write-ahead log is missing; a copy in
    a temporary folder is read then.
    """
    path = folder / DATABASE_NAME
    if not path.is_file():
        raise StoreError(f"{folder} holds no {DATABASE_NAME}", fix="give the folder of an experiment")
    with contextlib.ExitStack() as stack, errors_named(path):
        connection = _open_view(path, stack)
        connection.execute("BEGIN")
        _check(connection, path)
        yield connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing: committed and synchronised at the end, undone by any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def _open_view(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection:
    try:
        connection = stack.enter_context(contextlib.closing(_connect(path, "ro")))
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scylla-read-")))
        for source in (path, path.with_name(f"{path.name}-wal")):
            if source.exists():
                shutil.copyfile(source, scratch / source.name)
        return stack.enter_context(contextlib.closing(_connect(scratch / path.name, "rw")))
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10.0,
    )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = sql.version(connection)
    if version == 0:
        raise StoreError(
            f"{path} was never completed: its experiment was stopped while it was created",
            fix="remove the folder by hand, or leave it; the next run starts a new one",
        )
    if version != sql.SCHEMA_VERSION:
        raise StoreError(
            f"{path} has format {version}; this version of Scylla knows format {sql.SCHEMA_VERSION} only",
            fix="use the version of Scylla that wrote it",
        )
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise sqlite3.DatabaseError(damage)
