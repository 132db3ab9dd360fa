"""A mistake in a scenario file is shown with its line and its reason, before anything is run."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from deploy.scenario.description import describe_scenarios
from deploy.scenario.doing import GIVEN_ALREADY
from deploy.scenario.lines import MistakesInFile, read_yaml
from deploy.scenario.reader import read_scenario
from deploy.scenario.story import Action, Checking, Story
from deploy.scenario.words import Ask, Deliveries, EveryDay, NeverTold, Step
from domain.rulebook import COMMANDS
from projections.kinds import kinds

SCENARIOS = Path(__file__).parents[2] / "deploy" / "scenarios"

HEAD = """\
history: One week
given: given.yaml
providers:
  association:
    id: 0000008-6
    called: An association
    kind: registered_association
    joined_on: 2024-01-01
    recipient: provider-s01
    sites:
      S-01: {called: Workshop, street: Katu 1, municipality: "837", forms: [group_activity], places: 2}
    contract: {id: K-01, from: 2024-01-01, until: 2026-12-31, files_absence_reports: true}
staff:
  W-01: {works_for: county, role: own_worker}
  I-01: {works_for: association, role: instructor}
clients:
  C1: {family_name: Esimerkki, given_names: Aino, identity_code: 140598-903F}
steps:
"""
FIRST = HEAD.count("\n") + 1
STEPS = """\
  - row: 11
    on: 2025-02-21
    by: W-01
    do: plan_period
    with:
      starts: 2025-03-03
      planned_end: 2025-06-02
      schedule: {mon: 5, tue: 5}
    names: {period: P1}
  - every_scheduled_day_of: P1
    from: provider-s01
    with: {day_status: present, hours: 5}
  - on: 2025-03-18
    from: provider-s01
    do: record_attendance
    with: {period: P1, day_status: absent_other}
  - on: 2025-03-31
    expect:
      - {ask: KE2, to: kela-benefit-payment, answer: {days: 7}}
"""


def read(folder: Path, steps: str, head: str = HEAD) -> Story:
    (folder / "given.yaml").write_text((SCENARIOS / "given.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    file = folder / "mine.yaml"
    file.write_text(head + steps, encoding="utf-8")
    return read_scenario(file)


def mistakes(folder: Path, steps: str, head: str = HEAD) -> list[tuple[int, str]]:
    """(line of the steps, counted from 1; reason) of every mistake."""
    with pytest.raises(MistakesInFile) as caught:
        read(folder, steps, head)
    assert all(mistake.file == "mine.yaml" for mistake in caught.value.mistakes)
    return [(mistake.line - FIRST + 1, mistake.reason) for mistake in caught.value.mistakes]


def test_days_that_no_row_mentions_stand_for_the_rest_of_the_week(tmp_path: Path) -> None:
    story = read(tmp_path, STEPS)
    days = [a for a in story.moments if isinstance(a, Action) and a.kind.name == "record_attendance"]
    assert len(days) == 27  # Mondays and Tuesdays of 2025-03-03..2025-06-02
    absent = [day for day in days if day.fields["day_status"] == "absent_other"]
    assert [day.on for day in absent] == [date(2025, 3, 18)]
    assert all(day.fields["period_id"] == "P1" for day in days)
    assert [moment.on for moment in story.moments if isinstance(moment, Checking)] == [date(2025, 3, 31)]
    assert [moment.moment for moment in story.moments] == sorted(moment.moment for moment in story.moments)


@pytest.mark.parametrize(
    ("given", "line"),
    [("given: nope.yaml", 2), ("given: [given.yaml, nope.yaml]", 2), ("given:\n  - given.yaml\n  - nope.yaml", 4)],
)
def test_a_given_file_that_is_not_there_is_a_mistake_of_the_line_that_names_it(
    given: str, line: int, tmp_path: Path
) -> None:
    head = HEAD.replace("given: given.yaml", given)
    assert mistakes(tmp_path, STEPS, head) == [(line - FIRST + 1, "given: there is no file nope.yaml beside this one")]


def test_an_unknown_word_is_named_with_its_line(tmp_path: Path) -> None:
    assert (2, "onn: nothing of this name belongs here") in mistakes(
        tmp_path, STEPS.replace("    on: 2025-02", "    onn: 2025-02", 1)
    )


def test_a_command_that_is_not_there_gets_a_hint(tmp_path: Path) -> None:
    assert (4, "there is no command plan_periods; did you mean plan_period?") in mistakes(
        tmp_path, STEPS.replace("do: plan_period", "do: plan_periods")
    )


def test_a_field_that_the_command_does_not_have_gets_a_hint(tmp_path: Path) -> None:
    [first, *_] = mistakes(tmp_path, STEPS.replace("planned_end:", "planed_end:"))
    assert first == (5, "planned_end_on: this is needed here and is not there")
    assert (7, "plan_period has no field planed_end; did you mean planned_end_on?") in mistakes(
        tmp_path, STEPS.replace("planned_end:", "planed_end:")
    )


def test_a_wrong_code_is_named_with_its_line(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("absent_other", "absent_somehow"))
    assert line == 16
    assert reason.startswith("day_status: input should be 'present'")


def test_a_date_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STEPS.replace("2025-02-21", "2025-02-30"))[0][0] == 2


def test_nobody_of_that_name_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason), *_] = mistakes(tmp_path, STEPS.replace("by: W-01", "by: W-011"))
    assert (line, reason) == (1, "nobody is called W-011; did you mean W-01?")


def test_a_recipient_that_is_not_given_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("to: kela-benefit-payment", "to: kela-benefits"))
    assert line == 19
    assert reason == "no recipient is called kela-benefits; did you mean kela-benefit-payment?"


def test_who_may_not_ask_for_it_is_a_mistake_unless_the_refusal_is_expected(tmp_path: Path) -> None:
    by_instructor = STEPS.replace("by: W-01", "by: I-01")
    [(line, reason)] = mistakes(tmp_path, by_instructor)
    assert line == 1
    assert reason == "instructor may not plan_period: own_worker may; or say how it is refused"


def test_a_part_is_named_before_it_is_referred_to(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STEPS.replace("period: P1, day", "period: P2, day")) == [
        (13, "nothing is called P2 by 2025-03-18; did you mean P1?")
    ]


def test_a_period_without_planning_has_no_days(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STEPS.replace("_day_of: P1", "_day_of: P9")) == [
        (10, "no step plans a period and names it P9")
    ]


def test_a_code_of_refusal_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    refused = STEPS.replace("    names: {period: P1}\n", "    refused: E_WEEK_DAY\n", 1)
    assert (9, "there is no code E_WEEK_DAY; did you mean E_WEEK_DAYS?") in mistakes(tmp_path, refused)


def test_steps_out_of_the_order_of_their_dates_are_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STEPS.replace("on: 2025-03-31", "on: 2025-03-01")) == [
        (17, "2025-03-01 stands after 2025-03-18: steps stand in the order of their dates")
    ]


def test_a_question_that_the_recipient_does_not_answer_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("ask: KE2", "ask: KE22"))
    assert line == 19
    assert reason == "a recipient in the task benefit_payment answers no question KE22; did you mean KE2?"


def test_a_parameter_that_the_question_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("answer: {days", "with: {form_on: 2025-03-01}, answer: {days"))
    assert line == 19
    assert reason == "KE2: form_on: nothing of this name belongs here; did you mean from_on?"


def test_a_figure_that_the_answer_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("answer: {days: 7}", "answer: {dayz: null}"))
    assert line == 19
    assert reason == "KE2 answers no figure dayz; did you mean days?"


def test_a_path_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, STEPS.replace("answer: {days: 7}", 'answer: {"months[": 7}'))
    assert line == 19
    assert reason.startswith("months[: ")


def test_facts_and_fields_that_are_told_or_not_exist(tmp_path: Path) -> None:
    told = STEPS + "  - on: 2025-04-01\n    expect:\n      - deliveries: {county: {period.strted: 1}}\n"
    assert mistakes(tmp_path, told) == [(22, "there is no fact period.strted; did you mean period.started?")]
    never = STEPS + "  - on: 2025-04-01\n    expect:\n      - never_told: {county: [day_statuss]}\n"
    assert mistakes(tmp_path, never) == [(22, "no fact or field is called day_statuss; did you mean day_status?")]


def test_an_identity_code_of_a_real_person_may_not_stand_in_a_file(tmp_path: Path) -> None:
    real = HEAD.replace("140598-903F", "140598-123A")
    [(line, reason)] = mistakes(tmp_path, STEPS, real)
    assert line == -1
    assert reason == "only identity codes with the numbers 900 to 999 may stand in a scenario"


def test_a_word_that_stands_twice_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STEPS.replace("    by: W-01\n", "    by: W-01\n    by: W-02\n")) == [
        (4, "by stands here twice")
    ]


def test_an_empty_file_a_missing_one_and_broken_yaml_are_mistakes(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(MistakesInFile, match=r"empty.yaml:1: the file is empty"):
        read_scenario(empty)
    with pytest.raises(MistakesInFile, match="No such file"):
        read_yaml(tmp_path / "nowhere.yaml")
    assert mistakes(tmp_path, STEPS.replace("{ask: KE2", "{ask: KE2, {"))[0][0] >= 19


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[" * 5_000 + "]" * 5_000, ":1: values stand within values more than 50 deep"),
        ("".join(f"{' ' * n}a:\n" for n in range(500)), ": values stand within values more than 50 deep"),
        ("{a: " * 300 + "}" * 300, ":1: values stand within values more than 50 deep"),
        ("a: &a [*a]\n", ":1: values stand within values more than 50 deep"),
        (LAUGHS, ":1: with all that is repeated here the file has more than 100,000 values"),
        ("- {on: 2025-01-01, by: x}\n" * 50_000, ":1: the file has more than 1,000,000 characters"),
        ("- 1\n" * 120_000, "more than 100,000 values"),
        ("? [a, b]\n: 1\n", ":1: a name is one word, no list and no mapping"),
        (f"history: {'9' * 5_000}\n", ":1: 9999999999999999999999999999999999999999: "),
        ("a: 1\n---\nb: 2\n", ":2: "),
        ("a: !!python/object:os.system x\n", ":1: could not determine a constructor"),
        (bytes(range(256)), ":1: the file is not text in UTF-8"),
        ("history: x".encode("utf-16"), ":1: the file is not text in UTF-8"),
        ("# nothing\n", ":1: the file is empty"),
    ],
    ids=["deep list", "deep mapping", "deep flow", "of itself", "laughs", "huge", "many", "key", "number", "two documents",
         "a tag", "binary", "UTF-16", "a comment alone"],
)  # fmt: skip
def test_a_file_that_nobody_would_write_is_a_mistake_at_once(tmp_path: Path, content: str | bytes, reason: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(MistakesInFile, match=re.escape(reason)):
        read_yaml(file)


def test_the_scenarios_that_ship_can_be_read() -> None:
    for file in SCENARIOS.glob("*.yaml"):
        if not file.name.startswith("given"):
            assert read_scenario(file).moments


def test_the_reference_explains_every_word_and_lists_every_command_and_question() -> None:
    text = describe_scenarios()
    for kind in COMMANDS.values():
        assert (f"| `{kind.name}` |" in text) == (kind.name not in GIVEN_ALREADY)
    for recipient_kind in kinds():
        assert all(f"| `{question.id}` |" in text for question in recipient_kind.questions)
    for words in (Step, Ask, Deliveries, NeverTold, EveryDay):
        for name, described in words.model_fields.items():
            word = described.alias or name
            assert f"`{word}`" in text or f"{word}:" in text, word


def test_a_replay_is_asked_of_the_county_with_its_own_parameters(tmp_path: Path) -> None:
    line = "  - on: 2025-04-01\n    expect:\n      - {ask: DP2, to: kela-benefit-payment, answer: {tellings.count: 1}}\n"
    assert mistakes(tmp_path, STEPS + line) == [(22, "DP2 is answered by the recipient in the task organiser alone")]
    line = "  - on: 2025-04-01\n    expect:\n      - {ask: DP2, to: county, with: {til: x}, answer: {tellings.count: 1}}\n"
    assert mistakes(tmp_path, STEPS + line) == [
        (22, "DP2 takes no til; there is recipient, by"),
        (22, "DP2: with: recipient is needed here and is not there"),
    ]
