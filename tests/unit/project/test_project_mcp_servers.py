"""The pinned MCP servers start and answer as an agent CLI starts them: over stdio, with nothing of the person."""

import json
import os
import select
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 60
END_TIMEOUT_S = 20


def starter(name: str) -> Path:
    """The program that scripts/install.sh or the image installed."""
    folder = Path(os.environ.get("SCYLLA_MCP_SERVERS") or ROOT / ".tools" / "mcp" / "bin")
    program = folder / f"mcp-server-{name}"
    assert program.exists(), f"{program} is missing; run scripts/install_mcp_servers.sh"
    return program


@dataclass(kw_only=True)
class Place:
    """A home with nothing in it, a repository to work in, and an environment with nothing but these."""

    home: Path
    repository: Path
    env: dict = field(default_factory=dict)


@pytest.fixture
def place(tmp_path):
    home, repository = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    search = f"{Path(shutil.which('git')).parent}:/usr/bin:/bin"
    env = {"HOME": str(home), "PATH": search, "MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")}
    subprocess.run(["git", "init", "--quiet", str(repository)], env=env, check=True, timeout=30)
    return Place(home=home, repository=repository, env=env)


class Client:
    """The side of the agent CLI: one JSON document a line."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.last_id = 0
        self.unread = b""

    def send(self, method: str, **more) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method, **more}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, **params) -> dict:
        self.last_id += 1
        self.send(method, id=self.last_id, params=params)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            answer = json.loads(self.line(deadline_s))
            if answer.get("id") == self.last_id:
                assert "error" not in answer, answer
                return answer["result"]

    def line(self, deadline_s: float) -> bytes:
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline_s - time.monotonic()))
            assert ready, f"no answer within {START_TIMEOUT_S} s"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, "the server ended before it answered"
            self.unread += piece
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def greet(self) -> dict:
        said = self.ask(
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo={"name": "scylla-tests", "version": "1"},
        )
        self.send("notifications/initialized")
        return said

    def call(self, tool: str, **arguments) -> str:
        answer = self.ask("tools/call", name=tool, arguments=arguments)
        text = "".join(part.get("text", "") for part in answer["content"])
        assert not answer.get("isError"), text
        return text


@contextmanager
def started(place, name, *arguments):
    """A server, greeted. It must end by itself when its input does."""
    log = place.home.parent / "stderr"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [str(starter(name)), *arguments],
            env=place.env,
            cwd=place.repository,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        try:
            client = Client(process)
            assert "tools" in client.greet()["capabilities"]
            yield client
            process.stdin.close()
            assert process.wait(END_TIMEOUT_S) == 0, log.read_text()
        finally:
            process.kill()


SERVERS = {
    "fetch": ([], {"fetch"}),
    "filesystem": (["{repository}"], {"read_text_file", "write_file", "edit_file", "search_files"}),
    "git": (["--repository", "{repository}"], {"git_status", "git_diff", "git_commit", "git_log"}),
    "github": ([], {"create_issue", "search_code", "get_file_contents"}),
    "memory": ([], {"create_entities", "read_graph", "search_nodes"}),
    "playwright": (["--headless", "--isolated"], {"browser_navigate", "browser_click", "browser_snapshot"}),
    "postgres": (["postgresql://127.0.0.1/none"], {"query"}),
    "sequential-thinking": ([], {"sequentialthinking"}),
    "time": (["--local-timezone", "UTC"], {"get_current_time", "convert_time"}),
}


@pytest.mark.parametrize("name", SERVERS)
def test_it_starts_names_its_tools_and_ends_with_its_input(place, name):
    arguments, expected = SERVERS[name]
    with started(place, name, *(word.format(repository=place.repository) for word in arguments)) as client:
        tools = client.ask("tools/list")["tools"]
    assert expected <= {tool["name"] for tool in tools}
    assert all(tool["inputSchema"]["type"] == "object" for tool in tools)
    assert list(place.home.iterdir()) == [], "the server keeps something in the home"


def test_these_are_all():
    assert {path.name for path in starter("git").parent.iterdir()} == {f"mcp-server-{name}" for name in SERVERS}


def test_memory_is_kept_where_the_environment_says(place):
    with started(place, "memory") as client:
        client.call("create_entities", entities=[{"name": "Scylla", "entityType": "rock", "observations": ["loud"]}])
    assert "loud" in Path(place.env["MEMORY_FILE_PATH"]).read_text()
    with started(place, "memory") as client:
        assert "loud" in client.call("search_nodes", query="Scylla")


def test_files_outside_the_allowed_folder_are_refused(place):
    (place.repository / "a.txt").write_text("inside")
    (place.home / "b.txt").write_text("outside")
    with started(place, "filesystem", str(place.repository)) as client:
        assert client.call("read_text_file", path=str(place.repository / "a.txt")) == "inside"
        with pytest.raises(AssertionError, match="denied"):
            client.call("read_text_file", path=str(place.home / "b.txt"))


def test_no_module_of_the_workspace_takes_the_place_of_one_of_theirs(place):
    for name in ("mcp", "git", "mcp_server_git", "json"):
        (place.repository / f"{name}.py").write_text("raise SystemExit('taken over')")
    place.env["PYTHONPATH"] = str(place.repository)
    with started(place, "git", "--repository", str(place.repository)) as client:
        assert "mcp_server_git.py" in client.call("git_status", repo_path=str(place.repository))


def test_thoughts_and_times_need_nothing(place):
    with started(place, "time", "--local-timezone", "UTC") as client:
        assert "Asia/Tokyo" in client.call(
            "convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"
        )
    with started(place, "sequential-thinking") as client:
        assert client.call(
            "sequentialthinking", thought="one", thoughtNumber=1, totalThoughts=1, nextThoughtNeeded=False
        )


class Site(BaseHTTPRequestHandler):
    """One page, and no rules for robots."""

    def do_GET(self):
        found = self.path == "/page"
        body = b"<html><title>t</title><body><h1>Rock</h1><p>six heads</p></body></html>" if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_fetching_a_page_installs_nothing(place, tmp_path):
    """Its library would call npm for packages that no lock pins."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("node", "npm"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/called\necho v20.0.0\n")
        (programs / name).chmod(0o755)
    place.env["PATH"] = f"{programs}:{place.env['PATH']}"
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        try:
            with started(place, "fetch", "--allow-private-ips") as client:
                page = client.call("fetch", url=f"http://127.0.0.1:{site.server_port}/page")
        finally:
            site.shutdown()
    assert "six heads" in page
    assert not (tmp_path / "called").exists()
