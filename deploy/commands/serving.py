"""`kuty serve`: everything in one process, or some roles of it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from deploy.demo import DemoFailed, is_broken_off, run_demo
from deploy.halts import MISTAKE, advice_on, first_line
from deploy.migration import migrate, owns_nothing
from deploy.roles import Running
from deploy.scenario.given import NotGiven
from deploy.serving import app_of, free, served
from deploy.settings import Settings, WrongSetting
from deploy.watching.metrics import Shown
from deploy.watching.port import watched_at
from deploy.watching.process import Watched
from deploy.wiring import PROVISIONER, ROLES, Wired, open_ledger_parts
from deploy.workers import beside_this_one
from deploy.world import open_world

log = logging.getLogger("kuty.serve")

API = "api"


def serve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    names: Sequence[str] = arguments.role or (API, PROVISIONER, *ROLES)
    if not arguments.role:
        migrate(settings)
    else:
        settings = _of_roles(settings, names, arguments.demo)
    if API in names:
        free(settings.host, settings.port)
    if arguments.demo:
        fill(settings, arguments.demo, arguments.seed)
    try:
        wired = open_ledger_parts(settings)
    except Exception as error:
        if advice_on(error) is not MISTAKE:  # else whoever ends the process says so
            log.critical("%s: not started: %s; %s", ", ".join(names), first_line(error), advice_on(error).told)
        raise
    try:
        return run(wired, names)
    finally:
        wired.close()


def _of_roles(settings: Settings, names: Sequence[str], demo: int) -> Settings:
    """What a process of these roles alone goes by. Raises WrongSetting where it was given what it must not have."""
    if not settings.store_dsn or PROVISIONER in names:
        return settings
    if settings.owner_dsn or settings.keys_owner_dsn or settings.vault_owner_dsn or demo:
        raise WrongSetting(
            "connection strings of owners (KUTY_OWNER_DSN, KUTY_KEYS_OWNER_DSN, KUTY_VAULT_OWNER_DSN) and --demo are for "
            f"`kuty migrate`, `kuty demo` and, the first of them, the role {PROVISIONER}: "
            f"{', '.join(names)} must not have the rights of the owner: leave --demo away, and "
            "`unset KUTY_OWNER_DSN KUTY_KEYS_OWNER_DSN KUTY_VAULT_OWNER_DSN` before"
        )
    given = settings.of_roles(names)
    owns_nothing(given)
    return given


def fill(settings: Settings, clients: int, seed: int) -> None:
    """Demo data, unless the ledger has something else in it already. Raises DemoFailed, NotGiven."""
    migrate(settings)
    with open_world(settings) as world:
        begun = is_broken_off(world.store, clients, seed)
        if world.store.head() and not begun:
            print(f"The ledger {settings.ledger} has data already: no demo data added. KUTY_LEDGER names another one.")
            return
        if begun:
            print(f"The demo of {clients} clients was broken off: it goes on.", flush=True)
        try:
            run_demo(world, clients, seed, print)
        except (DemoFailed, NotGiven) as failure:
            if not begun:
                raise
            reason = f"the demo that was broken off cannot go on, another KUTY_LEDGER begins a new one: {failure}"
            raise DemoFailed(reason) from None


def run(wired: Wired, names: Sequence[str], *, shared: bool = False) -> int:
    """Run roles, and the API where it is among them, until a signal comes; `shared` where other processes answer on its
    address too. Raises InUse."""
    settings = wired.settings
    if not settings.store_dsn and settings.embedded:
        _ = wired.broker  # the whole ledger belongs to one process, also where none of these roles publishes
    running = list[Running]()
    with watched_at(settings, tuple(names), Shown(Watched(wired, names, running))) as address:
        print(f"/readyz and /metrics: http://{address}/", flush=True)
        return _run(wired, names, running, shared or wired.settings.api_workers > 1)


def _run(wired: Wired, names: Sequence[str], running: list[Running], shared: bool) -> int:
    settings = wired.settings
    roles = Running(wired.roles([name for name in names if name != API]), wired.wait)
    # Beside the roles, not some of them: one of those beside them says that the process has to end.
    # A database that does not answer is said by the roles; the API has none that would.
    beside = Running([wired.forgetting, wired.abiding], wired.wait, [wired.abiding.name] if roles.roles else ()).start()
    running += (roles, beside)
    try:
        if API not in names:
            print(f"{', '.join(names)} of the ledger {settings.ledger}: running", flush=True)
            return roles.start().until_signal(beside)
        with served(app_of(wired), settings.host, settings.port, shared=shared), beside_this_one(settings):
            print(f"http://{settings.host}:{settings.port}/ shows what to try. Ctrl-C stops.", flush=True)
            return roles.start().until_signal(beside)
    finally:
        beside.stop()
