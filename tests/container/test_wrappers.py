"""The two scripts for the host, alone: what they say when the machine lacks something, and what they pass on."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from hosts import ROOT

RUN = ROOT / "scripts" / "run_experiment_in_container.sh"
SHELL = ROOT / "scripts" / "launch_container_shell.sh"
WORKSPACE = "/workspaces/scylla"

# A container engine that runs what it is asked to on this machine: the part of the wrapper's path that is not its own.
ENGINE = f"""
case $1 in
  version) echo 1.0 ;;
  info) echo /nonexistent ;;
  exec)
    shift
    while :; do
      case $1 in
        --user | --workdir | --env) shift 2 ;;
        --interactive | --tty) shift ;;
        *) break ;;
      esac
    done
    shift
    if [ "$1 $2" = "bash -c" ] && [ "${{5:-}}" ] && [ "${{6#{WORKSPACE}}}" != "$6" ]; then
      # What would run in the container: its folder and its words, noted, then the test's own program.
      printf '%s\\n' "${{@:6}}" >"$RECORD"
      echo $$ >"$5"
      exec bash -c "$PROGRAM"
    fi
    exec "$@" ;;
esac
"""
# The dev container CLI; it reads its standard input, which is not its own, empty.
DEVCONTAINER = f"""
cat >/dev/null
echo "$*" >>"$CALLS"
echo '[2026-01-01T00:00:00.000Z] Login: none. Experiments run on the offline model.' >&2
echo '{{"outcome":"success","containerId":"c0","remoteUser":"scylla","remoteWorkspaceFolder":"{WORKSPACE}"}}'
"""


@pytest.fixture
def checkout(tmp_path):
    """The scripts in a checkout of their own, in which no dev container CLI is installed."""
    folder = tmp_path / "a checkout"
    for name in (".devcontainer", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "deeper").mkdir()
    return folder


@pytest.fixture
def machine(tmp_path):
    """A PATH with the usual tools and the programs that a test gives it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    usual = (
        "bash cat chmod cp cut dirname df env grep head id mkdir mktemp mv printf pwd python3 rm sed sleep sort stat "
        "tail touch uname awk kill"
    )
    for name in usual.split():
        if found := shutil.which(name):
            (folder / name).symlink_to(os.path.realpath(found))

    def add(**programs):
        for name, body in programs.items():
            (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
            (folder / name).chmod(0o755)
        return folder

    return add


@pytest.fixture
def start(checkout, tmp_path):
    def run(script, *arguments, path, cwd=None, stdin="", env=None):
        environment = {
            "PATH": str(path), "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "CALLS": str(tmp_path / "calls"),
            "RECORD": str(tmp_path / "record"), "PROGRAM": "exit 0",
        }  # fmt: skip
        return subprocess.run(
            ["bash", checkout / "scripts" / script.name, *arguments],
            env=environment | (env or {}),
            cwd=cwd or checkout,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("script", [RUN, SHELL], ids=lambda path: path.name)
class TestMachineLacks:
    def test_docker(self, start, machine, script):
        done = start(script, path=machine())
        assert done.returncode == 3
        assert "Docker was not found" in done.stderr
        assert "scripts/quickstart.sh" in done.stderr

    def test_a_docker_that_runs(self, start, machine, script):
        done = start(script, path=machine(docker="echo 'Cannot connect to the Docker daemon' >&2; exit 1"))
        assert done.returncode == 3
        assert "does not answer" in done.stderr
        assert "start it" in done.stderr

    def test_the_right_to_use_it(self, start, machine, script):
        done = start(script, path=machine(docker="echo 'Got permission denied' >&2; exit 1"))
        assert done.returncode == 3
        assert "may not use Docker" in done.stderr

    def test_disk(self, start, machine, script):
        done = start(script, path=machine(docker=ENGINE), env={"SCYLLA_LEAST_FREE_KB": "999999999999"})
        assert done.returncode == 3
        assert "MiB are free" in done.stderr

    def test_the_dev_container_cli_and_node(self, start, machine, script):
        done = start(script, path=machine(docker=ENGINE))
        assert done.returncode == 3
        assert "nor npx" in done.stderr

    def test_the_dev_container_cli(self, start, machine, script):
        done = start(script, path=machine(docker=ENGINE, npx=DEVCONTAINER))
        pin = json.loads((ROOT / ".devcontainer" / "cli" / "package.json").read_text())["dependencies"]
        assert done.returncode == 3
        assert f"npm install --global @devcontainers/cli@{pin['@devcontainers/cli']}" in done.stderr
        assert "SCYLLA_NPX=1" in done.stderr

    def test_npx_in_its_place_where_it_is_wanted(self, start, machine, script, tmp_path):
        done = start(script, path=machine(docker=ENGINE, npx=DEVCONTAINER), env={"SCYLLA_NPX": "1"})
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "calls").read_text().startswith("--yes @devcontainers/cli@0.89.0 up --workspace-folder")

    def test_a_container_that_cannot_start(self, start, machine, script):
        broken = 'echo \'what went wrong\' >&2; echo \'{"outcome":"error","message":"no space"}\'; exit 1'
        done = start(script, path=machine(docker=ENGINE, devcontainer=broken))
        assert done.returncode == 3
        assert "what went wrong" in done.stderr
        assert "no space" in done.stderr


class TestRun:
    @pytest.fixture
    def path(self, machine):
        return machine(docker=ENGINE, devcontainer=DEVCONTAINER)

    @staticmethod
    def recorded(tmp_path):
        folder, *words = (tmp_path / "record").read_text().splitlines()
        return folder, words

    def test_arguments_and_output_come_through(self, start, path, tmp_path):
        done = start(RUN, "--runs", "2", "a b", "", path=path, env={"PROGRAM": "echo data; echo words >&2"})
        assert (done.returncode, done.stdout) == (0, "data\n")
        assert "words" in done.stderr
        assert "Login: none" in done.stderr
        expected = ["python", f"{WORKSPACE}/scripts/run_e2e_experiment.py", "--runs", "2", "a b", ""]
        assert self.recorded(tmp_path) == (WORKSPACE, expected)

    @pytest.mark.parametrize("code", [1, 2, 4, 130])
    def test_the_exit_code_comes_through(self, start, path, code):
        assert start(RUN, path=path, env={"PROGRAM": f"exit {code}"}).returncode == code

    def test_from_a_folder_of_the_checkout_paths_are_those_of_the_folder(self, start, path, checkout, tmp_path):
        start(RUN, path=path, cwd=checkout / "deeper")
        assert self.recorded(tmp_path)[0] == f"{WORKSPACE}/deeper"

    def test_from_elsewhere_paths_are_those_of_the_checkout(self, start, path, tmp_path):
        start(RUN, path=path, cwd="/")
        assert self.recorded(tmp_path)[0] == WORKSPACE

    def test_full_paths_of_the_checkout_are_translated(self, start, path, checkout, tmp_path):
        start(RUN, f"{checkout}/deeper", f"--results-dir={checkout}/results", str(checkout), path=path)
        words = self.recorded(tmp_path)[1][2:]
        assert words == [f"{WORKSPACE}/deeper", f"--results-dir={WORKSPACE}/results", WORKSPACE]

    @pytest.mark.parametrize("words", [["--results-dir", "/tmp/out"], ["--results-dir=/tmp/out"]])
    def test_results_where_the_container_cannot_write_are_refused(self, start, path, words):
        done = start(RUN, *words, path=path)
        assert done.returncode == 2
        assert "lies outside the checkout" in done.stderr

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_reaches_the_experiment_and_its_end_is_waited_for(self, checkout, path, tmp_path, number):
        ending = 'trap "echo stopping; sleep 0.5; echo kept; exit 130" INT'
        program = f'{ending}; touch "$RECORD.ready"; while :; do sleep 0.1; done'
        env = {
            "PATH": str(path), "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "CALLS": str(tmp_path / "calls"),
            "RECORD": str(tmp_path / "record"), "PROGRAM": program,
        }  # fmt: skip
        # A session of its own: the signal goes to every process of the wrapper's group, as Ctrl-C does.
        process = subprocess.Popen(
            ["bash", checkout / "scripts" / RUN.name],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + 30
        while not Path(f"{tmp_path}/record.ready").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(process.pid, number)
        stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (130, "stopping\nkept\n"), stderr


class TestShell:
    @pytest.fixture
    def path(self, machine):
        return machine(docker=ENGINE, devcontainer=DEVCONTAINER)

    def test_a_name_makes_a_container_beside_the_others(self, start, path, checkout, tmp_path):
        assert start(SHELL, "night", path=path, stdin="exit 7\n").returncode == 7
        call = (tmp_path / "calls").read_text()
        assert f"--id-label scylla.name=night --id-label scylla.folder={checkout}" in call

    def test_without_a_name_it_is_the_editors_container(self, start, path, tmp_path):
        assert start(SHELL, path=path, stdin="exit 0\n").returncode == 0
        assert "--id-label" not in (tmp_path / "calls").read_text()

    @pytest.mark.parametrize("name", ["a b", "-x", "x;y", "ü"])
    def test_a_name_that_is_none_is_refused(self, start, path, name):
        done = start(SHELL, name, path=path)
        assert done.returncode == 2
        assert "is no name for a container" in done.stderr


class TestInTheContainer:
    def test_the_runner_just_runs(self, start, machine, tmp_path):
        path = machine(python='printf "%s\\n" "$@" >"$RECORD"; exit 4', docker="exit 99")
        done = start(RUN, "--runs", "1", path=path, env={"DEVCONTAINER": "true"})
        assert done.returncode == 4
        words = (tmp_path / "record").read_text().splitlines()
        assert words[0].endswith("/run_e2e_experiment.py")
        assert words[1:] == ["--runs", "1"]

    def test_the_shell_is_a_shell_with_a_welcome(self, start, machine):
        path = machine(python="echo Login: none >&2", docker="exit 99")
        done = start(SHELL, path=path, env={"DEVCONTAINER": "true"}, stdin="echo here; exit 5\n")
        assert (done.returncode, done.stdout) == (5, "here\n")
        assert "Login: none" in done.stderr
        assert "scylla doctor" in done.stderr
