"""A mistake in a scenario file is shown with its line and its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.scenario.format import Check, EveryDay, Scenario, Step
from deploy.scenario.reading import MistakesInFile, fitted, read_yaml

GOOD = """\
scenario: One step
history:
  - row: 1
    on: 2025-01-20
    by: N-01
    does: receive_referral
    about: C1
    with: {referral_id: the referral}
  - every_scheduled_day_not_mentioned: {by: provider-s01, about: C1, period: the period}
  - on: 2025-03-31
    expect:
      - {ask: KE2, by: K-11, about: C1, answer: {days: 11}}
"""


def mistakes(folder: Path, text: str) -> list[tuple[int, str]]:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MistakesInFile) as caught:
        fitted(Scenario, read_yaml(file), file.name)
    assert all(mistake.file == "mine.yaml" for mistake in caught.value.mistakes)
    return [(mistake.line, mistake.reason) for mistake in caught.value.mistakes]


def test_steps_fillers_and_checks_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD, encoding="utf-8")
    scenario = fitted(Scenario, read_yaml(file), file.name)
    assert [type(entry) for entry in scenario.history] == [Step, EveryDay, Check]


def test_an_unknown_word_is_named_with_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD.replace("does: receive", "doess: receive")) == [
        (3, "does: this is needed here and is not there"),
        (6, "doess: nothing of this name belongs here"),
    ]


def test_a_date_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    [(line, reason)] = mistakes(tmp_path, GOOD.replace("on: 2025-01-20", "on: 2025-02-30"))
    assert line == 4
    assert "date" in reason


def test_a_word_that_stands_twice_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD.replace("about: C1\n    with", "by: W-01\n    with")) == [(7, "by stands here twice")]


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    [(line, _)] = mistakes(tmp_path, GOOD.replace("{ask: KE2", "{ask: KE2, {"))
    assert line >= 12


def test_an_empty_file_and_a_missing_file_are_mistakes(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "") == [(1, "the file is empty")]
    with pytest.raises(MistakesInFile, match="No such file"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_the_expectation_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD.replace("answer: {days: 11}", "expected: {days: 11}")) == [
        (12, "answer: this is needed here and is not there"),
        (12, "expected: nothing of this name belongs here"),
    ]
