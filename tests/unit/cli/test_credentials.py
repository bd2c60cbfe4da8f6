"""Which login pays, and that a copy of one harms nobody."""

import json
import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from scylla.cli.credentials import (
    KEPT_FILE,
    Found,
    Login,
    describe,
    ensure_credentials,
    find_login,
    keep_environment_login,
    require_lasting,
)
from scylla.errors import MachineError

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def staged(tmp_path):
    folder = tmp_path / "staged"
    folder.mkdir()
    return folder


def write_login(folder: Path, token, *, ends=NOW + HOUR, refresh=None, **more):
    folder.mkdir(parents=True, exist_ok=True)
    oauth = {"accessToken": token, "scopes": ["user:inference"], **more}
    if ends is not None:
        oauth["expiresAt"] = int(ends.timestamp() * 1000)
    if refresh is not None:
        oauth["refreshToken"] = refresh
    path = folder / ".credentials.json"
    path.write_text(json.dumps({"claudeAiOauth": oauth, "mcpOAuth": {"x": {"accessToken": "of-another-service"}}}))
    return path


def ensure(env, home, staged, now=NOW) -> Found:
    return ensure_credentials(env, home, staged=staged, now=now)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestPrecedence:
    def test_the_api_key_wins_over_the_token_as_in_the_cli(self, home):
        env = {"ANTHROPIC_API_KEY": "key", "CLAUDE_CODE_OAUTH_TOKEN": "token"}
        login = find_login(env, home, NOW)
        assert (login.kind, login.secret, login.expires_at) == ("api_key", "key", None)

    def test_the_environment_wins_over_every_file_and_nothing_is_copied(self, home, staged):
        write_login(staged, "from-host")
        found = ensure({"CLAUDE_CODE_OAUTH_TOKEN": "token"}, home, staged)
        assert (found.login.kind, found.login.secret, found.copied) == ("oauth", "token", "")
        assert list(home.iterdir()) == []

    @pytest.mark.parametrize("nothing", ["", "  \n"])
    def test_empty_variables_count_as_unset(self, home, staged, nothing):
        write_login(staged, "from-host")
        env = {"ANTHROPIC_API_KEY": nothing, "CLAUDE_CODE_OAUTH_TOKEN": nothing}
        assert ensure(env, home, staged).login.secret == "from-host"

    def test_a_login_of_its_own_wins_over_the_staged_one_and_stays_as_it_is(self, home, staged):
        own = write_login(home / ".claude", "own", refresh="own-refresh")
        before = own.read_bytes()
        write_login(staged, "from-host", ends=NOW + 8 * HOUR)
        found = ensure({}, home, staged)
        assert (found.login.secret, found.login.renews_itself, found.copied) == ("own", True, "")
        assert own.read_bytes() == before

    def test_a_login_of_its_own_that_has_ended_gives_way_but_is_never_overwritten(self, home, staged):
        own = write_login(home / ".claude", "own", refresh="own-refresh", ends=NOW - HOUR)
        before = own.read_bytes()
        write_login(staged, "from-host")
        found = ensure({}, home, staged)
        assert (found.login.secret, found.copied) == ("from-host", "")
        assert own.read_bytes() == before
        assert any("start `claude` once to renew it" in note for note in found.notes)

    def test_no_login_at_all(self, home, staged):
        assert ensure({}, home, staged) == Found(login=None)
        assert find_login({}, home, NOW) is None
        assert ensure({}, home, staged / "missing") == Found(login=None)

    def test_a_stored_access_token_is_found_with_its_end(self, home):
        write_login(home / ".claude", "stored")
        login = find_login({}, home, NOW)
        assert (login.kind, login.secret, login.expires_at) == ("oauth", "stored", NOW + HOUR)

    def test_the_cli_folder_can_be_moved(self, home, staged, tmp_path):
        env = {"CLAUDE_CONFIG_DIR": str(tmp_path / "elsewhere")}
        write_login(staged, "from-host")
        ensure(env, home, staged)
        assert (tmp_path / "elsewhere" / ".credentials.json").exists()
        assert not (home / ".claude").exists()
        assert find_login(env, home, NOW).secret == "from-host"
        assert find_login({"CLAUDE_CONFIG_DIR": ""}, home, NOW) is None

    def test_a_login_that_the_cli_has_blanked_is_none(self, home, staged):
        write_login(home / ".claude", "", refresh="", ends=None, expiresAt=0)
        assert ensure({}, home, staged) == Found(login=None)

    def test_what_the_hosts_environment_held_counts_before_files_and_after_this_environment(self, home, staged):
        (staged / "environment.json").write_text('{"ANTHROPIC_API_KEY": "host-key"}')
        write_login(home / ".claude", "own", refresh="own-refresh")
        found = ensure({"ANTHROPIC_API_KEY": ""}, home, staged)
        assert (found.login.kind, found.login.secret) == ("api_key", "host-key")
        assert "of the host" in found.login.source
        assert ensure({"CLAUDE_CODE_OAUTH_TOKEN": "of-now"}, home, staged).login.secret == "of-now"

    def test_looking_finds_what_ensuring_does_and_changes_nothing(self, home, staged):
        write_login(staged, "from-host")
        assert find_login({}, home, NOW, staged=staged).secret == "from-host"
        assert list(home.iterdir()) == []


class TestCopy:
    def test_only_this_user_can_read_it_and_it_holds_no_refresh_token(self, home, staged):
        write_login(staged, "from-host", refresh="must-not-travel", subscriptionType="max")
        previous = os.umask(0)
        try:
            found = ensure({}, home, staged)
        finally:
            os.umask(previous)
        copy = home / ".claude" / ".credentials.json"
        assert (mode(copy), mode(copy.parent)) == (0o600, 0o700)
        assert "must-not-travel" not in copy.read_text()
        assert "of-another-service" not in copy.read_text()
        assert json.loads(copy.read_text())["claudeAiOauth"]["subscriptionType"] == "max"
        assert str(copy) in found.copied
        assert list(copy.parent.iterdir()) == [copy]

    def test_a_renewed_login_of_the_host_replaces_the_old_copy(self, home, staged):
        write_login(staged, "old")
        ensure({}, home, staged)
        write_login(staged, "renewed", ends=NOW + 8 * HOUR)
        found = ensure({}, home, staged)
        assert (found.login.secret, found.login.expires_at) == ("renewed", NOW + 8 * HOUR)
        assert find_login({}, home, NOW).secret == "renewed"

    def test_what_is_there_already_is_not_copied_again(self, home, staged):
        write_login(staged, "from-host")
        ensure({}, home, staged)
        before = (home / ".claude" / ".credentials.json").stat().st_ino
        assert ensure({}, home, staged).copied == ""
        assert (home / ".claude" / ".credentials.json").stat().st_ino == before

    def test_a_token_that_ends_later_is_not_replaced_by_one_that_ends_sooner(self, home, staged):
        write_login(home / ".claude", "longer", ends=NOW + 5 * HOUR)
        write_login(staged, "shorter")
        assert ensure({}, home, staged).login.secret == "longer"

    def test_where_it_cannot_be_written_the_staged_login_is_used_all_the_same(self, home, staged):
        (home / ".claude").write_text("a file in place of the folder")
        write_login(staged, "from-host")
        found = ensure({}, home, staged)
        assert (found.login.secret, found.copied) == ("from-host", "")
        assert any("cannot be copied" in note for note in found.notes)

    def test_a_failed_copy_leaves_nothing_behind(self, home, staged):
        (home / ".claude" / ".credentials.json").mkdir(parents=True)
        write_login(staged, "from-host")
        found = ensure({}, home, staged)
        assert found.login.secret == "from-host"
        assert [entry.name for entry in (home / ".claude").iterdir()] == [".credentials.json"]

    def test_eight_at_once_leave_one_whole_file(self, home, staged):
        write_login(staged, "from-host", ends=datetime.now(timezone.utc) + HOUR)
        env = {"HOME": str(home), "PATH": os.environ["PATH"], "SCYLLA_STAGED_LOGIN": str(staged)}
        command = [sys.executable, "-m", "scylla.cli.credentials_main", "post-start"]
        starts = [subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) for _ in range(8)]
        for start in starts:
            _, stderr = start.communicate(timeout=60)
            assert start.returncode == 0, stderr
            assert "Login: " in stderr
            assert "cannot" not in stderr
            assert "from-host" not in stderr
        (copy,) = (home / ".claude").iterdir()
        assert json.loads(copy.read_text())["claudeAiOauth"]["accessToken"] == "from-host"


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("{", "no JSON"),
            ("\x00\x01", "no JSON"),
            ("[" * 100_000, "no JSON"),
            ("[1]", "no JSON object"),
            ('{"mcpOAuth": {}}', "no access token"),
            ('{"claudeAiOauth": {"accessToken": 7}}', "no access token"),
        ],
        ids=["cut off", "bytes", "deep", "list", "other logins only", "number"],
    )
    def test_a_broken_file_is_a_note(self, home, staged, content, words):
        (staged / ".credentials.json").write_text(content)
        found = ensure({}, home, staged)
        assert found.login is None
        assert words in found.notes[0]
        assert str(staged) in found.notes[0]

    def test_bytes_that_are_no_text_are_a_note(self, home, staged):
        (staged / ".credentials.json").write_bytes(b"\xff\xfe{}")
        assert "no JSON" in ensure({}, home, staged).notes[0]

    def test_a_folder_in_place_of_the_file_is_a_note(self, home, staged):
        (staged / ".credentials.json").mkdir()
        assert "it is no file" in ensure({}, home, staged).notes[0]

    def test_a_pipe_in_place_of_the_file_does_not_block(self, home, staged):
        os.mkfifo(staged / ".credentials.json")
        assert "it is no file" in ensure({}, home, staged).notes[0]

    def test_a_broken_file_in_the_home_does_not_hide_the_staged_one(self, home, staged):
        (home / ".claude").mkdir()
        (home / ".claude" / ".credentials.json").write_text("{")
        write_login(staged, "from-host")
        found = ensure({}, home, staged)
        assert found.login.secret == "from-host"
        assert find_login({}, home, NOW).secret == "from-host"

    def test_what_this_user_may_not_read_is_a_note_that_says_so(self, home, staged):
        write_login(staged, "from-host")
        if os.getuid() == 0:
            program = (
                "import os, sys, pathlib, datetime\n"
                "from scylla.cli.credentials import ensure_credentials\n"
                "now = datetime.datetime.now(datetime.timezone.utc)\n"
                "os.setuid(4321)\n"
                "nowhere, staged = pathlib.Path('/nonexistent'), pathlib.Path(sys.argv[1])\n"
                "found = ensure_credentials({}, nowhere, staged=staged, now=now)\n"
                "print(found.login, found.notes)"
            )
            staged.chmod(0o700)
            command = [sys.executable, "-c", program, str(staged)]
            said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60).stdout
            assert "None" in said
            assert "cannot be used by user 4321: Permission denied" in said
        else:
            staged.chmod(0)
            found = ensure({}, home, staged)
            staged.chmod(0o700)
            assert "Permission denied" in found.notes[0]

    @pytest.mark.parametrize("end", [True, -5, 10**30, "soon", None])
    def test_an_end_that_makes_no_sense_is_unknown(self, home, end):
        write_login(home / ".claude", "stored", ends=None, expiresAt=end)
        assert find_login({}, home, NOW).expires_at is None


class TestEnd:
    def test_a_login_that_has_ended_is_none_and_says_so(self, home, staged):
        write_login(staged, "from-host", ends=NOW - HOUR)
        found = ensure({}, home, staged)
        assert found.login is None
        assert found.ended.secret == "from-host"
        assert "ended at 2026-05-01 11:00 UTC" in found.notes[0]
        assert not (home / ".claude").exists()
        assert find_login({}, home, NOW) is None

    def test_it_ends_at_the_very_moment(self, home):
        write_login(home / ".claude", "stored", ends=NOW)
        assert find_login({}, home, NOW) is None
        assert find_login({}, home, NOW - timedelta(seconds=1)) is not None

    def test_work_that_outlasts_the_login_is_refused_with_the_three_remedies(self):
        login = Login(kind="oauth", secret="hidden", source="the access token", expires_at=NOW + HOUR)
        require_lasting(login, NOW + HOUR)
        with pytest.raises(MachineError) as refused:
            require_lasting(login, NOW + HOUR + timedelta(seconds=1))
        assert refused.value.exit_code == 3
        assert "ends at 2026-05-01 13:00 UTC" in refused.value.message
        for remedy in ("on the host", "inside the container", "CLAUDE_CODE_OAUTH_TOKEN"):
            assert remedy in refused.value.fix
        assert "hidden" not in refused.value.message + refused.value.fix

    def test_a_login_that_renews_itself_is_refused_too_and_told_how_to_renew(self):
        login = Login(kind="oauth", secret="x", source="the login", expires_at=NOW, renews_itself=True)
        with pytest.raises(MachineError) as refused:
            require_lasting(login, NOW + HOUR)
        assert "start `claude` once" in refused.value.fix

    def test_a_login_without_a_known_end_lasts(self):
        require_lasting(Login(kind="api_key", secret="x", source="key"), NOW + 10_000 * HOUR)


class TestKeptAtStart:
    def test_what_only_the_start_was_given_counts_later(self, home, staged):
        assert keep_environment_login({"CLAUDE_CODE_OAUTH_TOKEN": "given", "ANTHROPIC_API_KEY": ""}, home) == ""
        kept = home / KEPT_FILE
        assert (mode(kept), mode(kept.parent)) == (0o600, 0o700)
        login = ensure({"CLAUDE_CODE_OAUTH_TOKEN": ""}, home, staged).login
        assert (login.kind, login.secret) == ("oauth", "given")
        assert "started with" in login.source
        assert find_login({}, home, NOW) == login

    def test_the_environment_of_the_moment_wins_over_it(self, home):
        keep_environment_login({"ANTHROPIC_API_KEY": "of-the-start"}, home)
        assert find_login({"CLAUDE_CODE_OAUTH_TOKEN": "of-now"}, home, NOW).secret == "of-now"

    def test_a_start_without_one_forgets_it(self, home):
        keep_environment_login({"ANTHROPIC_API_KEY": "key"}, home)
        assert keep_environment_login({"ANTHROPIC_API_KEY": ""}, home) == ""
        assert find_login({}, home, NOW) is None
        assert not (home / KEPT_FILE).exists()

    def test_where_it_cannot_be_kept_a_note_says_so(self, home):
        (home / ".config").write_text("a file")
        note = keep_environment_login({"ANTHROPIC_API_KEY": "the-key"}, home)
        assert "cannot be kept" in note
        assert "the-key" not in note


class TestForPeople:
    def test_the_secret_is_never_shown(self, home, staged):
        write_login(staged, "the-token")
        found = ensure({}, home, staged)
        assert "the-token" not in repr(found) + describe(found) + str(found.login)

    def test_it_says_which_login_and_until_when(self, home, staged):
        write_login(staged, "from-host")
        said = describe(ensure({}, home, staged))
        assert said.startswith("Login: the host's login")
        assert said.endswith("until 2026-05-01 13:00 UTC.")

    def test_without_one_it_says_what_to_do(self, home, staged):
        assert describe(ensure({}, home, staged)).startswith("Login: none. Experiments run on the offline model.")
        write_login(staged, "from-host", ends=NOW - HOUR)
        assert describe(ensure({}, home, staged)).startswith("Login: none that is still valid.")

    def test_the_entry_needs_no_installed_package(self, home):
        command = [sys.executable, "-I", "-S", "-c", (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
            "from scylla.cli.credentials_main import main; sys.exit(main(['show']))"
        )]  # fmt: skip
        done = subprocess.run(command, check=False, env={"HOME": str(home)}, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "")
        assert "Login: none" in done.stderr

    def test_other_words_are_refused(self):
        command = [sys.executable, "-m", "scylla.cli.credentials_main", "poststart"]
        assert subprocess.run(command, check=False, cwd=ROOT, capture_output=True, timeout=60).returncode == 2
