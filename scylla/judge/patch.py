"""A patch cut to what a judge can read: whole files first, and exactly told what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from scylla.judge.visible import visible, visible_line

_START = re.compile(r"^diff --git ", re.MULTILINE)  # lines of content begin with a blank, + or -
_BINARY = re.compile(r"^(GIT binary patch|Binary files .* differ)$", re.MULTILINE)
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_ESCAPED = re.compile(r'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_WORD = re.compile(r"[\w./+-]+")
_LOCKS = frozenset(
    {
        "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "bun.lockb", "go.sum", "packages.lock.json",
        "gradle.lockfile",
    }
)  # fmt: skip
_GENERATED_ENDINGS = (".lock", ".min.js", ".min.css", ".map", ".snap", "_pb2.py", "_pb2_grpc.py", ".pb.go")
_GENERATED_FOLDERS = frozenset(
    {"node_modules", "vendor", "third_party", "dist", "build", "target", "coverage", "generated", "__generated__"}
)
_SMALLEST_PART = 2000
_MOST_NAMES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDiff:
    """The part of a patch about one file. `path` is as it is in the workspace; `text` begins with `diff --git`."""

    path: str
    text: str

    @property
    def is_binary(self) -> bool:
        """True when there is nothing in it that can be read."""
        return _BINARY.search(self.text) is not None

    @property
    def is_generated(self) -> bool:
        """True for lock files, vendored folders and what tools write, told by the name."""
        path = PurePosixPath(self.path)
        return path.name in _LOCKS or path.name.endswith(_GENERATED_ENDINGS) or bool(_GENERATED_FOLDERS & {*path.parts})

    @property
    def size(self) -> str:
        """How much it changes, in words."""
        if self.is_binary:
            return "binary"
        lines = self.text.split("\n@@", 1)[-1].split("\n")
        added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
        return f"{added} lines added, {removed} removed"

    def hunks(self) -> Iterator[range]:
        """The numbers of the lines it shows, before and after the change."""
        for before, before_count, after, after_count in _HUNK.findall(self.text):
            yield range(int(before), int(before) + int(before_count or 1))
            yield range(int(after), int(after) + int(after_count or 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPatch:
    """What a judge sees of a patch. `told` says in one paragraph what it does not see; empty when it sees all."""

    text: str
    told: str = ""


def split_patch(patch: str) -> tuple[FileDiff, ...]:
    """The files of a patch that git wrote without looking for renames, in its order."""
    starts = [match.start() for match in _START.finditer(patch)]
    texts = [patch[start:end] for start, end in pairwise([*starts, len(patch)])]
    return tuple(FileDiff(path=_path(text), text=text.rstrip("\n")) for text in texts)


def show_patch(files: Sequence[FileDiff], *, named_in: str, limit: int) -> ShownPatch:
    """The diffs that fit into `limit` characters, each whole, in the order of the patch.

    First come files that the text `named_in` names, then the others, generated ones last, small ones before large
    ones. The first readable one that does not fit is shown in part where there is still room. Binary content is never
    shown.
    """
    words = frozenset(word.rstrip(".") for word in _WORD.findall(named_in))
    ranked = sorted(range(len(files)), key=lambda place: (_rank(files[place], words), len(files[place].text)))
    texts: dict[int, str] = {}
    room = limit
    for place in ranked:
        text = _readable(files[place], room)
        if text is not None:
            texts[place] = text
            room -= len(text) + 1
    whole = len(texts)
    for place in ranked:
        if place not in texts and not files[place].is_generated and room >= _SMALLEST_PART:
            texts[place] = _beginning(files[place], room)
            break
    left = [file for place, file in enumerate(files) if place not in texts]
    return ShownPatch(
        text="\n".join((*(texts[place] for place in sorted(texts)), *_left_out(left))),
        told="" if whole == len(files) else _told(len(files), whole, len(left), limit),
    )


def _told(files: int, whole: int, left: int, limit: int) -> str:
    in_part = ", 1 in part (the place of the cut is marked)" if whole + left < files else ""
    return (
        f"The changes are longer than the {limit} characters that are shown. Of {files} changed files {whole} are shown"
        f" whole{in_part}, {left} not at all (they are named at the end of the changes). What is left out exists, and"
        " its absence here is no fault of the work."
    )


def _left_out(left: Sequence[FileDiff]) -> list[str]:
    lines = [f"[left out: {visible_line(file.path, limit=300)}, {file.size}]" for file in left[:_MOST_NAMES]]
    return [*lines, f"[left out: {len(left) - _MOST_NAMES} more files]"] if len(left) > _MOST_NAMES else lines


def _rank(file: FileDiff, words: frozenset[str]) -> int:
    if _is_named(PurePosixPath(file.path), words):
        return 0
    return 2 if file.is_generated else 1


def _is_named(path: PurePosixPath, words: frozenset[str]) -> bool:
    folders = {f"{folder}/" for folder in path.parents} - {"./"}
    return bool({str(path), f"./{path}", path.name, *folders} & words)


def _readable(file: FileDiff, room: int) -> str | None:
    """The diff as it is shown; None when it does not fit."""
    if file.is_binary:
        head = file.text[: _BINARY.search(file.text).start()]  # type: ignore[union-attr]
        text = f"{visible(head)}[binary content, not shown]"
    elif len(file.text) <= room:
        text = visible(file.text)
    else:
        return None
    return text if len(text) <= room else None


def _beginning(file: FileDiff, room: int) -> str:
    """As many whole lines as fit."""
    note = "\n[the rest of {path} is left out: {left} of {lines} lines of its diff]"
    space = room - len(note) - 340
    start = visible(file.text[:space])[:space]
    start = start[: start.rindex("\n")] if "\n" in start else start
    lines = file.text.count("\n") + 1
    path = visible_line(file.path, limit=300)
    return start + note.format(path=path, left=lines - start.count("\n") - 1, lines=lines)


def _path(text: str) -> str:
    """The path in `diff --git a/PATH b/PATH`; both halves are the same, since no renames are looked for."""
    header = text[len("diff --git ") :].split("\n", 1)[0]
    half = header[: len(header) // 2]
    if not half.startswith('"'):
        return half.removeprefix("a/")
    return _unquote(half[1:-1]).removeprefix("a/")


def _unquote(quoted: str) -> str:
    plain = _ESCAPED.sub(lambda match: chr(_ESCAPES.get(match[1]) or int(match[1], 8)), quoted)
    return plain.encode("latin-1", errors="replace").decode(errors="replace")
