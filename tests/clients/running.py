"""A server that anybody could have started, and what it answers without a generated client: what each of them has to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from deploy.local.ports import free_port
from domain.identifiers import synthetic_identity_code
from domain.refusals import refusal_text

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = "2"
LEDGER = "demo"
CLERK = {"ledger": LEDGER, "org": "0000005-1", "task": "benefit_payment", "role": "kela_clerk", "person": "K-11"}
RECIPIENT = "kela-benefit-payment"
READY = "shows what to try"
STOPPING_S = 60


@dataclass(frozen=True)
class Server:
    """Where it is, and what it says there."""

    url: str
    home: Path

    def ask(self, path: str, token: str = "", body: Any = None) -> httpx.Response:
        """The answer to a request below the address."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        way = "GET" if body is None else "POST"
        return httpx.request(way, self.url + path, headers=headers, json=body, timeout=60)

    def _token(self, claims: Any) -> str:
        return str(self.ask("/dev/tokens", body=claims).json()["token"])

    @cached_property
    def token(self) -> str:
        """Of a clerk of Kela, who is told of payees."""
        return self._token(CLERK)

    @cached_property
    def payee(self) -> str:
        """Kela's name for somebody whom it pays."""
        return str(self.ask(f"/dev/ledgers/{LEDGER}/clients", self.token).json()["clients"][0]["client"])

    @cached_property
    def answer(self) -> bytes:
        """All that Kela was told, as it comes."""
        return self.ask(f"/ledgers/{LEDGER}/out/{RECIPIENT}?wait=0&limit=500", self.token).content

    @cached_property
    def page(self) -> dict[str, Any]:
        """The same, read."""
        return dict(json.loads(self.answer))

    @cached_property
    def words(self) -> list[str]:
        """What every program of `programs/` is given: the address, the ledger, of Kela its recipient, a payee and a token,
        of somebody who refers a recipient, the personal identity code of somebody unknown, and a token."""
        code = synthetic_identity_code(date(1991, 2, 3), 904)
        return [self.url, LEDGER, RECIPIENT, self.payee, self.token, self.referrer[0], code, self.referrer[1]]

    @cached_property
    def referrer(self) -> tuple[str, str]:
        """The recipient of somebody who refers, and a token."""
        people = self.ask("/dev/people").json()["people"]
        found = next(one for one in people if one["claims"]["role"] == "referrer")
        return found["recipient"], self._token(found["claims"])

    @cached_property
    def said(self) -> list[str]:
        """What every program has to print: the ledger, how long a document is and how it begins, days and money of the
        payee, how a referral would be answered, why one of nobody is refused, how many publications there are and the hash
        of the last, and how many came behind it."""
        ledger = self.ask(f"/ledgers/{LEDGER}/health", self.token).json()["ledger"]
        asked = f"/ledgers/{LEDGER}/recipients/{RECIPIENT}/clients/{self.payee}/allowance-days"
        paid = self.ask(asked, self.token).json()["answer"]
        told = self.page["publications"]
        document = self.ask(self.ask("/asyncapi").json()["documents"][0]["address"]).text
        return [
            f"ledger {ledger['name']} {ledger['mode']}",
            f"document {len(document.encode())} {document.splitlines()[0]}",
            f"paid {paid['days']} {paid['amount_eur']}",
            "referral recorded",
            f"refused E_IDENTITY_CODE {refusal_text('E_IDENTITY_CODE', 'fi')}",
            f"told {len(told)} {told[-1]['hash']}",
            "then 0",
        ]


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """`kuty serve --demo` on a free port, from when it says that it is ready."""
    port = free_port()
    ours = {"KUTY_HOME": str(folder / "home"), "KUTY_PORT": str(port), "KUTY_LEDGER": LEDGER, "PYTHONUNBUFFERED": "1"}
    ours |= {"KUTY_HEARTBEAT_S": "1"}  # nobody is to wait a minute for a sign of life
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KUTY_")}
    command = [sys.executable, "-m", "deploy.cli", "serve", "--demo", CLIENTS]
    with (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            command, env={**environment, **ours}, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        try:
            if not any(READY in line for line in process.stdout):
                errors.seek(0)
                raise AssertionError(f"the server ended with {process.wait()}:\n{errors.read()[-2000:]}")
            yield Server(f"http://127.0.0.1:{port}", folder / "home")
        finally:
            process.terminate()
            process.communicate(timeout=STOPPING_S)


def answers(server: Server) -> list[dict[str, Any]]:
    """Answers of some operations, a refusal among them, as `checks/answers.cjs` reads them."""
    asked = {
        "/ledgers/{ledger}/health": f"/ledgers/{LEDGER}/health",
        "/ledgers/{ledger}/recipients/{recipient}/clients/{client}/allowance-days":
            f"/ledgers/{LEDGER}/recipients/{RECIPIENT}/clients/{server.payee}/allowance-days",
        "/ledgers/{ledger}/recipients/{recipient}/clients/{client}/case":
            f"/ledgers/{LEDGER}/recipients/county/clients/{server.payee}/case",
        "/ledgers/{ledger}/out/{recipient}": f"/ledgers/{LEDGER}/out/{RECIPIENT}?wait=0",
        "/ledgers/{ledger}/out/{recipient}/status": f"/ledgers/{LEDGER}/out/{RECIPIENT}/status",
        "/ledgers/{ledger}/receipts": f"/ledgers/{LEDGER}/receipts",
    }  # fmt: skip
    came = {path: server.ask(address, server.token) for path, address in asked.items()}
    return [
        {"path": path, "method": "get", "status": one.status_code, "headers": dict(one.headers), "text": one.text}
        for path, one in came.items()
    ]


def checked(document: Path, given: list[dict[str, Any]]) -> str:
    """What `checks/answers.cjs` reads."""
    return json.dumps({"document": json.loads(document.read_text(encoding="utf-8")), "answers": given})
