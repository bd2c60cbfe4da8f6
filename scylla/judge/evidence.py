"""Whether a judge's evidence exists in what it was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scylla.domain.score import ItemMark
from scylla.judge.prompt import Question

_SHORTEST_QUOTATION = 4
_PLACE = re.compile(r"([\w./+-]*[\w/+-]):(\d+)(?:-(\d+))?")
_QUOTED = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|“([^”\n]+)”|'([^'\n]+)'")
_ABSENT = "absent:"


def look_up(marks: Sequence[ItemMark], question: Question) -> tuple[ItemMark, ...]:
    """The marks with `evidence_found` set; nothing else about them changes.

    It is found when any line or quotation of it (four characters at least, blanks compared as one) occurs in what the
    judge may quote, or when it names a line of a changed file that the patch shows. `absent:` is None for an item
    without points, since what is missing cannot be found, and False for one with points.
    """
    quotable = _flat(question.quotable)
    return tuple(replace(mark, evidence_found=_found(mark, quotable, question)) for mark in marks)


def _found(mark: ItemMark, quotable: str, question: Question) -> bool | None:
    if mark.evidence.strip().casefold().startswith(_ABSENT):
        return False if mark.points else None
    if any(piece in quotable for piece in _pieces(mark.evidence)):
        return True
    return any(_is_shown(path, int(line), question) for path, line, _ in _PLACE.findall(mark.evidence))


def _pieces(evidence: str) -> Iterator[str]:
    quoted = ("".join(groups) for groups in _QUOTED.findall(evidence))
    for text in (evidence, *evidence.split("\n"), *re.split(r"\.\.\.|…", evidence), *quoted):
        for piece in (text, _PLACE.sub("", text, count=1)):
            flat = _flat(piece).strip(" `“”…")
            for candidate in (flat, flat.lstrip("+-: "), flat.strip("\"'")):
                if len(candidate) >= _SHORTEST_QUOTATION and not _PLACE.fullmatch(candidate):
                    yield candidate


def _is_shown(path: str, line: int, question: Question) -> bool:
    files = [file for file in question.files if file.path == path or file.path.endswith(f"/{path}")]
    return any(line in hunk for file in files for hunk in file.hunks())


def _flat(text: str) -> str:
    return " ".join(text.split())
