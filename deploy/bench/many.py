"""Many recipients, and much to one of them: a thousand that join beside running roles, and everything once more to one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import date

from consumers import relay as relaying
from deploy.bench.figures import Figures
from deploy.bench.ground import Servers, accepted, bring, laid_out
from deploy.bench.history import COUNTY, as_1
from deploy.bench.large import large_ledger, published
from deploy.bench.processes import running
from deploy.bench.replay import peak_mb
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings
from deploy.wiring import PROVISIONER, ROLES, Wired, open_ledger_parts
from domain.chapters.organisations.decisions import JoinLedger
from domain.context import Caller
from domain.events import TaskFrom
from projections.kinds import model_of
from projections.read_models import NotProvisioned

CONTRACTS = Caller(COUNTY, "organiser", "contract_manager", "C-01")
REPEATED_TO = "kela-benefit-payment"
"""It was told of every day of every client."""
RECIPIENTS = 1_000
DEADLINE_S = 600.0
LOOK_AGAIN_S = 0.1


def measure_joins(servers: Servers, quick: bool) -> Figures:
    """From the first of many joinings until each recipient's own announcement stands in its read model, and every role is at
    the head; clients are known already, and name none of them."""
    count, clients = (100, 5) if quick else (1_000, 50)
    settings = servers.settings(kafka=True)
    with laid_out(settings) as parts:
        bring(parts.store, parts.vault, clients, as_1)
        while parts.disclosure.step():
            pass
        published(parts)
        with running(settings, [PROVISIONER, *ROLES]):
            _at_the_head(parts, [one.short_name for one in parts.recipients() if model_of(one)])
            began = time.perf_counter()
            names = join(parts, count)
            recorded = time.perf_counter()
            _at_the_head(parts, names)
            took = time.perf_counter() - began
    figures = Figures()
    raw = {"recipients": count, "clients": clients, "recorded_s": recorded - began, "each_ms": 1_000 * took / count}
    figures.keep({"joins_s": took}, "joins", {**raw})
    return figures


def measure_redelivery(servers: Servers, quick: bool) -> Figures:
    """Everything once more to one recipient, in a process of its own: how fast, and how much memory that takes."""
    parts = large_ledger(servers, quick)
    environment = {**os.environ, **parts.settings.environment()}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.many"], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    taken = json.loads(done.stdout)
    figures = Figures()
    keys = ("redelivery_per_s", "redelivery_grown_mb")
    figures.keep({key: taken.pop(key) for key in keys}, "redelivery", taken)
    return figures


def joined(parts: Wired) -> list[str]:
    """A thousand organisations that have joined and were told so, each with topics of its own; once in a ledger."""
    names = _names(RECIPIENTS)
    if names[-1] not in parts.store.directory.recipients:
        join(parts, RECIPIENTS)
        while parts.disclosure.step():
            pass
        published(parts)
    return names


def _names(count: int) -> list[str]:
    return [f"bench-provider-{number:04}" for number in range(count)]


def join(parts: Wired, count: int) -> list[str]:
    """So many organisations join, each as a recipient of its own; their short names."""
    since = date(2025, 1, 1)
    names = _names(count)
    waiting = [
        parts.store.submit(
            JoinLedger(
                org_id=name,
                org_name=name,
                agency_kind="provider",
                tasks=(TaskFrom(task="provider", from_on=since, short_name=name),),
                transport="kafka",
                contact_mailbox="register@example.invalid",
                occurred_on=since,
            ),
            CONTRACTS,
            uuid.uuid4().hex,
        )
        for name in names
    ]
    accepted(JoinLedger.NAME, [future.result() for future in waiting])
    return names


def _at_the_head(parts: Wired, recipients: Sequence[str]) -> None:
    """Return when disclosure and relay are at the head and the models have all that was told. Raises TimeoutError."""
    give_up_at = time.monotonic() + DEADLINE_S
    waiting = list(recipients)
    while True:
        head = parts.store.head()
        followers = (parts.disclosure.name, relaying.TRACKING)
        if all(parts.store.tracking(name) == head for name in followers):
            waiting = [name for name in waiting if not _has_all(parts, name)]
            if not waiting and parts.store.head() == head:
                return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{len(waiting)} recipients are not at the head after {DEADLINE_S:.0f} s")
        time.sleep(LOOK_AGAIN_S)


def _has_all(parts: Wired, recipient: str) -> bool:
    try:
        position = parts.models.of(recipient).positions().get(1)
    except NotProvisioned:
        return False
    return (position.sequence if position else 0) == parts.store.stream_version(f"recipient/{recipient}/1")


def main() -> None:
    """Repeat everything to the recipient on the ledger of the environment's settings, and print what that took."""
    look_seldom_for_garbage()
    parts = open_ledger_parts(Settings.from_environment())
    while parts.disclosure.step():
        pass
    before = peak_mb()
    began = time.perf_counter()
    done = parts.disclosure.redeliver(REPEATED_TO)
    took = time.perf_counter() - began
    print(
        json.dumps(
            {
                "redelivery_per_s": done.repeated / took,
                "redelivery_grown_mb": peak_mb() - before,
                "publications": done.publications,
                "seconds": took,
                "mb_before": before,
            }
        )
    )
    parts.close()


if __name__ == "__main__":
    main()
