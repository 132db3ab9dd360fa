"""Who may know a client: the one gate before every name that an agency gives, whatever it asks (design D22).

The county may know every client. An agency may know whom it was told of, and of whom its kind may state facts before that.
Everybody else is to it as if he were not there. source: domain/pathway.md 4.9
"""

from __future__ import annotations

from domain.directory import Recipient
from domain.disclosure.kinds import Kind, Kinds
from domain.pathway import Pathway
from domain.store.reading import LedgerReading
from domain.store.sealed.vault import Vault

NOBODY = "0" * 32
"""A reference that stands for nobody, to ask about where a name stands for none."""


def known_at_hand(recipient: Recipient, client: str, store: LedgerReading, kinds: Kinds[Kind]) -> bool:
    """Whether it is certain, without asking the database, that a recipient may know that there is this client: whom it might
    know a moment ago it may still know."""
    register = store.register_at_hand
    if register is not None and register.is_county(recipient.org, recipient.task):
        return True
    recent = store.pathway_at_hand(client)
    return recent is not None and _stands(recent, recipient, kinds.of(recipient))


def may_know(recipient: Recipient, client: str, store: LedgerReading, vault: Vault, kinds: Kinds[Kind]) -> bool:
    """Whether a recipient may know that there is this client. Raises `StoreUnavailable`."""
    if known_at_hand(recipient, client, store, kinds):
        return True
    if store.recent_directory.is_county(recipient.org, recipient.task):
        return True  # who the organiser is stands for the ledger's life
    kind = kinds.of(recipient)
    pathway = store.pathway(client)
    if _stands(pathway, recipient, kind):
        return True
    # Of nobody the same is asked as of somebody foreign: neither is to be told from the other by what an answer takes.
    begins, tellings = _begins(pathway, recipient, kind, store, vault), store.tellings_to(recipient, pathway)
    return bool(pathway.version) and (begins or bool(tellings))


def told_by_others(recipient: Recipient, client: str, store: LedgerReading, after: int = 0) -> int:
    """How many things the recipient was told about the client after a position of the feed that its own commands did not
    give rise to."""
    pathway = store.pathway(client)
    tellings = store.tellings_to(recipient, pathway, after)
    return sum(not _is_by(pathway, record.header.causation, recipient) for record in tellings)


def _stands(pathway: Pathway, recipient: Recipient, kind: Kind) -> bool:
    """Whether it has a window, or has stated something itself: then it is told, whenever the telling comes."""
    windows = kind.window(pathway) if kind.window else ()
    return any(org in (None, recipient.org) for org, _ in windows) or any(
        (fact.actor_org, fact.actor_task) == (recipient.org, recipient.task) for fact in pathway.facts.values()
    )


def _begins(pathway: Pathway, recipient: Recipient, kind: Kind, store: LedgerReading, vault: Vault) -> bool:
    organisation = store.directory.organisation(recipient.org) if kind.may_begin else None
    if kind.may_begin is None or organisation is None:
        return False
    record = vault.get([pathway.client]).get(pathway.client)
    return kind.may_begin(pathway, organisation, record.home_municipality if record else None)


def _is_by(pathway: Pathway, event_id: str | None, recipient: Recipient) -> bool:
    fact = pathway.facts.get(event_id or "")
    return fact is not None and (fact.actor_org, fact.actor_task) == (recipient.org, recipient.task)
