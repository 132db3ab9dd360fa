"""Who is told of organisations, contracts and rules: facts without client data (rule 12 of domain/disclosure.md 5.3)."""

from __future__ import annotations

from collections.abc import Iterator

from domain import events as e
from domain.directory import Directory, Recipient
from domain.disclosure.entitlement import Told, classes_of
from domain.disclosure.grounds import ADMINISTRATION
from domain.disclosure.kinds import Standing
from domain.disclosure.policy import Policy
from domain.disclosure.reconcile import Change
from domain.events import Event
from domain.pathway import Fact


def register_changes(fact: Fact[Event], directory: Directory, policy: Policy) -> Iterator[Change]:
    """What to tell of one such fact, `directory` as it is after it: to the county and to the recipients of the organisation
    that it names, of rules to everybody who has joined; never any earlier fact."""
    for recipient in _recipients(fact.event, directory):
        kind = policy.kinds.of(recipient)
        if not kind.told_one_by_one or policy.cell(fact.name, kind.key).shape != "D":
            continue
        told = Told(
            cell="D",
            occurred_on=fact.occurred_on,
            legal_basis="LB-OWN-TASK",
            purpose=ADMINISTRATION,
            fields={name: value for name, value in fact.event if value is not None},
            classes=classes_of(type(fact.event)),
            profile=kind.profiles[0],
        )
        yield Change("fact", Standing(recipient, kind), fact, told, fact.event_id)


def _recipients(event: Event, directory: Directory) -> list[Recipient]:
    known = sorted(directory.recipients.values(), key=lambda recipient: recipient.short_name)
    if isinstance(event, e.RulesetPublished):
        return known
    named = getattr(event, "org_id", None)
    return [one for one in known if one.org == named or directory.is_county(one.org, one.task)]
