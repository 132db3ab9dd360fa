"""What holds for every kind of recipient and every question: names, languages, addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.describe.origins import own_facts
from domain.catalogue import EVENTS
from domain.code_lists import LANGUAGES, code_list
from domain.disclosure.policy import policy
from domain.event import OPEN
from projections.kinds import Kind, kinds
from projections.labels import labels

ASKED: dict[str, set[str]] = {
    "social_work": {"CW1", "CW2", "CW3", "CW6"},
    "employment_authority": {"EA1", "EA6"},
    "kela_benefits": {"KE1", "KE2", "KE3", "KE4", "KE5", "KE6", "KE7"},
    "unemployment_fund": {"KE1", "KE2", "KE3", "KE4", "KE5", "KE6", "KE7"},
    "provider": {"PI1", "PI3", "PI4", "PI6"},
    "referrer": {"EA2"},
}
each_kind = pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.name)


def test_every_kind_of_recipient_has_its_questions() -> None:
    asked = {kind.name: {question.id for question in kind.questions} for kind in kinds() if kind.has_model}
    assert asked == ASKED


@each_kind
def test_a_kind_is_a_task_of_the_directory(kind: Kind) -> None:
    assert kind.task in code_list("organisation_task")


def fields_told(name: str, *columns: str) -> set[str]:
    """What a recipient in one of the columns may be told of an event, in its own fields or in a form's."""
    rules = policy(kinds())
    cells = [rules.cell(name, column) for column in columns]
    return {*EVENTS[name].model_fields, *(field for cell in cells if cell.form for field in rules.forms[cell.form].classes)}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_found_by_what_somebody_is_told_of_it(name: str) -> None:
    found = EVENTS[name].FOUND
    named = {found.part, found.from_on, found.until_on} - {None, "", OPEN}
    assert named <= fields_told(name, *policy(kinds()).columns)


@each_kind
def test_a_kind_searches_by_what_its_recipients_are_told(kind: Kind) -> None:
    for name, field in (*kind.finds_by.items(), *kind.part_of.items()):
        assert policy(kinds()).cell(name, kind.key).shape in ("D", "R") or name in own_facts(kind)
        assert field in fields_told(name, kind.key)


def test_a_kind_that_finds_by_an_event_that_there_is_not_cannot_be_made() -> None:
    with pytest.raises(LookupError, match=r"plan\.lifted: there is no such event"):
        replace(kinds()["RF"], finds_by={"plan.lifted": "plan_id"})


@each_kind
def test_a_question_speaks_three_languages_and_says_who_asks(kind: Kind) -> None:
    for question in kind.questions:
        assert set(question.title) == set(LANGUAGES)
        assert all(question.title.values())
        assert question.who <= set(code_list("actor_role").codes)
        assert question.who
        assert question.answer.__doc__
        assert question.parameters.__doc__


@each_kind
def test_no_two_questions_share_an_address(kind: Kind) -> None:
    paths = [question.path for question in kind.questions]
    assert len(paths) == len(set(paths))
    for question in kind.questions:
        assert ("{client}" in question.path) == ("client" in question.parameters.model_fields)


def test_every_event_has_a_label_on_the_timeline() -> None:
    assert labels("events").keys() == EVENTS.keys()
    for section in ("events", "obligations"):
        assert all(set(texts) == set(LANGUAGES) and all(texts.values()) for texts in labels(section).values())
