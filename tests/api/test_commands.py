"""Commands over HTTP: recorded once, answered in the caller's own names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import pytest
from house import CODE, PERSON, House, house
from stories import CONTRACTS, EXPERT, INSTRUCTOR, INTAKE, OPERATOR, OWN_WORKER, REFERRER, SOCIAL_WORKER, last

from domain.identifiers import synthetic_identity_code
from domain.store import ClientRecord, Token


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """AS-1 on the day after the period began; tests only add to it."""
    with house(tmp_path_factory.mktemp("started")) as home:
        yield home.until("12a")


def service(home: House, note: str) -> dict[str, object]:
    """A parallel service: something that may be recorded again and again."""
    return {"service": "other", "service_note": note, "told_by": "client", "from_on": "2025-03-04"}


def services(home: House) -> str:
    return f"/clients/{home.name('county')}/parallel-services"


def test_what_was_recorded_is_named_in_the_callers_words(started: House) -> None:
    answer = started.post(services(started), OWN_WORKER, service(started, "choir"), key="k-1")
    assert answer.status_code == 201
    content = answer.json()
    assert content["status"] == "recorded"
    assert content["message_id"] == "k-1"
    assert content["facts"] == ["parallel_service.started"]
    assert content["ledger"] == {"name": "house", "mode": "simulated"}
    raw = last(started.pathway.parallel_services)
    assert content["references"] == {"parallel_service_id": started.name("county", raw)}
    assert raw not in answer.text
    assert started.aino not in answer.text + str(answer.headers)


def test_a_part_begun_can_be_named_in_the_next_command(started: House) -> None:
    begun = started.post(services(started), OWN_WORKER, service(started, "sauna"), key="k-2").json()
    stopped = f"/clients/{started.name('county')}/stopped-parallel-services"
    body = {"parallel_service_id": begun["references"]["parallel_service_id"]}
    assert started.post(stopped, OWN_WORKER, body).status_code == 201
    body = {"parallel_service_id": "message:k-1"}
    assert started.post(stopped, OWN_WORKER, body).status_code == 201


def test_an_end_that_is_told_before_its_start_is_named_by_it_afterwards(started: House) -> None:
    """domain/pathway.md 4.4 row 34"""
    client = f"/clients/{started.name('county')}"
    said = {"service": "coaching_services", "told_by": "client"}
    body = {**said, "until_on": "2025-03-03"}
    ended = started.post(f"{client}/stopped-parallel-services", OWN_WORKER, body, key="ended-first")
    assert ended.status_code == 201, ended.text
    begun = {**said, "parallel_service_id": "message:ended-first", "from_on": "2025-02-03"}
    start = started.post(services(started), OWN_WORKER, begun)
    assert (start.status_code, start.json()["references"]) == (201, ended.json()["references"])
    started.settle()
    shown = started.get(f"/recipients/county{client}/parallel-services", OWN_WORKER).json()["answer"]["services"]
    (run,) = [run for run in shown if run["service"]["code"] == "coaching_services"]
    assert (run["from_on"], run["until_on"], run["runs"]) == ("2025-02-03", "2025-03-03", False)


def test_a_repeat_is_answered_the_same_and_changes_nothing(started: House) -> None:
    body = service(started, "chess")
    first = started.post(services(started), OWN_WORKER, body, key="k-3")
    head = started.wired.store.head()
    again = started.post(services(started), OWN_WORKER, body, key="k-3")
    assert started.wired.store.head() == head
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["number"] == first.json()["number"]
    assert again.json()["references"] == first.json()["references"]
    assert again.headers["etag"] == first.headers["etag"]


def test_many_at_once_under_one_key_are_recorded_once(started: House) -> None:
    body, head = service(started, "fishing"), started.wired.store.head()
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(started.post(services(started), OWN_WORKER, body, key="k-4").status_code)
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert started.wired.store.head() == head + 1
    assert sorted(answers) == [200] * 19 + [201]


def test_a_refusal_is_repeated_too(started: House) -> None:
    body = {**service(started, "gym"), "service_note": None}
    first = started.post(services(started), OWN_WORKER, body, key="k-5")
    head = started.wired.store.head()
    again = started.post(services(started), OWN_WORKER, body, key="k-5")
    assert started.wired.store.head() == head
    assert first.status_code == again.status_code == 409
    assert [code["code"] for code in again.json()["codes"]] == ["E_NOTE_REQUIRED"]
    assert first.json()["number"] == again.json()["number"]


def test_the_version_that_was_read_may_be_asked_for(started: House) -> None:
    etag = started.post(services(started), OWN_WORKER, service(started, "judo")).headers["etag"]
    assert started.post(services(started), OWN_WORKER, service(started, "karate"), **{"if-match": etag}).status_code == 201
    stale = started.post(services(started), OWN_WORKER, service(started, "boxing"), **{"if-match": etag})
    assert stale.status_code == 412
    assert stale.json()["codes"][0]["code"] == "E_STALE_IF_MATCH"
    assert started.post(services(started), OWN_WORKER, service(started, "x"), **{"if-match": '"7"'}).status_code == 412


def test_any_version_of_a_client_that_is_there_may_be_asked_for(started: House) -> None:
    assert started.post(services(started), OWN_WORKER, service(started, "rowing"), **{"if-match": "*"}).status_code == 201
    nobody = started.post("/clients/nobody/parallel-services", OWN_WORKER, service(started, "x"), **{"if-match": "*"})
    assert nobody.status_code == 404


def test_a_token_lets_a_reading_wait_for_the_write(started: House) -> None:
    written = started.post(services(started), OWN_WORKER, service(started, "dancing"))
    token = written.headers["kuty-token"]
    worker = threading.Thread(target=started.settle)
    worker.start()
    path = f"/recipients/county/clients/{started.name('county')}/parallel-services"
    answer = started.get(path, OWN_WORKER, headers={"kuty-token": token})
    worker.join()
    assert answer.status_code == 200
    assert written.json()["references"]["parallel_service_id"] in answer.text


def test_a_token_that_is_none_is_a_wrong_question(started: House) -> None:
    path = f"/recipients/county/clients/{started.name('county')}/parallel-services"
    answer = started.get(path, OWN_WORKER, headers={"kuty-token": "something"})
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (422, "E_QUERY")
    version = started.wired.store.version_token(started.aino, 1)
    assert started.get(path, OWN_WORKER, headers={"kuty-token": version}).status_code == 422


@pytest.mark.parametrize(
    ("recipient", "question", "cursors"),
    [
        ("authority", "customers", ("junk", "a/b", "a b")),
        ("authority", "notices", ("junk", "-1", "9" * 30)),
        ("authority-referrer", "referrals", ("junk", "junk/junk", "/")),
    ],
)
def test_a_cursor_that_no_answer_held_is_a_wrong_question(
    recipient: str, question: str, cursors: tuple[str, ...], started: House
) -> None:
    by = EXPERT if recipient == "authority" else REFERRER
    path = f"/recipients/{recipient}/{question}"
    for cursor in cursors:
        answer = started.get(path, by, after=cursor)
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (422, "E_QUERY"), cursor
        assert answer.json()["codes"][0]["pointer"] == "/after"
    name = started.name(recipient)
    right = {"customers": name, "notices": "7", "referrals": f"{name}/{name}"}[question]
    assert started.get(path, by, after=right).status_code == 200


def test_a_write_that_does_not_become_visible_is_told_to_try_again(started: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.questions.VISIBLE_WITHIN_S", 0.05)
    ahead = started.wired.store.position_token(started.wired.store.head() + 1000)
    answer = started.get(
        f"/recipients/county/clients/{started.name('county')}/case", OWN_WORKER, headers={"kuty-token": ahead}
    )
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (503, "E_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert started.wired.store.read_token(ahead) == Token("position", "", started.wired.store.head() + 1000)


def test_a_wish_without_effect_is_answered_so(started: House) -> None:
    path = f"/clients/{started.name('county')}/received-referrals"
    body = {"referral_id": started.name("county", last(started.pathway.referrals)), "received_via": "electronic"}
    answer = started.post(path, INTAKE, body)
    assert answer.status_code == 200
    assert answer.json()["codes"][0]["code"] == "IDEMPOTENT"


def test_nobody_records_in_a_role_that_may_not(started: House) -> None:
    answer = started.post(services(started), SOCIAL_WORKER, service(started, "tennis"))
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_NOT_ENTITLED")


def test_a_short_day_is_recorded_with_a_warning(started: House) -> None:
    body = {
        "period_id": started.name("provider-s01", last(started.pathway.periods)),
        "day_status": "present",
        "hours": 2,
        "occurred_on": "2025-03-04",
    }
    answer = started.post(f"/clients/{started.name('provider-s01')}/attendance", INSTRUCTOR, body)
    assert answer.status_code == 201
    assert [code["code"] for code in answer.json()["warnings"]] == ["W_SHORT_DAY"]
    assert set(answer.json()["warnings"][0]["text"]) == {"fi", "sv", "en"}


# --- new clients ---


def someone(number: int) -> dict[str, object]:
    return {
        "identity_kind": "identity_code",
        "registered_from": "own_contact",
        "identity_code": synthetic_identity_code(date(1985, 6, 7), number),
        "family_name": "Uusi",
        "given_names": "Asiakas",
        "postal_address": {"street": "Esimerkkikatu 1", "postcode": "00100", "town": "Esimerkkilä"},
    }


def test_a_new_client_gets_a_name_and_the_vault_the_identity(started: House) -> None:
    answer = started.post("/clients", INTAKE, someone(911), key="c-1")
    assert answer.status_code == 201
    reference = started.wired.pseudonyms("county").reference(answer.json()["references"]["client"])
    record = started.wired.vault.get([reference])[reference]
    assert record.family_name == "Uusi"
    assert record.postal_address is not None
    stored = b"".join(r.state for r in started.wired.store.stream(reference))
    assert b"Uusi" not in stored
    again = started.post("/clients", INTAKE, someone(911), key="c-1")
    assert (again.status_code, again.json()["references"]) == (200, answer.json()["references"])
    other = started.post("/clients", INTAKE, someone(912), key="c-1")
    assert (other.status_code, other.json()["codes"][0]["code"]) == (422, "E_KEY_REUSED")


def test_a_known_identity_code_is_answered_with_the_known_client(started: House) -> None:
    body = {**someone(913), "identity_code": CODE}
    answer = started.post("/clients", INTAKE, body)
    assert answer.status_code == 200
    assert answer.json()["references"] == {"client": started.name("county")}
    assert started.wired.vault.get([started.aino])[started.aino] == PERSON


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"identity_code": "010190-904B"}, "E_IDENTITY_CODE", "/identity_code"),
        ({"family_name": ""}, "E_FIELD_TYPE", "/family_name"),
        ({"postal_address": {"street": "x"}}, "E_FIELD_MISSING", "/postal_address/postcode"),
        ({"shoe_size": 44}, "E_FIELD_NOT_ALLOWED", "/shoe_size"),
        ({"identity_kind": "passport"}, "E_CODE", "/identity_kind"),
    ],
)
def test_a_wrong_registration_leaves_nothing_behind(
    changes: dict[str, object], code: str, pointer: str, started: House
) -> None:
    answer = started.post("/clients", INTAKE, {**someone(914), **changes})
    assert (code, pointer) in [(one["code"], one["pointer"]) for one in answer.json()["codes"]]
    assert answer.status_code in (409, 422)
    assert started.wired.vault.find(str(someone(914)["identity_code"])) is None


def test_of_a_person_whose_registration_is_refused_nothing_is_kept(started: House) -> None:
    body, code = someone(915), str(someone(915)["identity_code"])
    for _ in range(2):
        refused = started.post("/clients", INTAKE, {**body, "occurred_on": "2099-01-01"}, key="c-915")
        assert refused.json()["codes"][0]["code"] == "E_FUTURE"
        assert started.wired.vault.find(code) is None
    assert started.post("/clients", INTAKE, body).status_code == 201
    assert started.wired.vault.find(code) is not None


def test_an_entry_whose_registration_was_never_recorded_is_taken_over_with_what_is_said_now(started: House) -> None:
    body, code = someone(917), str(someone(917)["identity_code"])
    started.wired.vault.register("f" * 32, ClientRecord(family_name="Väärä", identity_code=code, phone="040"))
    answer = started.post("/clients", INTAKE, body)
    assert answer.status_code == 201
    record = started.wired.vault.get(["f" * 32])["f" * 32]
    assert (record.family_name, record.phone) == ("Uusi", None)
    assert started.post("/clients", INTAKE, {**body, "family_name": "Toinen"}).status_code == 200
    assert started.wired.vault.get(["f" * 32])["f" * 32].family_name == "Uusi"


def test_only_intake_and_own_workers_register(started: House) -> None:
    answer = started.post("/clients", SOCIAL_WORKER, someone(916))
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_NOT_ENTITLED")
    assert started.wired.vault.find(str(someone(916)["identity_code"])) is None


# --- the clock ---


def test_the_clock_waits_for_those_who_lag_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    with house(tmp_path_factory.mktemp("clock")) as home:
        home.until("6")
        early = home.post("/clock", OPERATOR, {"to_at": "2025-03-20T12:00:00+02:00"})
        assert (early.status_code, early.json()["codes"][0]["code"]) == (503, "E_NOT_AT_HEAD")
        assert "disclosure" in early.json()["lagging"]
        home.settle()
        assert home.post("/clock", OPERATOR, {"to_at": "2025-03-20T12:00:00+02:00"}).status_code == 201
        assert home.get("/health", OWN_WORKER).json()["now"] == "2025-03-20T10:00:00Z"
        home.settle()
        back = home.post("/clock", OPERATOR, {"to_at": "2025-03-19T12:00:00+02:00"})
        assert (back.status_code, back.json()["codes"][0]["code"]) == (409, "E_CLOCK_BACKWARDS")


def test_what_is_wrong_with_a_request_is_said_before_who_lags_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    with house(tmp_path_factory.mktemp("lagging")) as home:
        # given roles that lag behind, and a move of the clock that was made before
        home.lay_out()
        home.settle()
        moved = home.post("/clock", OPERATOR, {"to_at": "2025-01-03T12:00:00+02:00"}, key="moved")
        assert (moved.status_code, home.wired.lagging() != []) == (201, True)
        ahead = {"to_at": "2025-03-20T12:00:00+02:00"}
        for answer, status, code in (
            (home.post("/clock", OPERATOR, b"{"), 400, "E_JSON_SYNTAX"),
            (home.post("/clock", OPERATOR, {}), 422, "E_FIELD_MISSING"),
            (home.post("/clock", OPERATOR, {"to_at": "tomorrow"}), 422, "E_FIELD_TYPE"),
            (home.post("/clock", OPERATOR, ahead, **{"content-type": "text/plain"}), 415, "E_CONTENT_TYPE"),
            (home.post("/clock", OPERATOR, ahead, **{"idempotency-key": ""}), 400, "E_IDEMPOTENCY_KEY_MISSING"),
            (home.post("/clock", OPERATOR, ahead, **{"if-match": "*"}), 412, "E_STALE_IF_MATCH"),
            (home.post("/clock", OPERATOR, {"to_at": "2025-01-01T12:00:00+02:00"}), 409, "E_CLOCK_BACKWARDS"),
            (home.post("/clock", OWN_WORKER, ahead), 409, "E_NOT_ENTITLED"),
            (home.post("/clock", OPERATOR, ahead, key="moved"), 422, "E_KEY_REUSED"),
        ):
            assert (answer.status_code, answer.json()["codes"][0]["code"]) == (status, code)
        # then the repeat is answered as the first time, and the next move waits, its key free
        assert home.post("/clock", OPERATOR, {"to_at": "2025-01-03T12:00:00+02:00"}, key="moved").status_code == 200
        assert home.post("/clock", OPERATOR, ahead, key="next").json()["codes"][0]["code"] == "E_NOT_AT_HEAD"
        home.settle()
        assert home.post("/clock", OPERATOR, ahead, key="next").status_code == 201


def test_a_body_is_read_before_a_condition_on_what_is_not_there(started: House) -> None:
    """RFC 9110 13.2.1: conditions come after what the request would be refused for without them."""
    for path, by in (("/clients", INTAKE), ("/clock", OPERATOR), ("/organisations", CONTRACTS)):
        answer = started.post(path, by, {"nothing": 1}, **{"if-match": '"x"'})
        assert answer.status_code == 422, path
        assert answer.json()["codes"][0]["code"] in ("E_FIELD_MISSING", "E_FIELD_NOT_ALLOWED")
