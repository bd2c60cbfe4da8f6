"""Generated pages are current, links lead somewhere, and pins are the same everywhere."""

import json
import re
from pathlib import Path

from scylla.cli.reference import command_line_page
from scylla.config.schema import write_schemas

ROOT = Path(__file__).resolve().parents[3]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_command_line_page_is_current():
    page = ROOT / "docs" / "reference" / "cli.md"
    assert page.read_text() == command_line_page(), "run scripts/generate_reference.py"


def test_schemas_are_current(tmp_path):
    write_schemas(tmp_path)
    written = {path.name: path.read_text() for path in (ROOT / "docs" / "reference" / "schemas").iterdir()}
    assert written == {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_placeholder_is_left():
    for page in PAGES:
        assert "{{" not in page.read_text(), page


def test_lock_files_carry_hashes_and_no_addresses():
    for lock in (ROOT / ".devcontainer" / "claude", ROOT / "tests" / "newest_claude"):
        text = (lock / "package-lock.json").read_text()
        assert "://" not in text
        packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
        assert packages
        assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    for name in ("requirements.txt", "requirements-dev.txt", ".devcontainer/mcp/requirements.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") > text.count("==")


def test_the_lock_of_the_mcp_servers_holds_what_was_asked_for():
    folder = ROOT / ".devcontainer" / "mcp"
    asked = re.findall(r"^[\w-]+==\S+$", (folder / "requirements.in").read_text(), re.MULTILINE)
    assert len(asked) == 3
    locked = (folder / "requirements.txt").read_text()
    assert not [pin for pin in asked if f"{pin} \\\n" not in locked]
    assert "://" not in (folder / "package-lock.json").read_text()
