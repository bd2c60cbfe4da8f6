"""The rules all formats share: strict pydantic models, and their errors as problems in human words."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from scylla.config.findings import Findings, join_key, listed, quoted, suggest

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

BRANCHES = frozenset({"<text>", "<conditions>", "<turns>", "<scripts>", "<all>", "<names>"})
"""The names our formats give to the branches of a union."""

TWO_DIGITS_PATTERN = r"^[0-9]{2}$"
PROGRAM_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._+-]*$"

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
TwoDigits = Annotated[str, StringConstraints(pattern=TWO_DIGITS_PATTERN)]
ProgramName = Annotated[str, StringConstraints(pattern=PROGRAM_PATTERN)]
NonEmpty = Annotated[str, StringConstraints(pattern=r"\S")]
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """A part of a format: unknown keys and every coercion are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)


def refuse(reason: str, fix: str) -> NoReturn:
    """Raise, inside a validator, an error with our own words."""
    # The words go through the context: pydantic would read braces in them as placeholders.
    raise PydanticCustomError("scylla", "{reason}", {"reason": reason, "fix": fix})


def _check_relative(path: str) -> str:
    if not path or any(ord(character) < 32 for character in path):
        refuse(f"{quoted(path)} is not a path", "Write a path relative to this folder")
    if path.startswith(("/", "~")) or "\\" in path or path[1:2] == ":":
        refuse(f"{quoted(path)} is not a relative path with forward slashes", "Write it relative to this folder")
    if ".." in path.split("/"):
        refuse(f"{quoted(path)} leads outside the folder", "Keep the file inside the folder and name it without '..'")
    return path


InnerPath = Annotated[str, AfterValidator(_check_relative)]
"""A relative path that stays inside its folder."""


def validate(model: type[Model], value: object, file: Path, findings: Findings) -> Model | None:
    """The value as a model, or None with one problem for each error. Keys that are ignored give warnings."""
    if value is None:
        return None
    try:
        valid = model.model_validate(value)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            _report(error, model, file, findings)
        return None
    _warn_ignored(valid, (), file, findings)
    return valid


def _warn_ignored(value: object, key: tuple[str | int, ...], file: Path, findings: Findings) -> None:
    if isinstance(value, Strict):
        for name in sorted(value.model_fields_set):
            field = type(value).model_fields[name]
            if isinstance(field.deprecated, str):
                findings.warning(file, join_key((*key, name)), reason="this key is ignored", fix=field.deprecated)
            else:
                _warn_ignored(getattr(value, name), (*key, name), file, findings)
    elif isinstance(value, dict):
        for name, child in value.items():
            _warn_ignored(child, (*key, str(name)), file, findings)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _warn_ignored(child, (*key, index), file, findings)


def _is_tag(part: str | int) -> bool:
    """True for the name of a union's branch, which pydantic puts among the keys."""
    return part in BRANCHES


def _report(error: ErrorDetails, model: type[Strict], file: Path, findings: Findings) -> None:
    kind = error["type"]
    parts = [part for part in error["loc"] if not _is_tag(part)]
    if kind == "extra_forbidden":
        parts = [*(part for part in error["loc"][:-1] if not _is_tag(part)), error["loc"][-1]]
        known = _known_keys(model, error["loc"][:-1])
        fix = suggest(str(parts[-1]), known)
        findings.error(file, join_key(parts), reason=f"unknown key {quoted(parts[-1])}", fix=fix)
    elif kind == "missing":
        findings.error(file, join_key(parts), reason="the key is missing", fix=f"Add '{parts[-1]}:' with its value")
    else:
        if parts and parts[-1] == "[key]":
            parts.pop()
        ctx = error.get("ctx", {})
        own = (str(ctx["reason"]), str(ctx["fix"])) if kind == "scylla" else None
        reason, fix = own or _words(kind, ctx, error["input"], error["msg"])
        findings.error(file, join_key(parts), reason=reason, fix=fix)


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _words(kind: str, ctx: dict[str, Any], value: object, message: str) -> tuple[str, str]:
    """Reason and fix of an error."""
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_described(value)}", _type_fix(kind, value)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {ctx[name]:g}, not {value}", "Correct the number"
    if kind == "literal_error":
        known = str(ctx["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        fix = suggest(value, known) if isinstance(value, str) else f"Write {known[0]}"
        return f"must be one of {listed(known)}, not {_described(value)}", fix
    if kind == "string_pattern_mismatch":
        return _pattern_words(str(ctx["pattern"]), value)
    empty = kind in {"too_short", "dict_too_short"}
    return ("must not be empty", "Add at least one entry") if empty else (message, "Correct the value")


def _pattern_words(pattern: str, value: object) -> tuple[str, str]:
    if pattern == ID_PATTERN:
        reason = f"{quoted(value)} cannot be an id: it becomes part of a path"
        return reason, "Use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"
    if pattern == r"\S":
        return "must not be empty", "Write a text"
    if pattern == PROGRAM_PATTERN:
        return f"{quoted(value)} is not the name of a program", "Write its name alone, for example python3"
    if pattern == TWO_DIGITS_PATTERN:
        return f"{quoted(value)} does not consist of two digits", 'Write for example "00"'
    return f"{quoted(value)} does not have the form {pattern}", "Correct the value"


def _described(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"a truth value ({str(value).lower()})"
    if isinstance(value, int | float):
        return f"a number ({quoted(value)})"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _type_fix(kind: str, value: object) -> str:
    if value is None:
        return f"Give {_WANTED[kind]} or remove the key"
    if kind == "string_type" and isinstance(value, bool | int | float):
        shown = str(value).lower() if isinstance(value, bool) else quoted(value).strip("'")
        return f'Put it in quotes: "{shown}"'
    if isinstance(value, str) and kind in {"int_type", "float_type", "bool_type"}:
        return f"Write {_WANTED[kind]} without quotes"
    return f"Write {_WANTED[kind]}"


def _known_keys(model: type[Strict], loc: Sequence[str | int]) -> Sequence[str]:
    """The keys a format knows at a place."""
    places: list[Any] = [model]
    for part in loc:
        if not _is_tag(part):
            places = [inner for place in places for inner in _inside(place, part)]
    known: dict[str, None] = {}
    for place in places:
        for option in _options(place):
            if isinstance(option, type) and issubclass(option, Strict):
                fields = option.model_fields.items()
                known.update({field.alias or name: None for name, field in fields if not field.deprecated})
    return tuple(known)


def _options(annotation: object) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def _inside(annotation: object, part: str | int) -> Iterator[Any]:
    for option in _options(annotation):
        origin = get_origin(option)
        if origin is dict and isinstance(part, str):
            yield get_args(option)[1]
        elif origin is list and isinstance(part, int):
            yield get_args(option)[0]
        elif isinstance(option, type) and issubclass(option, Strict):
            fields = option.model_fields.items()
            yield from (field.annotation for name, field in fields if part == (field.alias or name))
