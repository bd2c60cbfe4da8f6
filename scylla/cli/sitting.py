"""One sitting: on this machine, with this login, judges and agents at work until all is done or interrupted."""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import anyio
from rich.console import Console

from scylla.adapters.cli import Adapter, InstalledCli
from scylla.adapters.registry import ADAPTERS, judge_beside
from scylla.cli.credentials import REMEDIES, STAGED_FOLDER, Login, ensure_credentials
from scylla.cli.machine import (
    find_cli,
    network_variables,
    proxy_for,
    search_path,
    servers_folder,
    work_folder,
)
from scylla.cli.output import say
from scylla.cli.progress import TerminalProgress
from scylla.config.scenario import DEFAULT_SCENARIO, load_scenario
from scylla.domain.plan import Plan, RunKey
from scylla.domain.scenario import Role
from scylla.domain.tier import Setup
from scylla.e2e.experiment import (
    carry_out_all,
    cases_at_work,
    close_lost_steps,
    is_complete,
    prepare_cases,
    remove_leftovers,
)
from scylla.e2e.parts import Limits, Parts
from scylla.e2e.sitting import Sitting
from scylla.errors import EXIT_INTERRUPTED, MachineError, UsageError
from scylla.gateway.gateway import Gateway
from scylla.gateway.offline import OfflineModel
from scylla.gateway.prices import PriceTable
from scylla.gateway.upstream import Credential, Upstream
from scylla.judge.prompt import JUDGE_SYSTEM_PROMPT
from scylla.store.store import Store
from scylla.workspace.slots import Slots

PROVIDER_URL = "https://api.anthropic.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the experiment will run on. `offline`: the offline model answers.

    `login` is None when it does, or when no model is asked at all.
    """

    adapter: Adapter
    cli: InstalledCli
    judge_adapter: Adapter
    judge_cli: InstalledCli
    offline: bool
    login: Login | None
    work: Path
    servers: Path


async def find_machine(arguments: argparse.Namespace) -> Machine:
    """The agent CLI, the login and the working folder that the arguments and the environment name."""
    adapter = ADAPTERS.get(arguments.agent)
    if adapter is None:
        raise UsageError(f"there is no agent {arguments.agent!r}", fix=f"there are: {', '.join(ADAPTERS)}")
    cli = await find_cli(adapter, os.environ)
    asks_models = adapter.program is not None or bool(arguments.judge_model)
    judge_adapter, judge_cli = adapter, cli
    if asks_models and adapter.program is None:
        judge_adapter = judge_beside(adapter)
        judge_cli = await find_cli(judge_adapter, os.environ)
    login = None
    if asks_models and not arguments.offline:
        found = ensure_credentials(os.environ, Path.home(), staged=STAGED_FOLDER, now=_now())
        login = found.login
        for note in found.notes:
            say(note)
        if login is None and found.ended is not None:
            # Whoever has a login means to use it; going on with the offline model would hide that it has ended.
            raise MachineError("the login has ended", fix=f"{REMEDIES}; or use the offline model: --offline")
    return Machine(
        adapter=adapter,
        cli=cli,
        judge_adapter=judge_adapter,
        judge_cli=judge_cli,
        offline=asks_models and login is None,
        login=login,
        work=work_folder(arguments.work_dir),
        servers=servers_folder(os.environ).resolve(),
    )


async def sit(
    plan: Plan,
    store: Store,
    machine: Machine,
    arguments: argparse.Namespace,
    *,
    candidates: Mapping[str, Setup],
    judge_instructions: str = JUDGE_SYSTEM_PROMPT,
) -> bool:
    """Carry out what is missing; True when the person interrupted it."""
    async with AsyncExitStack() as stack:
        upstream = await _provider(plan, machine, stack)
        gateway = await stack.enter_async_context(Gateway(prices=PriceTable.load(), clock=_now))
        progress = stack.enter_context(
            TerminalProgress(
                console=Console(stderr=True),
                total=len(plan.order),
                done=0,
                mode="live" if machine.login else "OFFLINE MODEL" if machine.offline else "no model is asked",
                cost_usd=lambda: gateway.spend.cost_usd,
                verbose=arguments.verbose,
                quiet=arguments.quiet,
                judges_only=store.meta().rejudging is not None,
            )
        )
        if lost := close_lost_steps(store):
            progress.remark(f"{lost} step(s) had been cut off; what they cost is counted, and they are done again")
        work, own = machine.work, hashlib.sha256(os.fsencode(store.folder.resolve())).hexdigest()[:16]
        ungraded, scratch = work / "done" / own, work / "scratch" / own
        await remove_leftovers(store, ungraded=ungraded, scratch=scratch)
        parts = Parts(
            plan=plan,
            store=store,
            gateway=gateway,
            upstream=upstream,
            login_kind="api_key" if machine.login is None else machine.login.kind,
            adapter=machine.adapter,
            cli=machine.cli,
            judge_adapter=machine.judge_adapter,
            judge_cli=machine.judge_cli,
            agent_slots=Slots(work / "a"),
            judge_slots=Slots(work / "b"),
            ungraded=ungraded,
            scratch=scratch,
            prepared=await prepare_cases(
                cases_at_work(plan, store.records()), work / "sources", progress, network=network_variables(os.environ)
            ),
            setups={subtest.label: subtest.setup for subtest in plan.subtests if not subtest.inherits},
            candidates=candidates,
            search_path=search_path(os.environ),
            servers=machine.servers,
            is_root=os.getuid() == 0,
            limits=_limits(arguments, offline=machine.offline),
            progress=progress,
            now=_now,
            sleep=anyio.sleep,
            judge_instructions=judge_instructions,
        )
        progress.done = sum(is_complete(store.record(key), parts) for key in plan.order)
        if progress.done:
            rest = "nothing is left to do" if progress.done == progress.total else "continuing with the rest"
            progress.remark(f"{progress.done} of {progress.total} runs are done already; {rest}.")
        sitting = Sitting(
            agents=anyio.CapacityLimiter(arguments.parallel), judges=anyio.CapacityLimiter(arguments.parallel)
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch_signals, sitting)
            await carry_out_all(parts, sitting)
            tasks.cancel_scope.cancel()
        if sitting.stopped:
            say(f"No further run was started: {sitting.stopped}")
    return sitting.interrupt.is_set()


async def _provider(plan: Plan, machine: Machine, stack: AsyncExitStack) -> Callable[[RunKey, Role], Upstream]:
    """Where the requests of a run's part go."""
    if machine.login is not None:
        url = os.environ.get("ANTHROPIC_BASE_URL") or PROVIDER_URL
        live = Upstream(
            base_url=url,
            credential=Credential(kind=machine.login.kind, secret=machine.login.secret),
            proxy=proxy_for(url),
        )
        return lambda _key, _role: live
    offline = await stack.enter_async_context(OfflineModel())
    scenarios = {
        case.id: load_scenario(case.offline_file) if case.offline_file else DEFAULT_SCENARIO for case in plan.cases
    }
    upstreams: dict[tuple[RunKey, Role], Upstream] = {}

    def play(key: RunKey, role: Role) -> Upstream:
        """One address for all tries of a run, so that a failure that is to pass does."""
        if (key, role) not in upstreams:
            address = offline.open(scenarios[key.case_id], role)
            upstreams[key, role] = Upstream(base_url=address, credential=None)
        return upstreams[key, role]

    return play


def _limits(arguments: argparse.Namespace, *, offline: bool) -> Limits:
    return Limits(
        parallel=arguments.parallel,
        attempts=arguments.retries + 1,
        retry_wait_s=arguments.retry_wait,
        # The offline model plays its failures as written; the CLI's own patience would only hide them.
        cli_retries=1 if offline else Limits().cli_retries,
    )


async def _watch_signals(sitting: Sitting) -> None:
    """The first signal stops the children and keeps what is done; the second ends the program at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            if sitting.interrupt.is_set():
                os._exit(EXIT_INTERRUPTED)
            say("Stopping the agents that run; once more to leave at once.")
            sitting.interrupt.set()


def _now() -> datetime:
    return datetime.now(timezone.utc)
