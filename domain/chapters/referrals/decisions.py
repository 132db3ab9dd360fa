"""The referral: somebody asks the county to look at a person's need; intake takes it on and a case begins."""

from __future__ import annotations

from datetime import date

from domain import events as e
from domain.chapters.guards import (
    code_valid,
    consented,
    day_of,
    entitled,
    holds,
    is_client,
    known,
    not_ahead,
    noted,
    recorded,
)
from domain.chapters.referrals.events import NamedIdentity, ReferralArrival, ReferralContent
from domain.code_lists import code_list
from domain.commands import ClientCommand, CommandKind
from domain.context import Context, Draft
from domain.pathway import Pathway
from domain.refusals import Refusals
from domain.vocabulary import NeedCriterion, Ref, SetOf, Text80


class SubmitReferral(ReferralContent, ClientCommand):
    """Ask the county to look at a person's need for the service. A need is one of N1 to N4, never a diagnosis."""

    NAME = "submit_referral"
    identity_named: SetOf[NamedIdentity] = ()
    needs: SetOf[NeedCriterion | Text80] | None = None


class ReceiveReferral(ReferralArrival, ClientCommand):
    """Note that a referral reached the county's intake."""

    NAME = "receive_referral"


class AcceptReferral(ClientCommand):
    """Take a referral on: the client's case begins. A client has one open case with one organiser."""

    NAME = "accept_referral"
    referral_id: Ref


def submit_referral(pathway: Pathway, command: SubmitReferral, context: Context) -> list[Draft]:
    """A referral with a matter of its own. Anybody may be named: a person of whom nobody has heard becomes a client by it,
    where the identity code is a sound one (`identity_code_valid`). source: domain/pathway.md 4.4 row 1, 4.9"""
    no, on = Refusals(), day_of(command, context)
    source = code_list("referral_source").stored_code(command.source, on)
    own_contact = source == "self_referral"
    entitled(own_contact == is_client(context), "/source")
    needs = _listed(command.needs)
    event = e.ReferralSubmitted(
        referral_id=context.new_id("referral"),
        source=source,
        source_note=command.source_note,
        sender_org_id=None if own_contact else context.caller.org,
        legal_basis=command.legal_basis,
        identity_named=None if own_contact else command.identity_named,
        consent_id=command.consent_id,
        needs=needs,
        long_term_unemployment=command.long_term_unemployment,
    )
    unheard_of = pathway.registered is None
    no.when(unheard_of and not context.look_ups.get("identity_code_valid"), "E_SUBJECT_UNRESOLVED")
    not_ahead(no, on, context)
    judge_referral(no, pathway, event, on, context)
    no.when(needs != command.needs, "E_HEALTH_CONTENT", "/needs")
    no.stop()
    drafts = [recorded(pathway, event, on, context, matter=context.new_id("matter"))]
    if unheard_of:
        # Behind the referral: its receipt then tells the same of everybody.
        registered = e.SubjectRegistered(identity_kind="identity_code", registered_from="referral")
        drafts.append(context.draft(registered, on, context.new_id("matter")))
    return drafts


def judge_referral(no: Refusals, pathway: Pathway, event: e.ReferralSubmitted, on: date, context: Context) -> None:
    """What a referral has to fulfil on its day."""
    entitled((event.source == "self_referral") == is_client(context), "/source")
    no.when(not code_list("referral_source").valid_on(event.source, on), "E_SOURCE_CLOSED", "/source")
    # Who refers as the body of employment services becomes the client's employment authority: it has to be one.
    of_side = context.rules.of_employment_side(event.source, on)
    poses = of_side and not holds(context, event.sender_org_id, "employment_authority", on)
    no.when(poses, "E_NOT_ENTITLED", "/source")
    noted(no, event, "source", "source_note")
    told = event.sender_org_id not in (None, context.directory.organiser)
    no.when(told and not _has_ground(pathway, event), "E_NO_LEGAL_BASIS", "/legal_basis")


def _has_ground(pathway: Pathway, event: e.ReferralSubmitted) -> bool:
    if event.legal_basis is None:
        return False
    by_consent = code_list("legal_basis")[event.legal_basis].marks.get("needs_consent", False)
    return not by_consent or consented(pathway, event.consent_id)


def _listed(needs: tuple[str, ...] | None) -> tuple[str, ...] | None:
    listed = code_list("need_criterion").marked("need")
    return None if needs is None else tuple(need for need in needs if need in listed)


def receive_referral(pathway: Pathway, command: ReceiveReferral, context: Context) -> list[Draft]:
    """The referral's arrival; one whose client nobody knows by name goes to the manual queue.

    source: domain/pathway.md 4.4 row 2
    """
    referral = known(pathway.referrals, command.referral_id, "/referral_id")
    if referral.received:
        return []
    no, on = Refusals(), day_of(command, context)
    event = e.ReferralReceived(referral_id=command.referral_id, received_via=command.received_via)
    judge_arrival(no, pathway, event, on, context)
    not_ahead(no, on, context)
    no.stop()
    return [recorded(pathway, event, on, context)]


def judge_arrival(no: Refusals, pathway: Pathway, event: e.ReferralReceived, on: date, context: Context) -> None:
    """What a referral's arrival has to fulfil: it was sent by then, and says whom it is about."""
    submitted = known(pathway.referrals, event.referral_id, "/referral_id").submitted
    registered = pathway.registered
    nameless = registered is None or (registered.event.identity_kind == "none" and not submitted.event.identity_named)
    no.when(nameless, "E_SUBJECT_UNRESOLVED")
    no.when(on < submitted.occurred_on, "E_ORDER", "/occurred_on")


def accept_referral(pathway: Pathway, command: AcceptReferral, context: Context) -> list[Draft]:
    """The referral is taken on and its matter becomes the case's. source: domain/pathway.md 4.4 row 4

    `lives_in_area` is what the vault and the directory say of the home municipality; none when it is not known.
    """
    referral = known(pathway.referrals, command.referral_id, "/referral_id")
    if referral.accepted:
        return []
    no, on = Refusals(), day_of(command, context)
    running = any(not case.closed or case.closed.occurred_on > on for case in pathway.cases.values())
    no.when(running, "E_OPEN_CASE_EXISTS")
    elsewhere = context.look_ups.get("lives_in_area") is False
    no.when(elsewhere or not holds(context, context.directory.organiser, "organiser", on), "E_NOT_RESPONSIBLE")
    code_valid(no, "service_programme", "kuty", on, "/occurred_on")
    no.when(not no and on < referral.submitted.occurred_on, "E_ORDER", "/occurred_on")
    not_ahead(no, on, context)
    no.stop()
    matter = referral.submitted.matter
    accepted = e.ReferralAccepted(referral_id=command.referral_id)
    opened = e.CaseOpened(
        case_id=context.new_id("case"),
        referral_id=command.referral_id,
        previous_case_id=list(pathway.cases)[-1] if pathway.cases else None,
        service_programme="kuty",
    )
    return [
        recorded(pathway, accepted, on, context),
        recorded(pathway, opened, on, context, matter=matter),
    ]


COMMANDS = (
    CommandKind(
        SubmitReferral,
        submit_referral,
        "client",
        path="referrals",
        roles=frozenset({"referrer", "client"}),
        of_anybody=True,
    ),
    CommandKind(
        ReceiveReferral,
        receive_referral,
        "client",
        path="received-referrals",
        roles=frozenset({"intake", "system"}),
    ),
    CommandKind(
        AcceptReferral,
        accept_referral,
        "client",
        path="accepted-referrals",
        roles=frozenset({"intake", "social_worker"}),
    ),
)
