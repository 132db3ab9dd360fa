"""A worker reads, decides, and writes only if nothing has come between."""

from __future__ import annotations

from pathlib import Path

from house import house_after
from stories import OWN_WORKER


def test_a_history_that_was_read_names_the_version_that_a_command_may_ask_for(tmp_path: Path) -> None:
    with house_after("12", tmp_path) as home:
        client = f"/clients/{home.name('county')}"
        etags = {
            home.get(f"{client}/{what}", OWN_WORKER).headers["etag"] for what in ("history", "as-of", "told", "decisions")
        }
        bodies = [{"service": "other", "service_note": note, "told_by": "client", "from_on": "2025-03-03"} for note in "ab"]
        first, second = (
            home.post(f"{client}/parallel-services", OWN_WORKER, body, **{"if-match": max(etags)}) for body in bodies
        )
        assert (first.status_code, second.status_code) == (201, 412), first.text


def test_a_parameter_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with house_after("12", tmp_path) as home:
        path = f"/ledgers/house/recipients/county/clients/{home.name('county')}/case"
        answer = home.http.get(path, params=[("on", "2025-03-03"), ("on", "2025-03-04")], headers=home.headers(OWN_WORKER))
        assert (answer.status_code, answer.json()["codes"][0]["code"]) == (400, "E_PARAMETER")
        assert answer.json()["codes"][0]["pointer"] == "/on"
