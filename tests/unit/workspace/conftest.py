"""Fixtures of the workspace tests."""

import pytest
from repositories import SECRET, git


@pytest.fixture
def origin(tmp_path):
    """Three commits, the second pinned; a tag, a side branch and a later solution beside it."""
    folder = tmp_path / "the-origin"
    folder.mkdir()
    git(folder, "init", "-q")
    for text in ("one\n", "two\n", f"{SECRET}\n"):
        (folder / "file.txt").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"Say {text.strip()}")
    git(folder, "tag", "-a", "v1", "-m", "tagged", "HEAD~1")
    git(folder, "branch", "side", "HEAD~1")
    return folder
