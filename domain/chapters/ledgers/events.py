"""The ledger itself, its clock and its rules."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

from domain.event import Content, LedgerEvent, Part, RegisterFact, SystemEvent
from domain.vocabulary import Actor, OrgId, PersonId, Routing, Text40, Text60, Text64, Text200


class RulesetTerms(Content):
    """Which content takes effect, and from when."""

    ruleset_version: Routing[Text40]
    content_kind: Routing[Literal["rules", "disclosure_policy", "code_lists", "labels", "retention"]]
    content_hash: Routing[Text64]
    effective_on: Routing[date]
    past_change_ground: Routing[Text200 | None] = None
    dry_run_differences: Routing[int]


class RulesetPublished(RulesetTerms, RegisterFact):
    """Rules, policy, lists or labels changed from a day on, by the hash of their content."""

    NAME = "ruleset.published"
    STREAM = "rulesets"


class LedgerTerms(Content):
    """Whose ledger it is, and whether it is live or simulated."""

    organiser_org_id: Routing[OrgId]
    mode: Routing[Literal["live", "simulated"]]


class LedgerOpened(LedgerTerms, LedgerEvent):
    """The ledger began: live or simulated, for life."""

    NAME = "ledger.opened"
    ruleset_version: Routing[Text40]


class ClockAdvanced(LedgerEvent):
    """A simulated ledger moved its time forward."""

    NAME = "clock.advanced"
    advanced_to_at: Routing[datetime]


class RedeliveryRequested(SystemEvent):
    """A recipient asked for everything again: it is sent in this epoch."""

    NAME = "redelivery.requested"
    MATTER = "ledger"
    recipient: Routing[Text60]
    recipient_epoch: Routing[int]


class RecipientLine(Part):
    """A recipient whose publications go on in a fresh epoch of its own."""

    recipient: Text60
    recipient_epoch: int


class EpochOpened(SystemEvent):
    """An operator chose which of two histories holds: the other one is void from behind its old size on."""

    NAME = "epoch.opened"
    MATTER = "ledger"
    STREAM: ClassVar[str] = "epochs"
    old_epoch: Routing[int]
    old_size: Routing[int]
    """So many events of the older epochs go on holding."""
    old_root: Routing[Text64 | None] = None
    """The hash of the last of them; none where there is none."""
    epoch_ground: Routing[Literal["adopted", "forked", "topic_lost", "rebuilt"]]
    """`rebuilt` is given by nobody: a store that is made again from its topic goes on in its epoch. A published type loses
    nothing."""
    second_person_id: Actor[PersonId]
    """Who chose with the one who acts: another person."""
    lines: Routing[tuple[RecipientLine, ...] | None] = None
    """The recipients that were told something in the history that is void."""
class PublicationsAcknowledged(SystemEvent):
    """The broker has taken a recipient's publications up to a sequence, the last of them within one minute."""

    NAME = "publications.acknowledged"
    MATTER = "ledger"
    recipient: Routing[Text60]
    recipient_epoch: Routing[int]
    until_sequence: Routing[int]
    first_at: Routing[datetime]
    """Times of the broker, UTC: those of the first and the last publication since the fact before."""
    last_at: Routing[datetime]
