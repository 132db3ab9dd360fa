"""How long `/health` takes where a thousand recipients have joined, each with its topics and its model."""

from __future__ import annotations

import time
from dataclasses import replace
from http.client import HTTPConnection

import orjson

from api.caller import Claims
from deploy.bench.figures import Figures, median, percentile
from deploy.bench.ground import Refusal, Servers, bring, laid_out
from deploy.bench.history import OWN_WORKER, as_1
from deploy.bench.large import published
from deploy.bench.many import RECIPIENTS, joined
from deploy.bench.processes import running
from deploy.commands.serving import API
from deploy.local.ports import free_port
from deploy.serving import issuer_of
from deploy.wiring import Wired

CLIENTS = 5
APART_S = 0.1
"""Between two questions: as who watches would ask, not one behind the other."""


def measure(servers: Servers, quick: bool) -> Figures:
    """The median of questions to an API in a process of its own, while everybody is at the head."""
    # A ledger of its own: elsewhere the topics of the thousand hold what is no line of theirs.
    with laid_out(servers.settings(kafka=True)) as parts:
        bring(parts.store, parts.vault, CLIENTS, as_1)
        joined(parts)
        while parts.disclosure.step():
            pass
        published(parts)
        parts.provisioner.step()
        while parts.lag()["projector"]:
            parts.projector.step()
        taken = _asked(parts, 20 if quick else 100)
    figures = Figures()
    figures.keep(
        {"health_1000_ms": median(taken)},
        "health",
        {"recipients": RECIPIENTS, "first_ms": taken[0], "p99_ms": percentile(taken, 0.99), "questions": len(taken)},
    )
    return figures


def _asked(parts: Wired, questions: int) -> list[float]:
    """Milliseconds of each question. Raises Refusal where the answer is not that all is well."""
    settings, by = replace(parts.settings, port=free_port()), OWN_WORKER
    claims = Claims(ledger=parts.store.ledger, org=by.org, task=by.task, role=by.role, person=by.person)
    headers = {"Authorization": f"Bearer {issuer_of(parts.settings).token(claims)}"}
    taken: list[float] = []
    with running(settings, [API]):
        connection = HTTPConnection("127.0.0.1", settings.port, timeout=60)
        for _ in range(questions):
            began = time.perf_counter()
            connection.request("GET", f"/ledgers/{parts.store.ledger}/health", headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            if answer.status != 200 or not orjson.loads(content)["at_head"]:
                raise Refusal(f"/health: {answer.status} {content.decode()}")
            time.sleep(APART_S)
        connection.close()
    return taken
