"""`kuty migrate`, `kuty ledger open`, `kuty clock advance`, `kuty topic resume`."""

from __future__ import annotations

import argparse
import uuid
from datetime import date, datetime, time

from consumers.relay import resume_request
from deploy.commands.printed import failed
from deploy.commands.references import wrong_organisation
from deploy.migration import migrate
from deploy.roles import settle
from deploy.settings import Settings
from deploy.wiring import Wired, opened, total
from domain.chapters.ledgers.decisions import AdvanceClock, OpenLedger
from domain.commands import Command
from domain.context import HELSINKI, Caller
from domain.refusals import explained

MORNING = time(9, 0)
SETTLE_DEADLINE_S = 120.0


def make_tables(arguments: argparse.Namespace, settings: Settings) -> int:
    """Tables, roles and rights."""
    migrate(settings)
    print(f"the ledger {settings.ledger} has every table of this version")
    return 0


def open_ledger(arguments: argparse.Namespace, settings: Settings) -> int:
    """The first fact of a ledger."""
    if arguments.mode == "live" and not settings.allow_live:
        return failed("a live ledger is opened only where KUTY_ALLOW_LIVE says so")
    if wrong := wrong_organisation(arguments.organiser):
        return failed(wrong)
    command = OpenLedger(organiser_org_id=arguments.organiser, mode=arguments.mode, occurred_on=arguments.on)
    with opened(settings) as wired:
        done = f"the ledger {settings.ledger} is open, {arguments.mode} for life"
        return _executed(wired, command, arguments.organiser, done)


def advance_clock(arguments: argparse.Namespace, settings: Settings) -> int:
    """Time in a simulated ledger."""
    moment = _moment(arguments.to)
    with opened(settings, wait_s=0.0) as wired:
        if settings.embedded:
            settle(wired.roles(), total(wired.lag), deadline_s=SETTLE_DEADLINE_S)
        lagging = wired.lagging()
        if lagging:
            return failed(f"the clock waits for {', '.join(lagging)}")
        moved = f"it is {moment.isoformat()} in {settings.ledger}"
        now = wired.store.now().astimezone(moment.tzinfo).isoformat(timespec="minutes")
        instead = f"it is {now} in {settings.ledger}, and {moment.isoformat(timespec='minutes')} was asked for: "
        return _executed(wired, AdvanceClock(to_at=moment), wired.store.organiser_org, moved, instead)


def resume_topic(arguments: argparse.Namespace, settings: Settings) -> int:
    """Have the relay take up a topic that the broker refused."""
    with opened(settings) as wired:
        parked = wired.store.parked().get(arguments.topic)
        if parked is None:
            there = ", ".join(sorted(wired.store.parked())) or "none"
            return failed(f"{arguments.topic} is not parked; parked: {there}")
        wired.store.place({resume_request(arguments.topic): parked.position})
        print(f"{arguments.topic} is taken up from position {parked.position} as soon as the relay has nothing else to send")
        return 0


def _executed(wired: Wired, command: Command, org: str, done: str, instead: str = "") -> int:
    caller = Caller(org, "organiser", "system", "system")
    answer = wired.store.execute(command, caller, uuid.uuid4().hex)
    if answer.codes:
        return failed(instead + explained(answer.codes))
    print(done)
    return 0


def _moment(given: date | datetime) -> datetime:
    moment = given if isinstance(given, datetime) else datetime.combine(given, MORNING)
    return moment if moment.tzinfo else moment.replace(tzinfo=HELSINKI)
