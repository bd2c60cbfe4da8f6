"""Hosts and containers. Without an engine their tests are skipped; SCYLLA_REQUIRE_ENGINE=1 makes that a failure."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hosts import Host, engine_problem, ordinary_account


def pytest_configure(config):
    config.addinivalue_line("markers", "container: starts the dev container on a real engine (slow)")


@pytest.fixture(scope="session")
def engine():
    if problem := engine_problem():
        if os.environ.get("SCYLLA_REQUIRE_ENGINE") == "1":
            pytest.fail(f"SCYLLA_REQUIRE_ENGINE is set, but {problem}")
        pytest.skip(problem)


@pytest.fixture(scope="session")
def base(engine):
    """A folder of the ordinary user that nobody else can list."""
    account = ordinary_account()
    folder = Path(tempfile.mkdtemp(prefix="scylla-test-", dir=account.pw_dir))
    if os.getuid() == 0:
        os.chown(folder, account.pw_uid, account.pw_gid)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_host(base):
    """Makes hosts; what they leave in the engine is removed."""
    made = []

    def make(account=None) -> Host:
        folder = base / f"h{len(list(base.iterdir()))}"
        host = Host.make(folder, account or ordinary_account())
        made.append(host)
        return host

    yield make
    for host in made:
        host.remove()


@pytest.fixture(scope="session")
def host(base):
    """One host without a login whose container all tests share that change nothing in it."""
    made = Host.make(base / "shared", ordinary_account())
    yield made
    made.remove()


@pytest.fixture(scope="session")
def container(host):
    """The container of the shared host, as `devcontainer up` answers."""
    return host.up()
