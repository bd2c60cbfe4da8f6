"""Frozen dataclasses to JSON text and back, strictly: nothing is guessed and nothing is dropped.

Known are str, int, float, bool, None, enums, `tuple[X, ...]`, `tuple[X, Y]`, `X | None` and dataclasses of these.
"""

from __future__ import annotations

import json
import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class CodecError(ValueError):
    """The text is no record of the type asked for."""


def encode(value: object) -> str:
    """One line of ASCII JSON; ValueError for NaN and infinities, TypeError for types that are not known."""
    return json.dumps(to_plain(value), allow_nan=False, separators=(",", ":"))


def decode(kind: type[T], text: str) -> T:
    """What `encode` was given. A field that is missing takes its default; an unknown one is an error."""
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise CodecError(f"no JSON: {error}") from error
    return cast("T", _from_plain(kind, plain, kind.__name__))


def to_plain(value: object) -> Any:
    """The value as dicts, lists and scalars."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(entry) for entry in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"cannot store a {type(value).__name__}")


def _from_plain(kind: Any, plain: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _optional(kind, plain, place)
    if origin is tuple:
        return _tuple(get_args(kind), plain, place)
    if is_dataclass(kind):
        return _dataclass(cast("type[Any]", kind), plain, place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(plain)
        except ValueError as error:
            raise CodecError(f"{place}: {error}") from error
    return _scalar(kind, plain, place)


def _optional(kind: Any, plain: Any, place: str) -> Any:
    if plain is None:
        return None
    (inner,) = (choice for choice in get_args(kind) if choice is not type(None))
    return _from_plain(inner, plain, place)


def _tuple(kinds: tuple[Any, ...], plain: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise CodecError(f"{place}: expected a list, found {type(plain).__name__}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_from_plain(kinds[0], entry, f"{place}[{index}]") for index, entry in enumerate(plain))
    if len(kinds) != len(plain):
        raise CodecError(f"{place}: expected {len(kinds)} entries, found {len(plain)}")
    return tuple(
        _from_plain(kind, entry, f"{place}[{index}]")
        for index, (kind, entry) in enumerate(zip(kinds, plain, strict=True))
    )


def _dataclass(kind: type[Any], plain: Any, place: str) -> Any:
    if not isinstance(plain, dict):
        raise CodecError(f"{place}: expected an object, found {type(plain).__name__}")
    known = _fields_of(cast("Hashable", kind))
    unknown = sorted(set(plain) - set(known))
    if unknown:
        raise CodecError(f"{place}: unknown field {unknown[0]!r}; it was written by another version of Scylla")
    values = {}
    for name, (field, annotation) in known.items():
        if name in plain:
            values[name] = _from_plain(annotation, plain[name], f"{place}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise CodecError(f"{place}: field {name!r} is missing")
    return kind(**values)


@cache
def _fields_of(kind: Any) -> Mapping[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return {field.name: (field, hints[field.name]) for field in fields(kind)}


def _scalar(kind: Any, plain: Any, place: str) -> Any:
    if kind is float and type(plain) is int:
        return float(plain)
    if type(plain) is not kind:
        raise CodecError(f"{place}: expected {kind.__name__}, found {type(plain).__name__}")
    return plain
