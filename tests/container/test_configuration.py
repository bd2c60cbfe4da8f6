"""What can be known of the container without starting one."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hosts import ROOT, read_jsonc

FOLDER = ROOT / ".devcontainer"
CONFIGURATIONS = ("devcontainer.json", "firewall/devcontainer.json")
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
SCRIPTS = [
    *sorted(FOLDER.glob("*.sh")),
    *sorted((FOLDER / "firewall").glob("*.sh")),
    FOLDER / "firewall" / "scylla-firewall",
    ROOT / "scripts" / "run_experiment_in_container.sh",
    ROOT / "scripts" / "launch_container_shell.sh",
    ROOT / "scripts" / "ci_devcontainer.sh",
]


def problems(document: dict) -> list[str]:
    schema = json.loads((Path(__file__).parent / "devcontainer.schema.json").read_text())
    return [error.message for error in jsonschema.Draft201909Validator(schema).iter_errors(document)]


def pin(name: str) -> re.Match:
    found = re.search(rf"^ARG {name}=(\w+):([\d.]+)-[\w-]+@sha256:[0-9a-f]{{64}}$", DOCKERFILE, re.MULTILINE)
    assert found, f"{name} is not pinned by version and digest"
    return found


def accepts(wanted: str, *, major: int) -> bool:
    """Whether a range of npm ("^18.1 || >=20") allows every version of this major one."""
    one = re.compile(r"(>=|\^|)\s*(\d+)(?:\.[\dx*]+)*")
    for alternative in wanted.split("||"):
        terms = one.findall(alternative)
        assert one.sub("", alternative).strip() == "", f"this test cannot read {wanted}"
        if all(int(number) <= major if sign == ">=" else int(number) == major for sign, number in terms):
            return True
    return False


@pytest.mark.parametrize("name", CONFIGURATIONS)
class TestKeys:
    def test_every_key_is_known_and_has_a_value_that_can_work(self, name):
        assert problems(read_jsonc(FOLDER / name)) == []

    def test_a_misspelt_key_would_be_found(self, name):
        good = read_jsonc(FOLDER / name)
        assert problems(good | {"postStartComand": ["true"]})
        assert problems(good | {"waitFor": "postAttachCommand"})
        assert problems(good | {"mounts": [{"source": "a", "target": "b", "type": "bind", "readonly": True}]})
        assert problems(good | {"hostRequirements": {"cpu": 4}})

    def test_nothing_that_codespaces_cannot_honour(self, name):
        assert not {"workspaceMount", "workspaceFolder"} & set(read_jsonc(FOLDER / name))

    def test_no_secret_can_get_into_the_containers_description_or_a_command_line(self, name):
        config = read_jsonc(FOLDER / name)
        assert config["containerEnv"] == {"PYTHONPATH": "${containerWorkspaceFolder}"}
        assert "remoteEnv" not in config
        assert not [word for word in config["runArgs"] if word.startswith(("-e", "--env"))]

    def test_the_container_is_confined(self, name):
        config = read_jsonc(FOLDER / name)
        assert "--cap-drop=ALL" in config["runArgs"]
        assert any(word.startswith("--pids-limit=") for word in config["runArgs"])
        assert config["securityOpt"] == ["no-new-privileges:true"]
        assert (config["remoteUser"], config["updateRemoteUserUID"], config["init"]) == ("scylla", True, True)
        assert config["waitFor"] == "postStartCommand"

    def test_login_and_configuration_are_mounted_read_only(self, name):
        binds = [mount for mount in read_jsonc(FOLDER / name)["mounts"] if "type=bind" in mount]
        assert len(binds) == 2
        assert all(mount.endswith(",readonly") for mount in binds)

    def test_the_files_it_names_exist_and_are_let_into_the_build(self, name):
        config = read_jsonc(FOLDER / name)
        folder = (FOLDER / name).parent
        assert (folder / config["build"]["dockerfile"]).resolve() == FOLDER / "Dockerfile"
        assert (folder / config["build"]["context"]).resolve() == ROOT
        assert re.search(rf"^FROM .* AS {config['build']['target']}$", DOCKERFILE, re.MULTILINE)
        for key in ("initializeCommand", "postStartCommand"):
            assert (ROOT / config[key][1]).is_file()


def test_only_the_firewall_configuration_gives_capabilities():
    assert [word for word in read_jsonc(FOLDER / "devcontainer.json")["runArgs"] if "cap-add" in word] == []
    behind = read_jsonc(FOLDER / "firewall" / "devcontainer.json")["runArgs"]
    assert sorted(word for word in behind if "cap-add" in word) == ["--cap-add=NET_ADMIN", "--cap-add=NET_RAW"]
    assert not [word for word in behind if "network" in word]


def test_the_firewall_configuration_differs_only_where_it_must():
    plain, behind = (read_jsonc(FOLDER / name) for name in CONFIGURATIONS)
    differing = {key for key in plain.keys() | behind.keys() if plain.get(key) != behind.get(key)}
    assert differing == {"name", "build", "containerUser", "overrideCommand", "runArgs", "postStartCommand"}


class TestPins:
    def test_base_images_are_pinned_by_version_and_digest(self):
        assert (pin("PYTHON_IMAGE")[1], pin("PYTHON_IMAGE")[2]) == ("python", "3.14.2")
        assert (pin("NODE_IMAGE")[1], pin("NODE_IMAGE")[2]) == ("node", "20.20.2")
        assert "latest" not in DOCKERFILE

    def test_the_documents_name_the_same_versions(self):
        text = (ROOT / "docs" / "container-usage.md").read_text()
        claude = json.loads((FOLDER / "claude" / "package.json").read_text())["dependencies"]
        for version in (pin("PYTHON_IMAGE")[2], pin("NODE_IMAGE")[2], claude["@anthropic-ai/claude-code"]):
            assert version in text, f"docs/container-usage.md does not name {version}"

    def test_python_of_the_image_is_one_that_scylla_supports(self):
        required = re.search(r'^requires-python = ">=3\.(\d+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
        assert int(required[1]) <= int(pin("PYTHON_IMAGE")[2].split(".")[1])

    @pytest.mark.parametrize("name", ["claude", "cli", "mcp"])
    def test_npm_locks_are_exact_and_hashed_and_name_no_download_address(self, name):
        package = json.loads((FOLDER / name / "package.json").read_text())
        lock = json.loads((FOLDER / name / "package-lock.json").read_text())
        for wanted, version in package["dependencies"].items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{wanted} is not pinned exactly"
            assert lock["packages"][f"node_modules/{wanted}"]["version"] == version
        installed = {path: entry for path, entry in lock["packages"].items() if path}
        assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
        assert not [path for path, entry in installed.items() if "resolved" in entry]

    def test_the_lock_holds_every_platform_of_the_agent_cli(self):
        lock = json.loads((FOLDER / "claude" / "package-lock.json").read_text())["packages"]
        wrapper = lock["node_modules/@anthropic-ai/claude-code"]
        for name, version in wrapper["optionalDependencies"].items():
            assert lock[f"node_modules/{name}"]["version"] == version

    def test_the_agent_cli_accepts_the_pinned_node(self):
        lock = json.loads((FOLDER / "claude" / "package-lock.json").read_text())["packages"]
        lowest = re.search(r">=(\d+)", lock["node_modules/@anthropic-ai/claude-code"]["engines"]["node"])
        assert int(lowest[1]) <= int(pin("NODE_IMAGE")[2].split(".")[0])

    def test_the_mcp_servers_and_all_that_they_need_accept_the_pinned_node(self):
        lock = json.loads((FOLDER / "mcp" / "package-lock.json").read_text())["packages"]
        ranges = {path: entry["engines"]["node"] for path, entry in lock.items() if "node" in entry.get("engines", {})}
        assert ranges
        node = int(pin("NODE_IMAGE")[2].split(".")[0])
        assert {path: wanted for path, wanted in ranges.items() if not accepts(wanted, major=node)} == {}

    def test_python_packages_are_installed_by_hash(self):
        assert "--require-hashes" in DOCKERFILE
        packages = re.findall(r"^[\w.-]+==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
        assert len(packages) > 20


class TestDockerfile:
    def test_it_builds_with_the_older_builder_too(self):
        for word in ("# syntax=", "--mount=", "COPY --chmod", "<<"):
            assert word not in DOCKERFILE

    def test_nothing_of_ours_but_locks_and_installing_scripts_enters_the_build(self):
        lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
        allowed = {line[1:] for line in lines[1:]}
        assert lines[0] == "*"
        copied = {
            word
            for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
            for word in line.split()[:-1]
        }
        assert copied == allowed
        assert all((ROOT / name).is_file() for name in allowed)

    def test_the_agent_cli_is_started_in_the_step_that_installs_it(self):
        (step,) = re.findall(r"^RUN npm ci.*?(?=^\w)", DOCKERFILE, re.MULTILINE | re.DOTALL)
        assert "claude --version" in step
        assert "--ignore-scripts" not in step

    def test_the_mcp_servers_have_a_stage_of_their_own_and_are_not_on_the_path(self):
        assert re.search(r"^FROM base AS mcp$", DOCKERFILE, re.MULTILINE)
        assert "COPY --from=mcp /opt/mcp /opt/mcp\n" in DOCKERFILE
        assert "SCYLLA_MCP_SERVERS=/opt/mcp/bin" in DOCKERFILE
        assert not [path for path in re.findall(r"\bPATH=(\S+)", DOCKERFILE) if "/opt/mcp" in path]

    def test_no_sudo_and_no_root_at_the_end_of_the_default_image(self):
        assert "sudo" not in DOCKERFILE
        default = DOCKERFILE[: DOCKERFILE.index("AS firewall")]
        assert re.findall(r"^USER (\w+)$", default, re.MULTILINE)[-1] == "scylla"


class TestScripts:
    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
    def test_shellcheck_finds_nothing(self, script):
        shellcheck = Path(sys.executable).parent / "shellcheck"
        done = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout) == (0, "")

    @pytest.mark.parametrize("script", [path for path in SCRIPTS if path.name != "host.sh"], ids=lambda path: path.name)
    def test_it_can_be_started(self, script):
        assert script.stat().st_mode & stat.S_IXUSR
        assert script.read_text().startswith("#!/usr/bin/env bash\n")

    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
    def test_it_opens_nothing_to_everybody(self, script):
        assert not re.findall(r"chmod.*(?:666|777|a\+[rwx]|o\+w)", script.read_text().replace("a+rX root", ""))

    def test_hadolint_finds_nothing(self):
        """Where hadolint is to be had as a package (Linux on x86-64)."""
        hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if hadolint is None:
            pytest.skip("hadolint is not installed")
        done = subprocess.run(
            [hadolint, FOLDER / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout) == (0, "")
