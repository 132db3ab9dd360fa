"""The policy files: complete, of one version, and of one mind with the catalogue and the code."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from domain.catalogue import EVENTS, SYSTEM_EVENTS
from domain.disclosure.forms import FORMS
from domain.disclosure.policy import FILES, POLICY, BrokenPolicy, policy, read_policy
from domain.store import ClientRecord
from domain.vocabulary import DataClass, data_class_of
from projections.kinds import kinds

ROOT = Path(__file__).resolve().parents[2]
IN_SCOPE = ("county", "EA", "KEHA", "KB", "KS", "KM", "FU", "PR", "RF")


def files() -> dict[str, Any]:
    return {name: tomllib.loads((POLICY / f"{name}.toml").read_text(encoding="utf-8")) for name in FILES}


def test_every_event_of_a_client_or_of_the_register_has_a_row() -> None:
    assert EVENTS.keys() - SYSTEM_EVENTS <= policy(kinds()).rows.keys()


def reference() -> tuple[list[str], dict[str, list[str]]]:
    """The matrix as domain/disclosure.md 5.3 says it: columns, and by event the cells in their order."""
    text = (ROOT / "docs/domain/disclosure.md").read_text(encoding="utf-8")
    table = text[text.index("\n| event | county |") :].strip().split("\n\n")[0].splitlines()
    head, *lines = ([cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table)
    return head[1:], {name: cells for name, *cells in lines if set(name) != {"-"}}


def test_every_cell_is_that_of_the_reference() -> None:
    columns, rows = reference()
    matrix = files()["matrix"]
    assert matrix["columns"] == columns
    both = rows.keys() & matrix["rows"].keys()
    assert len(both) >= 95
    assert {name: matrix["rows"][name] for name in both} == {name: rows[name] for name in both}


def test_the_client_block_names_fields_of_the_vaults_record() -> None:
    for profile, blocks in files()["clients"].items():
        if isinstance(blocks, dict):
            for letter in ("B", "C"):
                for name in blocks[letter]:
                    assert data_class_of(ClientRecord.model_fields[name]).value == letter, (profile, name)


def test_nobody_has_a_row_for_what_the_ledger_says_of_itself() -> None:
    assert not SYSTEM_EVENTS & policy(kinds()).rows.keys()


def test_every_form_that_an_event_of_today_can_take_is_computed() -> None:
    cells = [policy(kinds()).cell(name, column) for name in EVENTS for column in IN_SCOPE]
    assert {cell.form for cell in cells if cell.shape == "R"} <= FORMS.keys()


def test_every_computed_form_is_a_form_of_the_policy() -> None:
    assert FORMS.keys() <= policy(kinds()).forms.keys()


def test_every_profile_answers_for_every_data_class() -> None:
    for name, rows in files()["fields"].items():
        if isinstance(rows, dict):
            assert set(DataClass.__members__) <= rows.keys(), name


def test_no_class_wins_over_a_list() -> None:
    kela = policy(kinds()).profiles["KB"]
    assert kela.shows("D", "starts_on")
    assert not kela.shows("D", "exit_kind")
    assert not kela.shows("K", "service")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda f: f["matrix"]["rows"].pop("period.started"), "event period.started has no row"),
        (
            lambda f: f["matrix"]["rows"].update({"clock.advanced": ["–"] * len(f["matrix"]["columns"])}),
            "system event clock.advanced has a row",
        ),
        (lambda f: f["matrix"]["rows"]["period.started"].append("D"), rf"has {len(policy(kinds()).columns) + 1} cells"),
        (lambda f: f["matrix"]["rows"]["period.started"].__setitem__(1, "X"), "'X' is no cell"),
        (lambda f: f["matrix"]["rows"]["period.started"].__setitem__(1, "R:everything"), "no form everything"),
        (lambda f: f["fields"]["EA"].pop("H"), r"classes missing \['H'\]"),
        (lambda f: f["fields"]["EA"].update({"H": "maybe"}), r"neither Y, N nor a list \['H'\]"),
        (lambda f: f["fields"].pop("KB"), "column KB has no profile"),
        (lambda f: f["clients"].pop("KB"), "profile KB has no client block"),
        (lambda f: f["forms"]["day"]["fields"].update({"hours": "Z"}), "hours has no data class"),
        (lambda f: f["forms"].update({"version": "2027"}), "versions differ"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_at_start(fault: Any, said: str) -> None:
    broken = copy.deepcopy(files())
    fault(broken)
    with pytest.raises(BrokenPolicy, match=said):
        read_policy(broken, "0", kinds())


def test_the_version_of_the_field_sets_changes_with_any_byte_of_the_files() -> None:
    assert policy(kinds()).field_set_version == f"{policy(kinds()).version}/{policy(kinds()).hash[:12]}"
    assert read_policy(files(), "f" * 64, kinds()).field_set_version != policy(kinds()).field_set_version
