"""Both scripts for the host, with the real engine and the real dev container CLI."""

import os
import signal
import subprocess
import time

import pytest
from hosts import docker

pytestmark = [pytest.mark.container, pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

RUN = "scripts/run_experiment_in_container.sh"
SHELL = "scripts/launch_container_shell.sh"
CASE = ("--tiers-dir", "tests/fixtures/tests/test-001", "--tiers", "T0", "--offline")
SLOW_AGENT = """\
schema_version: 1
agent:
  turns:
    - say: This takes a while.
      tools:
        - name: Bash
          input: {command: sleep 60}
    - say: Done.
judge:
  turns:
    - say: Nothing.
"""


@pytest.fixture
def settings(host, container):
    """The override with this machine's base images, as the scripts take it."""
    return {"SCYLLA_OVERRIDE_CONFIG": str(host.config), "TMPDIR": str(host.home)}


class TestRun:
    def test_an_experiment_from_a_folder_elsewhere(self, host, settings):
        done = host.run(host.checkout / RUN, *CASE, "--runs", "1", "--fresh", "-v", env=settings, cwd="/")
        assert "CLI default" in done.stdout + done.stderr
        assert "Login: none" in done.stderr or "OFFLINE MODEL" in done.stderr
        assert sorted(path.name for path in host.home.glob("scylla-container.*")) == []
        newest = max((host.checkout / "results").iterdir())
        assert (newest / "report.md").stat().st_uid == host.account.pw_uid

    def test_a_dry_run_from_a_deeper_folder_with_data_on_standard_output(self, host, settings):
        deeper = host.checkout / "tests" / "fixtures" / "tests"
        done = host.run(
            host.checkout / RUN, "--tiers-dir", "test-001", "--tiers", "T0", "--offline", "--dry-run", "--json",
            env=settings, cwd=deeper,
        )  # fmt: skip
        assert done.stdout.lstrip().startswith("{")

    def test_bad_arguments_end_with_the_runners_code(self, host, settings):
        assert host.run(host.checkout / RUN, "--tiers-dir", "nowhere", env=settings, check=False).returncode == 2

    def test_ctrl_c_stops_the_experiment_inside_and_nothing_is_left(self, host, settings):
        slow = host.checkout / "slow-case"
        host.run("cp", "-r", "tests/fixtures/tests/test-001", slow)
        (slow / "offline.yaml").write_text(SLOW_AGENT)
        process = subprocess.Popen(
            host.command(host.checkout / RUN, "--tiers-dir", "slow-case", "--tiers", "T0", "--offline", "-v"),
            env=host.environment(settings), cwd=host.checkout, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        said = []
        for line in process.stdout:
            said.append(line)
            if "agent started" in line:
                break
        time.sleep(3)
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        text = "".join(said) + rest
        assert process.returncode == 130, text
        assert "Interrupted; everything done so far is kept" in text
        left = host.exec("bash", "-c", "ps -eo args | grep -E '[s]leep 60|[c]laude -p|[r]un_e2e' || true").stdout
        assert left.strip() == ""


class TestShell:
    def test_commands_from_standard_input_and_a_welcome(self, host, settings):
        done = host.run(
            host.checkout / SHELL, env=settings, cwd="/", stdin="pwd; echo $((6 * 7)); exit 5\n", check=False
        )
        assert done.returncode == 5
        assert done.stdout.split() == ["/workspaces/scylla", "42"]
        assert "Login: none" in done.stderr
        assert "scylla doctor" in done.stderr

    def test_a_terminal_gets_one_inside(self, host, settings):
        script = f"{host.checkout / SHELL}"
        done = host.run(
            "script", "--quiet", "--return", "--command", script, "/dev/null",
            env=settings | {"TERM": "xterm"}, stdin="tty; exit 6\n", check=False,
        )  # fmt: skip
        assert done.returncode == 6
        assert "/dev/pts/" in done.stdout

    def test_names_make_containers_side_by_side(self, host, container, settings):
        seen = {}
        for name in ("day", "night"):
            done = host.run(host.checkout / SHELL, name, env=settings, stdin='echo "$SCYLLA_CONTAINER $HOSTNAME"\n')
            seen[name] = done.stdout.split()
        assert [seen["day"][0], seen["night"][0]] == ["day", "night"]
        ids = {seen["day"][1], seen["night"][1], container["containerId"][:12]}
        assert len(ids) == 3
        host.run(host.checkout / SHELL, "day", env=settings, stdin="echo kept > ~/.claude/mark\n")
        other = host.run(host.checkout / SHELL, "night", env=settings, stdin="ls ~/.claude\n").stdout
        assert "mark" not in other
        again = host.run(
            host.checkout / SHELL, "day", env=settings, stdin="cat ~/.claude/mark; echo $HOSTNAME\n"
        ).stdout
        assert again.split() == ["kept", seen["day"][1]]
        for name in ("day", "night"):
            docker("rm", "--force", *docker("ps", "-aq", "--filter", f"label=scylla.name={name}").split())
