"""The container on a real engine, started by the real dev container CLI."""

import json
import os
import pwd
import re
import shutil
import threading
import time
from pathlib import Path

import pytest
from hosts import REFRESH, ROOT, TOKEN, Host, docker, ordinary_account, write_login

pytestmark = [pytest.mark.container, pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

JOURNEY = (
    "python", "scripts/run_e2e_experiment.py",
    "--tiers-dir", "tests/fixtures/tests/test-001", "--tiers", "T0", "--runs", "1", "-v",
)  # fmt: skip
LOGIN_FILE = "/home/scylla/.claude/.credentials.json"


def arg(name: str) -> str:
    return re.search(rf"^ARG {name}=(.*)$", (ROOT / ".devcontainer" / "Dockerfile").read_text(), re.MULTILINE)[1]


def logged_in(host: Host, **changes) -> Host:
    write_login(host.home / ".claude", owner=host.account.pw_uid if os.getuid() == 0 else None, **changes)
    return host


def inside(host: Host, script: str, **options) -> str:
    return host.exec("bash", "-c", script, **options).stdout.strip()


@pytest.mark.usefixtures("container")
class TestImage:
    """What is in it. Nothing here changes the shared container."""

    def test_python_is_the_pinned_one(self, host):
        version = inside(host, "python --version").removeprefix("Python ")
        pinned = re.search(r":([\d.]+)-", arg("PYTHON_IMAGE"))[1]
        if os.environ.get("SCYLLA_TEST_PYTHON_IMAGE"):
            # The stand-in has Debian's patch version of the same Python.
            assert version.split(".")[:2] == pinned.split(".")[:2]
        else:
            assert version == pinned

    def test_node_is_the_pinned_one(self, host):
        assert inside(host, "node --version") == "v" + re.search(r":([\d.]+)-", arg("NODE_IMAGE"))[1]

    def test_the_agent_cli_is_the_pinned_one_and_the_one_that_scylla_uses(self, host):
        pin = json.loads((ROOT / ".devcontainer" / "claude" / "package.json").read_text())["dependencies"]
        said = inside(host, 'claude --version; "$SCYLLA_CLAUDE" --version; echo "$DISABLE_AUTOUPDATER"').split("\n")
        assert said == [f"{pin['@anthropic-ai/claude-code']} (Claude Code)"] * 2 + ["1"]

    def test_the_mcp_servers_are_there_but_not_on_the_path(self, host):
        """That they work is tested by the suite inside."""
        names = inside(host, 'ls "$SCYLLA_MCP_SERVERS"').split()
        assert "mcp-server-git" in names
        assert len(names) == 9
        assert inside(host, "command -v mcp-server-git || echo none") == "none"
        assert inside(host, 'find "$SCYLLA_MCP_SERVERS/.." -writable | head -n 1') == ""

    def test_the_tools_are_there(self, host):
        tools = "bash cc curl find gcc git grep jq make mypy npm pip pytest python python3 rg ruff shellcheck sort wc"
        assert inside(host, f"for tool in {tools}; do command -v $tool >/dev/null || echo $tool; done") == ""

    def test_python_packages_are_the_locked_ones(self, host):
        installed = json.loads(inside(host, "pip list --format=json --disable-pip-version-check"))
        versions = {entry["name"].lower().replace("_", "-"): entry["version"] for entry in installed}
        for name in ("pytest", "pytest-xdist", "ruff", "pydantic", "anyio"):
            assert f"\n{name}=={versions[name]}" in (ROOT / "requirements-dev.txt").read_text()

    def test_scylla_is_the_one_of_the_workspace_from_every_folder(self, host):
        python = 'python -c "import scylla; print(scylla.__file__)"'
        where = inside(host, f"cd /tmp && {python} && env -i PATH=$PATH HOME=/tmp {python} && scylla --version").split(
            "\n"
        )
        assert where[0] == "/workspaces/scylla/scylla/__init__.py"
        # Without the container's environment too.
        assert where[1].endswith("/scylla/__init__.py")
        assert where[2].startswith("scylla ")

    def test_a_commit_can_be_made(self, host):
        inside(
            host, 'cd "$(mktemp -d)" && git init --quiet && git commit --quiet --allow-empty -m x && git log --oneline'
        )

    def test_doctor_is_content(self, host):
        done = host.exec("scylla", "doctor", "--json")
        assert json.loads(done.stdout)["ok"] is True


@pytest.mark.usefixtures("container")
class TestConfinement:
    def test_the_user_is_the_hosts_and_not_root(self, host, container):
        assert container["remoteUser"] == "scylla"
        assert inside(host, "id -un; id -u").split() == ["scylla", str(host.account.pw_uid)]

    def test_no_capability_and_no_way_to_one(self, host):
        status = inside(host, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status")
        assert set(re.findall(r"Cap\w+:\s*(\w+)", status)) == {"0" * 16}
        assert re.search(r"NoNewPrivs:\s*1", status)
        assert inside(host, "command -v sudo || echo none") == "none"

    def test_processes_are_limited_and_orphans_are_reaped(self, container):
        detail = json.loads(docker("inspect", container["containerId"]))[0]["HostConfig"]
        assert (detail["PidsLimit"], detail["Init"]) == (2048, True)

    def test_what_runs_on_the_host_cannot_be_changed_from_inside(self, host):
        for name in (".devcontainer/initialize.sh", "/run/host-claude/x"):
            assert host.exec("bash", "-c", f"echo >> {name}", check=False).returncode != 0

    def test_private_folders_are_private(self, host):
        assert inside(host, "stat -c '%a %U' ~/.claude ~/.history") == "700 scylla\n700 scylla"
        assert inside(host, 'echo "$HISTFILE"; touch "$HISTFILE"') == "/home/scylla/.history/bash"

    def test_the_build_saw_nothing_but_the_locks(self, host):
        assert inside(host, "ls /opt/claude /opt/scylla").split() == [
            "/opt/claude:", "node_modules", "package-lock.json", "package.json",
            "/opt/scylla:", "requirements-dev.txt",
        ]  # fmt: skip


@pytest.mark.usefixtures("container")
class TestJourney:
    def test_an_experiment_offline_with_the_real_cli(self, host):
        done = host.exec(*JOURNEY)
        assert "OFFLINE MODEL" in done.stderr
        (experiment,) = (host.checkout / "results").iterdir()
        report = json.loads((experiment / "report.json").read_text())
        assert report
        foreign = [path for path in experiment.rglob("*") if path.lstat().st_uid != host.account.pw_uid]
        assert foreign == []
        open_to_all = [path for path in experiment.rglob("*") if path.stat().st_mode & 0o002]
        assert open_to_all == []

    def test_the_exit_code_comes_through(self, host):
        assert host.exec("scylla", "run", "--tiers-dir", "nowhere", check=False).returncode == 2

    def test_up_again_finds_the_same_container(self, host, container):
        assert host.up()["containerId"] == container["containerId"]


class CommandLines(threading.Thread):
    """Every command line on this machine, as long as it watches."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = set()
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        self.join()


class TestLogin:
    def test_the_hosts_login_arrives_and_leaks_nowhere(self, new_host):
        host = logged_in(new_host())
        key = "sk-ant-api03-of-the-environment"
        with CommandLines() as command_lines:
            answer = host.up()
            assert inside(host, f"stat -c '%a %U' {LOGIN_FILE} ~/.claude") == "600 scylla\n700 scylla"
            stored = json.loads(inside(host, f"cat {LOGIN_FILE}"))["claudeAiOauth"]
            assert "refreshToken" not in stored
            assert stored["accessToken"] == TOKEN
            said = host.exec("python", "-m", "scylla.cli.credentials_main", "show").stderr
            assert "until 2100-01-01 00:00 UTC" in said
            host.up(env={"ANTHROPIC_API_KEY": key})
            assert "ANTHROPIC_API_KEY" in host.exec("python", "-m", "scylla.cli.credentials_main", "show").stderr
        assert "Login: the" in answer["log"]
        container = answer["containerId"]
        image = json.loads(docker("inspect", container))[0]["Image"]
        places = {
            "inspect": docker("inspect", container),
            "image": docker("inspect", image),
            "history": docker("history", "--no-trunc", image),
            "logs": docker("logs", container),
            "log of up": answer["log"],
            "command lines": b"\n".join(command_lines.seen).decode(errors="replace"),
            "environment": inside(host, "env; cat /proc/1/environ | tr '\\0' '\\n'"),
            "workspace": inside(
                host, f"grep -rlE '{TOKEN}|{key}' . --exclude=hosts.py --exclude=test_engine.py || true"
            ),
        }
        assert "devcontainer" in places["command lines"]
        for secret in (TOKEN, REFRESH, key):
            assert [place for place, text in places.items() if secret in text] == []
        refresh = inside(host, f"grep -rls {REFRESH} ~ /run/host-claude /tmp /var /opt /etc || true")
        assert refresh == ""

    def test_a_provider_sees_exactly_this_token_and_the_agents_none(self, new_host):
        host = logged_in(new_host())
        host.up()
        seen = "/tmp/seen.jsonl"
        inside(
            host,
            f"touch {seen}; nohup python tests/container/provider_stub.py 18743 {seen} >/dev/null 2>&1 & "
            "until curl -s http://127.0.0.1:18743/ >/dev/null; do sleep 0.1; done; : > " + seen,
        )
        url = ("--remote-env", "ANTHROPIC_BASE_URL=http://127.0.0.1:18743")
        done = host.exec(*JOURNEY, "--retries", "0", "--subtests", "T0/00", options=url, check=False)
        assert done.returncode == 1, done.stderr
        assert "Live, paid by: the access token in" in done.stderr
        requests = [json.loads(line) for line in inside(host, f"cat {seen}").splitlines()]
        assert requests
        assert {request["authorization"] for request in requests} == {f"Bearer {TOKEN}"}
        assert {request["x-api-key"] for request in requests} == {None}
        assert inside(host, f"grep -rl {TOKEN} results || true") == ""

    def test_renewed_on_the_host_it_is_renewed_by_the_runner_too(self, new_host):
        host = logged_in(new_host(), expires_at_ms=4102444800000)
        host.up()
        logged_in(host, token="sk-ant-oat01-renewed", expires_at_ms=4102444800000 + 3600_000)
        host.up()
        host.exec("python", "-m", "scylla.cli.credentials_main", "show")
        assert json.loads(inside(host, f"cat {LOGIN_FILE}"))["claudeAiOauth"]["accessToken"] == "sk-ant-oat01-renewed"

    def test_restarted_by_the_engine_alone_the_login_is_there(self, new_host):
        host = logged_in(new_host())
        container = host.up()["containerId"]
        inside(host, f"rm {LOGIN_FILE}")
        docker("restart", "--time", "1", container)
        assert "Login: the" in host.exec("python", "-m", "scylla.cli.credentials_main", "show").stderr
        assert inside(host, "scylla --version").startswith("scylla ")

    def test_stopped_and_started_it_keeps_a_login_made_inside(self, new_host):
        host = logged_in(new_host())
        container = host.up()["containerId"]
        own = json.dumps({"claudeAiOauth": {"accessToken": "own", "refreshToken": "own-refresh"}})
        inside(host, f"echo '{own}' > {LOGIN_FILE}")
        docker("stop", "--time", "5", container)
        assert host.up()["containerId"] == container
        assert inside(host, f"cat {LOGIN_FILE}") == own
        # The volume outlives the container.
        assert host.up("--remove-existing-container")["containerId"] != container
        assert inside(host, f"cat {LOGIN_FILE}") == own

    def test_a_secrets_file_reaches_later_commands(self, new_host):
        host = new_host()
        secrets = host.folder / "secrets.json"
        secrets.touch(mode=0o600)
        secrets.write_text(json.dumps({"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}))
        if os.getuid() == 0:
            os.chown(secrets, host.account.pw_uid, host.account.pw_gid)
        answer = host.up("--secrets-file", secrets)
        shown = host.exec("python", "-m", "scylla.cli.credentials_main", "show").stderr
        assert "CLAUDE_CODE_OAUTH_TOKEN that the container was started with" in shown
        assert inside(host, "stat -c %a ~/.config/scylla/login-at-start.json") == "600"
        # Not asked of command lines: the dev container CLI itself passes it to the start in one.
        assert TOKEN not in answer["log"] + docker("inspect", answer["containerId"])
        assert TOKEN not in inside(host, "env")

    def test_without_a_login_it_starts_and_says_so(self, container):
        assert "no Claude login was found on this host" in container["log"]
        assert "Login: none. Experiments run on the offline model." in container["log"]

    def test_a_login_that_ends_too_soon_is_refused(self, new_host):
        host = logged_in(new_host(), expires_at_ms=int((time.time() + 60) * 1000))
        host.up()
        done = host.exec(*JOURNEY, check=False)
        assert done.returncode == 3, done.stderr
        assert "CLAUDE_CODE_OAUTH_TOKEN" in done.stderr


class TestOddHosts:
    def test_it_can_be_built_before_it_is_started(self, new_host):
        host = new_host()
        words = ("--workspace-folder", ".", "--config", ".devcontainer/devcontainer.json")
        images = json.loads(host.config.read_text())["build"]["args"]
        if images:
            # This command knows no --override-config; the copy of the checkout is this test's own.
            (host.checkout / ".devcontainer" / "devcontainer.json").write_text(host.config.read_text())
        answer = json.loads(host.run("devcontainer", "build", *words).stdout.strip().rpartition("\n")[2])
        assert answer["outcome"] == "success"
        for name in answer["imageName"]:
            docker("rmi", "--force", name)

    def test_a_start_whose_last_step_failed_leaves_a_container_that_works(self, new_host):
        host = logged_in(new_host())
        host.write_config(postStartCommand=["false"])
        assert host.up(check=False)["code"] != 0
        assert host.up()["outcome"] == "success"
        assert "Login: the" in host.exec("python", "-m", "scylla.cli.credentials_main", "show").stderr
        host.exec(*JOURNEY, "--offline")

    def test_with_another_uid_inside_the_reason_is_named(self, new_host):
        host = logged_in(new_host())
        if host.account.pw_uid == 1000:
            pytest.skip("this user has the uid of the image")
        host.write_config(updateRemoteUserUID=False)
        answer = host.up()
        assert "cannot be used by user 1000: Permission denied" in answer["log"]
        assert "cannot be written by scylla (1000)" in answer["log"]

    def test_with_another_uid_inside_and_the_drop_opened_for_it_the_login_arrives(self, new_host):
        host = logged_in(new_host())
        host.write_config(updateRemoteUserUID=False)
        assert "Login: the" in host.up(env={"SCYLLA_ROOTLESS_ENGINE": "1"})["log"]
        assert (host.home / ".scylla-devcontainer").stat().st_mode & 0o077 == 0

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can act as root")
    def test_root_as_the_hosts_user(self, new_host):
        host = logged_in(new_host(pwd.getpwuid(0)))
        answer = host.up()
        assert inside(host, "id -u") == "1000"
        assert "Login: the" in answer["log"]
        assert "The workspace belongs to uid 0" in answer["log"]
        assert (host.drop / ".credentials.json").stat().st_uid == 1000

    def test_a_second_user_of_the_host_cannot_read_the_staged_login(self, new_host):
        host = logged_in(new_host())
        host.run("bash", ".devcontainer/initialize.sh")
        if os.getuid() != 0:
            pytest.skip("only root can act as another user")
        other = Host(folder=host.folder, account=pwd.getpwnam("nobody"))
        done = other.run("cat", host.drop / ".credentials.json", check=False, cwd="/")
        assert done.returncode != 0

    def test_without_home_it_starts(self, new_host):
        host = new_host()
        up = ("devcontainer", "up", "--workspace-folder", ".", "--override-config", host.config)
        done = host.run("env", "--unset=HOME", *up)
        assert json.loads(done.stdout.strip().rpartition("\n")[2])["outcome"] == "success"
        assert "HOME is not set" in done.stderr
        shutil.rmtree("/var/tmp/scylla-no-home")


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("container")
def test_the_whole_suite_inside(host):
    """Where the Python of the image is tested: all parts, and whole experiments with the image's agent CLI."""
    done = host.exec(
        "python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider",
        "tests/unit", "tests/journey/test_results.py", "-m", "not newest", check=False, timeout=1100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.usefixtures("engine")
def test_the_account_is_an_ordinary_one():
    assert ordinary_account().pw_uid != 0
