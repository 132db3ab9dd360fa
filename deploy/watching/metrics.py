"""The figures of one process in Prometheus' text format. Labels are roles, codes and recipients' short names, and bounded.

By recipient only those are told who are late, left out, stand still or have somebody parked, the worst first,
`MOST_RECIPIENTS` at most: of the others there are sums, so that a thousand recipients cost no more than a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from consumers.projector import Standing
from deploy.watching.looking import Fault, Looked
from deploy.watching.process import Figures, Watched, free_bytes
from domain.counts import BOUNDS_S, TIMES, TOTALS, Times, Total

MOST_RECIPIENTS = 50
"""Told by name; the others are in the sums."""
HEARTBEAT = "Since the last record of the quietest recipient's topic, or since this process was first asked."
CLASSES = [*(str(bound) for bound in BOUNDS_S), "+Inf"]


class Figured(Collector):
    """What Prometheus' own library collects from a process: made anew for every scrape."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._began: datetime | None = None
        """When this was first asked, in the broker's time: what a ledger slept before is no silence of anybody."""

    def collect(self) -> Iterator[Metric]:
        """Every figure."""
        watched = self._watched
        looked = watched.look()
        yield from self._needs(looked)
        yield from self._roles()
        yield from counted(TOTALS, TIMES)
        figures: Figures | None = looked.values.get("figures")
        yield _gauge("kuty_figures_up", "Whether the ledger's figures could be looked at: 1 or 0.", figures is not None)
        disk = _family("kuty_disk_bytes", "Bytes on the disk.", ["what"])
        for what, size in looked.values.get("disk", {}).items():
            disk.add_metric([what], size)
        yield disk
        if figures is not None:
            yield from self._ledger(figures)
            yield from self._recipients(figures)
        free = _family("kuty_disk_free_bytes", "Bytes that may still be written where the home folder is.", ["place"])
        free.add_metric(["home"], free_bytes(watched.wired.settings.home))
        yield free

    def _needs(self, looked: Looked) -> Iterator[Metric]:
        up = _family("kuty_up", "Whether what this process needs is as it should be: 1 or 0.", ["what"])
        for name in self._watched.needs:
            up.add_metric([name], name in looked.values)
        yield up

    def _roles(self) -> Iterator[Metric]:
        serves = _family("kuty_serves", "The roles of this process, the API among them.", ["role"])
        for name in self._watched.names:
            serves.add_metric([name], 1)
        yield serves
        halted = _family("kuty_role_halted", "Whether the role has halted: 1 or 0.", ["role"])
        failing = _family("kuty_role_failing", "How many steps of the role have failed in a row.", ["role"])
        for one in self._watched.roles:
            halted.add_metric([one.role.name], bool(one.halted))
            failing.add_metric([one.role.name], one.failures)
        yield halted
        yield failing

    def _ledger(self, figures: Figures) -> Iterator[Metric]:
        yield _gauge("kuty_head", "Position of the last event.", figures.head)
        behind = _family("kuty_lag", "What the role has before it: events, messages or records.", ["role"])
        late = _family("kuty_lag_seconds", "Since when the oldest of it waits, as this process has seen.", ["role"])
        served = _family("kuty_lag_recipients", "For how many recipients the role has something before it.", ["role"])
        for role, some in figures.behind.items():
            behind.add_metric([role], sum(some.values()))
            late.add_metric([role], max(figures.late_s[role].values(), default=0.0))
            if role in ("projector", "intake"):
                served.add_metric([role], sum(number > 0 for number in some.values()))
        yield from (behind, late, served)
        yield _gauge("kuty_time_stands_seconds", "How far the last event is dated ahead of the clock.", figures.stands_s)
        yield _gauge("kuty_held", "Messages that wait for what they refer to.", figures.held)
        yield _gauge("kuty_parked_topics", "Topics whose next record the broker refuses.", len(figures.parked))
        number = len(figures.topics_behind.keys() - figures.parked.keys())
        yield _gauge("kuty_topics_behind", "Topics that do not answer, or that are being filled, at the relay.", number)

    def _recipients(self, figures: Figures) -> Iterator[Metric]:
        standings = {standing.short_name: standing for standing in figures.standings}
        if standings:
            yield _gauge("kuty_recipients", "Recipients whose read models this process keeps.", len(standings))
            still = sum(bool(one.halted) for one in standings.values())
            yield _gauge("kuty_recipients_halted", "Recipients whose line stands still.", still)
            parked = sum(one.parked_clients for one in standings.values())
            yield _gauge("kuty_clients_parked", "Clients whose records cannot be digested, over all recipients.", parked)
            again = sum(one.is_rebuilding for one in standings.values())
            yield _gauge("kuty_redeliveries", "Recipients whose next epoch is being built.", again)
            signs = [one.signed_at for one in standings.values() if one.signed_at is not None]
            if signs:
                now = self._watched.broker_time()
                self._began = self._began or now
                age = max(0.0, (now - max(self._began, min(signs))).total_seconds())
                yield _gauge("kuty_heartbeat_age_seconds", HEARTBEAT, age)
        yield from _by_recipient(figures, standings)


class Shown:
    """A process as its operator's port shows it."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._figured = Figured(watched)

    def faults(self) -> list[Fault]:
        """What is not as it should be."""
        return self._watched.faults()

    def metrics(self) -> bytes:
        """The figures."""
        return text_of(self._figured)


class Together(Collector):
    """Several processes as the operator's port of whoever watches over them shows them."""

    def __init__(self, faults: Callable[[], list[Fault]], restarts: Total) -> None:
        self.faults, self._restarts = faults, restarts

    def metrics(self) -> bytes:
        """How often each was started again."""
        return text_of(self)

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        return counted([self._restarts], [])


def _by_recipient(figures: Figures, standings: Mapping[str, Standing]) -> Iterator[Metric]:
    behind = _family("kuty_recipient_lag", "What the role has before it, of the worst.", ["role", "recipient"])
    late = _family("kuty_recipient_lag_seconds", "Since when the oldest waits, of the worst.", ["role", "recipient"])
    halted = _family("kuty_recipient_halted", "A recipient whose line stands still.", ["recipient"])
    parked = _family("kuty_recipient_clients_parked", "Clients parked at the recipient.", ["recipient"])
    for role in ("projector", "intake"):
        some, waits = figures.behind.get(role, {}), figures.late_s.get(role, {})
        worst = sorted((name for name in some if some[name]), key=lambda name: (-waits[name], -some[name], name))
        for name in worst[:MOST_RECIPIENTS]:
            behind.add_metric([role, name], some[name])
            late.add_metric([role, name], waits[name])
    for name, lacks in figures.lacking.most_common(MOST_RECIPIENTS):
        behind.add_metric(["relay", name], lacks)
    for standing in [one for one in standings.values() if one.halted][:MOST_RECIPIENTS]:
        halted.add_metric([standing.short_name], 1)
    for standing in [one for one in standings.values() if one.parked_clients][:MOST_RECIPIENTS]:
        parked.add_metric([standing.short_name], standing.parked_clients)
    yield from (behind, late, halted, parked)


def counted(totals: Sequence[Total], many: Sequence[Times]) -> Iterator[Metric]:
    """What has happened in this process since it began."""
    for total in totals:
        family = CounterMetricFamily(total.name, total.meaning, labels=total.labels)
        for labels, number in total.counted().items():
            family.add_metric(labels, number)
        yield family
    for times in many:
        histogram = HistogramMetricFamily(times.name, times.meaning, labels=times.labels)
        for labels, (classes, seconds) in times.measured().items():
            upto = 0
            buckets = []
            for bound, number in zip(CLASSES, classes, strict=True):
                upto += number
                buckets.append((bound, upto))
            histogram.add_metric(labels, buckets, seconds)
        yield histogram


def text_of(*collected: Collector) -> bytes:
    """Prometheus' text of what these collect, and of the process itself: memory, processor time, open files."""
    # Asked for once and thrown away: nothing is described beforehand.
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    for one in collected:
        registry.register(one)
    return generate_latest(registry)


def _family(name: str, meaning: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=labels)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=float(value))
