"""What the sender of a referral is told: its own referral back, and what became of it (domain/questions.md 6.5, EA2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import Field

from domain.disclosure.kinds import EVER, Span, Standing
from domain.events import Event, ReferralSubmitted
from domain.pathway import Fact, Pathway
from projections.kinds import Kind
from projections.lookups import Lookup
from projections.questions import CURSOR, Answer, Coded, Paged, Question, View, client_name, coded

FINDS_BY = {"referral.submitted": "source"}
ANSWERS = ("referral.accepted", "referral.merged", "referral.declined", "referral.withdrawn")


class Referrals(Paged):
    """Which referrals: all, or those in one state. The cursor names a client and its referral."""

    after: str = Field("", pattern=r"^([^/]+/[^/]*)?$", description=CURSOR)
    state: Literal["accepted", "merged", "declined", "withdrawn", "waiting"] | None = Field(
        None, description="Only those in this state. None means all."
    )


class OwnReferral(Answer):
    """One referral of ours. `days` counts from its sending to the answer, or to the day asked about while it waits."""

    referral_id: str
    client: str
    client_name: str | None
    message_id: str | None
    sent_on: date
    state: Literal["accepted", "merged", "declined", "withdrawn", "waiting"]
    answered_on: date | None
    decline_reason: str | None
    source: Coded | None
    days: int


class OwnReferrals(Answer):
    """EA2: our referrals and what became of them, counted and one by one. `next` is the cursor of the next page."""

    accepted: int
    declined: int
    waiting: int
    referrals: list[OwnReferral]
    next: str | None


def own_referrals(view: View, asked: Referrals) -> OwnReferrals:
    """Referrals sent by the day, in the order of the clients' pseudonyms; counts are of the whole, not of the page."""
    answers = {row.part: row for row in view.rows(*ANSWERS, until_on=view.on)}
    sent = [row for row in view.rows("referral.submitted") if row.occurred_on <= view.on]
    found = []
    for row in sorted(sent, key=lambda row: (row.client, row.sequence)):
        answer = answers.get(row.part)
        state = answer.body.get("referral_status", answer.name.rsplit(".", 1)[1]) if answer else "waiting"
        answered_on = answer.occurred_on if answer else None
        found.append(
            OwnReferral(
                referral_id=row.part or "",
                client=row.client,
                client_name=None,
                message_id=row.message_id,
                sent_on=row.occurred_on,
                state=state,
                answered_on=answered_on,
                decline_reason=answer.body.get("decline_reason") if answer else None,
                source=coded("referral_source", row.body.get("source"), row.occurred_on),
                days=((answered_on or view.on) - row.occurred_on).days,
            )
        )
    wanted = [r for r in found if asked.state in (None, r.state) and f"{r.client}/{r.referral_id}" > asked.after]
    page = wanted[: asked.limit]
    blocks = view.blocks([r.client for r in page])
    named = [r.model_copy(update={"client_name": client_name(blocks.get(r.client, {}))}) for r in page]
    more = len(wanted) > len(page)
    return OwnReferrals(
        accepted=sum(r.state in ("accepted", "merged") for r in found),
        declined=sum(r.state == "declined" for r in found),
        waiting=sum(r.state == "waiting" for r in found),
        referrals=named,
        next=f"{page[-1].client}/{page[-1].referral_id}" if more else None,
    )


def own_referral(fact: Fact[Event], pathway: Pathway, standing: Standing) -> bool:
    """Facts of a referral go to its sender."""
    submitted = _submitted(fact, pathway)
    return submitted is not None and submitted.event.sender_org_id == standing.recipient.org


def of_referral(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str]:
    """A referral is answered on the legal basis that it named itself."""
    submitted = _submitted(fact, pathway)
    return (submitted.event.legal_basis if submitted else None) or "LB-SHL-35", "referral_answer"


def senders(pathway: Pathway) -> Iterator[tuple[str, Span]]:
    """Whoever sent a referral, from its day on."""
    for referral in pathway.referrals.values():
        if referral.submitted.event.sender_org_id:
            yield referral.submitted.event.sender_org_id, Span(referral.submitted.occurred_on, EVER)


def _submitted(fact: Fact[Event], pathway: Pathway) -> Fact[ReferralSubmitted] | None:
    referral = pathway.referrals.get(getattr(fact.event, "referral_id", None) or "")
    return referral.submitted if referral else None


def _message_answered(fact: Fact[Event], pathway: Pathway) -> str | None:
    submitted = _submitted(fact, pathway)
    return submitted.command_id if submitted else None


SAID = frozenset({"identity_code"})
"""What a referral says of the client's identity itself."""


def _identity_named(fact: Fact[Event], pathway: Pathway, standing: Standing) -> frozenset[str]:
    """Of the client's identity only what the own referral named; until the county has taken it on only the identity code,
    which is all that the message can have held: whoever may name anybody learns neither a name by it, nor whether the
    person is registered. An employment authority is told who its client is by what it becomes with its referral.

    source: domain/disclosure.md 5.3, column EA, 5.4, domain/pathway.md 4.9, design D22
    """
    org, key = standing.recipient.org, getattr(fact.event, "referral_id", None)
    own_client = any(naming.org == org for naming in pathway.authorities_named())
    return frozenset(
        name
        for referral in pathway.referrals.values()
        if referral.submitted.event.sender_org_id == org and key in (None, referral.submitted.event.referral_id)
        for name in referral.submitted.event.identity_named or ()
        if name in SAID or referral.accepted or own_client
    )


KIND = Kind(
    name="referrer",
    title="referrer",
    task="referrer",
    column="RF",
    roles=("referrer", "employment_expert"),
    sends=frozenset({"submit_referral", "start_parallel_service", "stop_parallel_service", "correct_fact"}),
    window=senders,
    entitled=own_referral,
    legal_basis="LB-SHL-35",
    purpose="referral_answer",
    ground=of_referral,
    any_legal_basis=True,
    answers=_message_answered,
    identity_named=_identity_named,
    finds_by=FINDS_BY,
    to_come={f"referral.{what}": Lookup("referral_id") for what in ("merged", "declined", "withdrawn")},
    questions=(
        Question(
            "EA2",
            "referrals",
            {
                "fi": "Mitkä lähetteistämme on hyväksytty tai hylätty ja mitkä odottavat, ja kuinka kauan?",
                "sv": "Vilka av våra hänvisningar har godkänts eller avvisats och vilka väntar, och hur länge?",
                "en": "Which of our referrals were accepted, declined or wait, and for how long?",
            },
            frozenset({"referrer", "employment_expert"}),
            Referrals,
            OwnReferrals,
            own_referrals,
        ),
    ),
)
