"""The yardsticks: the stock `eventsourcing` library on the same PostgreSQL, with its defaults and as its manual shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import singledispatchmethod
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed


class Attendance(Aggregate):
    """One client's days, each an event with the fields of `attendance.recorded.v1`."""

    def __init__(self) -> None:
        self.days = 0

    @event("Recorded")
    def record(self, period: str, placement: str, account: str, on: str, status: str, hours: float, actor: str) -> None:
        """What a participation day was."""
        self.days += 1


class Days(Application[UUID]):
    """Days of clients."""

    def begin(self) -> UUID:
        """A client without days."""
        attendance = Attendance()
        self.save(attendance)
        return attendance.id


class LatestDays(PostgresTrackingRecorder):
    """A view of one row a client: its latest day, written in one transaction with the position."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        table = SQL("CREATE TABLE IF NOT EXISTS latest_days (client uuid PRIMARY KEY, days bigint, latest timestamptz)")
        self.sql_create_statements.append(Composed([table]))

    def count(self, client: UUID, version: int, at: datetime, tracking: Tracking) -> None:
        """Put one row right and move on."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(
                "INSERT INTO latest_days VALUES (%s, %s, %s) ON CONFLICT (client)"
                " DO UPDATE SET days = excluded.days, latest = excluded.latest",
                (client, version, at),
            )
            self._insert_tracking(cursor, tracking)


class LatestDaysProjection(Projection[LatestDays]):
    """Puts a client's row right at each of its events."""

    name = "latest_days"
    topics = ()

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One event, one transaction: the library's way."""
        self.view.count(domain_event.originator_id, domain_event.originator_version, domain_event.timestamp, tracking)


def environment(dsn: str) -> dict[str, str]:
    """The library's settings for a database: where it is, everything else by default."""
    named = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(named["dbname"]),
        "POSTGRES_HOST": str(named["host"]),
        "POSTGRES_PORT": str(named["port"]),
        "POSTGRES_USER": str(named["user"]),
        "POSTGRES_PASSWORD": str(named["password"]),
    }


@contextmanager
def stock_application(dsn: str) -> Iterator[Days]:
    """The application, closed at the end."""
    application = Days(env=environment(dsn))
    try:
        yield application
    finally:
        application.close()


def saver(application: Days, client: UUID) -> Callable[[int], None]:
    """One caller on a client of its own: each call is one event and one `save`."""
    attendance: Attendance = application.repository.get(client)

    def save(number: int) -> None:
        _record(attendance)
        application.save(attendance)

    return save


def fill(application: Days, events: int, each: int = 100) -> int:
    """Save so many events, `each` to a client and a save; the position of the last one."""
    for _ in range(events // each):
        attendance = Attendance()
        for _ in range(each - 1):
            _record(attendance)
        application.save(attendance)
    return application.recorder.max_notification_id() or 0


def _record(attendance: Attendance) -> None:
    attendance.record(
        period="0f" * 16, placement="1e" * 16, account="provider", on="2025-03-03", status="present", hours=5.0, actor="I-01"
    )


def project(dsn: str, last: int) -> None:
    """Run the stock runner from the beginning until the event `last` is in the view."""
    with ProjectionRunner(
        application_class=Days, projection_class=LatestDaysProjection, view_class=LatestDays, env=environment(dsn)
    ) as runner:
        runner.wait(last, timeout=600.0)
