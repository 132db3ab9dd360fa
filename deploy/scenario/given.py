"""What is given, made so: the ledger opened, organisations joined, providers under contract, staff cards, clients."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import date
from typing import Any, Literal

from deploy.scenario.cast import Cast
from deploy.scenario.words import Given, Provider
from domain.answers import Answer
from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.ledgers.decisions import OpenLedger
from domain.chapters.organisations.decisions import ContractProvider, JoinLedger, RegisterProvider
from domain.commands import Command
from domain.context import Caller
from domain.events import Capacity, Site, TaskFrom
from domain.refusals import explained
from domain.store import ClientRecord, EventStore, StaffCard, Vault, registration

CARDS_FROM = date(2000, 1, 1)
MAILBOX = "register@example.invalid"

NextId = Callable[[], str]
"""Names the next command: who may have to give the same again names it the same way."""


class NotGiven(Exception):
    """Something that a file gives was refused by the ledger."""


def random_id() -> str:
    """An id for a command that is given once."""
    return uuid.uuid4().hex


def lay_out(
    store: EventStore, given: Given, on: date | None, next_id: NextId = random_id,
    *, mode: Literal["simulated", "live"] = "simulated",
) -> None:  # fmt: skip
    """Open the ledger on the day, none for today, and let everybody join. Raises NotGiven."""
    organiser = Cast(given).organiser
    system = Caller(organiser, "organiser", "system", "system")
    manager = Caller(organiser, "organiser", "contract_manager", _first(given, "contract_manager"))
    _done(store.execute(OpenLedger(organiser_org_id=organiser, mode=mode, occurred_on=on), system, next_id()))
    for command in _directory(given):
        _done(store.execute(command, manager, next_id()))


def keep_cards(vault: Vault, given: Given) -> None:
    """Write the card of everybody who has a name."""
    cast = Cast(given)
    for name, person in given.staff.items():
        if person.name is not None:
            card = StaffCard(
                person=name,
                org=cast.person(name).org,
                from_on=CARDS_FROM,
                staff_name=person.name,
                staff_title=person.title,
                staff_unit=person.unit,
                staff_work_phone=person.phone,
            )
            vault.keep_staff_card(card)


def register(
    store: EventStore, vault: Vault, given: Given, clients: Mapping[str, ClientRecord], next_id: NextId = random_id
) -> dict[str, str]:
    """Register the clients; each one's random reference. Raises NotGiven."""
    intake = Caller(Cast(given).organiser, "organiser", "intake", _first(given, "intake"))
    waiting: dict[str, Future[Answer]] = {}
    references: dict[str, str] = {}
    for name, record in clients.items():
        offered = uuid.uuid4().hex
        kept = references[name] = vault.register(offered, record)
        kind = "identity_code" if record.identity_code else "none"
        waiting[name] = store.submit(
            RegisterClient(identity_kind=kind, registered_from="referral"),
            intake,
            next_id(),
            client=kept,
            look_ups=registration(record, offered, kept),
        )
    for name, answer in waiting.items():
        _done(answer.result())
        references[name] = answer.result().client or references[name]
    return references


def _directory(given: Given) -> Iterator[Command]:
    for one in given.organisations.values():
        yield _joining(one, {"municipalities": one.municipalities})
    for provider in given.providers.values():
        yield JoinLedger(
            **_identity(provider.id, provider.called),
            agency_kind="provider",
            tasks=(TaskFrom(task="provider", from_on=provider.joined_on, short_name=provider.recipient),),
            transport="both",
            contact_mailbox=MAILBOX,
            occurred_on=provider.joined_on,
        )
        yield from _contracted(provider)


def _joining(one: Any, extra: Mapping[str, Any]) -> JoinLedger:
    return JoinLedger(
        **_identity(one.id, one.called),
        agency_kind=one.kind,
        tasks=tuple(TaskFrom(task=task, from_on=one.joined_on, short_name=name) for task, name in one.tasks.items()),
        transport="both",
        contact_mailbox=MAILBOX,
        occurred_on=one.joined_on,
        **extra,
    )


def _contracted(provider: Provider) -> Iterator[Command]:
    sites = tuple(
        Site(site_id=site_id, site_name=site.called, street=site.street, municipality=site.municipality,
             placement_forms=tuple(site.forms))
        for site_id, site in provider.sites.items()
    )  # fmt: skip
    yield RegisterProvider(
        **_identity(provider.id, provider.called),
        provider_kind=provider.kind,
        company=provider.company,
        provision_roles=tuple(provider.roles),
        sites=sites,
        occurred_on=provider.joined_on,
    )
    yield ContractProvider(
        contract_id=provider.contract.id,
        org_id=provider.id,
        provision_roles=tuple(provider.roles),
        from_on=provider.contract.from_,
        until_on=provider.contract.until,
        capacity=tuple(Capacity(site_id=site_id, places=site.places) for site_id, site in provider.sites.items()),
        files_absence_reports=provider.contract.files_absence_reports,
        occurred_on=provider.joined_on,
    )


def _identity(org_id: str, called: str) -> dict[str, Any]:
    return {"org_id": org_id, "org_name": called, "business_id": org_id}


def _first(given: Given, role: str) -> str:
    return next((name for name, person in given.staff.items() if person.role == role), "system")


def _done(answer: Answer) -> None:
    if answer.status == "refused":
        raise NotGiven(explained(answer.codes))
