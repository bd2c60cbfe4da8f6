"""Names that would tell a judge whose work it grades."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FAMILIES = (
    "claude", "anthropic", "opus", "sonnet", "haiku", "openai", "chatgpt", "gpt", "codex", "gemini", "copilot",
    "deepseek", "qwen", "mistral", "llama",
)  # fmt: skip


def without_names(text: str, *, names: Iterable[str], unless_in: str) -> str:
    """The text with `[name]` for the names of models and agents, whole words with what a version adds to them.

    A word that `unless_in` (the task) contains itself stays: there it is a part of the work.
    """
    told = unless_in.casefold()
    asked = {name.casefold() for name in (*names, *_FAMILIES)}
    hidden = sorted((name for name in asked if name and name not in told), key=lambda name: (-len(name), name))
    if not hidden:
        return text
    word = "|".join(re.escape(name) for name in hidden)
    name = rf"(?:{word})(?: code)?(?:[-_ ]?v?\d+(?:\.\d+)*|[-_]\w+)*"
    return re.sub(rf"(?<!\w){name}(?: {name})*(?!\w)", "[name]", text, flags=re.IGNORECASE)
