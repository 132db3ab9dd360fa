"""AS-1 of domain/scenarios.md 8 from referral to closing, embedded: every row, every figure, every delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.scenario.reader import read_scenario
from deploy.scenario.results import Result
from deploy.scenario.run import run_files, run_story
from deploy.world import embedded_worlds

SCENARIOS = Path(__file__).parents[2] / "deploy" / "scenarios"


@pytest.fixture(scope="module")
def as_1() -> Result:
    return run_story(read_scenario(SCENARIOS / "as-1.yaml"), embedded_worlds(), print)


def test_every_row_and_every_figure_of_as_1_comes_as_its_text_says(as_1: Result) -> None:
    assert [step for step in as_1.steps if step.amiss] == []
    assert [figure for figure in as_1.figures if not figure.ok] == []
    assert as_1.ok


def test_each_recipient_is_told_exactly_what_it_may_know(as_1: Result) -> None:
    assert {name: len(told) for name, told in as_1.told.items()} == {
        "county": 106,
        "employment-authority": 23,
        "employment-authority-referrer": 2,
        "keha-centre": 0,
        "kela-benefit-payment": 77,
        "kela-multi-sectoral-team": 0,
        "kela-social-assistance": 0,
        "provider-s01": 86,
    }


def test_the_attendance_of_every_day_that_no_row_mentions_was_recorded(as_1: Result) -> None:
    days = [step for step in as_1.steps if step.command == "record_attendance" and step.status == "recorded"]
    assert len(days) == 68


def test_a_second_run_gives_the_same_answers_and_deliveries(as_1: Result) -> None:
    again = run_story(read_scenario(SCENARIOS / "as-1.yaml"), embedded_worlds(), print)
    assert again.comparable == as_1.comparable
    assert again.ledger != as_1.ledger


@pytest.mark.parametrize("name", ["bad-input", "closing", "corrections", "group-day"])
def test_the_other_scenarios_that_ship_come_as_they_say(name: str) -> None:
    lines: list[str] = []
    assert run_files([SCENARIOS / f"{name}.yaml"], embedded_worlds(), lines.append), lines
    assert lines[-1] == "1 of 1 as expected"


def test_each_step_is_printed_with_its_request_and_its_answer() -> None:
    lines: list[str] = []
    run_files([SCENARIOS / "corrections.yaml"], embedded_worlds(), lines.append)
    text = "\n".join(lines)
    assert "/in/employment-authority-referrer submit_referral.v1" in text
    assert "409 refused" in text or "refused number" in text
    assert "KE2 of kela-benefit-payment known at 2025-03-20: days = 4" in text


def test_what_does_not_come_as_expected_is_printed_and_fails(tmp_path: Path) -> None:
    for name in ("given.yaml", "corrections.yaml"):
        (tmp_path / name).write_text((SCENARIOS / name).read_text(encoding="utf-8"), encoding="utf-8")
    file = tmp_path / "corrections.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("answer: {days: 4, amount_eur: 36.00}", "answer: {days: 5}", 1), encoding="utf-8")
    lines: list[str] = []
    assert not run_files([file], embedded_worlds(), lines.append, brief=True)
    line = 1 + text[: text.index("answer: {days: 4")].count("\n") - 3
    assert f"  AMISS 8 before: KE2 of kela-benefit-payment: days = 4, 5 was expected (line {line})" in lines
    assert lines[-1] == "0 of 1 as expected"


def test_a_step_that_is_answered_otherwise_ends_the_history(tmp_path: Path) -> None:
    for name in ("given.yaml", "corrections.yaml"):
        (tmp_path / name).write_text((SCENARIOS / name).read_text(encoding="utf-8"), encoding="utf-8")
    file = tmp_path / "corrections.yaml"
    text = file.read_text(encoding="utf-8").replace("    refused: E_WEEK_DAYS\n", "", 1)
    file.write_text(text, encoding="utf-8")
    lines: list[str] = []
    assert not run_files([file], embedded_worlds(), lines.append, brief=True)
    assert any(line.endswith("recorded was expected, refused came E_WEEK_DAYS") for line in lines)


def test_nothing_is_run_where_a_file_has_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("history: nothing\n", encoding="utf-8")
    lines: list[str] = []
    assert not run_files([SCENARIOS / "as-1.yaml", file], embedded_worlds(), lines.append)
    assert lines == [
        "wrong.yaml:1: steps: this is needed here and is not there",
        "nothing was run: 1 mistake in what was to be run",
    ]
