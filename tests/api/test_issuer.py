"""Who may sign tokens: the development issuer in a simulated ledger, the settings' own in a live one (design D19)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from described import Local
from fastapi.testclient import TestClient
from house import LEDGER, House, house
from stories import OWN_WORKER

from api.caller import Claims
from deploy.serving import app_of, issuer_of

Served: TypeAlias = Callable[..., TestClient]


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as home:
        home.lay_out()
        yield home


@pytest.fixture
def live(lived: House, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The application for these settings, once the ledger is a live one that may be served."""
    monkeypatch.setattr(type(lived.wired.store), "mode", "live")

    def served(**settings: Any) -> TestClient:
        given = {"allow_live": True, "schemas_address": "https://kuty.example", **settings}
        monkeypatch.setattr(lived.wired, "settings", replace(lived.wired.settings, **given))
        return Local(app_of(lived.wired))

    return served


CLAIMS = Claims(ledger=LEDGER, org=OWN_WORKER.org, task="organiser", role="own_worker", person="W-01")


def test_no_development_token_is_made_for_a_live_ledger_or_taken_there(lived: House, live: Served) -> None:
    """Whatever the settings say."""
    for said in (True, False):
        with live(development_issuer=said) as http:
            token = issuer_of(lived.wired.settings).token(CLAIMS)
            answer = http.get(f"/ledgers/{LEDGER}/health", headers={"authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["codes"][0]["code"]) == (401, "E_UNAUTHENTICATED")
            for path in ("/dev/people", "/dev/tokens", f"/dev/ledgers/{LEDGER}/clients"):
                assert http.get(path).status_code == http.post(path, json=CLAIMS.model_dump()).status_code == 404


def test_a_ledger_that_becomes_live_while_it_is_served_gives_no_token_either(
    lived: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lived.wired, "settings", replace(lived.wired.settings, allow_live=True))
    with Local(app_of(lived.wired)) as http:
        token = http.post("/dev/tokens", json=CLAIMS.model_dump()).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        assert http.get(f"/ledgers/{LEDGER}/health", headers=headers).status_code == 200
        monkeypatch.setattr(type(lived.wired.store), "mode", "live")
        assert http.get(f"/ledgers/{LEDGER}/health", headers=headers).status_code == 401
        assert http.post("/dev/tokens", json=CLAIMS.model_dump()).json()["codes"][0]["code"] == "E_LIVE_LEDGER"
        assert http.get("/dev/people").json()["people"] == []


@pytest.mark.parametrize("settings", [{"development_issuer": False}, {"issuer": "https://issuer.example"}])
def test_a_simulated_ledger_has_a_development_issuer_unless_a_setting_says_no(
    lived: House, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    changed = replace(lived.wired.settings, issuer_key=key, **settings)
    for chosen, status in ((lived.wired.settings, 200), (changed, 404)):
        monkeypatch.setattr(lived.wired, "settings", chosen)
        with Local(app_of(lived.wired)) as http:
            assert http.get("/dev/people").status_code == status


def test_a_live_ledger_takes_the_tokens_of_the_issuer_that_the_settings_name(lived: House, live: Served) -> None:
    key, name, now = Ed25519PrivateKey.generate(), "https://issuer.example", int(datetime.now(UTC).timestamp())

    def token(issuer: str) -> str:
        named = {"iss": issuer, "aud": "kuty", "iat": now, "exp": now + 600, **CLAIMS.model_dump()}
        return jwt.encode(named, key, "EdDSA", headers={"typ": "at+jwt"})

    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    for named, status in ((name, 200), ("kuty-development", 401)):
        with live(issuer=named, issuer_key=public) as http:
            for said, expected in ((named, status), ("https://other.example", 401)):
                headers = {"authorization": f"Bearer {token(said)}"}
                assert http.get(f"/ledgers/{LEDGER}/health", headers=headers).status_code == expected
