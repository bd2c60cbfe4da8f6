"""The JSON Schemas are current and agree with the loader."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from scylla.config.schema import schema_files, write_schemas

ROOT = Path(__file__).parents[3]
CASE = ROOT / "tests/fixtures/tests/test-001"


def test_the_committed_schemas_are_up_to_date():
    folder = ROOT / "docs/reference/schemas"
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert committed == schema_files(), "run: python -m scylla.config.schema docs/reference/schemas"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("test", CASE / "test.yaml"),
        ("config", CASE / "config.yaml"),
        ("rubric", CASE / "expected/rubric.yaml"),
        ("offline", CASE / "offline.yaml"),
        ("tier", ROOT / "scylla/tiers/t0/tier.yaml"),
    ],
)
def test_our_own_files_satisfy_their_schema_and_a_typo_does_not(name, file):
    schema = json.loads(schema_files()[f"{name}.schema.json"])
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    content = yaml.safe_load(file.read_text())
    validator.validate(content)
    assert not validator.is_valid({**content, "typo": 1})


def test_the_schemas_are_written_into_a_new_folder(tmp_path):
    write_schemas(tmp_path / "a/b")
    assert {path.name for path in (tmp_path / "a/b").iterdir()} == set(schema_files())
