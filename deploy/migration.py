"""Tables, roles and keys of a ledger, made before anything serves it. Safe to repeat, by any number of processes."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from deploy.settings import Settings, WrongSetting
from domain.store import (
    POSTGRES_SETTINGS,
    Database,
    Keys,
    PostgresDatabase,
    SqliteDatabase,
    Vault,
    lock_number,
    migrate_postgres,
    migrate_sqlite,
    schema_of,
)
from projections.read_models_postgres import make_login, provision_recipients

Beside = Literal["keys", "vault"]
Part = Literal["store", "keys", "vault"]
"""What is kept apart, each in a database or a file of its own."""
BESIDE: Sequence[tuple[Beside, type[Keys] | type[Vault]]] = (("keys", Keys), ("vault", Vault))
MASTER_KEY_BYTES = 32
TOKEN_KEY_BYTES = 32


def ledger_file(settings: Settings) -> Path:
    """The embedded store's file."""
    return settings.home / settings.ledger / "events.db"


def keys_database(settings: Settings) -> Database:
    """Where the keys are: apart from the store."""
    return beside(settings, "keys")


def vault_database(settings: Settings) -> Database:
    """Where identity is: apart from store and keys."""
    return beside(settings, "vault")


def beside(settings: Settings, part: Beside) -> Database:
    """Where a part is that is kept beside the store."""
    if settings.store_dsn:
        return PostgresDatabase(login_of(settings, part), f"{schema_of(settings.ledger)}_{part}")
    return SqliteDatabase(settings.home / settings.ledger / f"{part}.db")


def login_of(settings: Settings, part: Part) -> str:
    """The connection string under which a part of the ledger is used; empty where it is a file."""
    apart = {"store": "", "keys": settings.keys_dsn, "vault": settings.vault_dsn}[part]
    return apart or settings.store_dsn


def owner_of(settings: Settings, part: Part) -> str:
    """The connection string of who owns the database of a part of the ledger; empty where it is a file."""
    owner, apart = {
        "store": ("", ""),
        "keys": (settings.keys_owner_dsn, settings.keys_dsn),
        "vault": (settings.vault_owner_dsn, settings.vault_dsn),
    }[part]
    return owner or apart or settings.owner_dsn or settings.store_dsn


def migrate(settings: Settings) -> None:
    """Bring every table of the ledger to the newest version.

    On PostgreSQL the owner (`KUTY_OWNER_DSN`) makes the schemas and, where they are missing, the logins that the settings
    name for the store and the read models; these own nothing. Keys and vault have owners and logins of their own where the
    settings say so, and then the store's login has no rights there. Raises WrongSetting, psycopg's errors.
    """
    if not settings.store_dsn:
        migrate_sqlite(ledger_file(settings))
        for part, tables in BESIDE:
            with closing(beside(settings, part)) as database:
                tables.migrate(database)
        return
    owner = settings.owner_dsn or settings.store_dsn
    for each in OF_PART:
        _check_own(settings, each)
    role = _login(owner, settings.store_dsn)
    _login(owner, settings.models_dsn or settings.store_dsn)
    migrate_postgres(owner, settings.ledger, role=role)
    for part, tables in BESIDE:
        schema, owner, login = f"{schema_of(settings.ledger)}_{part}", owner_of(settings, part), login_of(settings, part)
        role = _login(owner, login)
        database = PostgresDatabase(owner, schema)
        tables.migrate(database)
        database.close()
        if role is not None:
            grant(owner, schema, role, APPENDED[part])
        if login != settings.store_dsn:
            _revoke(owner, schema, str(conninfo_to_dict(settings.store_dsn)["user"]), role)


OF_PART: Mapping[Part, str] = {"store": "events", "keys": "matter_keys", "vault": "clients"}
"""A table by which a part's schema is known."""


def _check_own(settings: Settings, part: Part) -> None:
    """The schema of a part is nobody else's: where a ledger `x-keys` would stand are the keys of a ledger `x`, and where one
    called `x-kela` would the read model of its recipient `kela`. Raises WrongSetting."""
    schema = schema_of(settings.ledger) if part == "store" else f"{schema_of(settings.ledger)}_{part}"
    with psycopg.connect(owner_of(settings, part), **POSTGRES_SETTINGS) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
    if tables and (OF_PART[part],) not in tables:
        raise WrongSetting(
            f"KUTY_LEDGER is {settings.ledger!r}, whose {part} would stand in the schema {schema}, and another ledger has "
            "that for something else: choose another name, or another database"
        )


def owns_nothing(settings: Settings) -> None:
    """The logins that a role is given can make nothing: neither schemas nor roles. Raises WrongSetting, psycopg's errors."""
    for name in ("store_dsn", "keys_dsn", "vault_dsn", "models_dsn"):
        dsn = getattr(settings, name)
        if not dsn:
            continue
        with psycopg.connect(dsn, **POSTGRES_SETTINGS) as connection:
            [(may,)] = connection.execute(
                "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR has_database_privilege(current_database(), 'CREATE')"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchall()
        if may:
            raise WrongSetting(
                f"the login in KUTY_{name.upper()} may make schemas or roles, which no role needs: name the owner's in "
                "KUTY_OWNER_DSN and another one there, and `kuty migrate` makes it"
            )


def provision(settings: Settings, short_names: Sequence[str]) -> None:
    """The schemas and the roles of recipients' read models, where the models are on PostgreSQL."""
    models = settings.models_dsn or settings.store_dsn
    if models:
        login = str(conninfo_to_dict(models)["user"])
        provision_recipients(settings.owner_dsn or models, settings.ledger, short_names, [login])


def _login(owner: str, dsn: str) -> str | None:
    """Make sure of the login in a connection string; its name, or none when it is the owner's own."""
    named = conninfo_to_dict(dsn)
    login = str(named["user"])
    if login == conninfo_to_dict(owner)["user"]:
        return None
    with psycopg.connect(owner) as connection:
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
    if not there:
        if "password" not in named:
            raise WrongSetting(f"the login {login} is not there, and its connection string has no password to make it with")
        make_login(owner, login, str(named["password"]))
    return login


APPENDED: Mapping[Beside, Sequence[str]] = {"keys": ("destroyed_keys", "migrations"), "vault": ("uses", "migrations")}
"""Tables that are only ever added to: what was destroyed, and who looked at whom (domain/privacy.md 3.3)."""


def grant(owner: str, schema: str, role: str, appended: Sequence[str]) -> None:
    """Let a login use the tables of what is kept beside the store; those in `appended` it only adds to. Raises psycopg's
    errors."""
    names = {"s": sql.Identifier(schema), "r": sql.Identifier(role)}
    with psycopg.connect(owner) as connection:
        # Two that grant the same at one moment stumble over each other.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"migrate/{schema}"),))
        for right in (
            "GRANT USAGE ON SCHEMA {s} TO {r}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {s} TO {r}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {s} TO {r}",
        ):
            connection.execute(sql.SQL(right).format(**names))
        for table in appended:
            revoke = sql.SQL("REVOKE UPDATE, DELETE ON {s}.{t} FROM {r}").format(**names, t=sql.Identifier(table))
            connection.execute(revoke)


def _revoke(owner: str, schema: str, store: str, role: str | None) -> None:
    """Keys and vault were the store's login's to use before they had one of their own; it loses what it had."""
    if store in (role, conninfo_to_dict(owner)["user"]):
        return
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"migrate/{schema}"),))
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (store,)).fetchone():
            for lost in ("ALL TABLES IN SCHEMA {s}", "ALL SEQUENCES IN SCHEMA {s}", "SCHEMA {s}"):
                names = {"s": sql.Identifier(schema), "r": sql.Identifier(store)}
                connection.execute(sql.SQL("REVOKE ALL ON " + lost + " FROM {r}").format(**names))


def development_master_key(settings: Settings) -> Path:
    """The file of the master key where the settings name none."""
    return settings.home / "master.key"


def master_key(settings: Settings) -> bytes:
    """The key that wraps all others. Raises WrongSetting."""
    if not settings.master_key:
        return _development_key(development_master_key(settings), MASTER_KEY_BYTES)
    try:
        key = base64.b64decode(settings.master_key, validate=True)
    except ValueError:
        raise WrongSetting("KUTY_MASTER_KEY is not base64") from None
    if len(key) != MASTER_KEY_BYTES:
        raise WrongSetting(f"KUTY_MASTER_KEY has {len(key)} bytes and should have {MASTER_KEY_BYTES}")
    return key


def token_key(settings: Settings) -> bytes:
    """The seed of the key that signs development tokens. Raises WrongSetting."""
    if not settings.token_key:
        return _development_key(settings.home / "token.key", TOKEN_KEY_BYTES)
    try:
        key = base64.b64decode(settings.token_key, validate=True)
    except ValueError:
        raise WrongSetting("KUTY_TOKEN_KEY is not base64") from None
    if len(key) != TOKEN_KEY_BYTES:
        raise WrongSetting(f"KUTY_TOKEN_KEY has {len(key)} bytes and should have {TOKEN_KEY_BYTES}")
    return key


def issuer_key(settings: Settings) -> Ed25519PublicKey:
    """What the tokens of the issuer in the settings are checked with. Raises WrongSetting."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(settings.issuer_key, validate=True))
    except ValueError:
        raise WrongSetting("KUTY_ISSUER_KEY is not base64 of the 32 bytes of an Ed25519 public key") from None


def _development_key(file: Path, size: int) -> bytes:
    """A key of this machine alone, made once; two processes that start together get the same one. Raises WrongSetting."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        unfinished = file.with_suffix(f".{secrets.token_hex(4)}")
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(base64.b64encode(secrets.token_bytes(size)))
        try:
            os.link(unfinished, file)
        except FileExistsError:
            pass  # the other process's key stands
        finally:
            unfinished.unlink()
    try:
        key = base64.b64decode(file.read_bytes(), validate=True)
    except ValueError:
        raise WrongSetting(f"{file} is not base64: put the right key back, nothing else opens what it wrapped") from None
    if len(key) != size:
        raise WrongSetting(f"{file} has {len(key)} bytes and should have {size}: put the right key back")
    return key
