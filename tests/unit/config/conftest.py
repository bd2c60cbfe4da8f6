from pathlib import Path

import pytest

TEST_YAML = """\
id: sample
name: A sample
source:
  path: workspace
task:
  prompt_file: prompt.md
validation:
  criteria_file: expected/criteria.md
  rubric_file: expected/rubric.yaml
tiers: [T0, T1]
"""

RUBRIC_YAML = """\
categories:
  works:
    weight: 0.6
    scoring_type: checklist
    items:
      - {id: W1, check: It runs, points: 1.0, run: "true"}
      - {id: W2, check: It is complete, points: 2, na_condition: nothing was asked}
  reads:
    weight: 0.4
    scoring_type: subjective
    items:
      - {id: R1, check: It reads well, points: 1.5}
"""


def write_case(folder: Path, *, test_yaml: str = TEST_YAML, rubric_yaml: str = RUBRIC_YAML) -> Path:
    (folder / "expected").mkdir(parents=True)
    (folder / "workspace").mkdir()
    (folder / "test.yaml").write_text(test_yaml)
    (folder / "prompt.md").write_text("Do it.\n")
    (folder / "expected/criteria.md").write_text("It is done.\n")
    (folder / "expected/rubric.yaml").write_text(rubric_yaml)
    (folder / "workspace/README.md").write_text("Hello\n")
    return folder


@pytest.fixture
def make_case():
    """A function that writes a valid case and gives its folder."""
    return write_case


@pytest.fixture
def case_folder(tmp_path: Path) -> Path:
    """A valid case of two categories with a folder as its source."""
    return write_case(tmp_path / "case")
