"""What the gateway adds to a model request: the same requests straight to the offline model and through a session."""

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import aiohttp

from scylla.domain.scenario import Scenario, Script, Turn
from scylla.gateway.gateway import Gateway
from scylla.gateway.offline import OfflineModel
from scylla.gateway.prices import PriceTable
from scylla.gateway.upstream import Upstream

SCENARIO = Scenario(agent=(Script(turns=(Turn(text="word " * 2000),)),), judge=())


async def ask(client: aiohttp.ClientSession, url: str, key: str, body: dict[str, object]) -> float:
    """Seconds until the whole answer is here."""
    started = time.perf_counter()
    async with client.post(f"{url}/v1/messages", json=body, headers={"x-api-key": key}) as response:
        await response.read()
        response.raise_for_status()
    return time.perf_counter() - started


async def measure(requests: int, size: int, folder: Path) -> tuple[float, float]:
    """Median seconds of a request without and with the gateway, taken in turn."""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x" * size}]}
    direct, through = [], []
    async with (
        OfflineModel() as model,
        Gateway(prices=PriceTable.load(), clock=lambda: datetime.now(timezone.utc)) as gateway,
        aiohttp.ClientSession() as client,
    ):
        url = model.open(SCENARIO, "agent")
        async with gateway.open_session(Upstream(base_url=url, credential=None), folder) as session:
            for number in range(requests + 3):
                plain = await ask(client, url, "-", body)
                passed = await ask(client, session.base_url, session.placeholder, body)
                if number >= 3:
                    direct.append(plain)
                    through.append(passed)
    return statistics.median(direct), statistics.median(through)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=50)
    arguments = parser.parse_args()
    print("| request | direct | through the gateway | added | ratio |\n|---|---|---|---|---|")
    for size in (1_000, 100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as name:
            direct, through = asyncio.run(measure(arguments.requests, size, Path(name)))
        added = f"{1000 * (through - direct):.1f} ms"
        print(f"| {size} B | {1000 * direct:.1f} ms | {1000 * through:.1f} ms | {added} | {through / direct:.1f} |")


if __name__ == "__main__":
    main()
