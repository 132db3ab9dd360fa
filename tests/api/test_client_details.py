"""Who a client is: what a registration may say, and how details change. The values stand in the vault and nowhere else.

source: domain/pathway.md 4.4 rows 49, 63, 4.9 (Client's details), domain/privacy.md 3.6, domain/events.md 11.3
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from house import CODE, PERSON, House, house_after
from stories import CONTRACTS, EXPERT, INTAKE, OWN_WORKER, SOCIAL_WORKER, joining, subsidy

from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.parallel_services.decisions import StartParallelService
from domain.identifiers import synthetic_identity_code
from domain.rulebook import COMMANDS
from domain.store import ClientRecord

NEW_CODE = synthetic_identity_code(date(1998, 5, 14), 950)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("3", tmp_path_factory.mktemp("details")) as home:
        yield home


def record(home: House, client: str | None = None) -> ClientRecord:
    reference = client or home.aino
    return home.wired.vault.get([reference])[reference]


def change(home: House, by: Any = OWN_WORKER, key: str | None = None, **body: object) -> Any:
    return home.post(f"/clients/{home.name('county')}/details", by, body, key=key)


def codes(answer: Any) -> list[tuple[str, str]]:
    return [(one["code"], one["pointer"]) for one in answer.json()["codes"]]


def test_details_go_to_the_vault_and_a_fact_says_of_what_kind_they_are(started: House) -> None:
    answer = change(started, key="d-1", family_name="Uusinimi", phone="+358 40 1234567")
    assert (answer.status_code, answer.json()["facts"]) == (201, ["subject.identifier_changed"] * 2)
    assert (record(started).family_name, record(started).phone) == ("Uusinimi", "+358 40 1234567")
    assert record(started).given_names == PERSON.given_names
    changes = [fact.event.identifier_change for fact in started.pathway.identifier_changes]
    assert changes == ["name_changed", "contact_changed"]
    stored = b"".join(r.state for r in started.wired.store.stream(started.aino))
    assert b"Uusinimi" not in stored
    again = change(started, key="d-1", family_name="Uusinimi", phone="+358 40 1234567")
    assert (again.status_code, len(started.pathway.identifier_changes)) == (200, 2)
    reused = change(started, key="d-1", family_name="Toinen")
    assert (reused.status_code, codes(reused)[0][0], record(started).family_name) == (422, "E_KEY_REUSED", "Uusinimi")
    same = change(started, family_name="Uusinimi")
    assert (same.status_code, same.json()["codes"][0]["code"]) == (200, "IDEMPOTENT")
    assert started.wired.vault.uses(started.aino)[-1].what == "change"
    assert change(started, family_name=PERSON.family_name, phone=None).status_code == 201
    assert record(started) == PERSON
    late = change(started, key="d-1", family_name="Uusinimi", phone="+358 40 1234567")
    assert (late.status_code, record(started)) == (200, PERSON)


def test_the_version_that_was_read_may_be_named(started: House) -> None:
    """design D13, RFC 9110 13.1.1: `If-Match` holds for details as for any command."""
    read = started.get(f"/clients/{started.name('county')}/history", OWN_WORKER).headers["etag"]
    path = f"/clients/{started.name('county')}/details"
    first = started.post(path, OWN_WORKER, {"phone": "040 7"}, **{"if-match": read})
    assert first.status_code == 201, first.text
    second = started.post(path, OWN_WORKER, {"phone": PERSON.phone}, **{"if-match": f'"x", {first.headers["etag"]}'})
    assert second.status_code == 201, second.text
    stale = started.post(path, OWN_WORKER, {"phone": "040 8"}, **{"if-match": first.headers["etag"]})
    assert codes(stale) == [("E_STALE_IF_MATCH", "")]
    assert record(started) == PERSON


def test_a_key_is_used_up_by_the_details_that_were_sent_with_it_and_by_one_person(started: House) -> None:
    """design D13: the details go to the vault, and are what is asked for all the same; no effect is an answer too."""
    assert change(started, key="d-2", phone="040 1").status_code == 201
    other = change(started, INTAKE, key="d-2", phone="040 2")
    assert (other.status_code, record(started).phone) == (201, "040 2")
    assert change(started, phone="040 3").status_code == 201
    late = change(started, INTAKE, key="d-2", phone="040 4")
    assert (late.status_code, codes(late)) == (422, [("E_KEY_REUSED", "")])
    idle = change(started, key="d-3", phone="040 3")
    assert (idle.status_code, idle.json()["codes"][0]["code"]) == (200, "IDEMPOTENT")
    reused = change(started, key="d-3", phone="040 5")
    assert (reused.status_code, codes(reused)) == (422, [("E_KEY_REUSED", "")])
    assert change(started, phone=PERSON.phone).status_code == 201
    again = change(started, key="d-3", phone="040 3")
    assert (again.status_code, again.content, record(started)) == (200, idle.content, PERSON)


def test_a_key_of_a_registration_is_used_up_by_the_person_who_was_registered_with_it(started: House) -> None:
    body = {"registered_from": "own_contact", "family_name": PERSON.family_name}
    coded = {**body, "identity_kind": "identity_code"}
    known = started.post("/clients", INTAKE, {**coded, "identity_code": CODE}, key="r-1")
    assert (known.status_code, known.json()["references"]) == (200, {"client": started.name("county")})
    # another person under the key of one who was known already
    other = synthetic_identity_code(date(1971, 1, 2), 952)
    reused = started.post("/clients", INTAKE, {**coded, "identity_code": other}, key="r-1")
    assert (reused.status_code, codes(reused)) == (422, [("E_KEY_REUSED", "")])
    assert started.wired.vault.find(other) is None
    # the same again after the details have changed
    new = {**body, "identity_kind": "none"}
    first = started.post("/clients", INTAKE, new, key="r-2")
    name = first.json()["references"]["client"]
    assert started.post(f"/clients/{name}/details", INTAKE, {"family_name": "Uusinimi"}).status_code == 201
    again = started.post("/clients", INTAKE, new, key="r-2")
    assert (again.status_code, again.json()["references"], again.json()["number"]) == (
        200,
        first.json()["references"],
        first.json()["number"],
    )
    assert codes(started.post("/clients", INTAKE, {**new, "family_name": "Toinen"}, key="r-2")) == [("E_KEY_REUSED", "")]


def test_a_wrong_code_is_named_beside_all_else_that_is_wrong(started: House) -> None:
    told = codes(change(started, identity_code="140598-950X", home_municipality="999"))
    assert sorted(told) == [("E_FIELD_TYPE", "/home_municipality"), ("E_IDENTITY_CODE", "/identity_code")]
    body = {"identity_kind": "identity_code", "registered_from": "x", "identity_code": "140598-950X", "phone": "abc"}
    assert sorted(codes(started.post("/clients", INTAKE, body))) == [
        ("E_CODE", "/registered_from"),
        ("E_FIELD_TYPE", "/phone"),
        ("E_IDENTITY_CODE", "/identity_code"),
    ]


def test_a_code_is_corrected_or_replaced_and_belongs_to_one_client(started: House) -> None:
    assert codes(change(started, identity_code=NEW_CODE)) == [("E_FIELD_MISSING", "/identity_code_change")]
    wrong = change(started, identity_code="140598-950X", identity_code_change="corrected")
    assert ("E_IDENTITY_CODE", "/identity_code") in codes(wrong)
    assert codes(change(started, identity_code=None)) == [("E_FIELD_TYPE", "/identity_code")]
    other = synthetic_identity_code(date(1971, 1, 2), 951)
    started.wired.vault.register("b" * 32, ClientRecord(identity_code=other))
    taken = change(started, identity_code=other, identity_code_change="replaced")
    assert codes(taken) == [("E_CONFLICT", "/identity_code")]
    assert record(started).identity_code == CODE
    answer = change(started, identity_code=f" {NEW_CODE.lower()} ", identity_code_change="replaced")
    assert answer.status_code == 201
    assert (record(started).identity_code, started.wired.vault.find(CODE)) == (NEW_CODE, None)
    assert started.wired.vault.find(NEW_CODE) == started.aino
    back = change(started, identity_code=CODE, identity_code_change="corrected")
    assert back.status_code == 201


def meanwhile(home: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> list[Any]:
    """Let somebody else do something whole between the reading of the record and its change, once; what came of it."""
    done: list[Any] = []
    change_record = home.wired.vault.change

    def changed(*args: Any, **fields: Any) -> Any:
        if not done:
            done.append(None)
            done[0] = act()
        return change_record(*args, **fields)

    monkeypatch.setattr(home.wired.vault, "change", changed)
    return done


def told_since(home: House, version: int) -> list[str]:
    return [f.event.identifier_change for f in home.pathway.identifier_changes if f.version > version]


def test_of_two_who_change_details_at_a_moment_both_are_kept_and_both_are_told(
    started: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = started.pathway.version
    other = meanwhile(started, monkeypatch, lambda: change(started, INTAKE, phone="040 21"))
    assert change(started, family_name="Uusinimi").status_code == 201
    assert other[0].status_code == 201
    assert (record(started).family_name, record(started).phone) == ("Uusinimi", "040 21")
    assert sorted(told_since(started, version)) == ["contact_changed", "name_changed"]
    assert started.wired.vault.look(started.aino).changing == []  # type: ignore[union-attr]
    assert change(started, family_name=PERSON.family_name, phone=PERSON.phone).status_code == 201


def test_of_two_who_change_the_same_detail_at_a_moment_the_later_one_holds_and_both_are_told(
    started: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = started.pathway.version
    meanwhile(started, monkeypatch, lambda: change(started, INTAKE, phone="040 31"))
    assert change(started, phone="040 32").status_code == 201
    assert (record(started).phone, told_since(started, version)) == ("040 32", ["contact_changed"] * 2)
    assert change(started, phone=PERSON.phone).status_code == 201


def test_a_code_that_another_client_gets_in_the_meantime_is_taken(started: House, monkeypatch: pytest.MonkeyPatch) -> None:
    code = synthetic_identity_code(date(1971, 1, 2), 953)
    body = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": code}
    meanwhile(started, monkeypatch, lambda: started.post("/clients", INTAKE, body))
    late = change(started, identity_code=code, identity_code_change="corrected")
    assert (late.status_code, codes(late)) == (409, [("E_CONFLICT", "/identity_code")])
    assert record(started).identity_code == CODE


def test_details_that_are_refused_in_the_end_are_not_in_the_record(started: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """design D13: a stale `If-Match` is no decision, also where it became stale after the record was changed."""
    path = f"/clients/{started.name('county')}/details"
    read = started.get(f"/clients/{started.name('county')}/history", OWN_WORKER).headers["etag"]
    change_record = started.wired.vault.change

    def changed(*args: Any, **fields: Any) -> Any:
        kept = change_record(*args, **fields)
        started.execute(own_fact(), OWN_WORKER, client=started.aino)
        return kept

    monkeypatch.setattr(started.wired.vault, "change", changed)
    late = started.post(path, OWN_WORKER, {"family_name": "Toinen"}, **{"if-match": read})
    assert (codes(late), record(started)) == ([("E_STALE_IF_MATCH", "")], PERSON)


def test_a_key_that_is_used_up_in_the_meantime_changes_nothing(started: House, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(started, monkeypatch, lambda: change(started, key="d-9", language="sv"))
    late = change(started, key="d-9", family_name="Toinen")
    assert (late.status_code, codes(late)) == (422, [("E_KEY_REUSED", "")])
    assert record(started) == PERSON.model_copy(update={"language": "sv"})
    assert change(started, language=PERSON.language).status_code == 201


def own_fact() -> StartParallelService:
    return StartParallelService(service="other", service_note="rowing", told_by="client")


def test_who_may_not_change_details_changes_nothing(started: House) -> None:
    for by in (SOCIAL_WORKER, EXPERT):
        answer = started.post(f"/clients/{started.name('county')}/details", by, {"family_name": "Toinen"})
        assert answer.status_code in (404, 409)
        assert record(started).family_name == PERSON.family_name


UNSEEMLY = [
    ({"family_name": "Vir\ntanen"}, "/family_name"),
    ({"given_names": "Ai\u0007no"}, "/given_names"),
    ({"family_name": "nen\u202eatriV"}, "/family_name"),
    ({"emergency_contact_name": "Ville\u200b"}, "/emergency_contact_name"),
    ({"email": "not an email"}, "/email"),
    ({"email": "aino@"}, "/email"),
    ({"phone": "call me"}, "/phone"),
    ({"emergency_contact_phone": "++358"}, "/emergency_contact_phone"),
    ({"home_municipality": "999"}, "/home_municipality"),
    ({"home_municipality": "000"}, "/home_municipality"),
    ({"language": "Finnish, please"}, "/language"),
    ({"language": "klingon"}, "/language"),
    ({"interpreter_language": "klingon"}, "/interpreter_language"),
    ({"postal_address": {"street": "Esimerkkikatu 1", "postcode": "FI", "town": "Esimerkkilä"}}, "/postal_address/postcode"),
    ({"postal_address": {"street": "A\u2028B", "postcode": "00100", "town": "Esimerkkilä"}}, "/postal_address/street"),
]


@pytest.mark.parametrize(("body", "pointer"), UNSEEMLY, ids=[f"{n} {p}" for n, (_, p) in enumerate(UNSEEMLY)])
def test_details_that_are_none_are_refused_at_both_doors(body: dict[str, Any], pointer: str, started: House) -> None:
    assert ("E_FIELD_TYPE", pointer) in codes(change(started, **body))
    new = {"identity_kind": "none", "registered_from": "own_contact", **body}
    assert ("E_FIELD_TYPE", pointer) in codes(started.post("/clients", INTAKE, new))


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"identity_kind": "none", "identity_code": NEW_CODE}, "E_FIELD_NOT_ALLOWED", "/identity_code"),
        ({"identity_kind": "none", "temporary_identifier": "T-9"}, "E_FIELD_NOT_ALLOWED", "/temporary_identifier"),
        ({"identity_kind": "temporary_identifier"}, "E_FIELD_MISSING", "/temporary_identifier"),
        (
            {"identity_kind": "temporary_identifier", "temporary_identifier": "T-9", "identity_code": NEW_CODE},
            "E_FIELD_NOT_ALLOWED",
            "/identity_code",
        ),
        ({"identity_kind": "identity_code"}, "E_IDENTITY_CODE", "/identity_code"),
    ],
)
def test_a_registration_names_the_person_by_what_it_says(
    body: dict[str, object], code: str, pointer: str, started: House
) -> None:
    answer = started.post("/clients", INTAKE, {"registered_from": "own_contact", **body})
    assert codes(answer) == [(code, pointer)]


def test_a_temporary_identifier_is_one_persons(started: House) -> None:
    body = {"identity_kind": "temporary_identifier", "registered_from": "own_contact", "temporary_identifier": "T-1"}
    first = started.post("/clients", INTAKE, {**body, "family_name": "Ensimmäinen"})
    assert first.status_code == 201
    second = started.post("/clients", INTAKE, {**body, "temporary_identifier": "t-1 ", "family_name": "Toinen"})
    assert (second.status_code, second.json()["references"]) == (200, first.json()["references"])
    assert second.json()["differing"] == ["family_name", "temporary_identifier"]


def test_a_known_code_with_other_details_says_which_differ_and_changes_nothing(started: House) -> None:
    body = {"identity_kind": "identity_code", "registered_from": "own_contact", "identity_code": f" {CODE.lower()}"}
    answer = started.post("/clients", INTAKE, {**body, "family_name": "Toinen", "given_names": "Aino", "phone": "040 123"})
    assert (answer.status_code, answer.json()["references"]) == (200, {"client": started.name("county")})
    assert answer.json()["differing"] == ["family_name", "phone"]
    assert record(started) == PERSON


@pytest.mark.parametrize("later_wins", [True, False], ids=["the later one", "the earlier one"])
def test_of_two_who_register_a_person_at_a_moment_the_one_recorded_says_who_he_is(
    later_wins: bool, started: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """source: domain/pathway.md 4.9, Client's details"""
    vault, code = started.wired.vault, synthetic_identity_code(date(1972, 1, 2), 954 + later_wins)
    body = {"registered_from": "own_contact", "identity_kind": "identity_code", "identity_code": code}
    register, change_record, later = vault.register, vault.change, list[Any]()

    def entered(*args: Any) -> str:
        monkeypatch.setattr(vault, "register", register)
        kept = register(*args)
        later.append(started.post("/clients", INTAKE, {**body, "given_names": "Toka"}))
        return kept

    def taken_over(*args: Any, **fields: Any) -> Any:
        changed = change_record(*args, **fields)
        if not later_wins:
            ask = RegisterClient(identity_kind="identity_code", registered_from="own_contact")
            started.execute(ask, INTAKE, client=args[0], look_ups={"identity_code_valid": True})
        return changed

    # given that one has entered the person in the vault, and another one comes before that is recorded
    monkeypatch.setattr(vault, "register", entered)
    monkeypatch.setattr(vault, "change", taken_over)
    earlier = started.post("/clients", INTAKE, {**body, "given_names": "Eka"})
    # then he is who he is by the one that was recorded, and the other one is told which details differ
    kept = vault.look(vault.find(code) or "")
    assert kept is not None
    assert (kept.record.given_names, kept.changing) == ("Toka" if later_wins else "Eka", [])
    assert earlier.json()["references"] == later[0].json()["references"]
    lost = earlier if later_wins else later[0]
    assert (lost.status_code, lost.json()["differing"]) == (200, ["given_names"])


def test_a_code_is_known_in_any_spelling(started: House) -> None:
    found = started.post("/client-references", OWN_WORKER, {"identity_code": f"  {CODE.lower()} "})
    assert (found.status_code, found.json()["client"]) == (200, started.name("county"))


def test_who_answers_for_the_home_municipality_is_looked_up(started: House) -> None:
    look_ups = started.wired.receiving.look_ups
    benefit = COMMANDS["change_benefit_status"]
    joined = joining("0000013-1", "employment_authority", {"employment_authority": "city"}, date(2025, 1, 2))
    started.execute(joined.model_copy(update={"municipalities": ("837", "604")}), CONTRACTS)
    assert look_ups.of(benefit, subsidy(), started.aino) == {"answered_for_by": ["0000013-1"]}


def test_details_of_whom_the_vault_has_no_record_are_refused(started: House) -> None:
    started.wired.vault.forget(started.aino)
    answer = started.post(f"/clients/{started.name('county')}/details", OWN_WORKER, {"phone": "040 1234567"})
    assert (answer.status_code, answer.json()["codes"][0]["code"]) == (409, "E_SUBJECT_UNRESOLVED")
