"""How we reach Kafka, and every client setting whose default would harm us, in one typed place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from consumers.log import TopicSettings, TopicSettingsDiffer

Role = Literal["producer", "consumer", "looker", "admin"]
"""A consumer follows topics; a looker sees what stands in them at this moment."""

LINGER_MS = 250
MAX_REQUEST_BYTES = 16 * 1024 * 1024
LARGEST = "max.message.bytes"
"""The setting of a topic that says how large a batch of records may be; ours are batches of one where they are large."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the broker is and who we are to it. `deadline_s` bounds every call.

    Outside the loopback interface only TLS is taken. Raises ValueError for anything else: the client itself only
    warns. source: design D16, faults.md 2
    """

    bootstrap: str
    client_id: str = "kuty"
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    certificates: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    deadline_s: float = 15.0
    plaintext_beyond_loopback: bool = False

    def __post_init__(self) -> None:
        if self.security not in ("PLAINTEXT", "SSL", "SASL_SSL"):
            raise ValueError(f"{self.security} is not a way to reach a broker")
        if self.security == "PLAINTEXT" and not (self.on_this_machine or self.plaintext_beyond_loopback):
            raise ValueError(f"{self.bootstrap} is not on this machine: reach it over TLS")
        if self.security == "SASL_SSL" and not (self.user and self.password):
            raise ValueError("SASL_SSL needs a user and a password")

    @property
    def on_this_machine(self) -> bool:
        """Whether every broker that is asked first is on loopback."""
        hosts = [address.rsplit(":", 1)[0].strip("[]") for address in self.bootstrap.split(",")]
        return all(host in ("localhost", "127.0.0.1", "::1") for host in hosts)


def client_settings(role: Role, connection: Connection) -> dict[str, Any]:
    """The settings that a producer, consumer or admin client is made with.

    Ours against the client's own: no topic made by a typo, checksums checked, no offset committed or reset by
    the client, acknowledgement by all in-sync replicas without duplicates, and time limits below our own deadline. What is
    followed is committed: a sender may take back what it sent, and its open transaction stalls its own topic alone. What is
    looked at is not: an open transaction must not hide from us what stands in our own topics. source: faults.md 1, 2
    """
    deadline_ms = int(connection.deadline_s * 1000)
    settings: dict[str, Any] = {
        "bootstrap_servers": connection.bootstrap.split(","),
        "client_id": f"{connection.client_id}-{role}",
        "request_timeout_ms": deadline_ms // 2,
        "bootstrap_timeout_ms": deadline_ms // 2,
        "reconnect_backoff_max_ms": 1_000,
        "metadata_max_age_ms": 60_000,
        "security_protocol": connection.security,
    }
    if connection.security != "PLAINTEXT":
        settings |= {
            "ssl_check_hostname": True,
            "ssl_cafile": connection.certificates,
            "ssl_certfile": connection.certificate,
            "ssl_keyfile": connection.certificate_key,
        }
    if connection.security == "SASL_SSL":
        settings |= {
            "sasl_mechanism": connection.mechanism,
            "sasl_plain_username": connection.user,
            "sasl_plain_password": connection.password,
        }
    return settings | _OF_ROLE[role] | (_deadlines(deadline_ms) if role == "producer" else {})


def _deadlines(deadline_ms: int) -> dict[str, Any]:
    return {"delivery_timeout_ms": deadline_ms, "max_block_ms": deadline_ms}


_READING: dict[str, Any] = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "check_crcs": True,
    "allow_auto_create_topics": False,
    "max_poll_records": 5_000,
    "fetch_max_bytes": 50 * 1024 * 1024,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "fetch_max_wait_ms": 500,
    # How soon a topic that was deleted and made again is noticed; records alone do not show it.
    "metadata_max_age_ms": 5_000,
    "metrics_enabled": False,
}
_OF_ROLE: dict[Role, dict[str, Any]] = {
    "producer": {
        "acks": "all",
        "enable_idempotence": True,
        "max_in_flight_requests_per_connection": 5,
        "allow_auto_create_topics": False,
        "compression_type": None,
        # A window is flushed as one: nothing leaves early in a small batch, and the flush waits for no linger.
        "linger_ms": LINGER_MS,
        "batch_size": 512 * 1024,
        "max_request_size": MAX_REQUEST_BYTES,
        "metrics_enabled": False,
    },
    "consumer": {**_READING, "isolation_level": "read_committed"},
    "looker": {**_READING, "isolation_level": "read_uncommitted"},
    "admin": {},
}


def topic_configs(settings: TopicSettings) -> dict[str, str]:
    """What a topic is made with, and what it is held to afterwards."""
    configs = {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.retention_ms),
        "retention.bytes": "-1",
        # The producer's clock must not decide how long a record is kept. source: design D11
        "message.timestamp.type": "LogAppendTime",
        LARGEST: str(settings.max_message_bytes),
    }
    if settings.min_insync is not None:
        configs["min.insync.replicas"] = str(settings.min_insync)
    return configs


def new_topic(settings: TopicSettings) -> dict[str, Any]:
    """A topic as the admin client wants it."""
    # One partition: sequence order is offset order. source: design D12
    replication = -1 if settings.replication is None else settings.replication
    return {"num_partitions": 1, "replication_factor": replication, "configs": topic_configs(settings)}


def check_settings(topic: str, wanted: TopicSettings, present: Mapping[str, str]) -> None:
    """Raises TopicSettingsDiffer, naming what is wrong."""
    wrong = [
        f"{name} is {present.get(name)} and should be {value}{' or more' if name == LARGEST else ''}"
        for name, value in topic_configs(wanted).items()
        if not (_at_least(present.get(name), value) if name == LARGEST else present.get(name) == value)
    ]
    if wrong:
        raise TopicSettingsDiffer(f"topic {topic}: {'; '.join(wrong)}: set it so on the broker, then start again")


def _at_least(present: str | None, wanted: str) -> bool:
    # A topic was widened for what an older version recorded, or an operator lets it take more.
    return present is not None and int(present) >= int(wanted)
