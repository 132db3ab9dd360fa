"""What the employment authority is told, and what its expert asks (domain/questions.md 6.5): the joint plan, dates of
periods, notices, exits; no day statuses, no assessment text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from pydantic import Field

from domain.directory import Organisation
from domain.disclosure.grounds import of_joint_plan
from domain.disclosure.kinds import Span
from domain.events import Event, NotificationSent
from domain.pathway import Fact, Pathway
from projections.cases import by_the_day, of_case
from projections.kinds import Kind
from projections.lookups import Lookup
from projections.periods import PERIOD_FACTS, SeenPeriod, periods_from
from projections.questions import CURSOR, A, Answer, Coded, P, Paged, Question, View, client_name, coded
from projections.read_models import Row

EXPERT = frozenset({"employment_expert"})

FINDS_BY = {
    "plan.drafting_started": "plan_kind",
    "placement.confirmed": "provider_org_id",
    "notification.sent": "notification_kind",
}


class CustomerInService(Answer):
    """One customer who is in the service on the day. `days_per_week` and `hours_per_week` are the weekly load."""

    client: str
    client_name: str | None
    period_id: str
    since_on: date
    until_on: date
    days_per_week: int | None
    hours_per_week: float | None
    own_worker_name: str | None


class CustomersInService(Answer):
    """EA1: who of our customers is in the service on the day. `next` is the cursor of the next page."""

    customers: list[CustomerInService]
    next: str | None


class Notices(Paged):
    """Which notices: all, or only those not yet acknowledged. The cursor is a number."""

    after: str = Field("", pattern=r"^[0-9]{0,18}$", description=CURSOR)
    open_only: bool = Field(False, description="Only those that are not acknowledged yet.")

    @property
    def names_in_cursor(self) -> tuple[str, ...]:
        """None: the cursor names nobody."""
        return ()


class ReceivedNotice(Answer):
    """One notice to us. `handled` says whether we acknowledged it."""

    notification_id: str
    client: str
    client_name: str | None
    notification_kind: Coded | None
    sent_on: date
    starts_on: date | None
    planned_end_on: date | None
    ended_on: date | None
    ended_early: bool | None
    handled: bool


class ReceivedNotices(Answer):
    """EA6: notices received by the day, and how many of them wait for an acknowledgement."""

    waiting: int
    notices: list[ReceivedNotice]
    next: str | None


def customers_in_service(view: View, asked: Paged) -> CustomersInService:
    """Customers with a period that runs on the day; a page holds whole customers."""
    clients = view.clients("period.started", after=asked.after, limit=asked.limit + 1, until_on=view.on)
    page = clients[: asked.limit]
    if not page:
        return CustomersInService(customers=[], next=None)
    # What happened by the day: an end that came later leaves the period running on it.
    rows = by_the_day(view.rows(*PERIOD_FACTS, "own_worker.assigned", clients=tuple(page)), view.on)
    workers = [row for row in rows if row.name == "own_worker.assigned"]
    blocks = view.blocks(page)
    found = [
        CustomerInService(
            client=period.client,
            client_name=client_name(blocks.get(period.client, {})),
            period_id=period.period_id,
            since_on=period.starts_on,
            until_on=period.last_on,
            days_per_week=period.week[0] if period.week else None,
            hours_per_week=period.week[1] if period.week else None,
            own_worker_name=_worker(workers, period),
        )
        for period in periods_from(rows)
        if period.runs_on(view.on)
    ]
    found.sort(key=lambda customer: (customer.client, customer.since_on))
    return CustomersInService(customers=found, next=page[-1] if len(clients) > len(page) else None)


def _worker(rows: list[Row], period: SeenPeriod) -> str | None:
    """The own worker in charge in the period's case."""
    own = [row for row in of_case(rows, period.case_id) if row.client == period.client]
    row = max(own, key=lambda row: (row.from_on, row.sequence), default=None)
    name = row.body.get("staff_name") if row else None
    return name if isinstance(name, str) else None


def notices_received(view: View, asked: Notices) -> ReceivedNotices:
    """Notices in the order of the telling, the newest first."""
    handled = {row.part for row in view.rows("notification.acknowledged", until_on=view.on)}
    sent = [row for row in view.rows("notification.sent") if row.occurred_on <= view.on]
    before = int(asked.after) if asked.after else None
    wanted = [
        row
        for row in reversed(sent)
        if (before is None or row.sequence < before) and not (asked.open_only and row.part in handled)
    ]
    page = wanted[: asked.limit]
    blocks = view.blocks(list({row.client for row in page}))
    return ReceivedNotices(
        waiting=sum(row.part not in handled for row in sent),
        notices=[
            ReceivedNotice(
                notification_id=row.part or "",
                client=row.client,
                client_name=client_name(blocks.get(row.client, {})),
                notification_kind=coded("notification_kind", row.body.get("notification_kind")),
                sent_on=row.occurred_on,
                starts_on=row.day("starts_on"),
                planned_end_on=row.day("planned_end_on"),
                ended_on=row.day("ended_on"),
                ended_early=row.body.get("ended_early"),
                handled=row.part in handled,
            )
            for row in page
        ],
        next=str(page[-1].sequence) if len(wanted) > len(page) else None,
    )


def _question(
    question_id: str, path: str, fi: str, sv: str, en: str, asks: type[P], gives: type[A], function: Callable[[View, P], A]
) -> Question[P, A]:
    return Question(question_id, path, {"fi": fi, "sv": sv, "en": en}, EXPERT, asks, gives, function)


def authorities(pathway: Pathway) -> Iterator[tuple[str, Span]]:
    """The employment authority last named by its own referral or by a plan's beginning, up to its case's closing."""
    yield from ((org, Span(first, last)) for org, first, last in pathway.authority_days())


def lives_there(pathway: Pathway, authority: Organisation, home_municipality: str | None) -> bool:
    """The clients of its municipalities. source: domain/pathway.md 4.9"""
    return home_municipality is not None and home_municipality in (authority.joined.municipalities or ())


def of_notice_or_plan(fact: Fact[Event], pathway: Pathway, form: str) -> tuple[str, str]:
    """A notice has a legal basis of its own; everything else that of the joint plan."""
    return ("LB-189-NOTICE", "notice") if isinstance(fact.event, NotificationSent) else of_joint_plan(fact, pathway, form)


KIND = Kind(
    name="employment_authority",
    title="employment authority",
    task="employment_authority",
    column="EA",
    roles=("employment_expert",),
    sends=frozenset({
        "change_benefit_status",
        "issue_labour_policy_statement",
        "start_plan",
        "draft_plan",
        "revise_plan",
        "accept_plan",
        "agree_plan",
        "hold_follow_up",
        "correct_fact",
    }),
    may_begin=lives_there,
    window=authorities,
    legal_basis="LB-189-PLAN",
    purpose="plan_making",
    ground=of_notice_or_plan,
    replaced=True,
    finds_by=FINDS_BY,
    to_come={"notification.acknowledged": Lookup("notification_id")},
    questions=(
        _question(
            "EA1", "customers",
            "Ketkä asiakkaistamme ovat kuntouttavassa työtoiminnassa, mistä päivästä mihin päivään?",
            "Vilka av våra kunder deltar i arbetsverksamhet i rehabiliteringssyfte, och från vilken till vilken dag?",
            "Which of our customers are in the service now, since when, until when?",
            Paged, CustomersInService, customers_in_service,
        ),
        _question(
            "EA6", "notices",
            "Mitä ilmoituksia on tullut, ja mitkä odottavat kuittausta?",
            "Vilka anmälningar har kommit, och vilka väntar på kvittering?",
            "Which notices have come, and which are not yet handled?",
            Notices, ReceivedNotices, notices_received,
        ),
    ),
)  # fmt: skip
