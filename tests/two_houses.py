"""Two copies of one ledger, keys included: what is done in one of them alone must not be seen by who was not told of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from house import AINO, House, furnished, house
from stories import CONTRACTS, INTAKE, OWN_WORKER, READY, joining, last

from domain.chapters.assessments.decisions import StartAssessment
from domain.chapters.clients.decisions import RegisterClient
from domain.chapters.referrals.decisions import AcceptReferral, ReceiveReferral, SubmitReferral
from domain.commands import Command
from domain.context import Caller
from domain.identifiers import synthetic_identity_code
from domain.store import ClientRecord, registration

BEA = "b" * 31 + "1"
"""A client with an open case, of whom nobody but the county has been told."""
BEA_CODE = synthetic_identity_code(date(1985, 11, 2), 907)
NEIGHBOUR = "0000009-4"
"""An employment authority of a municipality where no client lives."""


@cache
def laid_out(row: str) -> Path:
    """AS-1 up to a row with Bea beside it, settled."""
    folder = Path(tempfile.mkdtemp(prefix="kuty-two-"))
    shutil.copytree(furnished(row), folder, dirs_exist_ok=True)
    with house(folder) as home:
        member = (NEIGHBOUR, "employment_authority", {"employment_authority": "neighbour"}, READY)
        home.execute(joining(*member, municipalities=("049",), occurred_on=home.wired.store.today()), CONTRACTS)
        person = ClientRecord(family_name="Malli", identity_code=BEA_CODE, home_municipality="837")
        home.wired.vault.register(BEA, person)
        new = RegisterClient(identity_kind="identity_code", registered_from="own_contact")
        home.execute(new, INTAKE, client=BEA, look_ups=registration(person, BEA, BEA))
        act(home, SubmitReferral(source="self_referral"), Caller(INTAKE.org, INTAKE.task, "client", BEA))
        referral = last(home.wired.store.pathway(BEA).referrals)
        act(home, ReceiveReferral(referral_id=referral, received_via="phone"), INTAKE)
        act(home, AcceptReferral(referral_id=referral), INTAKE)
        act(home, StartAssessment(owner="adult_social_work", client_attended=True), OWN_WORKER)
        home.settle()
    return folder


def act(home: House, command: Command, by: Caller) -> None:
    """Do something about Bea."""
    home.execute(command, by, client=BEA)


@contextmanager
def two_houses(row: str, folder: Path) -> Iterator[tuple[House, House]]:
    """Two copies of the ledger of `laid_out`; ids that the test makes are the same in both."""
    for name in ("one", "other"):
        shutil.copytree(laid_out(row), folder / name)
    with house(folder / "one") as one, house(folder / "other") as other:
        for home in (one, other):
            home.aino = AINO
            home._run = "same"
        yield one, other


def example(schema: Mapping[str, Any], names: Mapping[str, str], *, whole: bool = True) -> Any:
    """A body that the schema of a command or message allows; references are the names given, by field."""
    match schema:
        case {"anyOf": [*arms]}:
            return example(next(arm for arm in arms if arm.get("type") != "null"), names)
        case {"const": value}:
            return value
        case {"enum": [value, *_]}:
            return value
        case {"type": "object"}:
            found = schema.get("properties", {})
            wanted = [name for name in found if whole or name in schema.get("required", ())]
            return {name: names.get(name) or example(found[name], names, whole=whole) for name in wanted}
        case {"type": "array"}:
            return [example(schema["items"], names)]
        case {"type": "boolean"}:
            return True
        case {"type": "integer" | "number"}:
            return max(5, schema.get("minimum", 5))
        case {"format": "date"}:
            return "2025-03-10"
    return next(iter(names.values())) if "message:" in schema.get("description", "") else "x"


def alike(answers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether all answers have the same bytes, each with its own name for the client taken out."""
    return len({raw.replace(name.encode(), b"-") for name, raw in answers}) == 1
