"""Tables and lists, on a terminal or in a pipe."""

from __future__ import annotations

import os
from typing import IO

from rich.console import Console
from rich.text import Text

from scylla.cli.output import printable

_WIDTH_WITHOUT_TERMINAL = 110


def open_console(stream: IO[str]) -> Console:
    """A console that takes text as it is: brackets are no markup, `:x:` is no emoji."""
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def plain(text: object, *, style: str = "") -> Text:
    """Text from anywhere for a table; it cannot command the terminal."""
    return Text(printable(str(text)), style=style)
