"""Every route: nobody, the wrong agency, the right one. Who may not know gets the answer of what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from house import CODE, ISSUER, LEDGER, UNKNOWN_CODE, WITHOUT_ROUTE, House, house, house_after
from stories import (
    ASSISTANCE,
    CLIENT,
    CONTRACTS,
    EXPERT,
    FUND,
    FUND_CLERK,
    INSTRUCTOR,
    INTAKE,
    KELA,
    OPERATOR,
    OWN_WORKER,
    PAYER,
    REFERRER,
    STRANGER,
    last,
)

from api.caller import AUDIENCE, DEVELOPMENT_ISSUER, Claims
from consumers.log import BrokerUnavailable
from domain.context import Caller
from domain.directory import Recipient
from domain.rulebook import COMMANDS
from domain.store import StoreUnavailable
from projections.kinds import Kind, kinds

RECIPIENTS = {
    "county": OWN_WORKER,
    "authority": EXPERT,
    "authority-referrer": REFERRER,
    "kela-payment": PAYER,
    "provider-s01": INSTRUCTOR,
}
OPEN = ("/dev/people", "/dev/tokens", "/asyncapi", "/asyncapi/{name}.yaml", "/schemas", "/schemas/{type}.json",
        "/schemas/messages/{type}.json", "/schemas/events/{type}.json",
        "/schemas/publications/{kind}/{type}.json")  # fmt: skip
"""Routes that need no token: where one gets one, and what there is to know before."""

SCHEMAS = "/schemas"
"""So are they below this one: a validator asks for a schema without knowing whose."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("lived")) as home:
        home.until("14")
        home.settle()
        yield home


def all_routes(home: House) -> Iterator[tuple[str, str]]:
    for path, methods in home.paths.items():
        for method in methods:
            yield method.upper(), path


def filled(home: House, path: str, short_name: str = "county") -> str:
    for name, value in (
        ("ledger", LEDGER),
        ("client", home.name(short_name)),
        ("recipient", short_name),
        ("name", "x"),
    ):
        path = path.replace(f"{{{name}}}", value)
    return path


def test_nobody_gets_anything(lived: House) -> None:
    seen = 0
    for method, path in all_routes(lived):
        if path in OPEN or path.startswith(SCHEMAS):
            continue
        answer = lived.http.request(method, filled(lived, path), content=b"{}")
        assert answer.status_code == 401, (method, path)
        assert answer.json()["codes"][0]["code"] == "E_UNAUTHENTICATED"
        assert answer.headers["www-authenticate"] == "Bearer"
        seen += 1
    assert seen > 50


def test_a_token_is_good_for_its_own_ledger_alone(lived: House) -> None:
    claims = Claims(ledger="other", org=OWN_WORKER.org, task="organiser", role="own_worker", person="W-01")
    headers = {"authorization": f"Bearer {ISSUER.token(claims)}", "content-type": "application/json"}
    for method, path in all_routes(lived):
        if path in OPEN or path.startswith(SCHEMAS):
            continue
        answer = lived.http.request(method, filled(lived, path), content=b"{}", headers=headers)
        assert answer.status_code == 404, (method, path)
        missing = lived.http.request(method, filled(lived, path).replace(LEDGER, "other"), content=b"{}", headers=headers)
        assert missing.status_code == 404


def kind_of(by: Caller) -> Kind:
    return kinds().of(Recipient("any", by.org, by.task, date(2025, 1, 1)))


def questions() -> Iterator[tuple[str, str, frozenset[str]]]:
    for short_name, by in RECIPIENTS.items():
        for question in kind_of(by).questions:
            yield short_name, question.id, question.who


def path_of(short_name: str, question_id: str) -> str:
    return kind_of(RECIPIENTS[short_name]).question(question_id).path


@pytest.mark.parametrize(("short_name", "question_id", "who"), [*questions()])
def test_a_question_is_answered_to_the_right_agency_alone(
    short_name: str, question_id: str, who: frozenset[str], lived: House
) -> None:
    path = f"/recipients/{short_name}/" + filled(lived, path_of(short_name, question_id), short_name)
    query = {"period_from_on": "2025-03-01", "period_until_on": "2025-03-31", "site": "S-01", "since": "2025-03-10"}
    wanted = kind_of(RECIPIENTS[short_name]).question(question_id).parameters.model_fields
    query = {name: value for name, value in query.items() if name in wanted}
    by = RECIPIENTS[short_name]
    right = lived.get(path, Caller(by.org, by.task, next(role for role in sorted(who)), by.person), **query)
    assert right.status_code == 200, right.text
    assert right.json()["question"] == question_id
    assert right.json()["freshness"]["sequence"] > 0
    missing = lived.get("/recipients/nobody/case", by).content
    for other in [*RECIPIENTS.values(), ASSISTANCE, STRANGER, CLIENT, OPERATOR]:
        if (other.org, other.task) == (by.org, by.task) and other.role in who:
            continue
        if other.role == "client":
            other = Caller(other.org, other.task, "client", lived.aino)
        wrong = lived.get(path, other, **query)
        assert wrong.status_code == 404, (other, wrong.text)
        assert wrong.content == missing
        assert b"Esimerkki" not in wrong.content


@pytest.mark.parametrize("name", sorted({k.name for k in COMMANDS.values() if k.target == "client"} - WITHOUT_ROUTE))
def test_a_command_about_a_client_needs_the_callers_own_name_and_role(name: str, lived: House) -> None:
    kind = COMMANDS[name]
    before = lived.wired.store.stream_version(lived.aino)
    own = lived.post(f"/clients/{lived.name('provider-s01')}/{kind.path}", INSTRUCTOR, {})
    assert own.status_code in (409, 422)
    for name_given in (lived.name("provider-s02"), lived.name("county"), "nobody"):
        foreign = lived.post(f"/clients/{name_given}/{kind.path}", STRANGER, {})
        assert (foreign.status_code, foreign.json()["codes"][0]["code"]) == (404, "E_NOT_FOUND")
    raw = lived.post(f"/clients/{lived.aino}/{kind.path}", OWN_WORKER, {})
    assert (raw.status_code, raw.json()["codes"][0]["code"]) == (404, "E_NOT_FOUND")
    assert lived.wired.store.stream_version(lived.aino) == before


@pytest.mark.parametrize("name", [k.name for k in COMMANDS.values() if k.target == "directory"])
def test_the_register_is_the_contract_managers_and_the_rule_keepers(name: str, lived: House) -> None:
    kind = COMMANDS[name]
    head = lived.wired.store.directory.version
    for by in (OWN_WORKER, EXPERT, INSTRUCTOR):
        assert lived.post(f"/{kind.path}", by, {}).status_code in (409, 422)
    assert lived.post(f"/{kind.path}", CONTRACTS, {}).status_code in (409, 422)
    assert lived.wired.store.directory.version == head


def test_a_client_acts_for_itself_alone(lived: House) -> None:
    answer = lived.post("/clients", INTAKE, {"identity_kind": "none", "registered_from": "own_contact"})
    other = answer.json()["references"]["client"]
    body = {"plan_id": lived.name("county", last(lived.pathway.plans)), "plan_version": 1}
    aino = Caller(CLIENT.org, CLIENT.task, "client", lived.aino)
    assert lived.post(f"/clients/{other}/plan-acceptances", aino, body).status_code == 404
    assert lived.post(f"/clients/{lived.name('county')}/plan-acceptances", aino, body).status_code != 404
    for path in ("/receipts", "/out/county", "/dev/clients"):
        assert lived.get(path, aino).status_code == 404
    assert lived.post("/client-references", aino, {"identity_code": "x"}).status_code == 404
    assert lived.post("/redeliveries", aino, {}).status_code == 404


@pytest.mark.parametrize("role", ["contract_manager", "rule_keeper", "auditor"])
def test_who_gets_no_data_of_clients_in_the_county_reads_none_of_its_line(role: str, lived: House) -> None:
    """domain/privacy.md 3.9: contracts and rules are kept without clients; 3.10: identity is sealed from an auditor."""
    by = Caller(OWN_WORKER.org, "organiser", role, "X-01")
    missing = lived.get("/recipients/nobody/case", by).content
    for answer in (
        lived.get("/out/county", by, wait=0, limit=500),
        lived.get("/receipts", by),
        *(lived.post("/client-references", by, {"identity_code": code}) for code in (CODE, UNKNOWN_CODE)),
        lived.post("/redeliveries", by, {}),
        lived.post("/in/county", by, {}, **{"ce-id": "m-1", "ce-type": "submit_referral.v1"}),
    ):
        assert (answer.status_code, answer.content) == (404, missing)
    known = lived.http.get(f"/dev/ledgers/{LEDGER}/clients", headers=lived.headers(by))
    assert b"Esimerkki" not in known.content
    assert bool(known.json()["clients"]) == (role == "auditor")


@pytest.mark.parametrize("short_name", RECIPIENTS)
def test_messages_receipts_and_publications_are_the_recipients_own(short_name: str, lived: House) -> None:
    for other_name, other in RECIPIENTS.items():
        out = lived.get(f"/out/{short_name}", other, wait=0)
        assert out.status_code == (200 if other_name == short_name else 404)
        headers = {"ce-id": lived.id(), "ce-type": "none.v1"}
        sent = lived.post(f"/in/{short_name}?dry_run=true", other, {}, **headers)
        assert sent.status_code == (422 if other_name == short_name else 404)


def token(**changes: Any) -> str:
    at = datetime.now(UTC)
    claims = {
        "iss": DEVELOPMENT_ISSUER,
        "aud": AUDIENCE,
        "iat": at,
        "exp": at + timedelta(minutes=5),
        "ledger": LEDGER,
        "org": OWN_WORKER.org,
        "task": "organiser",
        "role": "own_worker",
        "person": "W-01",
    }
    named = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(named, ISSUER._key, "EdDSA", headers={"typ": "at+jwt"})


FORGED = {
    "another issuer": lambda: token(iss="somebody"),
    "another audience": lambda: token(aud="else"),
    "expired": lambda: token(exp=datetime.now(UTC) - timedelta(minutes=5)),
    "from the future": lambda: token(iat=datetime.now(UTC) + timedelta(hours=1)),
    "never expires": lambda: token(exp=None),
    "unknown role": lambda: token(role="emperor"),
    "no organisation": lambda: token(org=None),
    "another organisation's task": lambda: token(org=INSTRUCTOR.org),
    "a role that the task has not": lambda: token(org=INSTRUCTOR.org, task="provider", role="social_worker"),
    "Kela's role at a fund": lambda: token(org=FUND, task="benefit_payment", role="kela_clerk"),
    "a fund's role at Kela": lambda: token(org=KELA, task="benefit_payment", role="fund_clerk"),
    "a task without roles": lambda: token(org=INSTRUCTOR.org, task="supervision", role="auditor"),
    "another key": lambda: jwt.encode(
        {**jwt.decode(token(), options={"verify_signature": False})},
        Ed25519PrivateKey.generate(),
        "EdDSA",
        headers={"typ": "at+jwt"},
    ),
    "no algorithm": lambda: jwt.encode(jwt.decode(token(), options={"verify_signature": False}), None, "none"),
    "a shared secret": lambda: jwt.encode(
        jwt.decode(token(), options={"verify_signature": False}), "s" * 32, "HS256", headers={"typ": "at+jwt"}
    ),
    "another type": lambda: jwt.encode(jwt.decode(token(), options={"verify_signature": False}), ISSUER._key, "EdDSA"),
    "huge": lambda: "x" * 10_000,
    "nothing": lambda: "",
}


def test_a_funds_clerk_is_let_in_where_kelas_is(lived: House) -> None:
    for short_name, by in (("fund", FUND_CLERK), ("kela-payment", PAYER)):
        assert lived.get("/health", by).status_code == 200
        nobody = lived.get(f"/recipients/{short_name}/clients/nobody/allowance-days", by)
        assert (nobody.status_code, nobody.json()["answer"]["days"]) == (200, 0)


@pytest.mark.parametrize("case", FORGED)
def test_a_token_that_does_not_hold_is_none(case: str, lived: House) -> None:
    headers = {"authorization": f"Bearer {FORGED[case]()}"}
    answer = lived.http.get(f"/ledgers/{LEDGER}/health", headers=headers)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (401, "E_UNAUTHENTICATED")
    assert lived.http.get(f"/ledgers/{LEDGER}/health", headers={"authorization": "Basic eDp4"}).status_code == 401
    assert lived.http.get(f"/ledgers/{LEDGER}/health", headers={"authorization": f"Bearer {token()}"}).status_code == 200


def test_an_unknown_route_or_method_is_a_problem_too(lived: House) -> None:
    answer = lived.get("/nothing", OWN_WORKER)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (404, "E_NOT_FOUND")
    answer = lived.http.delete(f"/ledgers/{LEDGER}/health")
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (405, "E_METHOD_NOT_ALLOWED")


def test_only_loopback_is_served(lived: House) -> None:
    assert lived.http.get("/dev/people", headers={"host": "kuty.example.org"}).status_code == 400


def test_what_nobody_expected_is_answered_without_details(lived: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("Esimerkki, Aino: 140598-903F")

    monkeypatch.setattr(type(lived.wired.store), "now", lambda store: broken())
    answer = lived.get("/health", OWN_WORKER)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (500, "E_INTERNAL")
    assert "Aino" not in answer.text


def test_a_store_that_does_not_answer_is_told_so(lived: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*given: Any, **options: Any) -> Any:
        raise StoreUnavailable("connection lost")

    monkeypatch.setattr(type(lived.wired.store), "execute_async", silent)
    body = {"exit_kind": "pay_subsidised_work"}
    answer = lived.post(f"/clients/{lived.name('county')}/exits", OWN_WORKER, body)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (503, "E_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("error", [StoreUnavailable, BrokerUnavailable])
def test_a_part_that_does_not_say_how_far_it_is_keeps_the_clock_waiting(
    lived: House, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def silent(intake: Any) -> int:
        raise error("no answer in time")

    monkeypatch.setattr(type(lived.wired.intake), "behind", silent)
    answers = [lived.get("/health", OWN_WORKER), lived.post("/clock", OPERATOR, {"to_at": "2026-01-05T08:00:00+02:00"})]
    assert [(answer.status_code, answer.json()["codes"][0]["code"]) for answer in answers] == [(503, "E_UNAVAILABLE")] * 2


def test_a_live_ledger_is_refused_unless_a_setting_says_so(lived: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(lived.wired.store), "mode", "live")
    answer = lived.get("/health", OWN_WORKER)
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_LIVE_LEDGER")


def test_nothing_raw_is_in_any_answer(lived: House) -> None:
    names = orjson.dumps([lived.aino, *lived.pathway.periods, *lived.pathway.cases, *lived.pathway.plans])
    for short_name, by in RECIPIENTS.items():
        told = lived.get(f"/out/{short_name}", by, wait=0, limit=500).text
        for raw in orjson.loads(names):
            assert raw not in told


def test_nothing_is_recorded_before_the_ledger_is_opened(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        answer = home.post("/organisations", CONTRACTS, {})
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (404, "E_NOT_FOUND")
        assert home.wired.store.head() == 0
        home.lay_out()
        assert home.wired.store.records(0, 1)[0].header.name == "ledger.opened"
        assert home.post("/organisations", CONTRACTS, {}).status_code == 422


def test_an_expert_who_refers_starts_no_plan_in_that_task(lived: House) -> None:
    referring = Caller(REFERRER.org, REFERRER.task, "employment_expert", "E-01")
    for path in ("plans", "benefit-statuses"):
        answer = lived.post(f"/clients/{lived.name('authority-referrer')}/{path}", referring, {})
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_NOT_ENTITLED")


def test_an_agencys_system_sends_messages_and_posts_nothing(lived: House) -> None:
    system = Caller(INSTRUCTOR.org, INSTRUCTOR.task, "system", "system")
    body = {
        "period_id": lived.name("provider-s01", last(lived.pathway.periods)),
        "from_on": "2025-03-10",
        "until_on": "2025-03-21",
    }
    posted = lived.post(f"/clients/{lived.name('provider-s01')}/absence-reports", system, body)
    assert (posted.status_code, posted.json()["codes"][0]["code"]) == (409, "E_NOT_ENTITLED")
    headers = {"ce-id": lived.id(), "ce-type": "send_absence_report.v1"}
    sent = lived.post("/in/provider-s01", system, {**body, "client": lived.name("provider-s01")}, **headers)
    assert (sent.status_code, sent.json()["status"]) == (200, "already_recorded"), sent.text


def test_an_agency_does_not_count_what_others_record(tmp_path: Path) -> None:
    with house_after("12", tmp_path) as home:
        home.post(f"/clients/{home.name('county')}/parallel-services", OWN_WORKER, {"service": "coaching_services"})
        assert home.get("/health", OWN_WORKER).json()["lag"]["disclosure"] > 0
        for by in (INSTRUCTOR, EXPERT, Caller(CLIENT.org, CLIENT.task, "client", home.aino)):
            assert set(home.get("/health", by).json()) == {"ledger", "now"}
        answer = home.post("/clock", INSTRUCTOR, {"to_at": "2026-01-01T00:00:00+02:00"})
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_NOT_ENTITLED")
        assert "lagging" not in answer.json()
        assert home.post("/clock", OPERATOR, {"to_at": "2026-01-01T00:00:00+02:00"}).json()["lagging"]
