"""The demonstration: invented clients along a path like AS-1, through the commands that workers and agencies use."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli import main
from deploy.commands.serving import fill
from deploy.demo import DemoFailed, Shown, demo_given, run_demo
from deploy.scenario.cast import Cast
from deploy.settings import Settings
from deploy.synthetic import LAST_DAY, deeds_of, synthetic_clients
from deploy.world import LedgerWorld, open_world
from domain.identifiers import is_business_id, is_test_code

FEW = 4
SEED = 7
ROOT = Path(__file__).resolve().parents[2]
FILLED_UNTIL = f"""
import os, signal, sys
from pathlib import Path
from deploy.commands.serving import fill
from deploy.settings import Settings
from domain.store import EventStore

submit, given = EventStore.submit, 0

def counted(*words, **more):
    global given
    if given == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    given += 1
    return submit(*words, **more)

EventStore.submit = counted
fill(Settings(ledger="demo", home=Path(sys.argv[1])), {FEW}, {SEED})
"""
"""The demonstration, killed when so many commands have been handed over."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LedgerWorld, Shown, list[str]]]:
    lines: list[str] = []
    folder: Path = tmp_path_factory.mktemp("demo")
    with open_world(Settings(ledger="demo", home=folder)) as world:
        yield world, run_demo(world, FEW, SEED, lines.append), lines


def test_who_is_invented_beside_a_demonstration_is_none_of_its_people_or_organisations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["test-ids", "--count", "200", "--seed", str(SEED)]) == 0
    given = [line.split() for line in capsys.readouterr().out.splitlines()]
    codes = {one for what, one in given if what == "identity_code"}
    business_ids = {one for what, one in given if what == "business_id"}
    assert (len(codes), len(business_ids), len(given)) == (200, 200, 400)
    assert all(map(is_test_code, codes))
    assert all(map(is_business_id, business_ids))
    assert not codes & {person.identity_code for person in synthetic_clients(2000, SEED).values()}
    assert not business_ids & set(Cast(demo_given()).organisations.values())


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


def facts_of(world: LedgerWorld) -> list[tuple[str, str, str]]:
    """What happened in a ledger, whatever the ids are and in whatever order recipients were told."""
    records = [one for one in world.store.records(0, 100_000) if not one.header.name.startswith("disclosure.")]
    return sorted((one.header.name, str(one.header.occurred_on), one.header.actor_person) for one in records)


@pytest.mark.parametrize("commands_before", [0, 5, 120])
def test_a_demo_that_was_killed_goes_on_and_comes_to_what_it_would_have_come_to(
    shown: tuple[LedgerWorld, Shown, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], commands_before: int
) -> None:
    whole, made, _ = shown
    settings = Settings(ledger="demo", home=tmp_path)
    filling = subprocess.Popen([sys.executable, "-c", FILLED_UNTIL, str(tmp_path), str(commands_before)], cwd=ROOT)
    assert filling.wait(120) == -signal.SIGKILL
    fill(settings, FEW, SEED)
    said = capsys.readouterr().out
    assert said.startswith(f"The demo of {FEW} clients was broken off: it goes on.\n")
    assert f"{FEW} synthetic clients, {made.commands} commands, {made.facts} facts about them" in said
    with open_world(settings) as world:
        assert facts_of(world) == facts_of(whole)
        assert not any(world.wired.lag().values())
    fill(settings, FEW, SEED)
    assert "has data already" in capsys.readouterr().out


def test_a_demo_that_cannot_go_on_says_how_to_begin_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is of other clients, or the ledger went on without it."""
    settings = Settings(ledger="demo", home=tmp_path)
    filling = subprocess.Popen([sys.executable, "-c", FILLED_UNTIL, str(tmp_path), "5"], cwd=ROOT)
    assert filling.wait(120) == -signal.SIGKILL
    for clients, seed in ((FEW + 1, SEED), (FEW, SEED + 1)):
        fill(settings, clients, seed)
        said = capsys.readouterr().out
        assert said == "The ledger demo has data already: no demo data added. KUTY_LEDGER names another one.\n"

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUTY_HOME", str(tmp_path))
        assert main(["clock", "advance", "2026-01-01"]) == 0
    with pytest.raises(DemoFailed, match=r"another KUTY_LEDGER begins a new one: .*E_CLOCK_BACKWARDS"):
        fill(settings, FEW, SEED)


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
