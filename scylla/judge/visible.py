"""Text that others wrote, made safe to show: nothing invisible, nothing endless, in boundaries it cannot forge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_KEPT = {ord("\n"): "\n", ord("\t"): "\t"}
_LOOKS_EMPTY = frozenset((0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))
_VARIATIONS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_SHORT = {ord("\r"): "\\r", ord("\0"): "\\0"}


class _Shown(dict[int, str]):
    """A table for `str.translate` that fills itself."""

    def __missing__(self, code: int) -> str:
        shown = self[code] = chr(code) if _is_seen(code) else _SHORT.get(code) or _escape(code)
        return shown


def _is_seen(code: int) -> bool:
    if code in _LOOKS_EMPTY or any(code in variations for variations in _VARIATIONS):
        return False
    return chr(code).isprintable()


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_TEXT = _Shown(_KEPT)
_LINE = _Shown({ord("\n"): "\\n", ord("\t"): "\\t"})


def visible(text: str) -> str:
    r"""The text with every character that a reader would not see written out (`\u200b`); line feeds and tabs stay.

    That is: control characters and with them terminal sequences, characters without width, those that turn the
    direction of text, halves of surrogate pairs, spaces that are no plain space, and variation selectors.
    """
    return text.translate(_TEXT)


def visible_line(text: str, *, limit: int) -> str:
    """The same on one line of at most `limit` characters."""
    line = text[: limit + 1].translate(_LINE)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def listed(entries: Sequence[str], *, most: int) -> str:
    """One line for each entry, `most` of them; the last line says how many more there are."""
    lines = [visible_line(entry, limit=300) for entry in entries[:most]]
    if len(entries) > most:
        lines.append(f"[and {len(entries) - most} more]")
    return "\n".join(lines)


def boundary_for(*texts: str) -> str:
    """A code of 32 hex digits that occurs in none of the texts; the same for the same texts.

    It is a digest of all of them, so that who writes one without knowing the others cannot foresee it, and who knows
    them cannot write it into one of them without changing it.
    """
    whole = "\0".join(texts).encode(errors="surrogatepass")
    number = 0
    while True:
        code = hashlib.sha256(b"%d\0" % number + whole).hexdigest()[:32]
        if not any(code in text for text in texts):
            return code
        number += 1


def fenced(title: str, text: str, boundary: str) -> str:
    """The text between two lines that carry the boundary."""
    return f"===== {boundary} begin: {title} =====\n{text}\n===== {boundary} end: {title} ====="
