"""Stand-in hosts: an ordinary user with a home and a checkout, from which the real dev container CLI is called."""

import json
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / ".tools" / "devcontainer-cli" / "node_modules" / ".bin" / "devcontainer"
TOKEN = "sk-ant-oat01-invented-for-tests-ABCDEFGH"
REFRESH = "sk-ant-ort01-invented-for-tests-refresh"


def read_jsonc(path: Path) -> dict:
    """JSON with whole-line comments, which is all that our files use."""
    return json.loads(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE))


def write_login(folder: Path, *, token=TOKEN, refresh=REFRESH, expires_at_ms=4102444800000, owner=None):
    """What the CLI keeps: 0600 in a folder of 0700."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / ".credentials.json"
    oauth = {"accessToken": token, "expiresAt": expires_at_ms, "scopes": ["user:inference"], "subscriptionType": "max"}
    if refresh:
        oauth["refreshToken"] = refresh
    path.touch(mode=0o600)
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    if owner is not None:
        for made in (folder, path):
            os.chown(made, owner, owner)
    return path


def engine_problem() -> str:
    """Why the tests of the container cannot run here; empty when they can."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=30).returncode:
        return "no container engine answers"
    if not CLI.exists():
        return "the dev container CLI is not installed (scripts/ci_devcontainer.sh does that)"
    if os.getuid() == 0 and not os.environ.get("SCYLLA_TEST_USER"):
        return "root needs an ordinary account for these tests (scripts/ci_devcontainer.sh makes one)"
    return ""


def ordinary_account() -> pwd.struct_passwd:
    """The ordinary user that plays the host's."""
    if os.getuid() == 0:
        return pwd.getpwnam(os.environ["SCYLLA_TEST_USER"])
    return pwd.getpwuid(os.getuid())


def docker(*arguments, check=True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout


@dataclass(kw_only=True)
class Host:
    """One home and one checkout; `account` is who acts."""

    folder: Path
    account: pwd.struct_passwd
    env: dict = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, account: pwd.struct_passwd) -> "Host":
        """A copy of this checkout, without what git ignores, in a home of its own."""
        host = cls(folder=folder, account=account)
        (folder / "home").mkdir(parents=True)
        host.checkout.mkdir()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
        ).stdout.split(b"\0")
        for name in {os.fsdecode(entry) for entry in listed if entry}:
            if (ROOT / name).is_file():
                (host.checkout / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, host.checkout / name)
        host.git("init", "--quiet")
        host.git("add", "--all")
        host.git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "start")
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", folder], check=True)
        host.write_config()
        return host

    def git(self, *arguments):
        subprocess.run(["git", *arguments], cwd=self.checkout, check=True, capture_output=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def checkout(self) -> Path:
        return self.folder / "scylla"

    @property
    def drop(self) -> Path:
        return self.home / ".scylla-devcontainer" / "claude"

    @property
    def config(self) -> Path:
        """The checkout's configuration with the base images of this machine: the checkout itself stays as it is."""
        return self.folder / "config.json"

    def write_config(self, source=".devcontainer/devcontainer.json", **changes):
        config = read_jsonc(self.checkout / source) | changes
        images = {name: os.environ.get(f"SCYLLA_TEST_{name}") for name in ("PYTHON_IMAGE", "NODE_IMAGE")}
        config["build"]["args"] = {name: image for name, image in images.items() if image}
        self.config.write_text(json.dumps(config))
        self.config.chmod(0o644)

    def run(self, *argv, env=None, cwd=None, check=True, timeout=300, stdin=None) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*argv),
            env=self.environment(env),
            cwd=cwd or self.checkout,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
        if check:
            assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr[-4000:]}"
        return done

    def command(self, *argv) -> list:
        if os.getuid() == self.account.pw_uid:
            return [*map(str, argv)]
        gid = str(self.account.pw_gid)
        return ["setpriv", "--reuid", str(self.account.pw_uid), "--regid", gid, "--init-groups", *map(str, argv)]

    def environment(self, more=None) -> dict:
        path = f"{CLI.parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8"} | self.env | (more or {})

    def up(self, *arguments, env=None, check=True, config=None) -> dict:
        """What `devcontainer up` answers, with its log as `log`."""
        chosen = ["--override-config", self.config] if config is None else ["--config", config]
        done = self.run("devcontainer", "up", "--workspace-folder", ".", *chosen, *arguments, env=env, check=False)
        last = done.stdout.strip().rpartition("\n")[2]
        answer = json.loads(last) | {"code": done.returncode, "log": done.stderr}
        if check:
            assert answer["outcome"] == "success", done.stderr[-4000:]
        return answer

    def exec(self, *argv, check=True, env=None, options=(), timeout=300) -> subprocess.CompletedProcess:
        words = ["devcontainer", "exec", "--workspace-folder", ".", *options, *argv]
        return self.run(*words, check=check, env=env, timeout=timeout)

    def containers(self) -> list[str]:
        labels = ("devcontainer.local_folder", "scylla.folder")
        return [
            line
            for label in labels
            for line in docker("ps", "--all", "--quiet", "--filter", f"label={label}={self.checkout}").split()
        ]

    def remove(self):
        """Containers with their volumes and images, then the folder."""
        for container in self.containers():
            detail = json.loads(docker("inspect", container))[0]
            docker("rm", "--force", container)
            for mount in detail["Mounts"]:
                if mount["Type"] == "volume":
                    docker("volume", "rm", mount["Name"], check=False)
            image = detail["Config"]["Image"]
            docker("rmi", "--force", image, image.removesuffix("-uid"), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
