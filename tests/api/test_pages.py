"""The pages: served from here alone, in three languages, and the description that they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from house import LEDGER, WITHOUT_ROUTE, House, house_after
from stories import INSTRUCTOR, OWN_WORKER, STRANGER

from api.routes.development import FEW
from domain.rulebook import COMMANDS

WEB = Path(__file__).resolve().parents[2] / "api" / "web"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_after("14", tmp_path_factory.mktemp("pages")) as at:
        yield at


class Links(HTMLParser):
    """What a page asks the browser to fetch, and the words that it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.words: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("src", "href"):
            if given.get(name):
                self.fetched.append(given[name] or "")
        if given.get("data-word"):
            self.words.add(given["data-word"] or "")
        self.inline += [name for name in given if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_fetches_nothing_from_elsewhere(path: str, home: House) -> None:
    answer = home.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    links = Links()
    links.feed(answer.text)
    assert links.inline == []
    for link in links.fetched:
        assert link.startswith(("/", "#", "data:,", "openapi.json")), link
        if link.startswith("/"):
            assert home.http.get(link).status_code == 200, link


def test_every_word_stands_in_three_languages(home: House) -> None:
    source = (WEB / "words.js").read_text(encoding="utf-8")
    blocks = [re.search(rf"^  {language}: \{{(.*?)^  \}},", source, re.S | re.M) for language in ("fi", "sv", "en")]
    keys = [set(re.findall(r"(\w+): \"", block.group(1))) for block in blocks if block]
    assert len(keys) == 3
    assert keys[0] == keys[1] == keys[2]
    used = set(re.findall(r"word\(\"(\w+)\"\)", "".join(path.read_text(encoding="utf-8") for path in WEB.glob("*.js"))))
    for page in WEB.glob("*.html"):
        links = Links()
        links.feed(page.read_text(encoding="utf-8"))
        used |= links.words
    assert used <= keys[0]


def test_what_the_page_reads_is_there(home: House) -> None:
    people = home.http.get("/dev/people").json()["people"]
    assert {person["claims"]["role"] for person in people} >= {"own_worker", "instructor", "kela_clerk", "auditor"}
    of_payers = {p["recipient"]: p["claims"]["role"] for p in people if p["claims"]["task"] == "benefit_payment"}
    assert of_payers == {"kela-payment": "kela_clerk", "fund": "fund_clerk"}
    assert set(people[0]["role"]) == {"fi", "sv", "en"}
    made = home.http.post("/dev/tokens", json=people[0]["claims"])
    assert made.status_code == 201
    headers = {"authorization": f"Bearer {made.json()['token']}"}
    assert home.http.get(f"/ledgers/{LEDGER}/health", headers=headers).status_code == 200
    wrong = home.http.post("/dev/tokens", json={**people[0]["claims"], "role": "emperor"})
    assert (wrong.status_code, wrong.json()["codes"][0]["pointer"]) == (422, "/role")


def test_a_recipient_lists_its_own_clients_alone(home: House) -> None:
    def clients(by: object) -> list[dict[str, str]]:
        answer = home.http.get(f"/dev/ledgers/{LEDGER}/clients", headers=home.headers(by))  # type: ignore[arg-type]
        return list(answer.json()["clients"])

    assert clients(OWN_WORKER) == [{"client": home.name("county"), "family_name": "Esimerkki", "given_names": "Aino"}]
    assert [one["client"] for one in clients(INSTRUCTOR)] == [home.name("provider-s01")]
    assert clients(STRANGER) == []


def test_the_description_has_every_command_with_its_schema_and_words(home: House) -> None:
    document = home.http.get("/openapi.json").json()
    operations = {operation["operationId"]: operation for methods in home.paths.values() for operation in methods.values()}
    for kind in COMMANDS.values():
        if kind.name in WITHOUT_ROUTE:
            assert kind.name not in operations
            continue
        operation = operations[kind.name]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert set(kind.command.model_fields) <= set(schema["properties"])
        assert operation["description"]
        assert {"Idempotency-Key", "If-Match"} <= {parameter["name"] for parameter in operation["parameters"]}
    referenced = set(re.findall(r"#/components/schemas/(\w+)", home.http.get("/openapi.json").text))
    assert referenced <= set(document["components"]["schemas"])
    assert document["openapi"].startswith("3.1")


def test_the_page_says_how_many_clients_it_shows_at_most() -> None:
    hints = re.findall(r'whom_hint: "(.*?)"', (WEB / "words.js").read_text(encoding="utf-8"))
    assert [str(FEW) in hint for hint in hints] == [True, True, True]


def test_the_countys_questions_about_the_full_feed_are_offered_as_the_others_are(home: House) -> None:
    of_the_feed = {
        operation["operationId"].split("_")[0].upper(): operation
        for path, methods in home.paths.items()
        if "/clients/{client}/" in path and "/recipients/" not in path
        for operation in methods.values()
        if "x-title" in operation
    }
    assert set(of_the_feed) == {"CW8", "DP1", "DP2", "DP12"}
    for operation in of_the_feed.values():
        assert (operation["tags"], operation["x-tasks"]) == (["replay"], ["organiser"])
        assert set(operation["x-title"]) == {"fi", "sv", "en"}


def test_without_the_setting_there_are_no_development_routes(home: House) -> None:
    from described import Local
    from house import ISSUER

    from api.app import create_app
    from api.caller import Verifier
    from deploy.serving import door_of

    with Local(create_app({LEDGER: door_of(home.wired)}, Verifier(ISSUER.public_key))) as http:
        assert http.get("/dev/people").status_code == 404
        assert http.post("/dev/tokens", json={}).status_code == 404
        assert http.get("/").status_code == 200
