"""What an agency reads before it has joined: the AsyncAPI document of its kind of recipient, without a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from house import House, house_after

from api.waiting import MOST_READERS
from deploy.describe.asyncapi import document_of, documented, name_of
from projections.kinds import Kind

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


@pytest.mark.parametrize("kind", documented(), ids=name_of)
def test_a_document_is_served_as_it_is_written(kind: Kind, home: House, built: dict[str, bytes]) -> None:
    name = name_of(kind)
    answer = home.http.get(f"/asyncapi/{name}.yaml")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert answer.content == built[f"asyncapi/{name}.yaml"]
    assert yaml.safe_load(answer.text) == document_of(kind)


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
    assert {kind: set(named) for kind, named in more.items() if named} == {"schemas": {"Claims"}}


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

    for path in ("/out/{recipient}", "/receipts"):
        assert "| `limit` of `GET /out` and `GET /receipts` | {} to {}, else {} |".format(*bounds(path, "limit")) in page
    least, most, usual = bounds("/out/{recipient}", "wait")
    assert f"| `wait` of `GET /out` | {least:g} to {most:g} seconds, else {usual:g} |" in page
    assert f"| readers of a recipient that wait at `GET /out` | {MOST_READERS} at a time" in page
    limits = {bounds(path.removeprefix(ledger), "limit") for path, ways in described.items() if "/recipients/" in path
              and any(one["name"] == "limit" for one in ways["get"]["parameters"])}  # fmt: skip
    assert ["| `limit` of a question | {} to {}, else {} |".format(*one) in page for one in limits] == [True]
