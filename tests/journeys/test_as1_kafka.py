"""AS-1 on real Kafka and PostgreSQL, every role running, gives the same answers and deliveries as embedded."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest
from architecture import imported
from blocks import ROOT, Shell, read_page
from running_ledgers import running_on

from deploy.demo import demo_given
from deploy.local.parts import Kafka, Postgres
from deploy.scenario.given import lay_out
from deploy.scenario.reader import read_scenario
from deploy.scenario.results import Result
from deploy.scenario.run import run_story
from deploy.world import embedded_worlds, worlds_on

SCENARIOS = Path(__file__).parents[2] / "deploy" / "scenarios"


@pytest.fixture(scope="module")
def printed() -> list[str]:
    return []


@pytest.fixture(scope="module")
def on_kafka(postgres: Postgres, kafka: Kafka, printed: list[str]) -> Result:
    worlds = running_on(kafka.bootstrap, postgres.fresh_database)
    return run_story(read_scenario(SCENARIOS / "as-1.yaml"), worlds, printed.append)


def test_as_1_on_kafka_comes_as_its_text_says(on_kafka: Result) -> None:
    assert [step for step in on_kafka.steps if step.amiss] == []
    assert [figure for figure in on_kafka.figures if not figure.ok] == []
    assert on_kafka.ok


def test_answers_and_deliveries_are_those_of_the_embedded_run(on_kafka: Result) -> None:
    embedded = run_story(read_scenario(SCENARIOS / "as-1.yaml"), embedded_worlds(), lambda _: None)
    assert on_kafka.steps == embedded.steps
    assert on_kafka.answers == embedded.answers
    assert on_kafka.told == embedded.told
    assert on_kafka.comparable == embedded.comparable


def test_an_agency_sends_on_its_topic_and_its_receipt_is_found_by_its_place(on_kafka: Result, printed: list[str]) -> None:
    ledger = on_kafka.ledger
    sent = [line.strip() for line in printed if f"kuty.{ledger}.in.provider-s01.v1 offset " in line]
    assert sent[0] == f"> kuty.{ledger}.in.provider-s01.v1 offset 0 accept_placement.v1"
    receipts = [line.strip() for line in printed if f"kuty.{ledger}.receipts.provider-s01.v1 offset " in line]
    assert receipts[0] == f"< kuty.{ledger}.receipts.provider-s01.v1 offset 0 recorded number 1"
    assert len(sent) == len(receipts)


@pytest.mark.parametrize("name", ["bad-input", "group-day"])
def test_bad_input_and_a_groups_day_are_answered_on_kafka_as_embedded(name: str, postgres: Postgres, kafka: Kafka) -> None:
    story = read_scenario(SCENARIOS / f"{name}.yaml")
    on_kafka = run_story(story, worlds_on(kafka.bootstrap, postgres.fresh_database), print)
    assert on_kafka.ok
    assert on_kafka.comparable == run_story(story, embedded_worlds(), lambda _: None).comparable


def test_a_plain_client_follows_checks_and_sends_as_its_page_says(
    postgres: Postgres, kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = read_page(ROOT / "docs/how-to/kafka-by-hand.md")
    assert [typed.language for typed in page.typed] == ["python"] * 3
    rooms = ("domain", "projections", "consumers", "api", "deploy")
    modules = {name.split(".")[0] for typed in page.typed for name in imported(ast.parse(typed.text))}
    assert not modules & set(rooms), "with nothing of ours"
    with running_on(kafka.bootstrap, postgres.fresh_database)("by-hand") as world:
        lay_out(world.store, demo_given(), date(2025, 3, 3))
        world.provide()
        monkeypatch.setenv("KUTY_KAFKA", kafka.bootstrap)
        monkeypatch.setenv("KUTY_LEDGER", world.ledger)
        shell = Shell(tmp_path)
        try:
            for typed in page.typed:
                shell.run(typed)
        finally:
            shell.close()
    assert "offset 0" in capsys.readouterr().out
