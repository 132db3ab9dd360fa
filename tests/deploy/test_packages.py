"""What the product is built of: nothing unlicensed or bound by the GPL runs, the bill of materials holds all that is locked,
and what advisories say is never called good where nobody could be asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.local.jars import COORDINATES
from deploy.local.ports import free_port
from deploy.packages import licences
from deploy.packages.__main__ import NOT_DONE, main
from deploy.packages.locked import ALL, RUN

ROOT = Path(__file__).resolve().parents[2]
JARS = dict.fromkeys(("org.apache.kafka/kafka_2.13", "org.slf4j/slf4j-simple"), "Apache-2.0")
"""What a local Kafka is fetched as, beside the locks."""
LOCK = """some-tool==1.0 \\
    --hash=sha256:{hash}
    # via kuty (pyproject.toml)
some_part==2.0 \\
    --hash=sha256:{hash}
    # via
    #   kuty (pyproject.toml)
    #   some-tool
"""


def project(folder: Path, running: str = "some_part") -> Path:
    """A project of two packages, of which one runs."""
    text = LOCK.format(hash="ab" * 32)
    (folder / ALL).write_text(text, encoding="utf-8")
    parts = re.split(r"(?=^some)", text, flags=re.MULTILINE)
    (folder / RUN).write_text("".join(part for part in parts if part.startswith(running)), encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nversion = "7"\n', encoding="utf-8")
    return folder


def test_every_package_of_the_product_has_a_licence_that_it_may_run_under(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences", "--root", str(ROOT)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    pinned = re.findall(r"^[\w.-]+==", (ROOT / ALL).read_text(encoding="utf-8"), re.MULTILINE)
    assert f"{len(pinned) + len(JARS)} packages, 0 amiss" in told.out


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "SSPL-1.0", ""])
def test_what_runs_under_the_gpl_or_nobody_knows_what_fails(
    licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "STATED", {"some-part": licence, "some-tool": "MIT", **JARS})
    assert main(["licences", "--root", str(project(tmp_path))]) == 1
    assert "some-part 2.0" in capsys.readouterr().err


def test_a_tool_that_builds_and_tests_may_be_under_the_gpl_but_not_under_nobody_knows_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(project(tmp_path))
    monkeypatch.setattr(licences, "STATED", {"some-part": "MIT", "some-tool": "GPL-3.0-only", **JARS})
    assert main(["licences", "--root", root]) == 0
    monkeypatch.setattr(licences, "STATED", {"some-part": "MIT", **JARS})
    assert main(["licences", "--root", root]) == 1


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True),
        ("MPL-2.0 AND GPL-2.0-only OR MIT", True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("MIT MIT", False),
        ("MIT WITH", False),
        ("", False),
    ],
)
def test_of_alternatives_one_is_enough_and_of_what_holds_together_each_counts(expression: str, may: bool) -> None:
    """SPDX 2.3, annex D: AND binds before OR, WITH before both."""
    assert licences.may_run(expression) is may


def test_the_bill_of_materials_holds_every_pinned_package_and_who_needs_it(tmp_path: Path) -> None:
    """CycloneDX 1.6: what a document must have, and every `ref` names a component of it."""
    out = tmp_path / "sbom.json"
    assert main(["sbom", "--root", str(ROOT), "--out", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["serialNumber"])
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / ALL).read_text(encoding="utf-8"), re.MULTILINE))
    runs = re.findall(r"^([\w.-]+)==", (ROOT / RUN).read_text(encoding="utf-8"), re.MULTILINE)
    assert {one["purl"]: one["scope"] for one in told["components"] if "group" in one} == {
        f"pkg:maven/{one.replace(':', '/', 1).replace(':', '@')}": "excluded" for one in COORDINATES.split("+")
    }
    components = {one["name"]: one for one in told["components"] if "group" not in one}
    assert {name: one["version"] for name, one in components.items()} == pinned
    assert {name for name, one in components.items() if one["scope"] == "required"} == set(runs)
    assert all(one["type"] == "library" and one["licenses"] and one["hashes"] for one in components.values())
    assert all(one["purl"] == f"pkg:pypi/{name}@{one['version']}" for name, one in components.items())
    refs = {one["bom-ref"] for one in (told["metadata"]["component"], *told["components"])}
    needed = {one["ref"]: set(one["dependsOn"]) for one in told["dependencies"]}
    assert needed.keys() == refs
    assert set().union(*needed.values()) == refs - {told["metadata"]["component"]["bom-ref"]}, "nothing is there for nobody"


def test_the_same_locks_give_the_same_bill(tmp_path: Path) -> None:
    root, bills = project(tmp_path), [tmp_path / "one.json", tmp_path / "two.json"]
    for out in bills:
        assert main(["sbom", "--root", str(root), "--out", str(out)]) == 0
    assert bills[0].read_bytes() == bills[1].read_bytes()


def test_locks_that_do_not_belong_together_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path)
    (root / RUN).write_text((root / RUN).read_text(encoding="utf-8").replace("==2.0", "==2.1"), encoding="utf-8")
    assert main(["licences", "--root", str(root)]) == 1
    assert "some-part is 2.1" in capsys.readouterr().err
    assert main(["licences", "--root", str(tmp_path / "nowhere")]) == 1


# --- advisories -------------------------------------------------------------------------------------------------------


@contextmanager
def database(answer: Callable[[Any], Any]) -> Iterator[str]:
    """A database of advisories that answers as it is told; its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer(asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/querybatch"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked_at(address: str, root: Path) -> int:
    return main(["advisories", "--root", str(root), "--from", address])


def test_every_package_is_asked_about_by_its_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The API of OSV, querybatch: one query a package, results in the order of the queries."""
    seen: list[str] = []

    def none_known(asked: Any) -> Any:
        seen.extend(one["package"]["purl"] for one in asked["queries"])
        return {"results": [{} for _ in asked["queries"]]}

    with database(none_known) as address:
        assert asked_at(address, project(tmp_path)) == 0
    assert seen[:2] == ["pkg:pypi/some-part@2.0", "pkg:pypi/some-tool@1.0"]
    assert [one for one in seen if "maven/org.apache.kafka/kafka_2.13@" in one] == seen[2:3]
    assert "4 packages asked about, 0 of them" in capsys.readouterr().out


def test_a_package_with_an_advisory_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with database(lambda _: {"results": [{}, {"vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}, {}, {}]}) as address:
        assert asked_at(address, project(tmp_path)) == 1
    assert "some-tool 1.0: GHSA-2, PYSEC-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        {"results": [{}]},
        {"results": [{}, {}, {}, {"next_page_token": "more"}]},
        {"results": [1, 2, 3, 4]},
        {"said": "hello"},
        [],
    ],
)
def test_half_an_answer_is_none(answer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with database(lambda _: answer) as address:
        assert asked_at(address, project(tmp_path)) == NOT_DONE
    assert "advisories: NOT DONE" in capsys.readouterr().out


def test_where_nobody_answers_it_is_said_that_nothing_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked_at(f"http://127.0.0.1:{free_port()}/v1/querybatch", project(tmp_path)) == NOT_DONE
    assert "advisories: NOT DONE" in capsys.readouterr().out


def test_the_build_says_what_was_not_done_and_goes_on_and_stops_at_an_advisory() -> None:
    build = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert re.search(r"^make .*\blicences sbom$", build, re.MULTILINE)
    assert "deploy.packages advisories" in build
    assert f'[ "$asked" = {NOT_DONE} ]' in build
