"""Text and YAML files, read with limits: no file of any content can crash, hang or fill the memory.

The YAML is the 1.2 core schema (only `true` and `false` are truth values, `007` is text) without merge keys and tags.
"""

from __future__ import annotations

import math
import re
import stat
from pathlib import Path

import yaml

from scylla.config.findings import Findings, join_key, quoted

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 50_000

KeyPath = tuple["str | int", ...]

_STR = "tag:yaml.org,2002:str"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_SIZE_FIX = "Make it smaller"


def read_text(path: Path, findings: Findings, *, fix: str, too_long: str = _SIZE_FIX) -> str | None:
    """The UTF-8 text of a regular file of at most `MAX_FILE_BYTES`, or None and a problem.

    `fix` says what to do when the file is missing, `too_long` when it is too large. The size is checked before the
    file is read.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode) or not stat.S_ISREG(status.st_mode):
            kind = "is a folder" if stat.S_ISDIR(status.st_mode) else "is neither a file nor a folder"
            findings.error(path, "", reason=f"{kind}, not a file", fix=fix)
            return None
        if status.st_size > MAX_FILE_BYTES:
            size = f"is {status.st_size / 1024 / 1024:.1f} MiB ({status.st_size} bytes); the limit is 1 MiB"
            findings.error(path, "", reason=size, fix=too_long)
            return None
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        findings.error(path, "", reason="the file does not exist", fix=fix)
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        findings.error(path, "", reason=f"cannot be read ({why})", fix="Check the path and its permissions")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (first bad byte at offset {error.start})"
        findings.error(path, "", reason=reason, fix="Save the file with the encoding UTF-8")
        return None


def read_yaml(path: Path, findings: Findings, *, fix: str) -> object:
    """The content of a YAML file as plain values, or None and at least one problem.

    Every key is text, as written. A repeated key is a problem and its last value is given.
    """
    text = read_text(path, findings, fix=fix)
    if text is None:
        return None
    try:
        node = _Composer(text).get_single_node()
        value = None if node is None else _Values(path, findings).of(node, ())
    except yaml.MarkedYAMLError as error:
        findings.error(path, "", reason=_where(error.problem_mark, error.problem), fix=_yaml_fix(error.problem))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"is not valid YAML (line {line}: character {error.character!r} is not allowed)"
        findings.error(path, "", reason=reason, fix="Remove that character")
    except (yaml.YAMLError, ValueError, OverflowError, LookupError, AttributeError, TypeError) as error:
        # The parser lets some malformed escapes, directives and tags through to plain Python errors.
        findings.error(path, "", reason=f"is not valid YAML ({error})", fix="Correct the file")
    else:
        if value is None:
            findings.error(path, "", reason="the file is empty", fix="Write its keys")
        return value
    return None


def _where(mark: yaml.Mark | None, problem: str | None) -> str:
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"is not valid YAML ({place}{problem or 'unknown error'})"


def _yaml_fix(problem: str | None) -> str:
    if problem and problem.startswith("mapping values"):
        return "Put a text that contains ': ' in quotes"
    return "Correct that line"


class _Refused(yaml.MarkedYAMLError):
    """Well-formed YAML that is not accepted."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_TOO_MANY = f"more than {MAX_VALUES} values, aliases included"


class _Composer(yaml.SafeLoader):
    """The parser of PyYAML with our scalar rules and limits; builds nodes only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own design

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        self._nodes += 1
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # missing in the stubs
        if self._depth > MAX_DEPTH:
            raise _Refused(_TOO_DEEP, mark)
        if self._nodes > MAX_VALUES:
            raise _Refused(_TOO_MANY, mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Composer.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Composer.add_implicit_resolver(_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Composer.add_implicit_resolver(_INT, re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Composer.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


class _Values:
    """Nodes → plain values. Aliases are expanded and counted, so that a small file cannot become a huge value."""

    def __init__(self, path: Path, findings: Findings) -> None:
        self._path = path
        self._findings = findings
        self._count = 0

    def of(self, node: yaml.Node, key: KeyPath) -> object:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _Refused(_TOO_MANY, node.start_mark)
        if len(key) > MAX_DEPTH:
            raise _Refused(f"{_TOO_DEEP} or an alias that contains itself", node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(child, (*key, index)) for index, child in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _Refused("a key must be a text, not a list or a mapping", key_node.start_mark)
            _refuse_surrogates(key_node)
            name = str(key_node.value)
            if name in values:
                reason = f"the key {quoted(name)} is given twice (again at line {key_node.start_mark.line + 1})"
                self._findings.error(self._path, join_key((*key, name)), reason=reason, fix="Keep one of the two")
            values[name] = self.of(value_node, (*key, name))
        return values


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if node.tag in {_STR, "!"}:
        _refuse_surrogates(node)
        return text
    try:
        if node.tag == _INT:
            return int(text)
        if node.tag == _FLOAT:
            number = float(text)
            if math.isfinite(number):
                return number
    except ValueError:
        pass
    else:
        if node.tag == _BOOL and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        if node.tag == _NULL:
            return None
    if node.tag in {_INT, _FLOAT, _BOOL}:
        raise _Refused(f"{quoted(text)} is no such value or too large", node.start_mark)
    raise _Refused(f"the tag {quoted(node.tag)} is not supported", node.start_mark)


def _refuse_surrogates(node: yaml.Node) -> None:
    if any("\ud800" <= character <= "\udfff" for character in node.value):
        raise _Refused("half a surrogate pair, which is no character", node.start_mark)
