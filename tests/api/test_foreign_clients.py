"""Somebody whom the caller may not know, and nobody: every command, message and question answers the same of both.

The lists are those of the catalogue, of the kinds of recipients and of the routes: who adds to them is tested with them.
source: design D22, domain/pathway.md 4.9
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AINO, CODE, LEDGER, UNKNOWN_CODE, House
from stories import (
    EXPERT,
    INSTRUCTOR,
    KELA,
    MEMBERS,
    OPERATOR,
    OWN_WORKER,
    PAYER,
    STRANGER,
    last,
)
from two_houses import BEA, BEA_CODE, NEIGHBOUR, act, alike, example, two_houses

from domain.chapters.cases.decisions import CloseCase
from domain.chapters.ledgers.decisions import AdvanceClock
from domain.context import Caller
from domain.message_schemas import body_schema, message_schema
from domain.messages import message_types
from domain.rulebook import COMMANDS
from domain.store.deciding import known
from projections.kinds import Kind, kinds

ROW = "14"
TOLD_OF_AINO = {"authority", "authority-referrer", "kela-payment", "provider-s01"}
SHORT_NAMES = [name for _, _, tasks, _ in MEMBERS for name in tasks.values() if name != "county"] + ["neighbour"]
NOBODY = "e" * 32


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    with two_houses(ROW, tmp_path_factory.mktemp("houses")) as both:
        yield both


@pytest.fixture(scope="module")
def home(houses: tuple[House, House]) -> House:
    return houses[0]


def foreign_to(short_name: str) -> tuple[str, str]:
    """A client of whom the recipient was never told, and his identity code."""
    return (BEA, BEA_CODE) if short_name in TOLD_OF_AINO else (AINO, CODE)


def kind_of(home: House, short_name: str) -> Kind:
    return kinds().of(home.wired.store.directory.recipients[short_name])


def callers(home: House, short_name: str) -> list[Caller]:
    recipient = home.wired.store.directory.recipients[short_name]
    return [Caller(recipient.org, recipient.task, role, "X-01") for role in (*kind_of(home, short_name).roles, "system")]


def parts(home: House, short_name: str, client: str) -> Mapping[str, str]:
    """The recipient's own names, as it would have them had it been told, for what there is of the client."""
    pathway, found = home.wired.store.pathway(client), {}
    for field in ("plan", "period", "placement", "case", "referral", "assessment", "notification", "decision"):
        held = getattr(pathway, {"notification": "notices"}.get(field, f"{field}s"), {})
        if held:
            found[f"{field}_id"] = home.name(short_name, last(held))
    return found


def own_ways(home: House, short_name: str) -> list[str]:
    """Names for a client: of a foreign one, of none, another agency's, of no form at all; all of one length."""
    client, _ = foreign_to(short_name)
    name = home.name(short_name, client)
    return [name, home.name(short_name, NOBODY), home.name("county", client), "x" * len(name)]


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_a_command_about_somebody_foreign_is_answered_as_one_about_nobody(short_name: str, home: House) -> None:
    head, client = home.wired.store.head(), foreign_to(short_name)[0]
    commands = [kind for kind in COMMANDS.values() if kind.target == "client"]
    for number, kind in enumerate(commands):
        body = example(body_schema(kind), parts(home, short_name, client))
        for by in callers(home, short_name):
            # the name matters in the same way whatever is asked: every way to give one is tried on the first command
            names = own_ways(home, short_name)[: None if number == 0 else 2]
            for headers in ({}, {"if-match": "*"}, {"idempotency-key": ""})[: None if number == 0 else 1]:
                given = [(name, home.post(f"/clients/{name}/{kind.path}", by, body, **headers)) for name in names]
                assert {answer.status_code for _, answer in given} == {404}, (kind.name, by)
                assert alike([(name, answer.content) for name, answer in given]), (kind.name, by)
                assert alike([(name, repr(answer.headers).encode()) for name, answer in given]), (kind.name, by)
    assert home.wired.store.head() == head


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_a_message_about_somebody_foreign_is_answered_as_one_about_nobody(
    short_name: str, houses: tuple[House, House]
) -> None:
    # given the same messages in two copies of a ledger: about somebody foreign in the one, about nobody in the other
    client, code = foreign_to(short_name)
    by = callers(houses[0], short_name)[-1]
    ways = [({"client": foreign}, {"client": nobody}) for foreign in own_ways(houses[0], short_name)[::2]
            for nobody in own_ways(houses[0], short_name)[1::2]]  # fmt: skip
    ways.append(({"identity_code": code}, {"identity_code": UNKNOWN_CODE}))
    before = houses[0].wired.store.stream_version(client)
    for type_name, kind in message_types(kind_of(houses[0], short_name)).items():
        body = example(message_schema(type_name, kind), parts(houses[0], short_name, client))
        for number, named in enumerate(ways):
            if kind.of_anybody and "identity_code" in named[0]:
                continue
            for dry_run, bad in ((True, {}), (False, {}), (True, {"nonsense": 1}), (False, {"nonsense": 1})):
                key = f"{short_name}-{type_name}-{number}-{len(bad)}"
                # when they are sent
                answers = [
                    say(house, by, key, type_name, meant(body, about) | bad, dry_run=dry_run)
                    for house, about in zip(houses, named, strict=True)
                ]
                # then the answers have the same bytes, tokens and numbers included
                assert answers[0].content == answers[1].content, (type_name, named, answers[0].text, answers[1].text)
                assert answers[0].status_code == answers[1].status_code
                assert answers[0].headers == answers[1].headers, (type_name, named)
    receipts = [house.get("/receipts", by, limit=500).content for house in houses]
    assert receipts[0] == receipts[1]
    # and nothing has happened to him
    assert houses[0].wired.store.stream_version(client) == before


def say(home: House, by: Caller, key: str, type_name: str, body: Any, *, dry_run: bool = False) -> Any:
    """A message of the caller's own recipient, over HTTP."""
    recipient = home.wired.store.directory.recipient(by.org, by.task)
    assert recipient is not None
    path = f"/in/{recipient.short_name}" + ("?dry_run=true" if dry_run else "")
    return home.post(path, by, body, **{"ce-id": key, "ce-type": type_name})


def meant(body: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    """The body about the client named so; of a group's message each entry."""
    said = {name: value for name, value in body.items() if name not in ("client", "identity_code")}
    if "entries" in said:
        return {**said, "entries": [meant(entry, named) for entry in said["entries"]]}
    return {**said, **named}


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_a_question_about_somebody_foreign_is_answered_as_one_about_nobody(short_name: str, home: House) -> None:
    paths = home.paths
    about_a_client = [path for path, methods in paths.items() if "{client}" in path and "get" in methods]
    assert len(about_a_client) > 5
    uses = home.wired.vault.uses(foreign_to(short_name)[0])
    for path in about_a_client:
        for by in callers(home, short_name):
            answers = []
            for name in own_ways(home, short_name):
                address = path.replace("{ledger}", LEDGER).replace("{client}", name).replace("{recipient}", short_name)
                answer = home.http.get(address, headers=home.headers(by))
                # An ETag is a hash of the content, in which the name stands: it tells no more than the content does.
                tag = base64.urlsafe_b64encode(hashlib.sha256(answer.content).digest())[:22].decode()
                assert answer.headers.pop("etag", f'"{tag}"') == f'"{tag}"'
                answers.append((name, answer.content + repr(answer.headers).encode() + bytes([answer.status_code // 100])))
            assert alike(answers), (path, by)
    assert home.wired.vault.uses(foreign_to(short_name)[0]) == uses


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_a_name_for_somebody_foreign_is_not_given(short_name: str, home: House) -> None:
    for by in callers(home, short_name):
        codes = (foreign_to(short_name)[1], UNKNOWN_CODE)
        answers = [home.post("/client-references", by, {"identity_code": code}, key="same") for code in codes]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert answers[0].headers == answers[1].headers


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_whether_a_person_is_registered_is_told_to_no_agency(short_name: str, houses: tuple[House, House]) -> None:
    """domain/pathway.md 4.4 row 63: the county registers; its answer to everybody else is the same, known or not."""
    for by in callers(houses[0], short_name):
        answers = []
        for house, code in zip(houses, (foreign_to(short_name)[1], UNKNOWN_CODE), strict=True):
            body = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": code}
            said = [body | more for more in ({}, {"family_name": "Toinen"}, {"nonsense": 1, "phone": "x"})]
            sent = [house.post("/clients", by, one, key=f"{by.role}-{number}") for number, one in enumerate(said)]
            answers.append([(one.status_code, one.content, one.headers) for one in sent])
        assert answers[0] == answers[1]
        assert {status for status, _, _ in answers[0]} == {409}
    assert houses[1].wired.vault.find(UNKNOWN_CODE) is None


def test_a_client_does_not_name_what_the_countys_workers_sent(houses: tuple[House, House]) -> None:
    """4.9: a client acts through the county's door, under keys of his own; whose the others are he cannot ask."""
    home = houses[0]
    beside = {"service": "other", "service_note": "rowing", "told_by": "client"}
    sent = home.post(f"/clients/{home.name('county', BEA)}/parallel-services", OWN_WORKER, beside, "of-a-worker")
    assert sent.status_code == 201, sent.text
    aino = Caller(OWN_WORKER.org, "organiser", "client", AINO)
    answers = []
    for key in ("of-a-worker", "of-no-worker"):
        body = {"target_event_id": f"message:{key}", "correction_reason": "wrong_entry", "new_values": {}}
        answers.append(home.post(f"/clients/{home.name('county')}/corrections", aino, body, "own-key-" + key[3:4]))
    told = [(one.status_code, one.content.replace(b"own-key-a", b"-").replace(b"own-key-n", b"-")) for one in answers]
    assert told[0] == told[1]


TOLD = [("authority", EXPERT), ("kela-payment", PAYER), ("provider-s01", INSTRUCTOR)]


@pytest.mark.parametrize(("short_name", "by"), TOLD)
def test_who_was_told_of_a_client_gets_his_name(short_name: str, by: Caller, home: House) -> None:
    answer = home.post("/client-references", by, {"identity_code": CODE})
    assert (answer.status_code, answer.json()["client"]) == (200, home.name(short_name, AINO))


def test_over_kafka_both_wait_and_both_run_out(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as houses:
        body = {"benefit": "labour_market_subsidy", "payer_org_id": KELA, "from_on": "2025-03-01"}
        lines = []
        for house, code, name in ((houses[0], BEA_CODE, BEA), (houses[1], UNKNOWN_CODE, NOBODY)):
            # when an authority speaks of somebody, by the code and by a name
            house.send("neighbour", "by-code", "change_benefit_status.v1", {"identity_code": code, **body})
            pseudonym = house.name("neighbour", name)
            house.send("neighbour", "by-name", "change_benefit_status.v1", {"client": pseudonym, **body})
            house.settle()
            # and a week goes by
            house.execute(AdvanceClock(to_at=house.wired.store.now() + timedelta(days=7)), OPERATOR)
            house.settle()
            lines.append(house.receipts("neighbour"))
        # then the receipts are the same
        assert lines[0] == lines[1]
        said = [(r["message_id"], r["status"], [code["code"] for code in r.get("codes", ())]) for r in lines[0]]
        assert said == [
            ("by-code", "waiting", []),
            ("by-name", "refused", ["E_UNKNOWN_REFERENCE"]),
            ("by-code", "refused", ["E_WAITING_EXPIRED"]),
        ]
        # and the search for somebody foreign is in the log, once
        assert [use.what for use in houses[0].wired.vault.uses(BEA) if use.org == NEIGHBOUR] == ["search"]


def test_a_referral_of_anybody_is_answered_the_same(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as houses:
        body = {"source": "specialised_health_care", "legal_basis": "LB-SHL-35", "identity_named": ["identity_code"]}
        by = Caller(house_org(houses[0], "hospital"), "referrer", "system", "X-01")
        answers: list[list[tuple[int, Any, dict[str, str]]]] = [[], []]
        for place, (house, code) in enumerate(zip(houses, (CODE, UNKNOWN_CODE), strict=True)):
            for dry_run in (True, False, False, True):
                said = {"identity_code": code, **body}
                sent = say(house, by, "r-1", "submit_referral.v1", said, dry_run=dry_run)
                answers[place].append((sent.status_code, without_references(sent.json()), dict(sent.headers)))
            house.settle()
            answers[place].append((0, [without_references(receipt) for receipt in house.receipts("hospital")], {}))
        assert answers[0][:4] == answers[1][:4]
        assert answers[0] == answers[1]
        assert [status for status, _, _ in answers[0]] == [201, 201, 200, 200, 0]


def test_a_referral_is_given_back_without_a_name_that_it_did_not_hold(tmp_path: Path) -> None:
    """4.9: it may name anybody, so neither a name is had by it, nor whether the person is registered."""
    with two_houses(ROW, tmp_path) as houses:
        named = ["family_name", "given_names", "identity_code", "temporary_identifier"]
        body = {"source": "specialised_health_care", "legal_basis": "LB-SHL-35", "identity_named": named}
        by = Caller(house_org(houses[0], "hospital"), "referrer", "system", "X-01")
        shown: list[list[Any]] = [[], []]
        for place, (house, code) in enumerate(zip(houses, (CODE, UNKNOWN_CODE), strict=True)):
            assert say(house, by, "r-1", "submit_referral.v1", {"identity_code": code, **body}).status_code == 201
            house.settle()
            echo = house.get("/out/hospital", by, wait=0).json()["publications"][-1]
            mended = {"target_event_id": echo["headers"]["ce_id"], "correction_reason": "supplemented"}
            mended |= {"client": echo["headers"]["ce_subject"], "new_values": {"long_term_unemployment": True}}
            assert say(house, by, "r-2", "correct_fact.v1", mended).status_code == 201
            house.settle()
            for told in house.get("/out/hospital", by, wait=0).json()["publications"]:
                block = dict(told["value"].get("client", {}))
                block["identity_code"] = block.get("identity_code") == code
                shown[place].append((told["headers"]["ce_type"], block))
        assert shown[0] == shown[1]
        assert ("referral.submitted.v1", {"identity_code": True}) in shown[0]


def house_org(home: House, short_name: str) -> str:
    return home.wired.store.directory.recipients[short_name].org


def without_references(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """The receipt with its parts' names, which are new by nature, taken out."""
    return {name: sorted(value) if name == "references" else value for name, value in receipt.items()}


def test_a_provider_cannot_read_a_cases_opening_and_closing_from_two_refusals(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as (home, _):
        # given a case that was opened and closed while nobody but the county was told of it
        act(home, CloseCase(closing_code="no_need"), OWN_WORKER)
        home.settle()
        # when a provider asks day by day
        day, told = home.wired.store.today() - timedelta(days=40), set()
        for n in range(45):
            body = {"client": home.name("provider-s02", BEA), "occurred_on": (day + timedelta(days=n)).isoformat(),
                    "followup_kind": "regular_follow_up", "parties_present": ["client"]}  # fmt: skip
            told.add(say(home, STRANGER, "d", "hold_follow_up.v1", body, dry_run=True).content)
        # then every day is answered the same
        assert len(told) == 1
        assert orjson.loads(told.pop())["codes"][0]["code"] == "E_UNKNOWN_REFERENCE"


# --- What an answer takes ---------------------------------------------------------------------------------------------


@contextmanager
def counted(home: House) -> Iterator[Counter[str]]:
    """What is asked of the feed's tables and of the vault's meanwhile. The register is taken for fresh throughout."""
    counts: Counter[str] = Counter()

    def count(target: Any, name: str) -> None:
        asked = getattr(target, name)

        def asking(*args: Any, **more: Any) -> Any:
            counts[f"{type(target).__name__}.{name}"] += 1
            return asked(*args, **more)

        patch.setattr(target, name, asking)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "RECENT_S", 3600.0)
        patch.setattr(known, "RECENT_PATHWAY_S", 0.0)
        for name in ("begin", "rows", "stream_rows", "matter_rows", "head", "last", "stream_version", "answers_to"):
            count(home.wired.store._recorder, name)
        for name in ("read", "write"):
            count(home.wired.vault._database, name)
        yield counts


@pytest.mark.parametrize("short_name", SHORT_NAMES)
def test_an_answer_about_somebody_foreign_takes_what_one_about_nobody_takes(short_name: str, home: House) -> None:
    """design D22: as many questions to the tables of the feed and of the vault, whoever is named, and however."""
    client, code = foreign_to(short_name)
    by = callers(home, short_name)[-1]
    recipient = home.wired.store.directory.recipients[short_name]
    names = [home.name(short_name, reference) for reference in (client, NOBODY)]
    types = message_types(kind_of(home, short_name))
    kind = next((kind for kind in types.values() if kind.target == "client"), COMMANDS["correct_fact"])
    said = [{"client": name} for name in names], [{"identity_code": one} for one in (code, UNKNOWN_CODE)]

    def message(number: int, named: Mapping[str, str]) -> Any:
        type_name = next(iter(types))
        body = example(message_schema(type_name, types[type_name]), parts(home, short_name, client))
        return say(home, by, f"count-{short_name}-{number}", type_name, meant(body, named), dry_run=True)

    ways: list[Callable[[int], Any]] = [
        lambda n: home.post(f"/clients/{names[n]}/{kind.path}", by, {}),
        lambda n: home.get(f"/recipients/{short_name}/clients/{names[n]}/case", by),
        lambda n: home.post("/client-references", by, said[1][n]),
    ]
    if types:
        ways += [lambda n: message(n, said[0][n]), lambda n: message(n, said[1][n])]
    assert recipient.short_name == short_name
    for place, ask in enumerate(ways):
        took = []
        for n in (0, 1, 0, 1):
            with counted(home) as counts:
                ask(n)
            took.append(dict(counts))
        assert took[2] == took[3], (place, took)


def test_a_referral_of_somebody_known_takes_what_one_of_nobody_takes(tmp_path: Path) -> None:
    with two_houses(ROW, tmp_path) as houses:
        body = {"source": "specialised_health_care", "legal_basis": "LB-SHL-35", "identity_named": ["identity_code"]}
        by = Caller(house_org(houses[0], "hospital"), "referrer", "system", "X-01")
        took = []
        for house, code in zip(houses, (CODE, UNKNOWN_CODE), strict=True):
            for dry_run in (True, False):
                with counted(house) as counts:
                    say(house, by, f"r-{dry_run}", "submit_referral.v1", {"identity_code": code, **body}, dry_run=dry_run)
                took.append(dict(counts))
        assert took[:2] == took[2:]
