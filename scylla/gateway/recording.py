"""The exchanges of a session on disk: one file of lines, two packed bodies for each.

    exchanges.jsonl                  for each exchange a line when it is sent up, and one when it has ended
    exchange-0001-request.json.gz    the request's body as the client sent it
    exchange-0001-response.gz        the answer's body, as far as it came

A line is flushed before the request goes up: what a killed program had sent is always known. No header is written, so
no credential ever is.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio.to_thread

from scylla.domain.usage import Tokens
from scylla.errors import StoreError
from scylla.gateway.exchange import Exchange
from scylla.gateway.metering import parse_object

EXCHANGES_FILE = "exchanges.jsonl"
SCHEMA_VERSION = 1

_PACK_IN_THREAD_BYTES = 64 * 1024
_FIELDS = tuple(field.name for field in fields(Exchange))


class Recorder:
    """The one writer of a session's folder; goes on after what an earlier session left there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._exchanges: dict[int, Exchange] = {}
        earlier = read_exchanges(folder)
        self._last_number = earlier[-1].number if earlier else 0
        self._file = (folder / EXCHANGES_FILE).open("ab")
        if earlier:
            self._file.write(b"\n")  # what comes may follow a torn line; an empty one means nothing

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges of this session in the order of their numbers, open ones included."""
        return tuple(self._exchanges[number] for number in sorted(self._exchanges))

    def next_number(self) -> int:
        """A number no exchange of the folder has."""
        self._last_number += 1
        return self._last_number

    async def begin(self, exchange: Exchange, body: bytes) -> None:
        """Keep a request that is about to be sent up."""
        (self._folder / f"exchange-{exchange.number:04d}-request.json.gz").write_bytes(await pack(body))
        self._append("open", exchange)

    def end(self, exchange: Exchange, packed_body: bytes) -> None:
        """Keep an exchange that has ended. Never waits, so that a cancelled handler can still call it."""
        (self._folder / f"exchange-{exchange.number:04d}-response.gz").write_bytes(packed_body)
        self._append("ended", exchange)

    def _append(self, state: str, exchange: Exchange) -> None:
        self._exchanges[exchange.number] = exchange
        line = {"schema_version": SCHEMA_VERSION, "number": exchange.number, "state": state, **asdict(exchange)}
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()


def read_exchanges(folder: Path) -> tuple[Exchange, ...]:
    """What a session, killed perhaps, recorded in the folder; empty when it recorded nothing.

    An exchange that never ended is there as it was opened: not complete, estimated. A torn line is passed over: the
    request of a torn `open` line was not sent, that of a torn `ended` line is there as open.
    """
    path = folder / EXCHANGES_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", fix="make the file readable") from error
    found = {exchange.number: exchange for exchange in _parse(content, path)}
    return tuple(found[number] for number in sorted(found))


def pack_now(body: bytes) -> bytes:
    """The body, compressed; the same bytes for the same body."""
    return gzip.compress(body, compresslevel=1, mtime=0)


async def pack(body: bytes) -> bytes:
    """The same as `pack_now`; a large body is compressed beside the event loop."""
    if len(body) <= _PACK_IN_THREAD_BYTES:
        return pack_now(body)
    return await anyio.to_thread.run_sync(pack_now, body)


def _parse(content: bytes, path: Path) -> Iterator[Exchange]:
    for line in content.splitlines():
        record = parse_object(line)
        if not record:
            continue
        if record.get("schema_version") != SCHEMA_VERSION:
            raise StoreError(
                f"{path}: schema version {record.get('schema_version')} is unknown, expected {SCHEMA_VERSION}",
                fix="read the folder with the Scylla that wrote it",
            )
        yield _exchange(record)


def _exchange(record: dict[str, Any]) -> Exchange:
    values = {name: record[name] for name in _FIELDS if name in record}
    return Exchange(**{**values, "tokens": Tokens(**record["tokens"])})
