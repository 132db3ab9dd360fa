"""What an agency reads before it has joined: the AsyncAPI document of its kind of recipient, without a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from house import House, house_after

from deploy.describe.asyncapi import document_of, documented, name_of
from projections.kinds import Kind


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
    assert {name: served[name] for name in served if name != "paths"} == {
        name: written[name] for name in written if name != "paths"
    }


@pytest.mark.parametrize("path", ["/asyncapi/nobody.yaml", "/asyncapi/provider", "/asyncapi/provider.json", "/asyncapi/"])
def test_a_document_that_is_not_there_is_not_found(path: str, home: House) -> None:
    assert home.http.get(path).status_code == 404
