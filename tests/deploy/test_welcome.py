"""An invented agency is let in, and others do what makes somebody its client: by requests that anybody could make."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from api.caller import Claims
from consumers.wire import out_topic
from deploy.agency.welcome import FILE, agencies, organisations
from deploy.cli import WELCOMED, main
from deploy.demo import demo_given
from deploy.local.ports import free_port
from deploy.roles import settle
from deploy.scenario.cast import Cast
from deploy.scenario.given import lay_out
from deploy.serving import app_of, issuer_of, served
from deploy.settings import Settings
from deploy.wiring import Wired, opened
from domain.identifiers import is_business_id

LEDGER = "welcome"


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wired, str]]:
    """A ledger with everybody of a demonstration and no client, and the address of its API."""
    with ledger_in(tmp_path_factory.mktemp("welcome")) as opened_ledger:
        yield opened_ledger


@contextmanager
def ledger_in(home: Path) -> Iterator[tuple[Wired, str]]:
    port = free_port()
    with opened(Settings(ledger=LEDGER, home=home), wait_s=0) as wired:
        lay_out(wired.store, demo_given(), date(2025, 3, 3))
        with served(app_of(wired), "127.0.0.1", port):
            yield wired, f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUTY_LEDGER", LEDGER)


@pytest.mark.parametrize("kind", WELCOMED)
def test_every_request_is_shown_and_recorded_once_however_often_it_is_made(
    kind: str, laid_out: tuple[Wired, str], capsys: pytest.CaptureFixture[str]
) -> None:
    wired, address = laid_out
    told = []
    for _ in range(2):
        assert main(["agency", "welcome", kind, "--http", address]) == 0
        told.append(capsys.readouterr().out)
        head = wired.store.head()
    assert told[0] == told[1]
    assert wired.store.head() == head
    short_name, steps = agencies()[kind]["short_name"], agencies()[kind]["steps"]
    assert told[0].count("POST /ledgers/welcome/") == len(steps)
    assert told[0].endswith(f"{short_name} has joined welcome\n")
    assert wired.store.directory.recipients[short_name].org in organisations()


def test_a_refused_request_ends_it_with_the_reason(
    laid_out: tuple[Wired, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given a benefit that names somebody as its payer who has not joined
    changed = tmp_path / "welcome.yaml"
    changed.write_text(FILE.read_text(encoding="utf-8").replace("payer_org_id: 0000012-3", "payer_org_id: 0000007-8"))
    monkeypatch.setattr("deploy.agency.welcome.FILE", changed)
    monkeypatch.setattr("deploy.agency.welcome.KEYS", "another")
    assert main(["agency", "welcome", "fund", "--http", laid_out[1]]) == 1
    assert "E_PAYER_UNKNOWN" in capsys.readouterr().err


def test_that_an_agency_has_joined_is_seen_as_the_how_to_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/how-to/join-an-agency.md, step 4: what the county sees, and the one publication that the agency itself gets."""
    monkeypatch.setenv("KUTY_HOME", str(tmp_path))

    def counted() -> int:
        main(["status", "--json"])
        return int(json.loads(capsys.readouterr().out)["recipients"]["joined"])

    with ledger_in(tmp_path) as (wired, address):
        settle(wired.roles(), lambda: sum(wired.lag().values()))
        before = counted()
        assert main(["agency", "welcome", "referrer", "--http", address]) == 0
        capsys.readouterr()
        health = f"{address}/ledgers/{LEDGER}/health"
        county = token(wired, "0000001-9", "organiser")
        assert asked(health, county)["at_head"] is False
        settle(wired.roles(), lambda: sum(wired.lag().values()))
        assert asked(health, county)["at_head"] is True
        assert counted() == before + 1
        school = token(wired, "0000004-3", "referrer")
        told = asked(f"{address}/ledgers/{LEDGER}/out/our-school?wait=0", school)["publications"]
        assert [one["headers"]["ce_type"] for one in told] == ["organisation.joined.v1"]
        assert out_topic(LEDGER, "our-school") in wired.broker.topics()


def token(wired: Wired, org: str, task: str) -> str:
    claims = Claims.model_validate({"ledger": LEDGER, "org": org, "task": task, "role": "system", "person": "system"})
    return issuer_of(wired.settings).token(claims)


def asked(address: str, token: str) -> Any:
    with urlopen(Request(address, headers={"Authorization": f"Bearer {token}"})) as answer:
        return json.load(answer)


def test_who_is_let_in_is_nobody_of_a_demonstration() -> None:
    assert all(map(is_business_id, organisations()))
    assert not organisations() & set(Cast(demo_given()).organisations.values())
    assert tuple(sorted(agencies())) == WELCOMED
