"""A kind of recipient is one file: what it is stands nowhere else, and what it names is there."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from disclosure.paths import FUND, KELA, in_service, members

from domain.catalogue import EVENTS
from domain.code_lists import code_list
from domain.directory import Directory, Recipient, enter
from domain.disclosure.kinds import Kinds, TwoKinds
from domain.disclosure.policy import FILES, POLICY, BrokenPolicy, policy, read_policy
from domain.disclosure.windows import standings_of
from domain.envelopes import Incoming, caller_of
from domain.events import OrganisationJoined, TaskFrom
from domain.messages import GROUP, GROUP_OF, message_types
from domain.pathway import replay
from domain.rulebook import COMMANDS
from domain.rules import RuleSet
from projections import recipients
from projections.kinds import Kind, kinds

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("domain", "projections", "consumers", "api", "deploy")
FOLDER = ROOT / "projections/recipients"

NOT_A_COLUMN = {
    ("domain/chapters/attendance/decisions.py", "county"): "an account of a day",
    ("domain/chapters/attendance/parts.py", "county"): "an account of a day",
    ("deploy/synthetic.py", "county"): "an organisation's name in the demo",
    ("deploy/demo.py", "county"): "a short name in the demo",
    ("deploy/bench/rebuild.py", "county"): "a short name in the measured history",
}
"""Texts that read like a column or a profile and are none. Nothing is ever added to this list for a real one."""

each_kind = pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.name)


def files() -> dict[str, Any]:
    return {name: tomllib.loads((POLICY / f"{name}.toml").read_text(encoding="utf-8")) for name in FILES}


# --- one file ---------------------------------------------------------------------------------------------------------


def test_no_column_and_no_profile_is_named_outside_the_files_of_the_kinds() -> None:
    words = {*policy(kinds()).columns, *policy(kinds()).profiles}
    found = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if not path.is_relative_to(FOLDER)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
    }
    assert found == NOT_A_COLUMN.keys()


def test_every_file_is_a_kind_under_its_own_name() -> None:
    stems = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert stems == {kind.name for kind in kinds()}
    assert list(recipients.__path__) == [str(FOLDER)]


def test_every_task_has_a_kind() -> None:
    assert {kind.task for kind in kinds()} == set(code_list("organisation_task").codes)


def test_the_domain_is_handed_the_kinds_and_looks_for_none() -> None:
    made = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "domain").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Kind", "Kinds")
    }
    assert made == set()


# --- one key ----------------------------------------------------------------------------------------------------------


def test_two_kinds_of_one_key_are_refused() -> None:
    twice = replace(kinds()["RF"], name="another", task="supervision")
    with pytest.raises(TwoKinds, match="both have the key RF"):
        Kinds([kinds()["RF"], twice])


def test_a_kind_without_a_column_has_its_task_as_key() -> None:
    assert kinds()["supervision"].column is None
    with pytest.raises(TwoKinds, match="both have the key supervision"):
        Kinds([*kinds(), replace(kinds()["supervision"], name="another")])


def test_two_kinds_of_one_task_say_whose_organisations_are_whose() -> None:
    silent = replace(kinds()["FU"], agency_kinds=frozenset())
    with pytest.raises(TwoKinds, match="both have all others in benefit_payment"):
        Kinds([kinds()["KB"], silent])


@pytest.mark.parametrize(("agency_kind", "column"), [("kela", "KB"), ("unemployment_fund", "FU"), ("", "KB")])
def test_a_recipient_is_of_the_kind_that_names_its_organisations(agency_kind: str, column: str) -> None:
    recipient = Recipient("any", "any", "benefit_payment", date(2025, 1, 1), agency_kind)
    assert kinds().of(recipient).column == column


def test_kinds_that_share_a_task_have_each_its_own_window() -> None:
    narrow = Kinds([*(kind for kind in kinds() if kind.key != "FU"), replace(kinds()["FU"], window=lambda pathway: ())])
    for payer, told in ((KELA, True), (FUND, False)):
        pathway = replay("c" * 32, in_service(payer).facts)
        standings = standings_of(pathway, members(), narrow)
        assert any(s.recipient.org == payer and s.kind.task == "benefit_payment" for s in standings) is told
        assert any(s.recipient.org == payer for s in standings_of(pathway, members(), kinds()))


@pytest.mark.parametrize(("agency_kind", "role"), [("kela", "kela_clerk"), ("unemployment_fund", "fund_clerk")])
def test_the_system_of_a_payer_speaks_as_its_clerk(agency_kind: str, role: str) -> None:
    payer = Recipient("any", "any", "benefit_payment", date(2025, 1, 1), agency_kind)
    said = Incoming(payer, "m-1", "change_benefit_status.v1", b"{}")
    assert caller_of(said, kinds(), COMMANDS["change_benefit_status"]).role == role
    assert caller_of(said, kinds()).role == role


def test_an_organisation_that_becomes_one_of_another_kind_takes_its_recipients_along() -> None:
    directory = Directory()
    for position, task, agency_kind in ((1, "benefit_payment", "kela"), (2, "referrer", "unemployment_fund")):
        joined = OrganisationJoined(
            org_id="0000006-9",
            org_name="Esimerkki",
            agency_kind=agency_kind,
            tasks=(TaskFrom(task=task, from_on=date(2025, 1, 1), short_name=f"own-{position}"),),
            transport="hosted",
            contact_mailbox="a@example.invalid",
        )
        directory = enter(directory, joined, position)
    assert [kinds().of(recipient).column for recipient in directory.recipients.values()] == ["FU", "RF"]


# --- what it names is there -------------------------------------------------------------------------------------------


def test_every_column_of_the_policy_has_exactly_one_kind() -> None:
    columns = [kind.column for kind in kinds() if kind.column]
    assert sorted(columns) == sorted(policy(kinds()).columns)
    without = Kinds(kind for kind in kinds() if kind.column != "KS")
    with pytest.raises(BrokenPolicy, match="column KS is that of no kind of recipient"):
        read_policy(files(), "0", without)
    more = Kinds([*kinds(), replace(kinds()["supervision"], name="another", task="another", column="XX")])
    with pytest.raises(BrokenPolicy, match="kind another: there is no column XX"):
        read_policy(files(), "0", more)


@each_kind
def test_what_a_kind_may_send_is_a_command_that_one_of_its_roles_may_ask_for(kind: Kind) -> None:
    assert kind.sends - {GROUP} <= COMMANDS.keys()
    assert len(message_types(kind)) == len(kind.sends)
    asked = {name: COMMANDS[GROUP_OF if name == GROUP else name].roles for name in kind.sends}
    assert [name for name, roles in asked.items() if not roles & set(kind.roles)] == []


@each_kind
def test_roles_and_grounds_of_a_kind_are_codes(kind: Kind) -> None:
    assert set(kind.roles) <= set(code_list("actor_role").codes)
    assert kind.agency_kinds <= set(code_list("agency_kind").codes)
    assert kind.legal_basis in code_list("legal_basis")
    assert not kind.column or kind.purpose in code_list("purpose")
    assert kind.title


def test_a_command_that_there_is_none_of_and_a_file_without_a_kind_are_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="referrer sends lift_plan: there is no such command"):
        message_types(replace(kinds()["RF"], sends=frozenset({"lift_plan"})))
    monkeypatch.delattr("projections.recipients.referrer.KIND")
    with pytest.raises(LookupError, match="referrer has no KIND"):
        kinds.__wrapped__()


WINDOW_ELSEWHERE = {
    "social_work": "an organiser is a recipient as its task says, on every day (domain/disclosure.md 5.3)",
    "statement_issuer": "told only of statements that it issues itself, and no command lets it issue one",
}


@each_kind
def test_a_kind_that_is_told_fact_by_fact_has_days_on_which_it_is_told(kind: Kind) -> None:
    told = kind.column and kind.told_one_by_one and any(policy(kinds()).cell(n, kind.column).shape != "–" for n in EVENTS)
    if told:
        assert (kind.window is None) == (kind.name in WINDOW_ELSEWHERE), (
            f"{kind.name} has no window: it is told nothing"
        )
    else:
        assert kind.window is None


def test_every_task_may_be_held_by_some_agency() -> None:
    # source: domain/vocabulary.md 1.17
    for task in code_list("organisation_task").codes:
        held = [one for one in code_list("agency_kind").codes if RuleSet.current().task_allowed(task, one, date(2026, 3, 1))]
        assert held, f"task {task}: name the agencies that may hold it in domain/rules/, under task.agency_kinds"


def test_every_role_is_somebodys() -> None:
    assert {role for kind in kinds() for role in kind.roles} == set(code_list("actor_role").codes)
