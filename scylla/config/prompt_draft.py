"""A commit message → the draft of a prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TRAILER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*:\s+\S.*|[A-Za-z-]+-by\s*:.*|\(cherry picked from commit .*\)")
_ALWAYS_OUT = re.compile(
    r"\s*(?:[A-Za-z-]+-by|Change-Id|git-svn-id|Cc)\s*:.*|\(cherry picked from commit .*\)|This reverts commit .*"
    r"|.*\bGenerated with \[.*",
    re.IGNORECASE,
)
_CLOSES = r"\b(?:fix(?:e[sd])?|clos(?:e[sd]?)|resolv(?:e[sd]?)|refs?|see|issue|bug)\b:?\s*"
_NUMBER = r"(?:[\w.-]+/[\w.-]+)?#\d+|\bGH-\d+|https?://\S+/(?:issues|pull|merge_requests)/\d+\S*"
_REFERENCES = (
    re.compile(rf"{_CLOSES}(?:{_NUMBER})(?:\s*(?:,|and)\s*(?:{_NUMBER}))*\.?[ \t]*", re.IGNORECASE),
    re.compile(rf"\s*[(\[](?:{_NUMBER})(?:\s*,\s*(?:{_NUMBER}))*[)\]]", re.IGNORECASE),
    re.compile(_NUMBER, re.IGNORECASE),
    re.compile(r"\s*[(\[][A-Z][A-Z0-9]+-\d+[)\]]"),
    re.compile(r"\A(?!UTF|ISO|SHA|RFC|PEP|CVE|UCS|AES)[A-Z][A-Z0-9]+-\d+:?\s+"),
)
_HASH = re.compile(
    r"\s*\b(?:(?:see|in|since|by|from|of)\s+)?(?:commit\s+)?"
    r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b",
    re.IGNORECASE,
)
_THIN_WORDS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """The text, marked as a draft; `title` is its first line, `hints` say what a person should add."""

    title: str
    text: str
    hints: tuple[str, ...]


def draft_prompt(message: str, *, new_files: Sequence[str]) -> Draft:
    """The message without trailers, numbers of issues and hashes.

    `new_files` are the files that the solution adds: hidden tests may ask for them by name.
    """
    words = _cleaned(message)
    title, _, rest = words.partition("\n")
    hints = ["say what is wanted and how it shows, not how it was done"]
    if len(words.split()) < _THIN_WORDS or not rest.strip():
        hints.append(
            "the message says little: add what happens now, what should happen instead, and an example of input "
            "and output"
        )
    if new_files:
        some = ", ".join(new_files[:5]) + (f" and {len(new_files) - 5} more" if len(new_files) > 5 else "")
        hints.append(f"the solution added {some}: name files and functions that must be called so")
    # A comment that ends early would make a part of the prompt out of the rest of it.
    note = "".join(f"\n- {hint}" for hint in hints).replace("--", "- -")
    text = (
        f"<!-- DRAFT: edit the text below, then delete this comment.{note}\n-->\n\n{words or '(say what is wanted)'}\n"
    )
    return Draft(title=title[:80].strip() or "A change", text=text, hints=tuple(hints))


def _cleaned(message: str) -> str:
    paragraphs = [paragraph.split("\n") for paragraph in re.split(r"\n\s*\n", message.strip().replace("\r\n", "\n"))]
    while len(paragraphs) > 1 and _is_trailers(paragraphs[-1]):
        paragraphs.pop()
    kept = ["\n".join(line.rstrip() for line in lines if not _ALWAYS_OUT.fullmatch(line)) for lines in paragraphs]
    text = "\n\n".join(paragraph for paragraph in kept if paragraph.strip())
    for pattern in (*_REFERENCES, _HASH):
        text = pattern.sub("", text)
    text = re.sub(r"(?<![.])[.][ \t]*[.](?![.])", ".", text)  # where a reference was a sentence of its own
    lines = [re.sub(r"(?<=\S)[ \t]{2,}", " ", line).rstrip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _is_trailers(lines: Sequence[str]) -> bool:
    """True for a block of `Key: value` lines, which may go on in lines that begin with a blank."""
    return all(_TRAILER.fullmatch(line.strip()) or (index and line[:1].isspace()) for index, line in enumerate(lines))
