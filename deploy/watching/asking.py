"""Whoever runs of a ledger, as each process says of itself at its operator's port, and whoever does not answer there."""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import orjson
from prometheus_client.parser import text_string_to_metric_families

from deploy.settings import Settings
from deploy.watching.looking import Fault
from deploy.watching.port import UP, Target, file_of, targets

PATIENCE_S = 8.0
"""How long a process is waited for; it answers within some seconds, whatever it waits for itself."""


@dataclass(frozen=True)
class Answered:
    """What a process said of itself: its faults, and its figures by name and labels, in the order of the labels' names."""

    target: Target
    faults: Sequence[Fault]
    figures: Mapping[str, Mapping[tuple[str, ...], float]]

    def figure(self, name: str, *labels: str) -> float | None:
        """One of them, none where it has none."""
        return self.figures.get(name, {}).get(labels)


def processes(settings: Settings) -> tuple[list[Answered], list[Target]]:
    """Who answers, and who of this machine has left its file and does not: one that ends in order takes it along."""
    known = targets(settings)
    elsewhere = [Target(address, ()) for address in settings.watched.split(",") if address]
    wanted = {target.address: target for target in (*elsewhere, *known)}
    if not wanted:
        return [], []
    with ThreadPoolExecutor(len(wanted)) as pool:
        answers = list(pool.map(_asked, wanted.values()))
    still = targets(settings)  # who ends meanwhile is not missed
    silent = [
        target
        for target, answer in zip(wanted.values(), answers, strict=True)
        if answer is None and target.is_here and target in still
    ]
    return [answer for answer in answers if answer is not None], silent


def fault_of_silent(settings: Settings, target: Target) -> Fault:
    """That a process ended without taking its file along, or hangs, and what to do."""
    file = file_of(settings, target)
    if UP in target.roles and not target.runs:
        why = "has ended without a word: nothing is started again"
        to_do = f"start `kuty up` again, it stops what is left and starts everything; or stop that, and remove {file}"
        return Fault(f"{UP} (pid {target.pid})", why, to_do)
    why = f"was at {target.address} (pid {target.pid}), does not answer any more"
    to_do = f"start it again, or see in its log what it waits for; where it is not to run any more, remove {file}"
    return Fault(", ".join(target.roles), why, to_do)


def _asked(target: Target) -> Answered | None:
    """What a process says of itself; none where nobody is there, as behind one that was killed."""
    try:
        ready = orjson.loads(got(target.address, "/readyz"))
        figures = _figures(got(target.address, "/metrics").decode())
        faults = [Fault(one["what"], one["why"], one["to_do"]) for one in ready["not_ready"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    roles = target.roles or tuple(role for [role] in figures.get("kuty_serves", {}))
    return Answered(target._replace(roles=roles), faults, figures)


def got(address: str, path: str) -> bytes:
    """What a process answers there. Raises OSError, HTTPException."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _figures(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found
