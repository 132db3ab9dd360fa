"""A policy that tells a kind of recipient less: it can be released, and what was told before keeps a schema that is served.

source: integration.md 3, design D7, D9; decisions/0030
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from disclosure.ledger import follow, ledger_in, opened
from json_schema import faults
from stories import STEPS

from deploy.describe import grounds, publication_schemas, schemas
from deploy.describe.agency_messages import Messages
from deploy.describe.compatibility import BreakingChange, broken
from deploy.describe.publication_schemas import telling, tellings
from deploy.describe.schemas import served_schemas, told_before, write_schemas
from domain.catalogue import EVENTS
from domain.disclosure.policy import Cell, Policy, policy
from projections.kinds import kinds

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference/schemas"
COLUMN, AUTHORITY = "EA", "authority"
ADDRESS = "https://kuty.example"
CACHES: tuple[Any, ...] = (telling, tellings, grounds.grounds_by_type)


@dataclass(frozen=True)
class Released:
    """A program with another policy: where its schemas are committed, and where copies of those of before are."""

    folder: Path
    reference: Path
    older: Path

    def keep(self, type_name: str) -> None:
        """Copy a committed schema, as `deploy/describe/older/README.md` says."""
        path = Path("publications") / COLUMN / f"{type_name}.json"
        (self.older / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.reference / path, self.older / path)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Policy], Released]]:
    def released(rules: Policy) -> Released:
        found = Released(tmp_path, tmp_path / "reference", tmp_path / "older")
        shutil.copytree(REFERENCE, found.reference)
        for module in (publication_schemas, grounds):
            monkeypatch.setattr(module, "POLICY", rules)
        monkeypatch.setattr(schemas, "OLDER", found.older)
        for each in CACHES:
            each.cache_clear()
        return found

    yield released
    monkeypatch.undo()
    for each in CACHES:
        each.cache_clear()


def with_cell(event_name: str, cell: Cell) -> Policy:
    today = policy(kinds())
    return replace(today, rows={**today.rows, event_name: {**today.rows[event_name], COLUMN: cell}}, hash="f" * 64)


def without(field: str) -> Policy:
    today = policy(kinds())
    profile = today.profiles[COLUMN]
    hiding = replace(profile, never=profile.never | {field})
    return replace(today, profiles={**today.profiles, COLUMN: hiding}, hash="f" * 64)


LESS = {
    "nothing of a kind of fact": (with_cell("assessment.started", Cell("–")), "assessment.started.v1", "schema is gone"),
    "one field less": (without("kuty_from_on"), "plan.agreed.v1", "is removed"),
    "another form": (with_cell("plan.drafting_started", Cell("R", "joint")), "plan.drafting_started.v1", "comes as D"),
}


@pytest.mark.parametrize("less", LESS)
def test_a_policy_that_tells_less_is_released_once_a_copy_keeps_what_was_published(
    less: str, release: Callable[[Policy], Released]
) -> None:
    rules, type_name, said = LESS[less]
    released = release(rules)
    path = f"publications/{COLUMN}/{type_name}.json"
    published = orjson.loads((REFERENCE / path).read_bytes())
    with pytest.raises(BreakingChange, match=said) as refused:
        write_schemas(released.reference)
    for fault in refused.value.faults:
        column, name = fault.partition(".json")[0].split("/")[1:]
        assert column == COLUMN
        released.keep(name)
    assert (released.older / path).exists()
    write_schemas(released.reference)
    files = released.reference.rglob("*.json")
    committed = {each.relative_to(released.reference).as_posix(): orjson.loads(each.read_bytes()) for each in files}
    assert committed == served_schemas()
    assert broken(published, committed[path], whose="read") == []


@pytest.mark.parametrize("change", [{"required": ["zzz"]}, {"additionalProperties": False}, {"title": "Other"}])
def test_a_schema_of_what_is_told_no_more_is_kept_as_it_was_published(
    change: dict[str, Any], release: Callable[[Policy], Released]
) -> None:
    rules, type_name, said = LESS["nothing of a kind of fact"]
    released = release(rules)
    released.keep(type_name)
    path = f"publications/{COLUMN}/{type_name}.json"
    kept = orjson.loads((released.older / path).read_bytes())
    (released.older / path).write_bytes(orjson.dumps({**kept, **change}))
    with pytest.raises(BreakingChange, match=said) as refused:
        write_schemas(released.reference)
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [path]
    assert (released.reference / path).read_bytes() == (REFERENCE / path).read_bytes()


def test_a_message_that_is_taken_no_more_is_not_kept_by_a_copy(release: Callable[[Policy], Released]) -> None:
    """Who sends by it would be refused."""
    released = release(policy(kinds()))
    for folder in (released.reference, released.older):
        gone = folder / "messages" / "once_taken.v1.json"
        gone.parent.mkdir(parents=True, exist_ok=True)
        gone.write_bytes(b"{}")
    with pytest.raises(BreakingChange, match=r"messages/once_taken.v1.json: the schema is gone"):
        write_schemas(released.reference)


def test_withdrawals_and_repetitions_of_what_is_told_no_more_name_a_schema_that_is_served(
    release: Callable[[Policy], Released],
) -> None:
    rules, type_name, _ = LESS["nothing of a kind of fact"]
    released = release(rules)
    released.keep(type_name)
    *steps, (_, last) = STEPS
    with ledger_in(released.folder) as made:
        ledger = opened(made)
        # given an authority that was told by the policy of before
        client = ledger.history(steps)
        follow(ledger.follower(schemas=ADDRESS))
        # when the policy tells it less, and something happens
        ledger.reach(last.on)
        ledger.ask(last, client)
        follower = ledger.follower(schemas=ADDRESS, rules=rules, always_whole=True)
        follow(follower)
        first = ledger.told(AUTHORITY)
        follower.redeliver(AUTHORITY)
        again = ledger.told(AUTHORITY)
    # then it is taken back, and whoever reads that, or its repetition, finds the schema
    for told in (first, again):
        of_type = [one for one in told if one.type == type_name]
        assert of_type[-1].kind == "withdrawn"
        for one in told:
            address = dict(one.headers)["ce_dataschema"].decode()
            schema = served_schemas()[address.removeprefix(f"{ADDRESS}/schemas/")]
            assert faults(orjson.loads(one.value), schema, one.type) == []


def test_what_is_told_no_more_is_a_message_of_the_document_and_a_type_that_can_be_asked_for(
    release: Callable[[Policy], Released],
) -> None:
    """Without grounds: on what it was told stands in what was told."""
    rules, type_name, _ = LESS["nothing of a kind of fact"]
    release(rules).keep(type_name)
    assert telling(COLUMN, EVENTS["assessment.started"]) is None
    assert told_before(COLUMN) == [type_name]
    message = Messages(kinds()[COLUMN]).told()[type_name]
    assert message["x-legal-bases"] == []
    assert [one["name"] for one in message["examples"]] == ["fact", "withdrawn"]
    assert grounds.grounds_by_type(COLUMN)[type_name] == ()
