"""What a later program makes of a ledger that an older one has written: told as JSON to the test that started it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "domain")]

from versions import second_version  # noqa: E402, I001 - before anything else of the domain

from collections.abc import Callable  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

import orjson  # noqa: E402
from golden.files import read  # noqa: E402
from golden.test_golden import event_of  # noqa: E402
from house import AINO, House, house  # noqa: E402
from stories import OWN_WORKER  # noqa: E402

from deploy.cli import main  # noqa: E402
from deploy.describe.asyncapi import document_of  # noqa: E402
from deploy.describe import schemas as described_schemas  # noqa: E402
from deploy.describe.schemas import write_schemas  # noqa: E402
from deploy.feed import feed_of_store, feed_of_topic  # noqa: E402
from domain.catalogue import UPCASTS, given_to_all, upcast, upcast_part  # noqa: E402
from domain.chapters.corrections.decisions import CorrectFact  # noqa: E402
from domain.message_schemas import body_schema  # noqa: E402
from domain.rulebook import COMMANDS  # noqa: E402
from projections.audit import rerun_decisions, verify_chains  # noqa: E402
from projections.disclosure_audit import rerun_disclosures  # noqa: E402
from projections.kinds import kinds  # noqa: E402
from projections.timeline import history  # noqa: E402

NAME = second_version.FollowUpHeld.NAME


def held(home: House) -> list[dict[str, Any]]:
    """The follow-ups as they hold, in the order of recording."""
    return [fact.event.model_dump(mode="json") for fact in home.pathway.follow_ups.values()]


def audited(home: House) -> dict[str, Any]:
    """What both audits find, from the store and from the topic."""
    feed = feed_of_store(home.wired)
    with feed_of_topic(home.wired.settings) as topic:
        chains = [*verify_chains(feed.records(), feed.opened), *verify_chains(topic.records(), topic.opened)]
    reruns = rerun_decisions(feed.records(), feed.opened, feed.decision)
    tellings = rerun_disclosures(feed.records(), feed.opened)
    return {
        "chains": [fault.what for fault in chains],
        "amiss": [fault.what for fault in feed.amiss()],
        "decided": len(reruns),
        "decisions": [run.differences for run in reruns if run.same is False],
        "told": len(tellings),
        "tellings": [run.differences for run in tellings if run.same is False],
    }


def rows(home: House, short_name: str) -> list[dict[str, Any]]:
    """What a recipient's read model has of follow-ups."""
    with home.wired.models.of(short_name).look() as look:
        return [{"kind": row.kind, **row.body} for row in look.everything() if row.name == NAME]


def types_told(home: House, short_name: str) -> list[str]:
    """In which versions follow-ups stand on a recipient's line."""
    records = home.wired.store.stream(f"recipient/{short_name}/1")
    types = [event.publication["type"] for event in home.wired.store.opened_all(records) if hasattr(event, "publication")]
    return [name for name in types if name.startswith(NAME)]


def read_back(home: House) -> dict[str, Any]:
    feed = feed_of_store(home.wired)
    lines = [line for line in history(feed.records(), feed.opened, AINO) if line.name == NAME or line.changes]
    return {
        "held": held(home),
        "audit": audited(home),
        "rows": rows(home, "county"),
        "changes": [[change.field for change in line.changes] for line in lines if line.changes],
        "types": [record.header.type for record in feed.records() if record.header.name == NAME],
    }


def went_on(home: House) -> dict[str, Any]:
    """New facts in the second version beside old ones, a correction of an old one in new and in old words."""
    meeting = {"followup_kind": "regular_follow_up", "occurred_on": str(home.wired.store.now().date())}
    path = f"/clients/{home.name('county')}/follow-ups"
    new = home.post(path, OWN_WORKER, {**meeting, "who_met": ["client"], "held_as": "remote"})
    old = home.post(path, OWN_WORKER, {**meeting, "parties_present": ["client", "organiser"]})
    first, *_ = home.pathway.follow_ups.values()
    for new_values in ({"who_met": ["client"]}, {"parties_present": ["client", "instructor"]}, {"held_as": "remote"}):
        asked = CorrectFact(target_event_id=first.event_id, correction_reason="wrong_entry", new_values=new_values)
        home.execute(asked, OWN_WORKER, client=AINO)
    home.settle()
    return {"answers": [new.status_code, old.status_code], **read_back(home), "told": types_told(home, "county")}


def rebuilt(home: House) -> dict[str, Any]:
    """A recipient's model and the store, made again."""
    settings = home.wired.settings
    home.wired.close()
    environment(settings)
    elsewhere = settings.home.parent / "rebuilt"
    return {
        "model": main(["rebuild", "county"]),
        "store": main(["rebuild", "store", "--from-topic", "--into", str(elsewhere)]),
        "decisions": main(["audit", "decisions"]),
    }


def environment(settings: Any) -> None:
    import os

    os.environ.update(replace(settings).environment())


def described(home: House) -> dict[str, Any]:
    """Golden files and schemas of the first version beside those of the second."""
    schemas = home.wired.settings.home.parent / "schemas"
    described_schemas.OLDER = schemas
    written = {path.relative_to(schemas).as_posix() for path in write_schemas(schemas)}
    county = next(kind for kind in kinds() if kind.key == "county")
    told = document_of(county)["channels"]["out"]["messages"]
    golden = read("events")[f"{NAME}.v1"]
    corrections = body_schema(COMMANDS[CorrectFact.NAME])["properties"]["new_values"]["anyOf"][0]["properties"]
    parts = [{}, {"parties_present": ["client"]}, {"next_step": None}, {"who_met": ["client"], "held_as": "remote"}]
    return {
        "golden": event_of(golden).model_dump(mode="json"),
        "kept": sorted(path.name for path in (schemas / "events").glob(f"{NAME}.*")),
        "written": sorted(name for name in written if name.startswith(f"events/{NAME}")),
        "corrected": [corrections[name].get("deprecated", False) for name in ("who_met", "parties_present")],
        "asyncapi": sorted(name for name in told if name.startswith(NAME)),
        "parts": [upcast_part(f"{NAME}.v1", part) for part in parts],
        "twice": [upcast(f"{NAME}.v1", upcast(f"{NAME}.v1", part)) == upcast(f"{NAME}.v1", part) for part in parts],
        "given": dict(given_to_all(f"{NAME}.v1")),
        "upcasts": [list(key) for key in UPCASTS],
    }


TASKS: dict[str, Callable[[House], dict[str, Any]]] = {
    "read back": read_back, "go on": went_on, "rebuild": rebuilt, "describe": described,
}  # fmt: skip

if __name__ == "__main__":
    folder, result, *names = sys.argv[1:]
    with house(Path(folder)) as later:
        later.aino = AINO
        Path(result).write_bytes(orjson.dumps({name: TASKS[name](later) for name in names}, default=str))
