"""Code lists, data classes and the types of fields."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from domain.code_lists import read_code_list
from domain.vocabulary import (
    LANGUAGES,
    DataClass,
    HealthExitKind,
    Hours,
    NeedCriterion,
    OpenExitKind,
    OrgId,
    PlanKind,
    RecordedDayStatus,
    Ref,
    Schedule,
    Service,
    SetOf,
    ShortName,
    Text80,
    Unclassified,
    UnknownCode,
    code_list,
    code_list_names,
    data_class_of,
)

SEED_ITEMS = {
    **dict.fromkeys(("R", "X"), 10),
    **dict.fromkeys(("D", "O"), 4),
    **dict.fromkeys(("F", "K"), 3),
    "W": 2,
    "L": 5,
    "P": 10,
    "N": 6,
    "PS": 18,
}
AGENCIES_END = date(2024, 12, 31)


def test_every_item_of_the_seed_has_its_code_once() -> None:
    items = [entry.item for name in code_list_names() for entry in code_list(name) if entry.item]
    assert len(items) == len(set(items)) == 75
    by_letter = {letter: 0 for letter in SEED_ITEMS}
    for item in items:
        by_letter[item.rstrip("0123456789ab")] += 1
    assert by_letter == SEED_ITEMS


@pytest.mark.parametrize("name", code_list_names())
def test_every_code_has_its_labels_in_three_languages(name: str) -> None:
    for entry in code_list(name):
        assert all(entry.label(language).strip() for language in LANGUAGES)


def test_codes_that_begin_or_end_do_so_on_their_day() -> None:
    sources = code_list("referral_source")
    assert sources.valid_on("municipal_trial", date(2021, 3, 1))
    assert not sources.valid_on("municipal_trial", date(2021, 2, 28))
    assert sources.valid_on("municipal_trial", AGENCIES_END)
    assert not sources.valid_on("municipal_trial", date(2025, 1, 1))
    benefits = code_list("benefit_status")
    assert benefits.valid_on("labour_market_subsidy", date(2026, 4, 30))
    assert not benefits.valid_on("labour_market_subsidy", date(2026, 5, 1))
    assert benefits.valid_on("general_social_security_benefit", date(2026, 5, 1))
    assert not benefits.valid_on("no_such_code", date(2026, 5, 1))


def test_a_name_that_lives_on_in_speech_is_kept_as_its_successor() -> None:
    sources = code_list("referral_source")
    assert sources.stored_code("te_services", AGENCIES_END) == "te_services"
    assert sources.stored_code("te_services", date(2025, 1, 1)) == "employment_authority"


def test_a_closed_code_without_a_spoken_name_stays_what_it_is() -> None:
    assert code_list("referral_source").stored_code("municipal_trial", date(2025, 1, 1)) == "municipal_trial"


def test_a_renamed_service_is_shown_by_the_name_of_the_day() -> None:
    services = code_list("parallel_service")
    assert services.label("te_services", "fi", AGENCIES_END) == "TE-palvelut"
    assert services.label("te_services", "fi", date(2025, 1, 1)) == "työvoimapalvelut"
    assert services.label("te_services", "sv") == "AN-tjänster"
    assert services.label("te_services", "de") == "TE services"


def test_exit_kinds_that_reveal_health_are_marked() -> None:
    assert code_list("exit_kind").marked("health_related") == {
        "work_ability_or_health_assessment",
        "work_ability_assessment",
        "health_assessment",
        "pension_assessment",
        "retired",
        "sick_leave",
    }


def test_only_presence_carries_the_allowance_and_only_other_absence_loses_the_benefit() -> None:
    statuses = code_list("day_status")
    assert statuses.marked("allowance", "yes") == {"present"}
    assert statuses.marked("keeps_benefit", "no") == {"absent_other"}
    assert len(statuses.marked("absence")) == 5


def test_an_unknown_list_or_code_is_an_error() -> None:
    with pytest.raises(UnknownCode):
        code_list("no_such_list")
    with pytest.raises(UnknownCode):
        code_list("day_status").label("late", "fi")


def test_a_list_that_contradicts_itself_is_not_read() -> None:
    labels = {"fi": "a", "sv": "b", "en": "c"}
    for rows in (
        [{"code": "a", **labels}, {"code": "a", **labels}],
        [{"code": "a", "broader": "b", **labels}],
        [{"code": "a", "successor": "b", **labels}],
        [{"code": "a", "fi": "a", "sv": "b"}],
        [{"code": "a", "valid_from": date(2025, 1, 2), "valid_to": date(2025, 1, 1), **labels}],
    ):
        with pytest.raises(ValueError):
            read_code_list("x", {"source": "x", **labels, "code": rows})


# --- types ---


class Day(BaseModel):
    on: Service[date]
    status: Schedule[RecordedDayStatus]
    note: Schedule[Text80 | None] = None
    hours: Hours | None = None


def test_a_code_outside_its_list_is_refused_and_the_schema_names_the_list() -> None:
    with pytest.raises(ValidationError) as refused:
        Day.model_validate({"on": "2025-03-03", "status": "late"})
    assert refused.value.errors()[0]["type"] == "literal_error"
    status = Day.model_json_schema()["properties"]["status"]
    assert status["x-code-list"] == "day_status"
    assert "present" in status["enum"]


def test_an_ended_code_still_loads() -> None:
    from domain.vocabulary import ReferralSource

    assert TypeAdapter(ReferralSource).validate_python("municipal_trial") == "municipal_trial"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (RecordedDayStatus, "present", "unknown"),
        (PlanKind, "activation_plan", "service_need_assessment"),
        (NeedCriterion, "working_life_rules", "no_diagnosis_required"),
        (OpenExitKind, "health_related", "sick_leave"),
        (HealthExitKind, "sick_leave", "education"),
        (Ref, "0" * 32, "0" * 31 + "G"),
        (OrgId, "0000001-9", "two words"),
        (ShortName, "employment-authority-referrer", "Kela"),
        (Text80, "x" * 80, "x" * 81),
        (Text80, "x", "   "),
        (Hours, 4.5, 4.25),
        (Hours, 8, 0),
    ],
)
def test_a_type_takes_the_good_value_and_not_the_bad_one(kind: Any, good: object, bad: object) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)


def test_equal_sets_are_kept_alike() -> None:
    adapter = TypeAdapter(SetOf[str])
    assert adapter.validate_python(["b", "a", "b"]) == adapter.validate_python(["a", "b"]) == ("a", "b")


def test_a_field_carries_exactly_one_data_class() -> None:
    assert data_class_of(Day.model_fields["on"]) is DataClass.D
    assert data_class_of(Day.model_fields["note"]) is DataClass.E
    assert DataClass.K.word == "parallel-service"
    with pytest.raises(Unclassified):
        data_class_of(Day.model_fields["hours"])


def test_nothing_of_the_vocabulary_is_left_that_no_field_uses() -> None:
    """A type that nobody writes a field with is dead, whatever a test of its own says."""
    root = Path(__file__).parents[2]
    own = ast.parse((root / "domain/vocabulary.py").read_text())
    told: set[str] = set()
    for node in own.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                told.add(name)
            case _:
                pass
    rooms = ("domain", "projections", "consumers", "api", "deploy")
    paths = [path for room in rooms for path in (root / room).rglob("*.py")]
    used = {name for path in paths for name in re.findall(r"\w+", path.read_text()) if path.name != "vocabulary.py"}
    among_themselves = {node.id for node in ast.walk(own) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert told - used - among_themselves == set()
