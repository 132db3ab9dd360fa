"""What a ledger looks like now, put together for a person: from the store, from the broker, and from whoever runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import psycopg

from consumers import disclosed, relay, wire
from consumers.lines import NOT_OPENED
from consumers.log import BrokerError
from deploy.backup.taking import last_backups
from deploy.halts import AHEAD, BEHIND, PARKED, Advice, advice_on, first_line, told_of_line
from deploy.settings import Settings
from deploy.watching.asking import Answered, fault_of_silent, processes
from deploy.watching.looking import Fault, fault_of
from deploy.watching.port import UP
from deploy.watching.process import (
    API,
    STANDS_STILL,
    WRITING,
    fault_of_line,
    fault_of_topic,
    fault_of_wait,
    free_bytes,
    lacking,
    said_once,
)
from deploy.wiring import PROVISIONER, ROLES, InUse, Wired, open_ledger_parts, open_recorder
from domain.store import EventStore, NoLedger, StoreUnavailable
from projections.kinds import model_of
from projections.read_models import NotProvisioned, answers_nobody

T = TypeVar("T")
HERE = "with a read model here"
BROKER_PATIENCE_S = 5.0
LATE_S = 60.0
"""Who has had something before him for so long is behind."""
FIRST_STEPS = "`kuty serve --demo 3` makes one with synthetic clients; `kuty migrate`, then `kuty ledger open` an empty one"
AHEAD_S = 60.0
"""So far apart the clocks of two machines may be."""
UNAVAILABLE = (StoreUnavailable, BrokerError, NotProvisioned, psycopg.Error, OSError)


@dataclass
class RoleSeen:
    """A role: where it runs, empty where that is not seen; what is before it, none where nobody knows; where it was, if it
    does not answer there any more."""

    name: str
    runs_at: str = ""
    behind: int | None = None
    late_s: float = 0.0
    halted: bool = False
    was_at: str = ""


@dataclass
class Report:
    """Everything, each part as far as it could be seen."""

    ledger: str
    mode: str = ""
    organiser: str = ""
    now: str = ""
    head: int | None = None
    epoch: int | None = None
    roles: list[RoleSeen] = field(default_factory=list)
    recipients: dict[str, int] = field(default_factory=dict)
    late_recipients: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    disk_free: int = 0
    backups: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing is amiss."""
        return not self.faults

    def add(self, fault: Fault) -> None:
        """What several say is said once."""
        if all((fault.what, fault.why) != (known.what, known.why) for known in self.faults):
            self.faults.append(fault)


def report_of(settings: Settings) -> Report:
    """Ask everybody; whoever does not answer is a fault of its own, and the rest is shown."""
    report = Report(settings.ledger, disk_free=free_bytes(settings.home))
    seen, silent = processes(settings)
    _say_of_processes(report, seen)
    roles = {name: RoleSeen(name) for name in (API, PROVISIONER, *ROLES)}
    for target in silent:
        for name in target.roles:
            roles[name] = RoleSeen(name, was_at=target.address)
        report.add(fault_of_silent(settings, target))
    for answered in seen:
        for name in answered.target.roles:
            if name in roles or name == UP:
                roles[name] = _role_at(name, answered)
    report.roles = [role for role in roles.values() if role.name != PROVISIONER or settings.models_dsn or settings.store_dsn]
    _say_of_store(report, settings, seen)
    try:
        report.backups = {part: str(taken["taken_at"]) for part, taken in last_backups(settings).items()}
    except (OSError, ValueError) as error:
        why = f"{type(error).__name__}: when the last was taken cannot be read"
        report.add(Fault("backup", why, "see who may read the home folder"))
    unseen = [role.name for role in report.roles if not role.runs_at and not role.was_at]
    if unseen:
        report.add(Fault(", ".join(unseen), "not seen to run", "start it, or name its operator's port in KUTY_WATCHED"))
    for role in report.roles:
        if role.late_s > LATE_S:
            report.add(Fault(role.name, f"{role.behind} before it, since {role.late_s:.0f} s", BEHIND.told))
    return report


# --- who runs ---


def _role_at(name: str, answered: Answered) -> RoleSeen:
    behind = answered.figure("kuty_lag", name)
    late_s, halted = answered.figure("kuty_lag_seconds", name), answered.figure("kuty_role_halted", name)
    return RoleSeen(name, answered.target.address, None if behind is None else int(behind), late_s or 0.0, bool(halted))


def _say_of_processes(report: Report, seen: Sequence[Answered]) -> None:
    for answered in seen:
        for fault in answered.faults:
            report.add(fault)
        for (what,), size in answered.figures.get("kuty_disk_bytes", {}).items():
            report.disk[what] = int(size)
        for name, said in (
            ("kuty_recipients", HERE), ("kuty_recipients_halted", "stand still"),
            ("kuty_redeliveries", "told again"), ("kuty_clients_parked", "clients parked"),
        ):  # fmt: skip
            number = answered.figure(name)
            if number is not None:
                report.recipients[said] = int(number)
        for (recipient, _), number in answered.figures.get("kuty_recipient_lag", {}).items():
            report.late_recipients[recipient] = report.late_recipients.get(recipient, 0) + int(number)


# --- what is stored ---


def _say_of_store(report: Report, settings: Settings, seen: Sequence[Answered]) -> None:
    try:
        recorder = open_recorder(settings)
    except NoLedger as error:
        report.mode = "no ledger here yet"
        report.add(Fault("store", first_line(error), FIRST_STEPS))
        _say_of_broker(report, settings)
        return
    except Exception as error:
        report.add(_fault("store", error))
        _say_of_broker(report, settings)
        return
    try:
        report.head, report.epoch = recorder.head(), recorder.epoch
        for role in report.roles:
            tracked = {"disclosure": disclosed.NAME, "relay": relay.TRACKING}.get(role.name)
            if tracked:
                role.behind = report.head - recorder.tracking(tracked)
        for topic, parked in recorder.parked().items():
            report.add(Fault(f"topic {topic}", f"parked: {parked.code}", PARKED.told))
        report.answers = recorder.inquiry.answer_counts()
        report.disk.setdefault("store", recorder.size())
    except UNAVAILABLE as error:
        report.add(_fault("store", error))
    finally:
        recorder.close()
    try:
        wired = open_ledger_parts(replace(settings, kafka_deadline_s=min(settings.kafka_deadline_s, BROKER_PATIENCE_S)))
    except Exception as error:
        report.add(_fault("keys and vault", error))
        _say_of_broker(report, settings)
        return
    try:
        _say_of_ledger(report, wired)
    finally:
        wired.close()


def _say_of_ledger(report: Report, wired: Wired) -> None:
    failures: dict[str, Exception] = {}
    for what, look in _looks(report, wired):
        try:
            look()
        except InUse:
            pass  # whoever has the embedded broker answers for it
        except Exception as error:
            failures[what] = error
    for what, failure in said_once(failures).items():
        report.add(_fault(what, failure))


def _looks(report: Report, wired: Wired) -> Iterator[tuple[str, Callable[[], object]]]:
    def of_register() -> None:
        report.mode, report.organiser = wired.store.mode or "not open yet", wired.store.organiser_org
        report.now = wired.store.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        stands_s = wired.store.time_stands_for()
        if stands_s > AHEAD_S:
            report.add(Fault("time", f"the last event is dated {stands_s:.0f} s ahead of the clock", AHEAD.told))
        joined = wired.recipients()
        if not any(role.name == "relay" and role.runs_at for role in report.roles):
            _say_of_topics(report, wired.store, [recipient.short_name for recipient in joined])
        own = sum(model_of(one) is None for one in joined)
        here = report.recipients.pop(HERE, None)
        said = {"joined": len(joined), HERE: here, "keep their own": own or None, **report.recipients}
        report.recipients = {what: number for what, number in said.items() if number is not None}

    def of_topics() -> None:
        unseen = {role.name: role for role in report.roles if not role.runs_at}
        if "relay" in unseen and report.head and wire.events_topic(wired.store.ledger) not in wired.broker.topics():
            unseen["relay"].behind = report.head  # whatever was sent is not there: it will be again
        if "intake" in unseen:
            unseen["intake"].behind = wired.intake.behind()
        if "projector" in unseen:
            late = {name: records for name, records in wired.lags.of_models(wired.recipients()).items() if records}
            unseen["projector"].behind = sum(late.values())
            report.late_recipients |= late

    yield "store", of_register
    yield "keys", wired.store.check_keys
    yield "vault", wired.vault.check
    yield "broker", of_topics
    yield WRITING, wired.store.check_writing
    yield "read models", lambda: _say_of_models(report, wired)


def _say_of_topics(report: Report, store: EventStore, recipients: Sequence[str]) -> None:
    """Where no relay says it: which topics it has left out or was filling."""
    parked, behind = store.parked(), relay.behind(store, recipients)
    for topic in behind.keys() - parked.keys():
        report.add(fault_of_topic(topic, behind[topic]))
    report.late_recipients |= lacking(behind, store.head())


def _say_of_models(report: Report, wired: Wired) -> None:
    """Where no projector says it: who stands still is kept in the models."""
    wired.models.check()
    if any(role.name == "projector" and role.runs_at for role in report.roles):
        return
    found = [_fault_of_model(wired, one.short_name) for one in wired.recipients() if model_of(one)]
    faults = [fault for fault in found if fault is not None]
    for fault in faults:
        report.add(fault)
    report.recipients["stand still"] = sum(fault.why.startswith(STANDS_STILL) for fault in faults)


def _fault_of_model(wired: Wired, short_name: str) -> Fault | None:
    try:
        feed = wired.models.of(short_name).feed()
    except NotProvisioned:
        return None
    except Exception as error:
        if answers_nobody(wired.models, error):
            raise
        told = told_of_line(error)
        return fault_of_line(short_name, f"{NOT_OPENED}: {told.why}", told.to_do)
    if feed.halted:
        return fault_of_line(short_name, feed.halted)
    return fault_of_wait(short_name, feed.waiting_for) if feed.waiting_for else None


def _say_of_broker(report: Report, settings: Settings) -> None:
    """Where nothing of the ledger could be opened: whether the other half answers."""
    if settings.embedded:
        return
    from consumers.broker import KafkaBroker

    broker = KafkaBroker(replace(settings, kafka_deadline_s=min(settings.kafka_deadline_s, BROKER_PATIENCE_S)).connection)
    try:
        broker.topics()
    except BrokerError as error:
        report.add(_fault("broker", error))
    finally:
        broker.close()


def _fault(what: str, error: BaseException, advice: Advice | None = None) -> Fault:
    return fault_of(what, error, advice or advice_on(error))


def as_json(report: Report) -> dict[str, Any]:
    """All of it, with whether all is well."""
    stated = {name: getattr(report, name) for name in report.__dataclass_fields__}
    roles = [vars(role) for role in report.roles]
    return {**stated, "roles": roles, "faults": [fault.stated() for fault in report.faults], "well": report.well}
