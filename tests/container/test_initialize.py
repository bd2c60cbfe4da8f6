"""The script that stages the host's login, alone: what it leaves, and who could read it."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hosts import REFRESH, ROOT, TOKEN, write_login

SCRIPT = ROOT / ".devcontainer" / "initialize.sh"
JSON_READERS = [name for name in ("node", "python3") if shutil.which(name)]


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def tools(folder: Path, *readers, **scripts) -> str:
    """A PATH with the usual tools, only these readers of JSON, and scripts of the test's own."""
    folder.mkdir()
    usual = ["bash", "cat", "chmod", "chown", "find", "id", "mkdir", "mktemp", "mv", "rm", "uname", "sleep"]
    if "python3" in readers:
        # Not what PATH says: that may be a script of a version manager, which needs more than these tools.
        scripts["python3"] = f'exec {sys._base_executable} "$@"'
    for name in (*usual, *readers):
        if name not in scripts:
            (folder / name).symlink_to(os.path.realpath(shutil.which(name)))
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def initialize(home, *, path=None, **env):
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(home)} | env
    return subprocess.run(
        ["bash", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def drop(home) -> Path:
    return home / ".scylla-devcontainer" / "claude"


def staged(home) -> dict:
    return json.loads((drop(home) / ".credentials.json").read_text())["claudeAiOauth"]


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestLogin:
    @pytest.mark.parametrize("reader", JSON_READERS)
    def test_the_access_token_is_staged_and_the_refresh_token_is_not(self, home, tmp_path, reader):
        write_login(home / ".claude")
        done = initialize(home, path=tools(tmp_path / "bin", reader))
        assert done.returncode == 0, done.stderr
        assert staged(home) == {
            "accessToken": TOKEN,
            "expiresAt": 4102444800000,
            "scopes": ["user:inference"],
            "subscriptionType": "max",
        }
        assert REFRESH not in (drop(home) / ".credentials.json").read_text()
        assert TOKEN not in done.stdout + done.stderr

    def test_only_this_user_can_get_at_it(self, home):
        write_login(home / ".claude")
        previous = os.umask(0)
        try:
            initialize(home, ANTHROPIC_API_KEY="sk-ant-api03-key")
        finally:
            os.umask(previous)
        assert mode(home / ".scylla-devcontainer") == 0o700
        assert mode(drop(home)) == 0o700
        assert mode(drop(home) / ".credentials.json") == 0o600
        assert mode(drop(home) / "environment.json") == 0o600
        assert sorted(entry.name for entry in (home / ".scylla-devcontainer").iterdir()) == ["claude"]

    def test_a_folder_that_was_open_is_closed(self, home):
        drop(home).mkdir(parents=True)
        (home / ".scylla-devcontainer").chmod(0o777)
        drop(home).chmod(0o777)
        initialize(home)
        assert (mode(home / ".scylla-devcontainer"), mode(drop(home))) == (0o700, 0o700)

    def test_the_login_of_the_host_stays_as_it_is(self, home):
        path = write_login(home / ".claude")
        before = (path.read_bytes(), path.stat().st_ino)
        initialize(home)
        assert (path.read_bytes(), path.stat().st_ino) == before

    def test_a_renewed_login_replaces_the_one_before_and_a_lost_one_is_removed(self, home):
        write_login(home / ".claude")
        initialize(home)
        write_login(home / ".claude", token="sk-ant-oat01-renewed")
        initialize(home)
        assert staged(home)["accessToken"] == "sk-ant-oat01-renewed"
        (home / ".claude" / ".credentials.json").unlink()
        done = initialize(home)
        assert list(drop(home).iterdir()) == []
        assert "no Claude login was found" in done.stderr

    def test_the_cli_folder_can_be_moved(self, home, tmp_path):
        write_login(tmp_path / "elsewhere")
        initialize(home, CLAUDE_CONFIG_DIR=str(tmp_path / "elsewhere"))
        assert staged(home)["accessToken"] == TOKEN

    @pytest.mark.parametrize("reader", JSON_READERS)
    def test_the_keychain_of_macos_is_asked(self, home, tmp_path, reader):
        kept = json.dumps({"claudeAiOauth": {"accessToken": TOKEN, "refreshToken": REFRESH, "expiresAt": 1}})
        wanted = "find-generic-password -s Claude Code-credentials -w"
        path = tools(
            tmp_path / "bin",
            reader,
            uname="echo Darwin",
            security=f"[ \"$*\" = '{wanted}' ] && echo '{kept}'",
            **{"xcode-select": "exit 0"},
        )
        done = initialize(home, path=path)
        assert staged(home) == {"accessToken": TOKEN, "expiresAt": 1}, done.stderr

    def test_macos_without_its_tools_opens_no_dialog(self, home, tmp_path):
        touched = tmp_path / "dialog"
        stubs = {
            "xcode-select": "exit 2",
            "python3": f"touch {touched}",
            "uname": "echo Darwin",
            "security": "echo '{}'",
        }
        done = initialize(home, path=tools(tmp_path / "bin", **stubs))
        assert (done.returncode, touched.exists()) == (0, False)
        assert "neither node nor python3" in done.stderr


class TestEnvironment:
    def test_key_and_token_are_staged(self, home):
        initialize(home, ANTHROPIC_API_KEY="sk-ant-api03-k_e-y", CLAUDE_CODE_OAUTH_TOKEN=TOKEN)
        written = json.loads((drop(home) / "environment.json").read_text())
        assert written == {"ANTHROPIC_API_KEY": "sk-ant-api03-k_e-y", "CLAUDE_CODE_OAUTH_TOKEN": TOKEN}

    def test_one_that_is_gone_is_forgotten(self, home):
        initialize(home, ANTHROPIC_API_KEY="sk-ant-api03-key")
        initialize(home, ANTHROPIC_API_KEY="")
        assert list(drop(home).iterdir()) == []

    def test_characters_that_no_key_has_are_refused_and_not_repeated(self, home):
        done = initialize(home, ANTHROPIC_API_KEY='secret", "x": "')
        assert done.returncode == 0
        assert not (drop(home) / "environment.json").exists()
        assert "ANTHROPIC_API_KEY holds characters" in done.stderr
        assert "secret" not in done.stderr


class TestStartGoesOn:
    @pytest.mark.parametrize("reader", JSON_READERS)
    @pytest.mark.parametrize(
        "content",
        ["{", "[]", "null", '{"claudeAiOauth": null}', '{"claudeAiOauth": {"accessToken": 7}}', '{"mcpOAuth": {}}'],
    )
    def test_a_broken_login(self, home, tmp_path, reader, content):
        write_login(home / ".claude").write_text(content)
        done = initialize(home, path=tools(tmp_path / "bin", reader))
        assert done.returncode == 0
        assert "not in a form that can be read" in done.stderr
        assert list(drop(home).iterdir()) == []

    @pytest.mark.parametrize("reader", JSON_READERS)
    def test_a_login_that_the_cli_has_blanked(self, home, tmp_path, reader):
        write_login(home / ".claude", token="", refresh="")
        done = initialize(home, path=tools(tmp_path / "bin", reader))
        assert (done.returncode, list(drop(home).iterdir())) == (0, [])
        assert "no Claude login was found" in done.stderr

    def test_a_folder_in_place_of_the_login(self, home):
        (home / ".claude" / ".credentials.json").mkdir(parents=True)
        done = initialize(home)
        assert (done.returncode, list(drop(home).iterdir())) == (0, [])
        assert "is a folder" in done.stderr

    def test_a_folder_in_place_of_the_staged_file(self, home):
        write_login(home / ".claude")
        (drop(home) / ".credentials.json").mkdir(parents=True)
        initialize(home)
        assert staged(home)["accessToken"] == TOKEN

    def test_no_reader_of_json(self, home, tmp_path):
        write_login(home / ".claude")
        done = initialize(home, path=tools(tmp_path / "bin"))
        assert (done.returncode, list(drop(home).iterdir())) == (0, [])
        assert "neither node nor python3" in done.stderr

    def test_a_home_that_cannot_be_written(self, tmp_path):
        blocked = tmp_path / "blocked"
        blocked.write_text("a file in place of the home")
        done = initialize(blocked)
        assert done.returncode == 0
        assert "cannot be made" in done.stderr

    @pytest.mark.xdist_group("container")  # a test there uses the same folder
    def test_without_home_the_folder_is_the_one_that_the_mount_names(self):
        done = subprocess.run(
            ["bash", SCRIPT], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False, timeout=60
        )
        mounts = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
        default = Path("/var/tmp/scylla-no-home")
        assert f"${{localEnv:HOME:{default}}}/.scylla-devcontainer/claude" in mounts
        assert done.returncode == 0, done.stderr
        assert "HOME is not set" in done.stderr
        assert mode(default / ".scylla-devcontainer") == 0o700
        shutil.rmtree(default)

    def test_somebody_elses_folder_is_no_source_of_logins(self, home, tmp_path):
        (tmp_path / "theirs").mkdir()
        (home / ".scylla-devcontainer").symlink_to(tmp_path / "theirs")
        write_login(home / ".claude")
        done = initialize(home)
        assert done.returncode == 1
        assert "does not belong to this user" in done.stderr
        assert not list((tmp_path / "theirs").rglob(".credentials.json"))


class TestAtOnceAndKilled:
    def test_eight_at_once_leave_one_whole_file(self, home):
        write_login(home / ".claude")
        env = {"PATH": os.environ["PATH"], "HOME": str(home)}
        starts = [
            subprocess.Popen(["bash", SCRIPT], env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(8)
        ]
        for start in starts:
            _, stderr = start.communicate(timeout=60)
            assert start.returncode == 0
            assert "staged a login" in stderr
            assert stderr.count("\n") == 1, stderr
        assert staged(home)["accessToken"] == TOKEN
        assert [entry.name for entry in drop(home).iterdir()] == [".credentials.json"]

    def test_killed_in_the_middle_nothing_is_open_and_the_next_start_works(self, home, tmp_path):
        write_login(home / ".claude")
        path = tools(tmp_path / "bin", *JSON_READERS, mv="sleep 60")
        env = {"PATH": path, "HOME": str(home)}
        start = subprocess.Popen(["bash", SCRIPT], env=env, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self.half_done(home) and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(start.pid, 9)
        start.wait()
        (left,) = self.half_done(home)
        assert TOKEN in left.read_text()
        assert REFRESH not in left.read_text()
        assert (mode(left), mode(left.parent)) == (0o600, 0o700)
        assert list(drop(home).iterdir()) == []
        os.utime(left, (0, 0))
        initialize(home)
        assert staged(home)["accessToken"] == TOKEN
        assert self.half_done(home) == []

    @staticmethod
    def half_done(home) -> list[Path]:
        folder = home / ".scylla-devcontainer"
        return [path for path in folder.glob(".staging.*") if path.stat().st_size] if folder.exists() else []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as other users")
class TestOtherUsers:
    @pytest.fixture
    def open_home(self, home, tmp_path):
        """A home that others may enter, as many are."""
        above = [folder for folder in tmp_path.parents if folder.is_relative_to(tempfile.gettempdir())][:-1]
        for folder in (home, *above, tmp_path):
            folder.chmod(0o755)
        return home

    @staticmethod
    def read_as(uid: int, path: Path) -> int:
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "cat", str(path)]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode

    def test_root_gives_the_drop_to_the_user_of_the_image_and_to_nobody_else(self, open_home):
        write_login(open_home / ".claude")
        initialize(open_home)
        file = drop(open_home) / ".credentials.json"
        assert (file.stat().st_uid, mode(file), drop(open_home).stat().st_uid) == (1000, 0o600, 1000)
        assert (open_home / ".scylla-devcontainer").stat().st_uid == 0
        assert self.read_as(4321, file) != 0
        # Not even the host's own user 1000: the folder above is root's.
        assert self.read_as(1000, file) != 0

    @pytest.mark.parametrize("rootless", ["", "1"])
    def test_another_user_cannot_read_what_an_ordinary_user_staged(self, open_home, rootless):
        for folder in (open_home, write_login(open_home / ".claude").parent):
            os.chown(folder, 1234, 1234)
        os.chown(open_home / ".claude" / ".credentials.json", 1234, 1234)
        env = {"PATH": os.environ["PATH"], "HOME": str(open_home), "SCYLLA_ROOTLESS_ENGINE": rootless}
        as_user = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "bash", str(SCRIPT)]
        subprocess.run(as_user, env=env, capture_output=True, check=True, timeout=60, cwd="/")
        file = drop(open_home) / ".credentials.json"
        assert self.read_as(1234, file) == 0
        assert self.read_as(4321, file) != 0
        # For an engine that maps uids, the drop itself is open, behind a folder that is not.
        expected = (0o644, 0o755) if rootless else (0o600, 0o700)
        assert (mode(file), mode(drop(open_home))) == expected
