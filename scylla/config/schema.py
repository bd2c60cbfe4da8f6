"""JSON Schemas of the file formats, for editors. `python -m scylla.config.schema FOLDER` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from scylla.config.case_format import CaseFormat, LimitsFormat
from scylla.config.rubric import RubricFormat
from scylla.config.scenario import ScenarioFormat
from scylla.config.strict import Strict
from scylla.config.tier_format import McpServersFormat, TierFormat, ToolsFormat

FORMATS: Mapping[str, type[Strict]] = {
    "test": CaseFormat,
    "config": LimitsFormat,
    "rubric": RubricFormat,
    "offline": ScenarioFormat,
    "tier": TierFormat,
    "mcp_servers": McpServersFormat,
    "tools": ToolsFormat,
}


def schema_files() -> Mapping[str, str]:
    """File name → content, the same in every run."""
    return {f"{name}.schema.json": _schema(name, model) for name, model in FORMATS.items()}


def _schema(name: str, model: type[Strict]) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
        "title": f"{name}.yaml",
    }
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    """Write all schemas into the folder, which is created when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schema_files().items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
