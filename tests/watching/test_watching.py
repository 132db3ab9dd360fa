"""What an operator sees of a process, on a port of its own, and what nobody sees on the API's."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from blocks import ROOT
from house import LEDGER, UNKNOWN_CODE, House, house_after
from prometheus_client.parser import text_string_to_metric_families
from provider_days import BENEFIT
from stories import OWN_WORKER

from consumers import wire
from consumers.doubts import StoreBehindTopic
from consumers.log import BrokerUnavailable
from consumers.lost_ends import note_of
from consumers.projector import Projector, Standing, place_of
from consumers.relay import TRACKING
from deploy.halts import BROKER, GAP, told_of_line
from deploy.local.ports import PartFailed
from deploy.migration import ledger_file
from deploy.roles import Running
from deploy.settings import Settings
from deploy.watching.lateness import Lateness
from deploy.watching.looking import Fault, Look, Looked, NoAnswer, look_at
from deploy.watching.metrics import MOST_RECIPIENTS, Figured, Shown, text_of
from deploy.watching.port import FOLDER, targets, watched_at
from deploy.watching.process import API, Figures, Watched, said_once
from deploy.wiring import PROVISIONER, ROLES, open_ledger_parts
from domain.counts import BOUNDS_S, Times, Total
from domain.store import KeysLost, Parked, StoreUnavailable, StoreWentBack
from projections.digest import Digest, Digested, Undigestible

OPENED_AT = datetime(2025, 1, 2, tzinfo=UTC)
EVERYTHING = (API, *ROLES)
DEADLINE_S = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house_after("12", tmp_path / "home") as at:
        at.settle()
        yield at


def got(address: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def figures(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def faults(home: House, *names: str, running: list[Running] | None = None) -> dict[str, Fault]:
    return {fault.what: fault for fault in Watched(home.wired, names, running or []).faults()}


# --- the port ---------------------------------------------------------------------------------------------------------


def test_the_operator_sees_that_a_process_is_alive_and_ready_and_its_figures(home: House) -> None:
    with watched_at(home.wired.settings, EVERYTHING, Shown(Watched(home.wired, EVERYTHING, []))) as address:
        assert got(address, "/livez") == (200, b'{"alive":true}')
        status, said = got(address, "/readyz")
        assert (status, json.loads(said)) == (200, {"ready": True, "not_ready": []})
        status, text = got(address, "/metrics")
        found = figures(text)
        assert (status, found["kuty_head"][()]) == (200, home.wired.store.head())
        assert found["kuty_lag"][("relay",)] == 0
        assert found["kuty_up"] == {(name,): 1 for name in ("store", "keys", "vault", "broker", "writing", "read models")}
        assert found["kuty_disk_bytes"][("store",)] >= ledger_file(home.wired.settings).stat().st_size
        assert got(address, "/nothing") == (404, b"there are /livez, /readyz, /metrics\n")
        assert got(address, "/metrics", Host="kuty.example.org")[0] == 421


def test_nothing_of_it_is_at_the_port_of_the_api(home: House) -> None:
    nowhere = home.http.get("/no-such-page")
    for path in ("/livez", "/readyz", "/metrics", f"/ledgers/{LEDGER}/metrics", f"/ledgers/{LEDGER}/readyz"):
        answer = home.http.get(path, headers=home.headers(OWN_WORKER))
        assert (answer.status_code, answer.json()["codes"]) == (404, nowhere.json()["codes"]), path


def test_processes_beside_each_other_have_ports_of_their_own_and_are_found(tmp_path: Path) -> None:
    settings, shown = Settings(home=tmp_path), Quiet()
    with watched_at(settings, ("relay",), shown) as one, watched_at(settings, ("relay",), shown) as other:
        assert one != other
        assert {got(each, "/livez")[0] for each in (one, other)} == {200}
        # the files are what Prometheus reads: a list of groups with targets and labels, which are texts
        groups = [json.loads(file.read_text()) for file in (tmp_path / "demo" / FOLDER).glob("*.json")]
        labels = {"ledger": "demo", "roles": "relay", "machine": socket.gethostname(), "pid": str(os.getpid())}
        wanted = [[{"targets": [address], "labels": labels}] for address in sorted((one, other))]
        assert sorted(groups, key=lambda group: group[0]["targets"]) == wanted
    assert targets(settings) == []
    with pytest.raises(OSError, match="refused"):
        got(one, "/livez")


def test_what_a_killed_one_left_is_forgotten_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / FOLDER
    folder.mkdir(parents=True)
    for machine, port in ((socket.gethostname(), 9), ("elsewhere", 1)):
        labels = {"ledger": "demo", "roles": "relay", "machine": machine, "pid": str(2**22 + 1)}
        left = [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]
        (folder / f"relay-127.0.0.1-{port}.json").write_text(json.dumps(left))
    (folder / "nonsense.json").write_text("{")
    with watched_at(Settings(home=tmp_path), ("relay",), Quiet()) as address:
        assert [target.address for target in targets(Settings(home=tmp_path))] == [address]


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = Settings(home=tmp_path, watch_port=other.getsockname()[1])
        with pytest.raises(PartFailed, match=r"^cannot be watched at 127\.0\.0\.1:\d+ \(.*KUTY_WATCH_PORT\): it is taken$"):
            watched_at(settings, ("relay",), Quiet()).__enter__()


class Quiet:
    """A process of which nothing is to be said."""

    def faults(self) -> list[Fault]:
        return []

    def metrics(self) -> bytes:
        return b""


# --- what is not ready ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "method", "what", "failure", "runbook"),
    [
        ("store", "check", "store", StoreUnavailable("connection refused"), "a-database-that-does-not-answer"),
        ("vault", "check", "vault", StoreUnavailable("connection refused"), "a-database-that-does-not-answer"),
        ("models", "check", "read models", StoreUnavailable("connection refused"), "a-database-that-does-not-answer"),
        ("broker", "end_offsets", "broker", BrokerUnavailable("no answer in 15 s"), "a-broker-that-does-not-answer"),
    ],
)
def test_what_does_not_answer_is_named_with_the_reason_and_what_to_do(
    place: str, method: str, what: str, failure: Exception, runbook: str, home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise failure

    monkeypatch.setattr(getattr(home.wired, place), method, failing)
    fault = faults(home, *EVERYTHING)[what]
    assert fault.why == str(failure)
    assert fault.to_do.endswith(f"docs/runbooks/{runbook}.md")


def silent() -> tuple[int, str]:
    """What a process hears that asks a broker that does not answer what was published."""
    try:
        raise BrokerUnavailable("no answer in 15 s")
    except BrokerUnavailable as error:
        raise StoreUnavailable("before anything is written it is asked what was published: no answer in 15 s") from error


@pytest.mark.parametrize("role", [API, "intake", "clerk", "disclosure"])
@pytest.mark.parametrize(
    ("published", "runbook"),
    [(lambda: (10**6, "ab" * 32), "a-store-that-went-back"), (silent, "a-broker-that-does-not-answer")],
    ids=["went back", "silent broker"],
)
def test_whoever_would_be_refused_to_write_is_not_ready_before_anybody_tries(
    role: str, published: Callable[[], tuple[int, str]], runbook: str, home: House
) -> None:
    started = open_ledger_parts(home.wired.settings, broker=home.wired.broker)
    started.store.ask_first(published)
    [fault] = Watched(started, (role,), []).faults()
    started.close()
    assert fault.to_do.endswith(f"docs/runbooks/{runbook}.md")
    assert "published" in fault.why


def test_what_a_store_that_went_back_says_to_whoever_asks_is_said_once() -> None:
    back, dumb, other = StoreWentBack("position 7 was seen"), ConnectionError("refused"), KeysLost(["token"])
    assert said_once({"store": back, "keys": StoreWentBack("position 9 was published"), "writing": back}) == {"store": back}
    assert said_once({"keys": back, "writing": back}) == {"writing": back}
    assert said_once({"store": dumb, "keys": ConnectionError("refused"), "writing": other}) == {"store": dumb}
    assert said_once({"keys": other, "vault": dumb}) == {"keys": other, "vault": dumb}


def test_a_look_that_hangs_is_answered_by_what_to_look_after(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(type(home.wired.broker), "end_offsets", lambda *_: go_on.wait(DEADLINE_S))
    fault = faults(home, "relay")["broker"]
    go_on.set()
    assert fault.why.startswith("no answer for ")
    assert fault.to_do == BROKER.told


def test_tables_of_a_newer_program_are_not_ready(home: House) -> None:
    with closing(sqlite3.connect(ledger_file(home.wired.settings))) as tables, tables:
        tables.execute("INSERT INTO migrations VALUES (99)")
    fault = faults(home, API)["store"]
    assert "is at version 99, and this program knows versions up to" in fault.why
    assert fault.to_do.endswith("newer-tables.md")


def test_keys_that_another_master_key_wrapped_are_not_ready(home: House) -> None:
    file = home.wired.settings.home / LEDGER / "keys.db"
    with closing(sqlite3.connect(file)) as tables, tables:
        other = bytes(tables.execute("SELECT wrapped FROM named_keys WHERE name <> 'master-key-check'").fetchone()[0])
        tables.execute("UPDATE named_keys SET wrapped = ? WHERE name = 'master-key-check'", (other,))
    assert faults(home, API)["keys"].to_do.endswith("a-wrong-master-key.md")


@pytest.mark.parametrize("began", ["before", "on the copy"])
def test_keys_that_went_back_are_not_ready_in_who_saw_more_nor_in_who_begins(home: House, began: str) -> None:
    newest = home.wired.store.records(max(0, home.wired.store.head() - 50), 50)
    matter = [record.header.matter for record in newest if record.header.matter != "ledger"][-1]
    assert home.wired.store.opened_all(newest)
    with closing(sqlite3.connect(home.wired.settings.home / LEDGER / "keys.db")) as keys, keys:
        keys.execute("DELETE FROM matter_keys WHERE key_id = ?", (f"{matter}/1",))
    wired = home.wired if began == "before" else open_ledger_parts(home.wired.settings, wait_s=0, broker=home.wired.broker)
    home.wired.keys._database.close()  # as a server does that is started again
    found = {fault.what: fault for fault in Watched(wired, ("relay",), []).faults()}
    assert f"{matter}/1" in found["keys"].why
    assert found["keys"].to_do.endswith("docs/runbooks/lost-keys-or-vault.md")
    if wired is not home.wired:
        wired.close()


def test_a_store_that_went_back_is_not_ready(home: House, tmp_path: Path) -> None:
    file = ledger_file(home.wired.settings)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "earlier.db")) as copy:
        source.backup(copy)
    home.send("provider-s01", "m-1", "record_attendance.v1", b"{")
    home.settle()
    for left in file.parent.glob(f"{file.name}-*"):
        left.unlink()
    shutil.move(tmp_path / "earlier.db", file)
    assert faults(home, API)["store"].to_do.endswith("a-store-that-went-back.md")


def test_a_role_that_halted_is_not_ready_and_says_what_to_do(home: House) -> None:
    class Halting:
        name = "relay"

        def step(self) -> int:
            raise StoreBehindTopic("the topic has 9, the store 5")

    running = Running([Halting()], lambda: None).start()
    assert running.roles[0].join(DEADLINE_S)
    fault = faults(home, "relay", running=[running])["relay"]
    running.stop()
    assert fault.why == "halted: the topic has 9, the store 5"
    assert fault.to_do.endswith("a-store-that-went-back.md")


def test_what_is_parked_is_not_ready_at_the_relay_and_does_not_stop_the_api(home: House) -> None:
    topic = wire.out_topic(LEDGER, "kela-payment")
    home.wired.store.park(Parked(topic, 3, "too_large"))
    assert faults(home, API) == {}
    fault = faults(home, "relay")[f"topic {topic}"]
    assert (fault.why, fault.to_do.rpartition("/")[2]) == ("parked: too_large", "a-parked-topic.md")


def is_behind(home: House, recipient: str, position: int) -> str:
    """The relay has left a recipient's topic out since a position, and keeps that so."""
    topic = wire.out_topic(LEDGER, recipient)
    home.wired.store.place({note_of(TRACKING, topic): position + 1})
    return topic


def test_a_topic_that_is_left_out_is_not_ready_at_the_relay_and_does_not_stop_the_api(home: House) -> None:
    topic = is_behind(home, "kela-payment", 3)
    assert faults(home, API) == {}
    fault = faults(home, "relay")[f"topic {topic}"]
    assert fault.why == "does not answer, or is being filled: it has what was told up to position 3"
    assert fault.to_do.endswith("a-broker-that-does-not-answer.md")
    # one that is parked, too, is said to be that
    home.wired.store.park(Parked(topic, 4, "too_large"))
    time.sleep(1.0)  # for so long a look is fresh
    assert faults(home, "relay")[f"topic {topic}"].why == "parked: too_large"


def test_a_recipient_that_stands_still_is_not_ready_at_the_projector(home: House) -> None:
    home.wired.broker.delete_topics([wire.out_topic(LEDGER, "kela-payment")])
    while not any(standing.halted for standing in home.wired.projector.standings()):
        home.wired.projector.step()
    running = Running([home.wired.projector], lambda: None)  # not begun: as it stands
    fault = faults(home, "projector", running=[running])["recipient kela-payment"]
    assert fault.why.startswith("stands still: topic kuty.house.out.kela-payment.v1")
    assert fault.to_do.endswith("a-topic-made-again.md")


def test_a_recipient_whose_model_fails_is_not_ready_at_the_projector_and_stops_neither_health_nor_clock(
    home: House, tmp_path: Path
) -> None:
    wired, topic = home.wired, wire.out_topic(LEDGER, "county")
    spoil(tmp_path, "county")
    # given that the projector is started, and nothing is noted of where the model stood
    wired.store.place({place_of(topic): 0})
    projector = Projector(wired.broker, LEDGER, wired.models, wired.recipients, wait=0.0, explain=told_of_line)
    projector.step()
    running = Running([projector], lambda: None)  # not begun: as it stands
    fault = faults(home, "projector", running=[running])["recipient county"]
    assert fault.why.startswith("stands still: its read model cannot be opened: ")
    assert fault.to_do.endswith("a-read-model-that-fails.md")
    found = figures(text_of(Figured(Watched(wired, EVERYTHING, [running]))))
    assert found["kuty_recipient_halted"] == {("county",): 1}
    assert found["kuty_recipient_lag"][("county", "projector")] > 0
    # then it is behind by what was noted, and whoever asks how far all are gets an answer
    assert home.http.get(f"/ledgers/{LEDGER}/health", headers=home.headers(OWN_WORKER)).status_code == 200
    assert (wired.lag()["projector"] > 0, wired.lagging()) == (True, [])
    projector.close()


def spoil(tmp_path: Path, short_name: str) -> None:
    """Somebody changes the tables of a recipient's model."""
    file = tmp_path / "home" / LEDGER / "models" / LEDGER / f"{short_name}.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE feed RENAME COLUMN next_offset TO another")


def test_a_recipient_that_has_waited_for_long_is_not_ready_at_the_projector(home: House) -> None:
    standing = Standing("kela-payment", 5, 9, "", 0, False, OPENED_AT, waits_for=6)

    class Waiting(Projector):
        def standings(self) -> list[Standing]:
            return [standing]

    projector = Waiting(home.wired.broker, LEDGER, home.wired.models, list, wait=0.0)
    fault = faults(home, "projector", running=[Running([projector], lambda: None)])["recipient kela-payment"]
    projector.close()
    assert (fault.why, fault.to_do) == ("waits for sequence 6, which is missing", GAP.told)


def test_one_look_that_hangs_delays_nobody_and_is_begun_once() -> None:
    go_on, begun = threading.Event(), []

    def hanging() -> None:
        begun.append(1)
        go_on.wait(DEADLINE_S)

    looks = {"slow": Look("slow", hanging), "quick": Look("quick", lambda: 7)}
    for _ in range(3):
        before = time.monotonic()
        looked = look_at(looks, 0.05)
        assert time.monotonic() - before < DEADLINE_S / 2
        assert looked.values == {"quick": 7}
        assert isinstance(looked.failures["slow"], NoAnswer)
    go_on.set()
    assert begun == [1]


# --- figures ----------------------------------------------------------------------------------------------------------


def test_what_was_answered_is_counted_by_status_and_refused_by_code(home: House) -> None:
    def counted() -> dict[str, dict[tuple[str, ...], float]]:
        return figures(text_of(Figured(Watched(home.wired, EVERYTHING, []))))

    before = counted()
    refused = home.post(f"/clients/{home.name('county')}/closed-cases", OWN_WORKER, {})
    assert refused.status_code == 422
    home.send("provider-s01", "m-1", "record_attendance.v1", b"{")
    home.settle()
    after = counted()

    def more(name: str, *labels: str) -> float:
        return after[name].get(labels, 0) - before.get(name, {}).get(labels, 0)

    assert more("kuty_answers_total", "refused") >= 1
    assert more("kuty_answers_total", "quarantined") + more("kuty_answers_total", "refused") >= 2
    assert more("kuty_command_seconds_count") >= 2
    assert more("kuty_commit_seconds_count") >= 1
    assert sum(after["kuty_refusals_total"].values()) > sum(before.get("kuty_refusals_total", {(): 0}).values())


def test_what_waits_is_parked_or_has_halted_is_counted(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the alarms of the same names go by."""
    wired, whose = home.wired, home.name("county").encode()
    running = Running(wired.roles(), wired.wait)  # not begun: as it stands
    plain = ("kuty_held", "kuty_parked_topics", "kuty_topics_behind", "kuty_clients_parked", "kuty_recipients_halted")
    named = ("kuty_recipient_clients_parked", "kuty_recipient_halted", "kuty_role_halted")

    def counted() -> dict[str, float]:
        found = figures(text_of(Figured(Watched(wired, EVERYTHING, [running]))))
        of_all = {name: found[name][()] for name in plain}
        of_each = {f"{name} {whose}": value for name in named for (whose,), value in found.get(name, {}).items()}
        return {name: value for name, value in {**of_all, **of_each}.items() if value}

    assert counted() == {}
    # given two messages about somebody who is not known yet
    for number in range(2):
        home.send("authority", f"w-{number}", "change_benefit_status.v1", {"identity_code": UNKNOWN_CODE, **BENEFIT})
    home.settle()
    there = {"kuty_held": 2.0}
    assert counted() == there
    # and a client whose records the county's model cannot digest
    read = Digest.read

    def spoilt(digest: Digest, sequence: int, headers: Mapping[str, bytes], *given: Any) -> Digested:
        if headers.get("ce_subject") == whose:
            raise Undigestible("newer than this software")
        return read(digest, sequence, headers, *given)

    monkeypatch.setattr(Digest, "read", spoilt)
    service = {"service": "other", "service_note": "some", "told_by": "client"}
    assert home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, service).status_code == 201
    home.settle()
    there |= {"kuty_clients_parked": 1, "kuty_recipient_clients_parked county": 1}
    assert counted() == there
    # and a recipient whose topic is another one
    wired.broker.delete_topics([wire.out_topic(LEDGER, "kela-payment")])
    while not any(standing.halted for standing in wired.projector.standings()):
        wired.projector.step()
    there |= {"kuty_recipients_halted": 1, "kuty_recipient_halted kela-payment": 1}
    assert counted() == there
    # and two topics whose next record the broker refuses
    for name in ("te-office", "provider-s01"):
        wired.store.park(Parked(wire.out_topic(LEDGER, name), 3, "too_large"))
    there |= {"kuty_parked_topics": 2}
    assert counted() == there
    # and a topic that is left out, whose recipient lacks what was told since
    is_behind(home, "county", 3)
    is_behind(home, "provider-s01", 3)  # and one that is parked, too
    there |= {"kuty_topics_behind": 1}
    assert counted() == there
    found = figures(text_of(Figured(Watched(wired, EVERYTHING, [running]))))
    assert found["kuty_recipient_lag"]["county", "relay"] == wired.store.head() - 3
    # and a role that has halted
    running.roles[1].halted = "bytes do not add up"
    assert counted() == {**there, f"kuty_role_halted {running.roles[1].role.name}": 1}


def test_times_are_counted_in_classes_that_add_up() -> None:
    times = Times("some_seconds", "Some.", ["role"])
    for seconds in (0.0005, 0.001, 0.0011, 59.0, 61.0):
        times.took(seconds, "relay")
    [(labels, (classes, total))] = times.measured().items()
    assert (labels, sum(classes), round(total, 4)) == (("relay",), 5, 120.0026)
    assert (classes[0], classes[1], classes[len(BOUNDS_S) - 1], classes[-1]) == (2, 1, 1, 1)


def test_totals_are_counted_by_many_threads_at_once() -> None:
    total = Total("some", "Some.", ["code"])
    threads = [threading.Thread(target=lambda: [total.add("E_X") for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total.counted() == {("E_X",): 8000}


def test_who_comes_as_far_as_the_end_was_is_no_longer_late() -> None:
    moment = [100.0]
    late = Lateness(lambda: moment[0])
    assert late.seconds("relay", 5, 5) == 0
    assert late.seconds("relay", 5, 8) == 0  # seen waiting for the first time
    moment[0] += 30
    assert late.seconds("relay", 7, 12) == 30  # 8 is not reached
    moment[0] += 30
    assert late.seconds("relay", 8, 12) == 0  # 8 is; since when 12 waits was seen now
    moment[0] += 5
    assert late.seconds("relay", 9, 12) == 5
    assert late.seconds("relay", 12, 12) == 0


class Crowded(Watched):
    """A process with so many recipients, every third of whom is behind, and every tenth stands still."""

    def __init__(self, home: House, count: int) -> None:
        super().__init__(home.wired, EVERYTHING, [])
        names = [f"provider-{number:04}" for number in range(count)]
        places = {name: number % 3 * number for number, name in enumerate(names)}
        standings = [
            Standing(name, 0, places[name], "gap: sequence 6 of epoch 1 is missing" * (n % 10 == 0), n % 7, False, OPENED_AT)
            for n, name in enumerate(names)
        ]
        some = {"projector": places}
        self._looked = Looked({"figures": Figures(1, some, {"projector": dict.fromkeys(names, 1.0)}, standings)}, {})

    def look(self) -> Looked:
        return self._looked


def test_what_a_ledger_slept_is_no_silence(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last records are of long ago when a process starts again, and the first heartbeats come after a moment."""
    moment = [OPENED_AT + timedelta(days=30)]
    monkeypatch.setattr(Watched, "broker_time", lambda _: moment[0])
    figured = Figured(Crowded(home, 3))
    assert figures(text_of(figured))["kuty_heartbeat_age_seconds"][()] == 0
    moment[0] += timedelta(seconds=400)
    assert figures(text_of(figured))["kuty_heartbeat_age_seconds"][()] == 400


def test_a_thousand_recipients_cost_no_more_than_a_scrape_may(home: House) -> None:
    figured = Figured(Crowded(home, 1000))
    text_of(figured)
    spent = []
    for _ in range(5):
        before = time.thread_time()
        text = text_of(figured)
        spent.append(time.thread_time() - before)
    assert min(spent) < 0.050
    found = figures(text)
    assert len(found["kuty_recipient_lag"]) == len(found["kuty_recipient_lag_seconds"]) == MOST_RECIPIENTS
    assert len(found["kuty_recipient_halted"]) == MOST_RECIPIENTS
    # the worst by name, and all in the sums
    assert found["kuty_recipient_lag"][("provider-0998", "projector")] == 1996
    assert found["kuty_lag"][("projector",)] == sum(number % 3 * number for number in range(1000))
    assert found["kuty_recipients_halted"][()] == 100


def test_labels_are_few_and_of_our_own_making(home: House) -> None:
    text = text_of(Figured(Crowded(home, 1000))).decode()
    labels = {name for line in text.splitlines() if line[0] != "#" for name in re.findall(r'[{,]([a-z_]+)="', line)}
    assert labels <= {"role", "recipient", "status", "code", "topic", "what", "place", "le"}
    assert len([line for line in text.splitlines() if line[0] != "#"]) < 600


# --- alarms -----------------------------------------------------------------------------------------------------------

ALARMS = ROOT / "deploy" / "watching" / "alarms.yaml"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALARMS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alarm_speaks_of_figures_that_there_are(home: House) -> None:
    known = {family.name for family in Figured(Crowded(home, 20)).collect()} | {"up", "kuty_restarts"}
    for rule in rules():
        named = set(re.findall(r"\bkuty_[a-z_]+|\bup\b", rule["expr"]))
        plain = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
        assert named, rule["alert"]
        assert plain <= known, rule["alert"]


def test_a_role_that_no_process_serves_any_more_is_missed() -> None:
    """A process that ends by itself takes its target along: its figures are gone then, and never 0."""
    [rule] = [rule for rule in rules() if rule["alert"] == "KutyRoleGone"]
    missed = re.findall(r'absent\(kuty_serves\{role="([a-z]+)"\}\)', rule["expr"])
    assert sorted(missed) == sorted((API, PROVISIONER, *ROLES))
    assert re.sub(r"absent\([^()]*\)| or |\s", "", rule["expr"]) == ""


def test_every_alarm_says_what_to_do() -> None:
    for rule in rules():
        said = rule["annotations"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        [page] = re.findall(r"docs/(?:runbooks|how-to)/[a-z-]+\.md", said["runbook"])
        assert (ROOT / page).exists()
        assert said["summary"]
