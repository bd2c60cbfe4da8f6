"""Write what docs/reference/ can take from the code: the command line and the JSON Schemas."""

from __future__ import annotations

import sys
from pathlib import Path

from scylla.cli.reference import command_line_page
from scylla.config.schema import write_schemas

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def main(folder: Path = REFERENCE) -> None:
    """Write all generated pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cli.md").write_text(command_line_page(), encoding="utf-8")
    write_schemas(folder / "schemas")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
