"""What an agency reads before it has joined: the AsyncAPI document of its kind of recipient, without a token."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from house import House, house, house_after

from api.bodies import LARGE, MOST_OF_ONE
from api.bodies import MOST_WAITING as MOST_THERE
from api.openapi.document import DescribedApi
from api.parameters import PAGE
from api.problems import LONGEST_ANSWER_S, LONGEST_WAIT_S
from api.routes.publications import LOOKED_THROUGH
from api.waiting import MOST_READERS
from consumers.log import DAY_MS
from consumers.wire import IN, OUT, RECEIPTS
from deploy.describe.asyncapi import document_of, documented, name_of
from domain.disclosure.once_more import A_DAY, MOST_IN_A_DAY
from domain.json_gate import LIMIT
from domain.message_fields import MOST_ENTRIES
from domain.messages import MOST_CLIENTS
from domain.store import HELD_FOR, MOST_WAITING, MOST_WAITING_BYTES
from projections.kinds import Kind
from projections.questions import Paged

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("14", tmp_path_factory.mktemp("documents")) as at:
        yield at


def test_every_kind_of_recipient_is_listed_in_three_languages_with_the_address_of_its_document(home: House) -> None:
    documents = home.http.get("/asyncapi").json()["documents"]
    assert [one["task"] for one in documents] == [kind.task for kind in documented()]
    assert all(set(one["label"]) == {"fi", "sv", "en"} and all(one["label"].values()) for one in documents)
    assert len({one["label"]["fi"] for one in documents}) == len(documents)
    assert [home.http.get(one["address"]).status_code for one in documents] == [200] * len(documents)
    listed = [one["address"].split("/") for one in home.http.get("/schemas").json()["schemas"]]
    assert {one["kind"] for one in documents} == {parts[3] for parts in listed if parts[2] == "publications"}


@pytest.mark.parametrize("kind", documented(), ids=name_of)
def test_a_document_is_served_as_it_is_written(kind: Kind, home: House, built: dict[str, bytes]) -> None:
    name = name_of(kind)
    answer = home.http.get(f"/asyncapi/{name}.yaml")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert answer.content == built[f"asyncapi/{name}.yaml"]
    assert yaml.safe_load(answer.text) == document_of(kind)


def test_while_the_description_is_made_others_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a second the first time; who asks meanwhile gets the same bytes."""
    made, go_on, times = DescribedApi.openapi, threading.Event(), []

    def slowly(api: DescribedApi) -> dict[str, Any]:
        times.append(1)
        assert go_on.wait(60)
        return made(api)

    monkeypatch.setattr(DescribedApi, "openapi", slowly)

    async def scene(app: Any) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as http:
            asking = [asyncio.create_task(http.get("/openapi.json")) for _ in range(3)]
            assert (await http.get("/asyncapi")).status_code == 200
            assert not any(one.done() for one in asking)
            go_on.set()
            assert len({(await one).content for one in asking}) == 1
        assert times == [1]

    with house(tmp_path) as fresh:
        asyncio.run(scene(fresh.http.app))


def test_the_description_that_is_written_is_the_one_that_is_served_but_for_what_is_for_development(
    home: House, built: dict[str, bytes]
) -> None:
    served, written = home.http.get("/openapi.json").json(), yaml.safe_load(built["openapi.json"])
    assert {path for path in served["paths"] if path not in written["paths"]} == {
        "/dev/people", "/dev/tokens", "/dev/ledgers/{ledger}/clients"
    }  # fmt: skip
    assert {path: served["paths"][path] for path in written["paths"]} == written["paths"]
    in_parts = ("paths", "components", "tags")
    assert {name: served[name] for name in served if name not in in_parts} == {
        name: written[name] for name in written if name not in in_parts
    }
    assert [one for one in served["tags"] if one not in written["tags"]] == [served["tags"][-1]]
    more = {kind: {name: one for name, one in named.items() if written["components"][kind].get(name) != one}
            for kind, named in served["components"].items()}  # fmt: skip
    assert {kind: set(named) for kind, named in more.items() if named} == {
        "schemas": {"Claims", "KnownClient", "KnownClients", "People", "Person", "Token", "TokenWanted"}
    }


@pytest.mark.parametrize("path", ["/asyncapi/nobody.yaml", "/asyncapi/provider", "/asyncapi/provider.json", "/asyncapi/"])
def test_a_document_that_is_not_there_is_not_found(path: str, home: House) -> None:
    assert home.http.get(path).status_code == 404


def test_every_parameter_says_what_it_is_and_where_it_ends(home: House) -> None:
    """docs/explanation/integration.md 4: bounds are said where they are asked for, in words as in the schema"""
    described = home.paths
    ways = [(path, way) for path, methods in described.items() for way in methods.values()]
    asked = [(path, one) for path, way in ways for one in way.get("parameters", ())]
    assert len(asked) > 100
    for path, one in asked:
        schema, words = one["schema"], one.get("description") or one["schema"].get("description", "")
        assert words, (path, one["name"])
        bounds = [schema[name] for name in ("minimum", "maximum", "maxLength") if name in schema]
        said = [bound for bound in bounds if bound < 2**63 - 1]
        missing = [bound for bound in said if one["in"] == "query" and f"{bound:g}" not in words]
        assert missing == [], (path, one["name"])


def test_the_page_of_the_contract_says_the_same_bounds(home: House) -> None:
    page = (ROOT / "docs/explanation/integration.md").read_text()
    described = home.paths
    ledger = "/ledgers/{ledger}"

    def bounds(path: str, name: str) -> tuple[float, float, float]:
        [found] = [one["schema"] for one in described[f"{ledger}{path}"]["get"]["parameters"] if one["name"] == name]
        return found["minimum"], found["maximum"], found["default"]

    for path in ("/out/{recipient}", "/receipts", "/waiting"):
        row = "| `limit` of `GET /out`, `GET /receipts` and `GET /waiting` | {} to {}, else {} |"
        assert row.format(*bounds(path, "limit")) in page
    least, most, usual = bounds("/out/{recipient}", "wait")
    assert f"| `wait` of `GET /out` | {least:g} to {most:g} seconds, else {usual:g} |" in page
    assert f"| readers of a recipient that wait at `GET /out` | {MOST_READERS} at a time" in page
    limits = {bounds(path.removeprefix(ledger), "limit") for path, ways in described.items() if "/recipients/" in path
              and any(one["name"] == "limit" for one in ways["get"]["parameters"])}  # fmt: skip
    assert ["| `limit` of a question | {} to {}, else {} |".format(*one) in page for one in limits] == [True]


def most_of(paged: type[Paged]) -> int:
    most: int = paged.model_json_schema()["properties"]["limit"]["maximum"]
    return most


def test_the_page_of_the_contract_states_every_limit_in_one_table() -> None:
    """docs/explanation/integration.md 4, row by row"""
    page = (ROOT / "docs/explanation/integration.md").read_text()
    _, _, behind = page.partition("| limit | how much | beyond it |\n|---|---|---|\n")
    table = behind.partition("\n\n")[0]
    rows = {cells[1].strip(): cells[2].strip() for cells in (line.split("|") for line in table.splitlines())}
    days = {name: topic.retention_ms // DAY_MS for name, topic in (("in", IN), ("out", OUT), ("receipts", RECEIPTS))}
    assert rows == {
        "a body": f"{LIMIT // 1024} KiB",
        "a list; a group's message": f"{MOST_ENTRIES} entries; {MOST_CLIENTS} clients",
        "messages of a sender that wait":
            f"{MOST_WAITING:,} or {MOST_WAITING_BYTES // 2**20} MiB, each for {HELD_FOR.days} days",
        "entries of a page": f"{PAGE} of a line or of what waits; {most_of(Paged):,} of a question",
        "a wait at `GET /out`": f"{LONGEST_WAIT_S:.0f} seconds",
        "publications that an answer with `type` looks through": f"{LOOKED_THROUGH:,}",
        "readers of a recipient that wait": f"{MOST_READERS} at a time",
        "redeliveries to a recipient of a live ledger": f"{MOST_IN_A_DAY} in {A_DAY.total_seconds() / 3600:.0f} hours",
        f"bodies of more than {LARGE // 1024} KiB that are being judged":
            f"{MOST_THERE} at a time, {MOST_OF_ONE} of one sender (each process of the API counts its own)",
        "what an answer may take, beyond a wait that was asked for": f"{LONGEST_ANSWER_S:.0f} seconds",
        "what a topic keeps": ", ".join(f"{name} {number} days" for name, number in days.items()),
    }  # fmt: skip
