"""`scylla tiers`: the tiers, and what the subtests of one give an agent."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import print_json, stop_on_errors
from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.tier import Subtest
from scylla.errors import EXIT_OK, UsageError


def execute(arguments: argparse.Namespace) -> int:
    """List every tier with its subtests, or the set-ups of the one that was named."""
    known = available_tiers(arguments.tiers_from)
    chosen = known if arguments.tier is None else (arguments.tier.upper(),)
    if not known:
        raise UsageError(
            f"{arguments.tiers_from} holds no tiers", fix="name a folder that holds t0/tier.yaml or the like"
        )
    if not set(chosen) <= set(known):
        raise UsageError(f"there is no tier {arguments.tier}", fix=f"there are: {', '.join(known)}")
    subtests: list[Subtest] = []
    for tier_id in chosen:
        loaded = load_tier(tier_id, arguments.tiers_from)
        stop_on_errors(loaded.problems)
        subtests += loaded.subtests
    if arguments.json:
        print_json([_plain(subtest) for subtest in subtests])
        return EXIT_OK
    console = open_console(sys.stdout)
    table = Table("subtest", "name", "system prompt", "files laid over the workspace", "what it is for")
    for subtest in subtests:
        files = ", ".join(file.path for file in subtest.setup.overlay) or "none"
        table.add_row(
            subtest.label,
            plain(subtest.name),
            subtest.setup.system_prompt.value,
            files,
            plain(" ".join(subtest.description.split())),
        )
    console.print(table)
    if arguments.tier is not None:
        for subtest in subtests:
            _show_texts(subtest, console)
    return EXIT_OK


def _show_texts(subtest: Subtest, console: Console) -> None:
    """Every text that the subtest gives an agent, in full."""
    texts = {file.path: file.content for file in subtest.setup.overlay}
    if subtest.setup.system_prompt_text:
        texts = {"system prompt": subtest.setup.system_prompt_text} | texts
    for name, text in texts.items():
        console.rule(f"{subtest.label} {name}", align="left")
        console.print(plain(text), soft_wrap=True)


def _plain(subtest: Subtest) -> dict[str, object]:
    return {
        "subtest": subtest.label,
        "name": subtest.name,
        "description": subtest.description,
        "system_prompt": subtest.setup.system_prompt.value,
        "system_prompt_text": subtest.setup.system_prompt_text,
        "files": {file.path: file.content for file in subtest.setup.overlay},
        "digest": subtest.setup.digest,
    }
