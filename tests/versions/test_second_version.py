"""An event gets a second version: what the first one wrote is read, judged, told and audited by the later program.

The later program is a process of its own (`tests/versions/later_program.py`): everything that is derived from an event's
declarations is derived there from the second version.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AINO, LEDGER, furnished, house
from stories import OWN_WORKER

from deploy.cli import main
from deploy.settings import Settings
from domain.catalogue import EVENTS, UPCASTS
from domain.chapters.corrections.decisions import CorrectFact

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
DEADLINE_S = 180
Told = Mapping[str, Any]


def written_by_the_first(folder: Path) -> Path:
    """A ledger of today with two follow-ups, the second of them corrected in the words of the first version."""
    shutil.copytree(furnished("21"), folder, dirs_exist_ok=True)
    with house(folder) as home:
        home.aino = AINO
        *_, last = home.pathway.follow_ups.values()
        new_values = {"parties_present": ["client", "organiser"], "next_step": "education"}
        asked = CorrectFact(target_event_id=last.event_id, correction_reason="wrong_entry", new_values=new_values)
        home.execute(asked, OWN_WORKER, client=AINO)
        home.settle()
    return folder


def by_the_later(folder: Path, *tasks: str) -> Told:
    result = folder.parent / "result.json"
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests/versions/later_program.py"), str(folder), str(result), *tasks],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    told: Told = orjson.loads(result.read_bytes())
    return told


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_by_the_first(tmp_path_factory.mktemp("first") / "home")


@pytest.fixture
def copied(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "home"))


@pytest.fixture(scope="module")
def gone_on(first: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    folder = Path(shutil.copytree(first, tmp_path_factory.mktemp("later") / "home"))
    shutil.copytree(SCHEMAS, folder.parent / "schemas")
    return folder, by_the_later(folder, "read back", "go on", "describe", "rebuild")


def test_every_version_but_the_newest_is_lifted() -> None:
    older = {(name, version) for name, cls in EVENTS.items() for version in range(1, cls.VERSION)}
    assert older == UPCASTS.keys(), "domain/catalogue.py: one upcast for each version that is not the newest"


def test_what_the_first_version_wrote_is_read_in_the_words_of_the_second(gone_on: tuple[Path, Told]) -> None:
    told = gone_on[1]["read back"]
    before, after = told["held"]
    assert (before["who_met"], before["next_step"]) == (["client", "instructor", "organiser"], None)
    assert before["held_as"] == "at_site"
    assert (after["who_met"], after["held_as"], after["next_step"]) == (["client", "organiser"], "at_site", "education")
    assert told["types"] == ["followup.held.v1"] * 2


def test_a_correction_that_named_a_field_of_the_first_version_holds_for_the_second(gone_on: tuple[Path, Told]) -> None:
    assert ["next_step", "who_met"] in gone_on[1]["read back"]["changes"]


@pytest.mark.parametrize("when", ["read back", "go on"])
def test_both_audits_hold_over_both_versions(gone_on: tuple[Path, Told], when: str) -> None:
    audit = gone_on[1][when]["audit"]
    assert audit["decided"] > 100
    assert audit["told"] > 100
    assert {name: audit[name] for name in ("chains", "amiss", "decisions", "tellings")} == {
        "chains": [], "amiss": [], "decisions": [], "tellings": [],
    }  # fmt: skip


@pytest.mark.parametrize("when", ["read back", "go on"])
def test_a_read_model_that_was_filled_before_answers_in_the_words_of_the_second(
    gone_on: tuple[Path, Told], when: str
) -> None:
    bodies = gone_on[1][when]["rows"]
    assert len(bodies) >= 3
    assert all("who_met" in body and "parties_present" not in body for body in bodies if body["kind"] != "withdrawn")


def test_new_facts_are_recorded_and_told_in_the_second_version_and_old_words_are_understood(
    gone_on: tuple[Path, Told],
) -> None:
    told = gone_on[1]["go on"]
    assert told["answers"] == [201, 201]
    assert told["types"] == ["followup.held.v1"] * 2 + ["followup.held.v2"] * 2
    assert told["told"][-1] == "followup.held.v2"
    first_of_all, _, new, old = told["held"]
    assert (new["who_met"], new["held_as"]) == (["client"], "remote")
    assert (old["who_met"], old["held_as"]) == (["client", "organiser"], "at_site")
    # corrected three times: in new words, in old ones, and in a field that the first version did not have
    assert (first_of_all["who_met"], first_of_all["held_as"]) == (["client", "instructor"], "remote")


def test_a_model_and_a_store_are_made_again_from_both_versions(gone_on: tuple[Path, Told]) -> None:
    assert gone_on[1]["rebuild"] == {"model": 0, "store": 0, "decisions": 0}


def test_golden_files_and_schemas_of_the_first_version_stay(gone_on: tuple[Path, Told]) -> None:
    told = gone_on[1]["describe"]
    assert told["golden"]["who_met"] == ["client", "organiser"]
    assert told["kept"] == ["followup.held.v1.json", "followup.held.v2.json"]
    assert told["written"] == ["events/followup.held.v2.json"]
    assert told["asyncapi"] == ["followup.held.v1", "followup.held.v2"]


def test_a_correction_may_be_sent_in_the_words_of_both_versions(gone_on: tuple[Path, Told]) -> None:
    assert gone_on[1]["describe"]["corrected"] == [False, True], "the older name is there, and deprecated"


def test_a_part_of_the_fields_is_lifted_without_saying_what_the_others_are(gone_on: tuple[Path, Told]) -> None:
    told = gone_on[1]["describe"]
    assert told["parts"] == [{}, {"who_met": ["client"]}, {"next_step": None}, {"who_met": ["client"], "held_as": "remote"}]
    assert told["twice"] == [True] * 4
    assert told["given"] == {"held_as": "at_site"}


def test_an_older_program_says_that_it_does_not_know_the_newer_version(
    gone_on: tuple[Path, Told], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(Settings(), home=gone_on[0], ledger=LEDGER)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["audit", "chains"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "kuty: followup.held.v2 is no event that this program knows: run the one that recorded it, or a newer one\n"
    )
