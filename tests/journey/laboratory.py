"""The runner as a user starts it, with the real agent CLI, against the offline model or a provider on loopback."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web
from anyio.from_thread import BlockingPortal, start_blocking_portal

from scylla.config.scenario import load_scenario
from scylla.gateway.offline import OfflineModel
from scylla.store.reading import read_experiment

ROOT = Path(__file__).resolve().parents[2]
TEST_001 = ROOT / "tests" / "fixtures" / "tests" / "test-001"
FAKE_KEY = "sk-ant-a-key-that-was-invented-for-tests"
WRITE = {"name": "Bash", "input": {"command": "echo 'print(\"Hello, world!\")' > hello.py"}}
GOOD_TURNS = [{"say": "I will write it.", "tools": [WRITE]}, {"say": "hello.py prints the greeting."}]


def cli_binary(name: str) -> Path:
    """The CLI that scripts/install.sh installed, or the one named in the environment (the pinned one only)."""
    named = os.environ.get("SCYLLA_CLAUDE") if name == "claude" else None
    binary = Path(named or ROOT / ".tools" / name / "node_modules" / ".bin" / "claude")
    assert binary.exists(), f"{binary} is missing; run scripts/install.sh dev"
    return binary


@dataclass(kw_only=True)
class Run:
    code: int
    stdout: str
    stderr: str


@dataclass(kw_only=True)
class Lab:
    """A home, a case and a results folder of one test."""

    root: Path
    claude: Path
    env: dict = field(default_factory=dict)
    results_name: str = "results"

    def __post_init__(self):
        shutil.copytree(TEST_001, self.case)
        for name in ("home", "here"):
            (self.root / name).mkdir()

    @property
    def case(self) -> Path:
        return self.root / "cases" / "test-001"

    @property
    def results(self) -> Path:
        return self.root / self.results_name

    def play(self, *, agent=None, judge=None):
        """Change what the offline model plays; `agent` and `judge` are lists of turns."""
        scenario = yaml.safe_load((self.case / "offline.yaml").read_text())
        if agent is not None:
            scenario["agent"] = {"turns": agent}
        if judge is not None:
            scenario["judge"] = {"turns": judge}
        (self.case / "offline.yaml").write_text(yaml.safe_dump(scenario))

    def judge_turns(self):
        return yaml.safe_load((TEST_001 / "offline.yaml").read_text())["judge"]["turns"]

    def start(self, *arguments, live=False) -> subprocess.Popen:
        if not {"--max-subtests", "--subtests", "--tiers"} & set(arguments):
            arguments = ("--max-subtests", "3", *arguments)
        runner = ROOT / "scripts" / "run_e2e_experiment.py"
        return self._start([str(runner), "--tiers", "T0", *arguments], live=live)

    def compare(self, *setups) -> Run:
        """Compare set-ups, seen from the folder `here`."""
        return self.finish(self._start(["-m", "scylla", "compare-setups", *setups, "--runs", "1"]), timeout_s=300)

    def _start(self, arguments, *, live=False) -> subprocess.Popen:
        command = [
            sys.executable, *arguments, "--tiers-dir", str(self.case), "--results-dir", str(self.results),
            "--work-dir", str(self.root / "w"), "--retry-wait", "0.1", *([] if live else ["--offline"]),
        ]  # fmt: skip
        env = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "SCYLLA_CLAUDE": str(self.claude)}
        env |= {name: os.environ[name] for name in ("SCYLLA_MCP_SERVERS",) if name in os.environ}
        return subprocess.Popen(
            command,
            cwd=self.root / "here",
            env=env | self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def scylla(self, *words) -> subprocess.Popen:
        """Any command, in the same environment."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "SCYLLA_CLAUDE": str(self.claude)}
        return subprocess.Popen(
            [sys.executable, "-m", "scylla", *map(str, words)],
            cwd=self.root / "here",
            env=env | {"PYTHONPATH": str(ROOT)} | self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, live=False, timeout_s=90) -> Run:
        return self.finish(self.start(*arguments, live=live), timeout_s=timeout_s)

    def finish(self, process: subprocess.Popen, *, timeout_s=90) -> Run:
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Run(code=process.returncode, stdout=stdout, stderr=stderr)

    def kill_when(self, process: subprocess.Popen, ready, *, number=signal.SIGKILL):
        """Signal the runner as soon as `ready(records)` holds of what is recorded so far."""
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            if self.experiments() and ready(self):
                break
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()
        os.kill(process.pid, number)
        return self.finish(process)

    def experiments(self) -> list[Path]:
        return sorted(folder for folder in self.results.glob("*") if (folder / "plan.json").exists())

    @property
    def experiment(self) -> Path:
        (folder,) = self.experiments()
        return folder

    def meta(self):
        return read_experiment(self.experiment)[0]

    def records(self):
        return read_experiment(self.experiment)[1]

    def record(self):
        (record,) = self.records()
        return record


def _as_agent_turn(turn):
    """A verdict written out as the tool call it stands for."""
    if "verdict" not in turn:
        return turn
    return {"tools": [{"name": "StructuredOutput", "input": {"items": turn["verdict"]}}]}


@dataclass(kw_only=True)
class Provider:
    """A stand-in for the provider, on loopback: what it plays can change while the experiment stays the same."""

    model: OfflineModel
    portal: BlockingPortal
    folder: Path

    def listening(self, seen: list, **played):
        """The same behind a server that keeps the headers of every request in `seen`."""
        return self.portal.wrap_async_context_manager(listening_provider(self.url(**played), seen))

    def url(self, *, agent, judge) -> str:
        """A base URL whose judges are told by the words of their system prompt."""
        judge = [_as_agent_turn(turn) for turn in judge]
        scenario = {
            "schema_version": 1,
            "agent": [{"when_contains": "You grade a piece of software work", "turns": judge}, {"turns": agent}],
            "judge": {"turns": [{"say": "not asked here"}]},
        }
        path = self.folder / f"provider-{time.monotonic_ns()}.yaml"
        path.write_text(yaml.safe_dump(scenario))
        return self.model.open(load_scenario(path), "agent")


@asynccontextmanager
async def listening_provider(target: str, seen: list):
    """A provider in front of another one that keeps the headers it was sent."""

    async def handle(request):
        seen.append(dict(request.headers))
        async with (
            aiohttp.ClientSession() as client,
            client.post(target + request.path_qs, data=await request.read()) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    app = web.Application(client_max_size=2**28)
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextmanager
def running_model():
    """An offline model in a thread of its own."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(OfflineModel()) as model:
        yield model, portal
