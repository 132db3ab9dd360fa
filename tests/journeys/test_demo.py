"""The demonstration: invented clients along a path like AS-1, through the commands that workers and agencies use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo import Shown, demo_given, run_demo
from deploy.scenario.cast import Cast
from deploy.settings import Settings
from deploy.synthetic import LAST_DAY, deeds_of, synthetic_clients
from deploy.world import LedgerWorld, open_world
from domain.identifiers import is_test_code

FEW = 4
SEED = 7


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LedgerWorld, Shown, list[str]]]:
    lines: list[str] = []
    folder: Path = tmp_path_factory.mktemp("demo")
    with open_world(Settings(ledger="demo", home=folder)) as world:
        yield world, run_demo(world, FEW, SEED, lines.append, progress=False), lines


def test_every_deed_of_every_client_is_recorded(shown: tuple[LedgerWorld, Shown, list[str]]) -> None:
    world, made, lines = shown
    cast = Cast(demo_given())
    deeds = [deed for number in range(1, FEW + 1) for deed in deeds_of(f"C{number}", cast, SEED)]
    assert made.clients == FEW
    assert made.commands == len(deeds)
    assert made.facts > made.commands
    assert lines[0].startswith(f"{FEW} synthetic clients, {made.commands} commands, {made.facts} facts")
    assert f"/ledgers/demo/recipients/county/clients/{made.someone}/case" in lines[-1]
    assert world.store.today() <= LAST_DAY


def test_everything_has_come_to_rest_at_the_end(shown: tuple[LedgerWorld, Shown, list[str]]) -> None:
    world, _, _ = shown
    assert not any(world.wired.lag().values())


def test_the_county_knows_somebody_to_begin_looking_with(shown: tuple[LedgerWorld, Shown, list[str]]) -> None:
    world, made, _ = shown
    with world.wired.models.of("county").look() as look:
        assert "family_name" in look.blocks([made.someone])[made.someone]


def test_the_same_seed_gives_the_same_people_and_deeds_and_another_seed_others() -> None:
    cast = Cast(demo_given())
    assert synthetic_clients(30, 1) == synthetic_clients(30, 1)
    assert synthetic_clients(30, 1) != synthetic_clients(30, 2)
    assert deeds_of("C5", cast, 1) == deeds_of("C5", cast, 1)
    assert deeds_of("C5", cast, 1) != deeds_of("C5", cast, 2)


def test_no_identity_code_could_be_a_real_persons() -> None:
    codes = [person.identity_code for person in synthetic_clients(300, 1).values()]
    assert all(code is not None and is_test_code(code) for code in codes)
    assert len(set(codes)) == 300


def test_a_hundred_clients_have_absences_corrections_closed_days_and_ends_of_their_own() -> None:
    cast = Cast(demo_given())
    by_client = [deeds_of(f"C{number}", cast, 1) for number in range(1, 101)]
    commands = Counter(deed.kind.name for deeds in by_client for deed in deeds)
    assert commands["submit_referral"] == 100
    for name in ("correct_fact", "send_absence_report", "record_not_arranged", "start_parallel_service", "close_case"):
        assert commands[name] > 5
    assert 0 < commands["close_case"] < 100
    assert len({deeds[0].on for deeds in by_client}) > 30
