"""One value of a JSON text against its conditions."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from scylla.domain.rubric import JsonMatch

_DIGITS = "0123456789"


class _NotThereError(LookupError):
    """The pointer leads nowhere; the message says where it ends."""


def json_failure(condition: JsonMatch, text: str) -> str:
    """What is wrong with the JSON, in words; empty when every condition holds."""
    try:
        value = _at(condition.pointer, json.loads(text, parse_constant=_refuse_constant, parse_float=_finite))
    except _NotThereError as error:
        return f"has no value at {condition.pointer!r}: {error}"
    except (ValueError, RecursionError) as error:
        return f"is no JSON ({error}): {text[:200]!r}"
    place = f"at {condition.pointer!r} is {json.dumps(value):.200}"
    if condition.equals is not None and not _same(value, json.loads(condition.equals), condition.tolerance):
        return f"{place} instead of {condition.equals:.200}"
    if condition.at_least is not None and not (_is_number(value) and value >= condition.at_least):
        return f"{place} instead of at least {condition.at_least:g}"
    if condition.at_most is not None and not (_is_number(value) and value <= condition.at_most):
        return f"{place} instead of at most {condition.at_most:g}"
    return ""


def _finite(text: str) -> float:
    """Numbers too large for a float would be infinite, and so larger than anything that is asked for."""
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _at(pointer: str, value: Any) -> Any:  # noqa: ANN401 - a JSON value may be anything
    """The value that an RFC 6901 pointer names."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _is_index(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _NotThereError(f"nothing is called {key!r} there")
    return value


def _is_index(key: str) -> bool:
    return 0 < len(key) < 10 and set(key) <= set(_DIGITS) and (key == "0" or not key.startswith("0"))


def _same(value: Any, wanted: Any, tolerance: float) -> bool:  # noqa: ANN401 - as above
    """Equal as JSON: 1 and 1.0 are, true and 1 are not, and the order of keys says nothing."""
    if _is_number(wanted):
        return _is_number(value) and (value == wanted or _is_near(value, wanted, tolerance))
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(_same(value[key], wanted[key], tolerance) for key in wanted)
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_same(mine, theirs, tolerance) for mine, theirs in zip(value, wanted, strict=True))
        )
    return type(value) is type(wanted) and bool(value == wanted)


def _is_near(value: float, wanted: float, tolerance: float) -> bool:
    """Within the tolerance, forgiving the last bits of decimals."""
    try:
        difference = abs(value - wanted)
        return difference <= tolerance or (tolerance > 0 and math.isclose(difference, tolerance, rel_tol=1e-9))
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
