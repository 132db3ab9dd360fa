"""What people write comes into no log, no figure and no screen: values like canaries, put wherever one can write.

Every role is a process of its own under `kuty up`, on real PostgreSQL and Kafka, logging everything; each fails once in the
middle of its work with what it has at hand in its words (tests/watching/sabotage).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from blocks import ROOT
from psycopg.conninfo import make_conninfo

from api.caller import Claims
from consumers import wire
from consumers.broker import KafkaBroker
from consumers.log import Entry
from deploy.local.parts import Kafka, Postgres
from deploy.local.ports import free_port
from deploy.serving import issuer_of
from deploy.settings import Settings
from deploy.watching.port import targets
from deploy.wiring import open_ledger_parts
from domain.directory import Recipient
from domain.identifiers import synthetic_identity_code

DEADLINE_S = 180.0
CODE = synthetic_identity_code(date(1987, 6, 5), 917)
OTHER_CODE = synthetic_identity_code(date(1987, 6, 5), 918)
NAMES = ("Kanarianlintu", "Keltasirkku-Äyräs")
PHONE = "+358 40 7654329"
TEXT = "hiljainen viserrys aamulla"
DSN_PASSWORD = "Salasana-linnulle-1"
MASTER_KEY = "S2FuYXJpYW5saW50dVNhbGFpbmVuQXZhaW4zMmJ5dGU="
TOKEN_KEY = "VG9rZW5pbkF2YWluS2FuYXJpYW5saW5udWxsZTMyYnk="
FAULT_WORDS = f"no such client: {NAMES[0]} {CODE} {PHONE} {TEXT}"
SECRETS = (CODE, OTHER_CODE, *NAMES, "7654329", "viserrys", DSN_PASSWORD, MASTER_KEY, TOKEN_KEY)
OWN_ID = "request-of-the-test-1"


@dataclass
class Ledger:
    """A running ledger and what a caller needs."""

    settings: Settings
    client: str
    provider: Recipient
    tokens: list[str]

    def claims(self, org: str, task: str, role: str) -> str:
        claims = Claims(ledger=self.settings.ledger, org=org, task=task, role=role, person="W-01")  # type: ignore[arg-type]
        self.tokens.append(issuer_of(self.settings).token(claims))
        return self.tokens[-1]

    def worker(self) -> str:
        return self.claims("0000001-9", "organiser", "own_worker")

    def system(self) -> str:
        return self.claims(self.provider.org, self.provider.task, "system")

    def ask(
        self, method: str, path: str, token: str = "", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self.settings.host, self.settings.port, timeout=60)
        named = {"content-type": "application/json", "idempotency-key": uuid.uuid4().hex, **headers}
        if token:
            named["authorization"] = f"Bearer {token}"
        try:
            whole = path if path.startswith("/dev") else f"/ledgers/{self.settings.ledger}{path}"
            connection.request(method, whole, body, named)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (ConnectionError, RemoteDisconnected):
            return 0, {}, b""  # let go before all of it was sent, as what is too large
        finally:
            connection.close()


def comes(what: str, found: Callable[[], Any]) -> Any:
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {DEADLINE_S:.0f} s")


@contextmanager
def running(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        **settings.environment(),
        "KUTY_FAULT_WORDS": FAULT_WORDS,
        "PYTHONPATH": f"{ROOT / 'tests' / 'watching' / 'sabotage'}:{ROOT}",
        "PYTHONASYNCIODEBUG": "1",
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "deploy.cli", "up", "--demo", "1"]
        up = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=ROOT)
    try:
        yield up
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGTERM)
        up.wait(DEADLINE_S)


@pytest.fixture
def ledger(postgres: Postgres, kafka: Kafka, tmp_path: Path) -> Iterator[tuple[Ledger, Path]]:
    owner = postgres.fresh_database()
    settings = Settings(
        ledger=f"canary-{os.getpid()}",
        home=tmp_path,
        kafka=kafka.bootstrap,
        owner_dsn=owner,
        store_dsn=make_conninfo(owner, user="kuty_canary_store", password=DSN_PASSWORD),
        models_dsn=make_conninfo(owner, user="kuty_canary_models", password=DSN_PASSWORD),
        master_key=MASTER_KEY,
        token_key=TOKEN_KEY,
        port=free_port(),
        log_level="DEBUG",
        api_workers=2,
    )
    log = tmp_path / "up.log"
    with running(settings, log) as up:
        comes("the API", lambda: up.poll() is not None or b"shows what to try" in log.read_bytes())
        assert up.poll() is None, log.read_text()
        wired = open_ledger_parts(settings)
        provider = next(one for one in wired.recipients() if one.task == "provider")
        wired.close()
        one = Ledger(settings, "", provider, [])
        comes("an answer", lambda: _answers(one))
        found = comes("a client", lambda: _client(one))
        yield replace(one, client=found), log


def _answers(one: Ledger) -> bool:
    try:
        return one.ask("GET", "/health", one.worker())[0] == 200
    except OSError:
        return False


def _client(one: Ledger) -> str:
    status, _, content = one.ask("GET", f"/dev/ledgers/{one.settings.ledger}/clients", one.worker())
    clients = json.loads(content)["clients"] if status == 200 else []
    return str(clients[0]["client"]) if clients else ""


def body(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def write_everywhere_over_http(ledger: Ledger) -> dict[str, int]:
    """Canaries in every place of a request; what each was answered with."""
    worker, system, to = ledger.worker(), ledger.system(), f"/clients/{ledger.client}"
    person = {"family_name": NAMES[0], "given_names": NAMES[1], "identity_code": CODE, "phone": PHONE}
    registered = {"identity_kind": "identity_code", "registered_from": "own_contact", **person}
    service = {"service": "other", "service_note": TEXT, "told_by": "client", "from_on": "2025-03-04"}
    quoted = urllib.parse.quote(f"{NAMES[0]} {CODE}")
    asked: dict[str, tuple[Any, ...]] = {
        "accepted person": ("POST", "/clients", worker, body(**registered), {"x-request-id": OWN_ID}),
        "known person": ("POST", "/clients", worker, body(**registered, postal_address=None), {}),
        "changed person": ("POST", f"{to}/details", worker, body(identity_code=OTHER_CODE, phone=PHONE), {}),
        "accepted text": ("POST", f"{to}/parallel-services", worker, body(**service), {}),
        "refused text": ("POST", f"{to}/parallel-services", worker, body(**{**service, "from_on": "1987-06-05"}), {}),
        "wrong field": ("POST", "/clients", worker, body(**{NAMES[0]: CODE, **registered}), {}),
        "wrong type": ("POST", "/clients", worker, body(**{**registered, "family_name": [CODE]}), {}),
        "not entitled": ("POST", "/clients", system, body(**registered), {}),
        "malformed": ("POST", "/clients", worker, f'{{"family_name": "{CODE}'.encode(), {}),
        "twice": ("POST", "/clients", worker, f'{{"{CODE}": 1, "{CODE}": 2}}'.encode(), {}),
        "not UTF-8": ("POST", "/clients", worker, f'{{"family_name": "{CODE}\xff"}}'.encode("latin-1"), {}),
        "too large": ("POST", "/clients", worker, body(family_name=CODE * 300_000), {}),
        "person in the path": ("GET", f"/clients/{quoted}/history", worker, None, {}),
        "person in a parameter": ("GET", f"{to}/history?order={quoted}&{quoted}=1", worker, None, {}),
        "no such route": ("GET", f"/{quoted}", worker, None, {}),
        "another ledger": ("GET", f"/dev/ledgers/{quoted}/clients", worker, None, {}),
        "method": (NAMES[0].upper(), "/health", worker, None, {}),
        "key": ("POST", "/clients", worker, body(**registered), {"idempotency-key": CODE}),
        "request id": ("GET", "/health", worker, None, {"x-request-id": f"of-{CODE}"}),
        "telephone as id": ("GET", "/health", worker, None, {"x-request-id": "358407654329"}),
        "condition": ("POST", f"{to}/details", worker, body(phone=PHONE), {"if-match": f'"{CODE}"'}),
        "language": ("GET", "/health", worker, None, {"accept-language": CODE, "user-agent": NAMES[0], "cookie": CODE}),
        "content type": ("POST", "/clients", worker, body(**registered), {"content-type": f"text/{CODE}"}),
        "token": ("GET", "/health", f"{worker[:-8]}{CODE}", None, {}),
        "no token": ("GET", "/health", CODE, None, {}),
        "message": ("POST", f"/in/{ledger.provider.short_name}", system, body(client=CODE, note=TEXT),
                    {"ce-id": CODE, "ce-type": "record_attendance.v1", "ce-specversion": "1.0"}),
        "unknown message": ("POST", f"/in/{ledger.provider.short_name}", system, body(client=CODE),
                            {"ce-id": uuid.uuid4().hex, "ce-type": NAMES[0].lower(), "ce-specversion": "1.0"}),
        "broken message": ("POST", f"/in/{ledger.provider.short_name}", system, f'{{"{CODE}'.encode(),
                           {"ce-id": uuid.uuid4().hex, "ce-type": "record_attendance.v1", "ce-specversion": "1.0"}),
        "crash": ("GET", f"{to}/history", worker, None, {"x-request-id": OWN_ID}),
    }  # fmt: skip
    return {name: ledger.ask(*four, **headers)[0] for name, (*four, headers) in asked.items()}


def write_everywhere_over_kafka(ledger: Ledger, broker: KafkaBroker) -> None:
    """The same on the provider's own topic; answers come as receipts."""
    topic = wire.in_topic(ledger.settings.ledger, ledger.provider.short_name)
    envelope = {"ce_type": "record_attendance.v1", "ce_specversion": "1.0", "content-type": "application/json"}
    sane = {"ce_id": "0f8fad5b-d9cb-469f-a165-70867728950e", **envelope}
    messages: list[tuple[dict[str, str], bytes]] = [
        (sane, body(client=CODE, note=TEXT, occurred_on="2025-03-03")),
        ({"ce_id": CODE, **envelope}, body(client=ledger.client, note=TEXT)),
        ({"ce_id": "person-2", **envelope, "ce_actorperson": f"{NAMES[0]}-{CODE}"}, body(note=TEXT)),
        ({"ce_id": "unknown-1", **envelope, "ce_type": f"{NAMES[0].lower()}.v1"}, body(client=CODE)),
        ({"ce_id": "broken-01", **envelope}, f'{{"{NAMES[0]}": "{CODE}'.encode()),
        ({"ce_id": "twice-001", **envelope}, f'{{"{CODE}": 1, "{CODE}": 2}}'.encode()),
        ({CODE: NAMES[0], NAMES[0]: CODE}, body(note=TEXT)),
        ({"ce_id": "large-001", **envelope}, body(note=CODE * 30_000)),
    ]
    entries = [
        (topic, Entry(CODE.encode(), value, tuple((name, text.encode()) for name, text in headers.items())))
        for headers, value in messages
    ]
    for entry in entries:
        assert broker.append([entry])[0].status == "acknowledged"


def kuty(settings: Settings, *words: str) -> str:
    environment = {**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deploy.cli", *words]
    said = subprocess.run(command, env=environment, capture_output=True, cwd=ROOT, timeout=DEADLINE_S)
    return (said.stdout + said.stderr).decode()


def found_in(text: str) -> list[str]:
    """The secrets that stand in a text, however they are written there."""
    forms = (text, urllib.parse.unquote(text), text.encode("latin-1", "replace").decode("unicode_escape", "replace"))
    return [secret for secret in SECRETS for form in forms if secret.lower() in form.lower()]


def test_what_people_write_comes_into_no_log_no_figure_and_no_screen(
    ledger: tuple[Ledger, Path], parts_folder: Path
) -> None:
    one, log = ledger
    broker = KafkaBroker(one.settings.connection)
    try:
        write_everywhere_over_kafka(one, broker)
        answered = write_everywhere_over_http(one)
        # then all are answered as their senders deserve, and those of the topic too
        assert {name: status for name, status in answered.items() if status in (200, 201)}.keys() >= {
            "accepted person", "accepted text", "request id",
        }, answered  # fmt: skip
        assert answered["crash"] == 500
        assert {answered[name] for name in ("malformed", "twice", "not UTF-8")} == {400}
        topic = wire.in_topic(one.settings.ledger, one.provider.short_name)
        wired = open_ledger_parts(one.settings)
        end = broker.end_offsets([topic])[topic]
        comes("every answer", lambda: wired.store.tracking(topic) >= end)
        comes("rest", lambda: json.loads(one.ask("GET", "/health", one.worker())[2])["at_head"])
        wired.close()
    finally:
        broker.close()
    seen = [kuty(one.settings, "status"), kuty(one.settings, "status", "--json")]
    for target in targets(one.settings):
        for path in ("/readyz", "/metrics"):
            host, _, port = target.address.rpartition(":")
            connection = HTTPConnection(host, int(port), timeout=30)
            connection.request("GET", path)
            seen.append(connection.getresponse().read().decode())
            connection.close()
    assert len(seen) == 2 + 2 * 9  # seven roles, one of them in two processes, and `kuty up`
    visible = [line for text in seen for line in text.splitlines() if line.startswith("kuty_visible_seconds_count ")]
    assert sum(float(line.split()[1]) for line in visible) > 0
    assert seen[0].count(" runs at 127.0.0.1:") == 8  # the roles, and `kuty up`
    lines = log.read_text().splitlines()
    servers = [file.read_text(errors="replace") for file in parts_folder.rglob("server.log")]

    # no value of anybody's stands anywhere
    tokens = {token for token in one.tokens for text in (*lines, *seen) if token in text or token[-40:] in text}
    assert tokens == set()
    assert [(line[:300], found) for line in lines if (found := found_in(line))] == []
    assert [found for text in (*seen, *servers) if (found := found_in(text))] == []
    # nor a name by which anybody knows the client, but where a demonstration shows one of its own making
    shown = [line for line in lines if one.client in line]
    assert [line.partition(": ")[0] for line in shown] == ["look at one of them"]
    assert [text for text in seen if one.client in text] == []

    # and still a line says what it is about
    read = [json.loads(line) for line in lines if line.startswith("{")]
    assert all(line.startswith(("{", "kuty: ")) or not line.startswith("Traceback") for line in lines)
    crashed = [line for line in read if line.get("request_id") == OWN_ID]
    [mistake] = [line["event"] for line in crashed if line["level"] == "error"]
    assert mistake.startswith("unexpected RuntimeError at ")
    assert any(line["event"].startswith("GET /ledgers/{ledger}/clients/{client}/history: 500") for line in crashed)
    failed = [line for line in read if "RuntimeError" in line.get("exception", "") and " tries again" in line["event"]]
    by_role = {line["event"].split()[0]: line for line in failed}
    assert by_role.keys() >= {"intake", "disclosure", "relay", "clerk", "provisioner"}
    # the projector of the recipient alone whose record it was
    own = [line for line in read if line["logger"] == "consumers.setbacks" and "RuntimeError" in line.get("exception", "")]
    assert [line["event"].split()[0] == line["recipient"] for line in own] == [True]
    assert by_role["intake"]["topic"] == topic
    assert by_role["intake"]["recipient"] == one.provider.short_name
    assert by_role["intake"]["message_id"] == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert {line["logger"].partition(".")[0] for line in read} >= {"kuty", "kafka"}
