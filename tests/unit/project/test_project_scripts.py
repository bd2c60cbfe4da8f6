"""The install scripts say what a machine lacks, before they install anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path):
    for name in ("scripts", ".devcontainer/claude", ".devcontainer/mcp", "tests/newest_claude"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name, ignore=shutil.ignore_patterns("node_modules"))
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    return tmp_path / "checkout"


def install(checkout, *, script="install.sh", arguments=(), **programs):
    """Run the script on a machine that has only git, coreutils and the programs given (name=what it prints)."""
    folder = checkout.parent / "bin"
    folder.mkdir()
    for name in ("git", "bash", "cat", "dirname", "env", "cp", "mkdir", "ls", "ln", "rm", "grep"):
        (folder / name).symlink_to(shutil.which(name))
    for name, output in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{output}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        [shutil.which("bash"), str(checkout / "scripts" / script), *arguments],
        env={"PATH": str(folder), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


GOOD_PYTHON = "exit 0"


@pytest.mark.parametrize("version", ["v18.20.0", "v19.9.9", "v8.1.0"])
def test_node_that_is_too_old_is_named_with_the_way_to_get_it(checkout, version):
    done = install(checkout, python3=GOOD_PYTHON, node=f"echo {version}", npm="echo 10")
    assert done.returncode == 3
    assert version in done.stderr
    assert "nvm install 20" in done.stderr
    assert not (checkout / ".venv").exists()


def test_missing_node(checkout):
    done = install(checkout, python3=GOOD_PYTHON)
    assert done.returncode == 3
    assert "found: none" in done.stderr


def test_missing_npm(checkout):
    done = install(checkout, python3=GOOD_PYTHON, node="echo v20.1.0")
    assert done.returncode == 3
    assert "npm is not installed" in done.stderr


def test_python_that_is_too_old(checkout):
    done = install(checkout, python3="exit 1", node="echo v20.1.0", npm="echo 10")
    assert done.returncode == 3
    assert "no Python 3.10" in done.stderr


MCP = "install_mcp_servers.sh"


def test_mcp_servers_are_not_installed_among_other_files(checkout):
    """There npm would replace what it finds."""
    done = install(checkout, script=MCP, arguments=[str(checkout)], node="echo v20.1.0", npm="echo 10")
    assert done.returncode == 3
    assert f"{checkout} holds other files" in done.stderr
    assert "name a new folder" in done.stderr
    package = checkout / "node" / "package.json"
    package.parent.mkdir()
    package.write_text('{"name": "of somebody else"}')
    shutil.rmtree(checkout.parent / "bin")
    assert install(checkout, script=MCP, arguments=[str(package.parent)]).returncode == 3
    assert package.read_text() == '{"name": "of somebody else"}'


def test_mcp_servers_need_node(checkout):
    done = install(checkout, script=MCP, python3=GOOD_PYTHON, node="echo v18.1.0", npm="echo 10")
    assert done.returncode == 3
    assert "nvm install 20" in done.stderr
    assert not (checkout / ".tools" / "mcp" / "package.json").exists()


def test_mcp_servers_that_npm_cannot_get_are_not_taken_for_installed(checkout):
    npm = 'case "$1" in --version) echo 10 ;; *) echo "ETIMEDOUT" >&2; exit 1 ;; esac'
    done = install(checkout, script=MCP, python3=GOOD_PYTHON, node="echo v20.1.0", npm=npm)
    assert done.returncode == 3
    assert "ETIMEDOUT" in done.stderr
    assert "could not be installed from npm" in done.stderr
    assert "run this again" in done.stderr
    assert not (checkout / ".tools" / "mcp" / ".installed").exists()


def test_scripts_can_be_started():
    for script in (ROOT / "scripts").glob("*.sh"):
        assert os.access(script, os.X_OK), script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
