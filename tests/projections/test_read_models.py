"""The read models themselves: who sees which schema, one transaction for rows and position, two generations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from history_as_1 import kela
from logins import login_dsn
from publications_given import Told, in_model

from deploy.local.parts import Postgres
from domain.store import NewerTables
from projections import read_models_postgres
from projections.read_models import (
    Batch,
    Entry,
    Feed,
    NoSuchGeneration,
    NotProvisioned,
    Parked,
    Position,
    PositionMoved,
    ReadModel,
    ReadModels,
    Selection,
    schema_name,
)
from projections.read_models_postgres import NotMade, PostgresModel, PostgresModels, make_login, provision_recipients
from projections.read_models_sql import SqlModel
from projections.read_models_sqlite import SqliteModels
from projections.read_models_tables import OVER, PARKED, VERSION
from projections.recipients.kela_benefits import KIND


def entry(sequence: int, publication: bytes, body: bytes = b"{}", lookup: bytes | None = None) -> Entry:
    at = b"2025-03-03T12:00:00Z"
    return Entry(
        sequence, publication, b"fact", b"client-1", b"period.started", None, lookup, b"2025-03-03", b"2025-03-03", None,
        at, None, None, None, b"LB-OWN-TASK", b"f" * 64, body,
    )  # fmt: skip


def put(model: ReadModel, *entries: Entry, expected: int = 0) -> None:
    model.begin(Position(1), {})
    model.write([Batch(Position(1, expected + len(entries), "f" * 64), expected, list(entries))], Feed(1, len(entries)))


def tables_of(model: ReadModel) -> set[str]:
    assert isinstance(model, SqlModel)
    names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if isinstance(model, PostgresModel):
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    with model._looking() as run:
        return {name for (name,) in run.all(names)}


BESIDE = pytest.mark.parametrize("beside", [0, 50], ids=["few", "many"])
"""Few rows are written in another way than many."""


@BESIDE
def test_what_a_body_holds_comes_back_to_the_letter(model: ReadModel, beside: int) -> None:
    body = '{"goal":"rivi\\n toinen\\t\\"lainaus\\" \\\\ ääni 🎯 \\u0000"}'.encode()
    put(model, entry(1, b"p1", body, b"a\tb\\c\nd"), *(entry(n, b"p%d" % n) for n in range(2, 2 + beside)))
    with model.look() as look:
        row = look.rows(Selection(("period.started",)))[0]
    assert row.body == {"goal": 'rivi\n toinen\t"lainaus" \\ ääni 🎯 \x00'}
    assert row.lookup == "a\tb\\c\nd"
    assert row.known_from == datetime(2025, 3, 3, 12, tzinfo=UTC)
    assert row.until_on is None


def test_rows_and_position_come_together_or_not_at_all(model: ReadModel) -> None:
    put(model, entry(1, b"p1"))
    twice = Batch(Position(1, 3, "f" * 64), 1, [entry(2, b"p2"), entry(2, b"p3")])
    with pytest.raises(Exception, match=r"(?i)unique"):
        model.write([twice], Feed(1, 3))
    assert model.positions()[1].sequence == 1
    assert model.feed().next_offset == 1


@BESIDE
def test_a_row_is_the_latest_word_until_the_first_that_takes_its_place(model: ReadModel, beside: int) -> None:
    put(model, entry(1, b"p1"), entry(2, b"p2"))
    rows = [entry(3, b"p1"), *(entry(n, b"q%d" % n) for n in range(4, 4 + beside))]
    batch = Batch(Position(1, 3 + beside, "f" * 64), 2, rows)
    batch.closings = [(b"p1", b"2025-04-01T12:00:00Z"), (b"p1", b"2025-05-01T12:00:00Z")]
    batch.blocks = [(b"client-1", 3, b"2025-04-01T12:00:00Z", b'{"family_name":"Uusi"}')]
    model.write([batch], Feed(1, 4))
    with model.look() as look:
        until = {row.sequence: row.known_until for row in look.everything() if row.sequence < 4}
        assert look.blocks(["client-1"]) == {"client-1": {"family_name": "Uusi"}}
    # the one that bears the same id is not closed by what closed the one before it
    assert until == {1: datetime(2025, 4, 1, 12, tzinfo=UTC), 2: None, 3: None}


@BESIDE
def test_a_second_projector_cannot_write_over_the_first(model: ReadModel, beside: int) -> None:
    rows = [entry(n, b"p%d" % n) for n in range(1, 2 + beside)]
    put(model, *rows)
    with pytest.raises(PositionMoved):
        model.write([Batch(Position(1, len(rows), "f" * 64), 0, rows)], Feed(1, 99))
    assert model.feed().next_offset == len(rows)


def test_a_look_sees_one_moment(model: ReadModel) -> None:
    put(model, entry(1, b"p1"))
    with model.look() as look:
        assert len(look.rows(Selection(("period.started",)))) == 1
        model.write([Batch(Position(1, 2, "f" * 64), 1, [entry(2, b"p2")])], Feed(1, 2))
        assert len(look.rows(Selection(("period.started",)))) == 1
        assert look.position.sequence == 1
    with model.look() as look:
        assert len(look.rows(Selection(("period.started",)))) == 2


def test_before_the_first_publication_nothing_answers(model: ReadModel) -> None:
    with pytest.raises(NoSuchGeneration), model.look():
        pass


def test_a_client_is_shown_as_he_was_known_at_the_time(model: ReadModel) -> None:
    told = Told(block={"family_name": "Entinen"})
    told.fact("period.started", "2025-03-03", {"period_id": "p"})
    told.block = {"family_name": "Uusi"}
    told.fact("period.completed", "2025-05-30", {"period_id": "p"})
    in_model(model, KIND, told)
    with model.look() as look:
        assert look.blocks(["client-1"]) == {"client-1": {"family_name": "Uusi"}}
        then = datetime(2025, 4, 1, tzinfo=UTC)
        assert look.blocks(["client-1"], then) == {"client-1": {"family_name": "Entinen"}}


def test_the_live_generation_is_never_dropped(model: ReadModel) -> None:
    in_model(model, KIND, kela())
    with pytest.raises(ValueError, match="answers"):
        model.drop(1)


def test_each_recipient_in_sqlite_has_a_file_of_its_own(tmp_path: Path) -> None:
    models = SqliteModels(tmp_path, "as-1")
    models.of("kela-benefit-payment")
    models.of("county")
    assert {path.name for path in (tmp_path / "as-1").glob("*.db")} == {"kela-benefit-payment.db", "county.db"}
    models.close()


def test_names_of_schemas_never_fall_together() -> None:
    assert schema_name("as-1", "kela-benefit-payment") == "kuty_as_1_kela_benefit_payment"
    long = "l" * 40
    assert len(schema_name(long, "p" * 40)) == 63
    assert schema_name(long, "p" * 39 + "a") != schema_name(long, "p" * 39 + "b")
    # and none is that of a part of the ledger
    assert {schema_name("demo", part) for part in ("keys", "vault")} & {"kuty_demo_keys", "kuty_demo_vault"} == set()


@pytest.fixture
def ledger_database(postgres: Postgres) -> str:
    """A database with a store's table and two recipients; the projector's login serves both."""
    dsn = postgres.fresh_database()
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA kuty_store_test")
        owner.execute("CREATE TABLE kuty_store_test.events (state bytea)")
        owner.execute("CREATE TABLE public.events (state bytea)")
    make_login(dsn, "kuty_test_projector", "secret")
    provision_recipients(dsn, "test", ["kela", "county"], ["kuty_test_projector"])
    return dsn


def test_the_projectors_login_sees_nothing_by_itself(ledger_database: str) -> None:
    with psycopg.connect(login_dsn(ledger_database), autocommit=True) as login:
        for table in ("kuty_store_test.events", "public.events", "kuty_test_kela.feed", "kuty_test_county.feed"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(f"SELECT * FROM {table}")


def test_a_recipients_role_sees_its_own_schema_alone(ledger_database: str) -> None:
    with psycopg.connect(login_dsn(ledger_database), autocommit=True) as login:
        login.execute("SET ROLE kuty_test_kela")
        assert login.execute("SELECT count(*) FROM kuty_test_kela.feed").fetchone() == (0,)
        for table in ("kuty_store_test.events", "public.events", "kuty_test_county.feed"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(f"SELECT * FROM {table}")


def test_a_login_cannot_take_on_a_role_it_was_not_given(ledger_database: str) -> None:
    make_login(ledger_database, "kuty_test_other", "secret")
    models = PostgresModels(login_dsn(ledger_database, "kuty_test_other"), "test", connections=1)
    with pytest.raises(NotProvisioned):
        models.of("kela")
    with pytest.raises(NotProvisioned):
        models.of("nobody")
    models.close()


def test_provisioning_twice_changes_nothing(ledger_database: str) -> None:
    models = PostgresModels(login_dsn(ledger_database), "test", connections=1)
    in_model(models.of("kela"), KIND, kela())
    provision_recipients(ledger_database, "test", ["kela"], ["kuty_test_projector"])
    assert models.of("kela").feed().live_epoch == 1
    models.close()


def test_many_recipients_are_made_in_one_go_and_those_that_a_broken_off_one_left_out_in_the_next(
    ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_models_postgres, "MADE_TOGETHER", 2)
    names = [f"provider-{number}" for number in range(5)]
    # given a login that is not there yet, so that the third transaction fails
    make_login(ledger_database, "kuty_test_other", "secret")
    made = read_models_postgres._provision
    calls = iter(["kuty_test_other", "kuty_test_other", "nobody"])
    with monkeypatch.context() as broken:
        broken.setattr(read_models_postgres, "_provision", lambda at, some, _: made(at, some, [next(calls)]))
        with pytest.raises(NotMade, match=r'^the schema of provider-4 cannot be made: role "nobody" does not exist$'):
            provision_recipients(ledger_database, "test", names, [])
    with closing(PostgresModels(login_dsn(ledger_database, "kuty_test_other"), "test", connections=1)) as models:
        assert [models.of(name).feed().live_epoch for name in names[:4]] == [0] * 4
        with pytest.raises(NotProvisioned):
            models.of(names[4])
        # when it is done again, all are there
        provision_recipients(ledger_database, "test", names, ["kuty_test_other"])
        assert [models.of(name).feed().live_epoch for name in names] == [0] * 5


def test_a_schema_that_cannot_be_made_keeps_no_other_one_from_being_made(ledger_database: str) -> None:
    # given that somebody else has a schema of the name that one of them would have
    taken, names = schema_name("test", "provider-1"), ["provider-0", "provider-1", "provider-2"]
    with psycopg.connect(ledger_database, autocommit=True) as owner:
        owner.execute(f"CREATE SCHEMA {taken}".encode())
        with pytest.raises(NotMade, match=r"^the schema of provider-1 cannot be made: [a-z]") as not_made:
            provision_recipients(ledger_database, "test", names, ["kuty_test_projector"])
        assert not_made.value.short_names == {"provider-1"}
        with closing(PostgresModels(login_dsn(ledger_database), "test", connections=1)) as models:
            assert [models.of(name).feed().live_epoch for name in ("provider-0", "provider-2")] == [0, 0]
            # when the name is free again
            owner.execute(f"DROP SCHEMA {taken}".encode())
            provision_recipients(ledger_database, "test", names, ["kuty_test_projector"])
            assert models.of("provider-1").feed().live_epoch == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_models_are_looked_at_and_weighed(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if kind == "sqlite":
        models: ReadModels = SqliteModels(tmp_path, "test")
    else:
        dsn = request.getfixturevalue("postgres").fresh_database()
        make_login(dsn, "kuty_test_projector", "secret")
        provision_recipients(dsn, "test", ["recipient"], ["kuty_test_projector"])
        models = PostgresModels(login_dsn(dsn), "test", connections=3)
    models.check()
    before = models.size()
    models.of("recipient").begin(Position(1), {})
    assert models.size() > before
    models.close()


def test_what_had_come_of_older_epochs_is_kept_until_one_of_them_begins_once_more(model: ReadModel) -> None:
    model.begin(Position(1), {})
    model.begin(Position(2), {1: [5, 7, 8]})
    model.begin(Position(3), {1: [9], 2: [4]})
    assert model.over() == {1: [9], 2: [4]}
    # also when the generation itself is dropped
    model.drop(2)
    model.begin(Position(5), {3: [1]})
    assert model.over() == {1: [9], 2: [4], 3: [1]}
    # when an epoch begins once more, then nothing is known of it and of newer ones
    model.begin(Position(2), {1: [9]})
    assert model.over() == {1: [9]}


def test_a_table_that_hardly_anybody_needs_is_made_for_who_needs_it(model: ReadModel) -> None:
    put(model, entry(1, b"p1"))
    assert tables_of(model) == {"clients_1", "facts_1", "feed", "generations", "migrations"}
    with model.look() as look:
        assert (look.parked(), model.over()) == ([], {})
    parked = Parked(1, 2, "client-1", "it cannot be read", (("ce_id", b"p2"),), b"{")
    model.write([Batch(Position(1, 2, "e" * 64), 1, parked=[parked])], Feed(1, 2))
    model.begin(Position(2), {1: [2]})
    with model.look() as look:
        assert (look.parked(), model.over()) == ([parked], {1: [2]})
    assert tables_of(model) >= {"parked_1", "epochs_over", "facts_2"}
    model.write([Batch(Position(1, 3, "d" * 64), 2, [entry(2, b"p2")], released=[2])], Feed(1, 3))
    with model.look() as look:
        assert look.parked() == []
    model.write([], Feed(2, 3))
    model.drop(1)
    assert tables_of(model) == {"clients_2", "epochs_over", "facts_2", "feed", "generations", "migrations"}


def test_a_recipient_in_postgres_has_no_table_for_long_values_but_where_there_are_some(postgres: Postgres) -> None:
    dsn = postgres.fresh_database()
    make_login(dsn, "kuty_test_projector", "secret")
    provision_recipients(dsn, "test", ["recipient"], ["kuty_test_projector"])
    with closing(PostgresModels(login_dsn(dsn), "test", connections=1)) as models:
        put(models.of("recipient"), entry(1, b"p1"))
    with psycopg.connect(dsn) as connection:
        asked = "SELECT relname FROM pg_class WHERE reltoastrelid <> 0 AND relnamespace = %s::regnamespace"
        found = connection.execute(asked, (schema_name("test", "recipient"),)).fetchall()
    assert {name for (name,) in found} == {"facts_1", "clients_1"}


def test_why_a_line_stands_still_is_kept_up_to_a_length(model: ReadModel) -> None:
    model.write([], Feed(halted="ä" * 400))
    assert model.feed().halted == "ä" * 360


def test_a_model_of_the_first_version_is_read_on_and_is_of_this_one_from_then_on(tmp_path: Path) -> None:
    with closing(SqliteModels(tmp_path, "test")) as models:
        put(models.of("recipient"), entry(1, b"p1"))
    with closing(sqlite3.connect(tmp_path / "test" / "recipient.db")) as connection:
        connection.executescript(PARKED.format(epoch=1) + ";" + OVER)
        connection.execute("INSERT INTO parked_1 VALUES (2, 'client-1', 'it cannot be read', '[]', '')")
        connection.execute("INSERT INTO epochs_over VALUES (1, '[5, 7]')")
        connection.execute("UPDATE migrations SET version = 1")
        connection.commit()
    with closing(SqliteModels(tmp_path, "test")) as models:
        model = models.of("recipient")
        with model.look() as look:
            assert look.parked() == [Parked(1, 2, "client-1", "it cannot be read", (), b"")]
        assert model.over() == {1: [5, 7]}
    with closing(sqlite3.connect(tmp_path / "test" / "recipient.db")) as connection:
        assert connection.execute("SELECT version FROM migrations").fetchall() == [(VERSION,)]


def test_a_model_in_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "test" / "recipient.db"
    SqliteModels(tmp_path, "test").of("recipient").close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE migrations SET version = 999")
        connection.commit()
    with pytest.raises(NewerTables, match=r"recipient\.db is at version 999, and this program knows versions up to 2"):
        SqliteModels(tmp_path, "test").of("recipient")


def test_a_model_in_a_schema_of_a_newer_program_is_left_alone_and_one_without_a_version_is_of_the_first(
    postgres: Postgres,
) -> None:
    dsn = postgres.fresh_database()
    make_login(dsn, "kuty_test_projector", "secret")
    provision_recipients(dsn, "test", ["recipient"], ["kuty_test_projector"])
    schema = schema_name("test", "recipient")
    with psycopg.connect(dsn) as connection:
        connection.execute(f"DROP TABLE {schema}.migrations".encode())
    with closing(PostgresModels(login_dsn(dsn), "test", connections=1)) as models:
        models.of("recipient")
    with psycopg.connect(dsn) as connection:
        assert connection.execute(f"UPDATE {schema}.migrations SET version = 999".encode()).rowcount == 1
    with (
        closing(PostgresModels(login_dsn(dsn), "test", connections=1)) as models,
        pytest.raises(NewerTables, match=f"schema {schema} is at version 999, and this program knows versions up to 2"),
    ):
        models.of("recipient")
