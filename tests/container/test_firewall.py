"""The opt-in firewall, on a real engine: what can be reached, and that nobody inside can change it."""

import json
import time

import pytest
from hosts import docker

pytestmark = [pytest.mark.container, pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

SOURCE = ".devcontainer/firewall/devcontainer.json"


@pytest.fixture
def behind(new_host):
    """A host whose firewall allows one server of the test's network."""
    docker("network", "create", "scylla-fw", check=False)
    host = new_host()
    (host.checkout / ".devcontainer" / "firewall" / "allowed-hosts.txt").write_text("# for tests\nfriend.test\n")
    host.write_config(SOURCE)
    config = json.loads(host.config.read_text())
    # The configuration lies elsewhere when it is overridden, so its relative paths are given again.
    config["build"] |= {"dockerfile": "../Dockerfile", "context": "../.."}
    config["runArgs"] += ["--network=scylla-fw", "--name=scylla-fw-inside"]
    host.config.write_text(json.dumps(config))
    yield host
    docker("rm", "--force", "scylla-fw-friend", "scylla-fw-stranger", check=False)
    host.remove()
    docker("network", "rm", "scylla-fw", check=False)


def serve(host, name, alias):
    """A TCP server on port 443 (and 80), from the image that is tested."""
    image = json.loads(docker("inspect", host.containers()[0]))[0]["Image"]
    code = (
        "import http.server, threading\n"
        "for port in (80, 443):\n"
        "    server = http.server.ThreadingHTTPServer(('', port), http.server.SimpleHTTPRequestHandler)\n"
        "    threading.Thread(target=server.serve_forever).start()\n"
    )
    docker("run", "--detach", "--name", name, "--network=scylla-fw", f"--network-alias={alias}", "--workdir=/srv",
           "--entrypoint=python", image, "-c", code)  # fmt: skip


class TestFirewall:
    def test_it_lets_out_what_is_listed_and_nothing_else(self, behind):
        host = behind
        # Its only name cannot be resolved yet, so the start fails, loudly.
        answer = host.up("--config", SOURCE, check=False)
        assert answer["code"] != 0
        assert "not one of the names" in answer["log"] + docker("logs", "scylla-fw-inside", check=False)

        serve(host, "scylla-fw-friend", "friend.test")
        serve(host, "scylla-fw-stranger", "stranger.test")
        time.sleep(0.5)
        answer = host.up("--config", SOURCE, "--remove-existing-container")
        assert answer["remoteUser"] == "scylla"

        def inside(script):
            done = host.exec("bash", "-c", script, options=("--config", SOURCE), check=False)
            return done.returncode, done.stdout + done.stderr

        fetch = "curl --silent --output /dev/null --max-time 5 "
        assert inside(f"{fetch} http://friend.test:443/")[0] == 0
        assert inside(f"{fetch} http://friend.test:80/")[0] == 7
        assert inside(f"{fetch} http://stranger.test:443/")[0] == 7
        assert inside("getent hosts stranger.test")[0] == 0
        assert inside("id -un")[1].strip() == "scylla"
        assert inside("iptables -F OUTPUT 2>&1 || /usr/sbin/iptables -F OUTPUT")[0] != 0
        assert inside("ipset list scylla-allowed")[0] != 0
        assert inside("kill 1")[0] != 0
        assert inside("grep CapEff /proc/self/status")[1].split()[1] == "0" * 16

        # A name that moves is followed; one that is gone keeps its address; rules stay what they were.
        rules = docker("exec", "--user=root", "scylla-fw-inside", "iptables-save", "-t", "filter")
        docker("exec", "--user=root", "--detach", "scylla-fw-inside", "env", "SCYLLA_FIREWALL_INTERVAL_S=1",
               "/usr/local/sbin/scylla-firewall")  # fmt: skip
        docker("rm", "--force", "scylla-fw-friend", "scylla-fw-stranger")
        serve(host, "scylla-fw-stranger", "stranger.test")
        serve(host, "scylla-fw-friend", "friend.test")
        until = time.monotonic() + 20
        while inside(f"{fetch} http://friend.test:443/")[0] != 0 and time.monotonic() < until:
            time.sleep(0.5)
        assert inside(f"{fetch} http://friend.test:443/")[0] == 0
        again = docker("exec", "--user=root", "scylla-fw-inside", "iptables-save", "-t", "filter")
        assert [line for line in again.splitlines() if line.startswith("-A")] == [
            line for line in rules.splitlines() if line.startswith("-A")
        ]
