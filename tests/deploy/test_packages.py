"""What the product is built of: nothing unlicensed or bound by the GPL runs, the bill of materials holds all that is locked,
and what advisories say is never called good where nobody could be asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.local.jars import COORDINATES
from deploy.local.ports import free_port
from deploy.packages import licences
from deploy.packages.__main__ import NOT_DONE, main
from deploy.packages.locked import ALL, OF_CONTRACTS, RUN, NotLocked, packages

ROOT = Path(__file__).resolve().parents[2]
OTHERS = dict.fromkeys(
    (
        "maven/org.apache.kafka/kafka_2.13 4", "maven/org.slf4j/slf4j-simple 1", "pypi/some-generator 3",
        "maven/org.some/library 4", "maven/org.apache.maven.plugins/some-plugin 5", "npm/some-cli 6",
    ),
    "Apache-2.0",
)  # fmt: skip
"""What says nothing by itself, of what stands beside the two locks: jars of a local Kafka, tools of the contracts."""
LOCK = """some-tool==1.0 \\
    --hash=sha256:{hash}
    # via kuty (pyproject.toml)
some_part==2.0 \\
    --hash=sha256:{hash}
    # via
    #   kuty (pyproject.toml)
    #   some-tool
"""

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <groupId>of.the.project</groupId><artifactId>itself</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.some</groupId><artifactId>library</artifactId><version>4.0</version></dependency>
  </dependencies>
  <build><plugins><plugin><artifactId>some-plugin</artifactId><version>5.0</version></plugin></plugins></build>
</project>
"""
SHA_512 = "sha512-" + "q6ur" * 21 + "qw=="
NPM: dict[str, Any] = {
    "": {"name": "of-the-project", "dependencies": {"@some/checker": "1.0.0"}},
    "node_modules/@some/checker": {
        "version": "1.0.0", "integrity": SHA_512, "license": "MIT", "dependencies": {"helper": "^1", "other": "*"},
    },
    "node_modules/@some/checker/node_modules/helper": {"version": "1.2.0", "integrity": SHA_512, "license": "ISC"},
    "node_modules/helper": {"version": "2.0.0", "integrity": SHA_512, "license": "(MIT OR GPL-3.0-only)"},
    "node_modules/other": {
        "name": "another", "version": "7.0.0", "integrity": SHA_512, "license": "0BSD", "peerDependencies": {"helper": "2"},
    },
    "node_modules/other/node_modules/helper": {"version": "2.0.0", "integrity": SHA_512, "license": "(MIT OR GPL-3.0-only)"},
}  # fmt: skip
"""A lock of npm: a helper in two versions, one of them twice, and one package that is known by another name."""
BESIDE = 10
"""Packages of the project below that stand in neither of the two locks."""


def project(folder: Path, running: str = "some_part", npm: Any = NPM) -> Path:
    """A project of two packages, of which one runs, and of tools of others."""
    (folder / "tests/clients/models").mkdir(parents=True)
    (folder / "tests/clients/cli").mkdir()
    written = {
        "pip": LOCK.format(hash="cd" * 32).splitlines()[0].replace("some-tool==1", "some_generator==3")
        + f"\n    --hash=sha256:{'cd' * 32}\n",
        "maven": POM,
        "npm": json.dumps({"packages": npm}),
        "cli": json.dumps({"dependencies": {"some-cli": "6.0.0"}}),
    }
    for which, content in written.items():
        (folder / OF_CONTRACTS[which]).write_text(content, encoding="utf-8")
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
    places = json.loads((ROOT / OF_CONTRACTS["npm"]).read_text(encoding="utf-8"))["packages"]
    of_npm = {(place.rpartition("node_modules/")[2], entry["version"]) for place, entry in places.items() if place}
    told_of = re.findall(r"^  (pypi|maven|npm)/(\S+) (\S+)  \S", told.out, re.MULTILINE)
    assert {(name, version) for kind, name, version in told_of if kind == "npm"} >= {
        (name, version) for name, version in of_npm if not name.startswith("parserapi")
    }
    assert len([one for one in told_of if one[0] == "pypi"]) == len(pinned) + 1
    assert f"{len(told_of)} packages, 0 amiss" in told.out


def test_each_tool_of_others_that_the_contracts_fetch_is_among_the_packages() -> None:
    purls = {package.purl for package in packages(ROOT) if not package.runs}
    named = {
        match.replace(":", "/", 1).replace(":", "@")
        for file in (ROOT / "tests/clients").glob("*.py")
        for match in re.findall(r"\b(org(?:\.\w+)+:[\w-]+:\d[\w.]*)", file.read_text(encoding="utf-8"))
    }
    assert named
    assert {f"pkg:maven/{one}" for one in named} <= purls
    for folder in ("tests/clients", "tests/clients/cli"):
        asked = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
        assert {f"pkg:npm/{name.replace('@', '%40')}@{version}" for name, version in asked.items()} <= purls
    assert any(purl.startswith("pkg:pypi/openapi-generator-cli@") for purl in purls)


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "SSPL-1.0", ""])
def test_what_runs_under_the_gpl_or_nobody_knows_what_fails(
    licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "STATED", {"pypi/some-part 2": licence, "pypi/some-tool 1": "MIT", **OTHERS})
    assert main(["licences", "--root", str(project(tmp_path))]) == 1
    assert "some-part 2.0" in capsys.readouterr().err


def test_a_tool_that_builds_and_tests_may_be_under_the_gpl_but_not_under_nobody_knows_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(project(tmp_path))
    monkeypatch.setattr(licences, "STATED", {"pypi/some-part 2": "MIT", "pypi/some-tool 1": "GPL-3.0-only", **OTHERS})
    assert main(["licences", "--root", root]) == 0
    monkeypatch.setattr(licences, "STATED", {"pypi/some-part 2": "MIT", **OTHERS})
    assert main(["licences", "--root", root]) == 1


def test_what_was_stated_of_a_package_holds_for_its_major_version_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "STATED", {"pypi/some-part 1": "MIT", "pypi/some-tool 1": "MIT", **OTHERS})
    assert main(["licences", "--root", str(project(tmp_path))]) == 1
    assert capsys.readouterr().err == "licences: pypi/some-part 2.0: licence unknown\n"


@pytest.mark.parametrize(
    ("licence", "wrong"),
    [
        ("GPL-3.0-only", "GPL-3.0-only: nobody has looked"),
        ("Apache-2.0 WITH Some-exception", "Apache-2.0 WITH Some-exception: nobody has looked"),
        ("MIT AND GPL-2.0-only", "nobody has looked"),
        ("UNLICENSED", "UNLICENSED: nobody has looked"),
        ("SEE LICENSE IN LICENSE.txt", "licence unknown"),
        ("MIT,", "licence unknown"),
        ({"type": "MIT"}, "licence unknown"),
        (None, "licence unknown"),
    ],
)
def test_a_package_of_npm_under_a_licence_that_nobody_has_looked_at_fails(
    licence: Any, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "STATED", {"pypi/some-part 2": "MIT", "pypi/some-tool 1": "MIT", **OTHERS})
    place = "node_modules/@some/checker"
    root = project(tmp_path, npm={**NPM, place: {**NPM[place], "license": licence}})
    assert main(["licences", "--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("licences: npm/@some/checker 1.0.0: ")
    assert wrong in said
    monkeypatch.setitem(licences.STATED, "npm/@some/checker 1", "GPL-3.0-only")
    assert main(["licences", "--root", str(root)]) == 0, "somebody has"


def said_by(*statements: tuple[str, str]) -> str:
    """What is read of metadata that say no more than this."""
    metadata = Message()
    for header, text in statements:
        metadata[header] = text
    return licences.licence_said(cast(PackageMetadata, metadata))


APPROVED = "License :: OSI Approved"
MIT, BSD, GPL = (
    ("Classifier", f"{APPROVED} :: {words}")
    for words in ("MIT License", "BSD License", "GNU General Public License v3 (GPLv3)")
)
OTHERWISE_WRITTEN = (
    "license :: OSI Approved :: GNU General Public License v3 (GPLv3)", "License::OSI Approved::GPL", " LICENSE :: Freeware",
    "License  ::  OSI Approved :: GNU General Public License v3 (GPLv3)", "License\u00a0:: Freeware", "License: Freeware",
    "Licence :: Freeware",
)  # fmt: skip


@pytest.mark.parametrize(
    ("statements", "licence"),
    [
        ([("License", "GPL-3.0"), ("Classifier", f"{APPROVED} :: Apache Software License")], ""),
        ([GPL, MIT], ""),
        ([("License", "MIT"), ("Classifier", f"{APPROVED} :: GNU Affero General Public License v3")], ""),
        ([("Classifier", "License :: Other/Proprietary License"), BSD], ""),
        ([("License-Expression", "MIT"), GPL], ""),
        ([("License-Expression", "MIT"), BSD], ""),
        ([("License-Expression", "MIT,")], ""),
        ([MIT, BSD], ""),
        ([("License", "MIT AND MPL-2.0"), ("License", "MIT OR MPL-2.0")], ""),
        ([("License", "MIT OR")], ""),
        ([("License", "the text of some licence\nin lines")], ""),
        ([("Classifier", APPROVED), ("License", "UNKNOWN")], ""),
        ([], ""),
        *(([("License", "MIT"), ("Classifier", words)], "") for words in OTHERWISE_WRITTEN),
        ([("Classifier", "License :: Other/Proprietary License :: MIT License")], ""),
        ([("Classifier", f"{APPROVED} :: GNU General Public License v3 (GPLv3) :: MIT License")], ""),
        ([("Classifier", "License :: MIT License")], ""),
        ([("Classifier", APPROVED), ("License", "MIT")], "MIT"),
        ([("Classifier", "license  ::OSI  approved::  MIT License")], "MIT"),
        ([("License", "Dual License"), BSD], "BSD-3-Clause"),
        ([("License", "MIT license"), MIT], "MIT"),
        ([("License", "MIT AND MPL-2.0"), MIT], "MIT AND MPL-2.0"),
        ([("License-Expression", "MIT AND GPL-3.0-only"), MIT], "MIT AND GPL-3.0-only"),
        ([("License-Expression", "MIT OR Apache-2.0"), MIT], "MIT OR Apache-2.0"),
    ],
)
def test_everything_that_a_package_says_of_its_licence_is_understood_and_agrees(
    statements: list[tuple[str, str]], licence: str
) -> None:
    assert said_by(*statements) == licence


def test_what_is_installed_in_another_version_says_nothing_of_the_one_that_is_locked() -> None:
    [orjson] = [package for package in packages(ROOT) if package.name == "orjson"]
    assert licences.licence_of(orjson) == "MPL-2.0 AND (Apache-2.0 OR MIT)"
    assert licences.licence_of(replace(orjson, version="1.0")) == ""


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
        ("MIT,", False),
        ("MIT/GPL-2.0-only", False),
        ("MIT; see the files", False),
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
    of_python = {one["name"]: one for one in told["components"] if one["purl"].startswith("pkg:pypi/")}
    of_pip = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / OF_CONTRACTS["pip"]).read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: one["version"] for name, one in of_python.items()} == pinned | of_pip
    assert {one["name"] for one in told["components"] if one["scope"] == "required"} == set(runs)
    assert {one["scope"] for one in told["components"]} == {"required", "excluded"}
    assert all(one["type"] == "library" and one["licenses"] for one in told["components"])
    assert all(one["hashes"] for one in of_python.values())
    assert all(one["purl"] == f"pkg:pypi/{name}@{one['version']}" for name, one in of_python.items())
    of_maven = {one["purl"]: one["scope"] for one in told["components"] if one["purl"].startswith("pkg:maven/")}
    for one in COORDINATES.split("+"):
        assert of_maven[f"pkg:maven/{one.replace(':', '/', 1).replace(':', '@')}"] == "excluded"
    refs = {one["bom-ref"] for one in (told["metadata"]["component"], *told["components"])}
    needed = {one["ref"]: set(one["dependsOn"]) for one in told["dependencies"]}
    assert needed.keys() == refs
    assert set().union(*needed.values()) == refs - {told["metadata"]["component"]["bom-ref"]}, "nothing is there for nobody"


def test_a_package_of_npm_stands_in_the_bill_once_a_version_with_its_hash_and_who_finds_it(tmp_path: Path) -> None:
    """The purl specification, type npm: a scope's @ is written %40. CycloneDX 1.6: hashes in hexadecimal digits."""
    root, out = project(tmp_path), tmp_path / "sbom.json"
    assert main(["sbom", "--root", str(root), "--out", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    components = {one["bom-ref"]: one for one in told["components"] if one["purl"].startswith("pkg:npm/")}
    assert [*components] == [
        "pkg:npm/%40some/checker@1.0.0", "pkg:npm/another@7.0.0", "pkg:npm/helper@1.2.0", "pkg:npm/helper@2.0.0",
        "pkg:npm/some-cli@6.0.0",
    ]  # fmt: skip
    checker = components["pkg:npm/%40some/checker@1.0.0"]
    assert (checker["group"], checker["name"], checker["scope"]) == ("@some", "checker", "excluded")
    assert checker["hashes"] == [{"alg": "SHA-512", "content": "ab" * 64}]
    assert checker["licenses"] == [{"expression": "MIT"}]
    needed = {one["ref"]: one["dependsOn"] for one in told["dependencies"]}
    assert needed["pkg:npm/%40some/checker@1.0.0"] == ["pkg:npm/another@7.0.0", "pkg:npm/helper@1.2.0"]
    assert needed["pkg:npm/another@7.0.0"] == ["pkg:npm/helper@2.0.0"]
    own = needed[told["metadata"]["component"]["bom-ref"]]
    assert [one for one in own if "npm" in one] == ["pkg:npm/%40some/checker@1.0.0", "pkg:npm/some-cli@6.0.0"]


@pytest.mark.parametrize("which", OF_CONTRACTS)
@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"packages": {"node_modules/one": {}}}', "<project>"])
def test_a_lock_of_tools_that_cannot_be_read_is_said(
    which: str, content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project(tmp_path) / OF_CONTRACTS[which]
    file.unlink() if content is None else file.write_text(content, encoding="utf-8")
    with pytest.raises(NotLocked, match=re.escape(OF_CONTRACTS[which])):
        packages(tmp_path)
    assert main(["licences", "--root", str(tmp_path)]) == 1
    assert OF_CONTRACTS[which] in capsys.readouterr().err


HASH = f"    --hash=sha256:{'ef' * 32}"


@pytest.mark.parametrize("file", [RUN, ALL, OF_CONTRACTS["pip"]])
@pytest.mark.parametrize(
    "lines",
    [
        f"evil @ https://evil.example/evil-1.0.whl \\\n{HASH}", f"evil[x]==1.0 \\\n{HASH}", f"evil == 1.0 \\\n{HASH}",
        f"evil===1.0 \\\n{HASH}", "evil==1.0", f"evil==1.0 {HASH.strip()}", f"evil==1.* \\\n{HASH}", f"evil>=1 \\\n{HASH}",
        f"  evil==1.0 \\\n{HASH}", f'evil==1.0;python_version>"3" \\\n{HASH}', "evil", "-r other.txt", "-e ./evil", "--pre",
        "git+https://evil.example/x#egg=evil", "./evil.whl", "evil==1.0 \\", f"{HASH} evil==1.0",
        f"twice==1.0 \\\n{HASH}\nTwice==2.0 \\\n{HASH}",
    ],
)  # fmt: skip
def test_a_line_of_a_lock_of_pip_that_is_not_understood_is_said(
    file: str, lines: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip installs what such a line says, so that a list without it would be no list of what runs."""
    lock = project(tmp_path) / file
    lock.write_text(f"{lock.read_text(encoding='utf-8')}\n{lines}\n", encoding="utf-8")
    assert main(["licences", "--root", str(tmp_path)]) == 1
    assert str(lock) in capsys.readouterr().err


@pytest.mark.parametrize("word", ["parent", "extension", "path", "artifactItem"])
def test_what_maven_is_asked_for_is_a_package_under_whatever_word(word: str, tmp_path: Path) -> None:
    """Maven's POM reference: a parent, extensions of the build; and plugins take more of them in their configuration."""
    file = project(tmp_path) / OF_CONTRACTS["maven"]
    asked = f"<{word}><groupId>evil</groupId><artifactId>one</artifactId><version>1.0</version></{word}>"
    file.write_text(POM.replace("<build>", f"{asked}<build>"), encoding="utf-8")
    assert "pkg:maven/evil/one@1.0" in {package.purl for package in packages(tmp_path)}


@pytest.mark.parametrize(
    ("which", "before", "after"),
    [
        ("maven", "<version>4.0</version>", ""),
        ("maven", "<version>4.0</version>", "<version>[4.0,)</version>"),
        ("maven", "<version>4.0</version>", "<version>${some.version}</version>"),
        ("maven", "<version>4.0</version>", "<version>LATEST</version>"),
        ("maven", "<groupId>org.some</groupId>", ""),
        ("maven", "<build>", "<modules><module>further</module></modules><build>"),
        ("cli", "6.0.0", "^6.0.0"),
        ("cli", "6.0.0", "git+https://evil.example/x"),
        ("npm", '"version": "1.2.0"', '"version": "https://evil.example/x.tgz"'),
    ],
)
def test_what_is_asked_for_in_no_one_version_is_said(which: str, before: str, after: str, tmp_path: Path) -> None:
    file = project(tmp_path) / OF_CONTRACTS[which]
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(NotLocked, match=re.escape(OF_CONTRACTS[which])):
        packages(tmp_path)


@pytest.mark.parametrize("word", ["devDependencies", "optionalDependencies", "peerDependencies"])
def test_what_npm_is_asked_for_is_a_package_under_whatever_word(word: str, tmp_path: Path) -> None:
    file = project(tmp_path) / OF_CONTRACTS["cli"]
    file.write_text(json.dumps({"dependencies": {"some-cli": "6.0.0"}, word: {"evil": "1.0.0"}}), encoding="utf-8")
    assert "pkg:npm/evil@1.0.0" in {package.purl for package in packages(tmp_path)}


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
def database(answer: Callable[[Any], Any], status: int = 200) -> Iterator[str]:
    """A database of advisories that answers as it is told; its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = answer(asked)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
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
    assert seen[4:] == [
        "pkg:pypi/some-generator@3.0",
        "pkg:maven/org.some/library@4.0", "pkg:maven/org.apache.maven.plugins/some-plugin@5.0",
        "pkg:npm/%40some/checker@1.0.0", "pkg:npm/another@7.0.0", "pkg:npm/helper@1.2.0", "pkg:npm/helper@2.0.0",
        "pkg:npm/some-cli@6.0.0",
    ]  # fmt: skip
    assert "12 packages asked about, 0 of them" in capsys.readouterr().out


def about(*answers: Any) -> Callable[[Any], Any]:
    """A database that says this of the first packages, and nothing of any other; asked on, it knows no more."""
    return lambda asked: {
        "results": [
            (answers[number] if number < len(answers) and "page_token" not in query else {})
            for number, query in enumerate(asked["queries"])
        ]
    }


KNOWN = {"vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}
GOES_ON = about({**KNOWN, "next_page_token": "more"})


def test_a_package_with_an_advisory_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with database(about({}, KNOWN)) as address:
        assert asked_at(address, project(tmp_path)) == 1
    assert "some-tool 1.0: GHSA-2, PYSEC-1" in capsys.readouterr().err


def test_an_answer_that_goes_on_is_asked_for_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The API of OSV, querybatch: a result with `next_page_token` goes on where the same query is asked with it."""
    seen: list[Any] = []

    def in_pages(asked: Any) -> Any:
        seen.append(asked["queries"])
        if len(seen) == 1:
            return {"results": [{}, {"vulns": [{"id": "PYSEC-1"}], "next_page_token": "on"}, *[{}] * BESIDE]}
        return {"results": [{"next_page_token": "and on"} if len(seen) == 2 else {"vulns": [{"id": "GHSA-2"}]}]}

    with database(in_pages) as address:
        assert asked_at(address, project(tmp_path)) == 1
    package = {"package": {"purl": "pkg:pypi/some-tool@1.0"}}
    assert seen[1:] == [[{**package, "page_token": "on"}], [{**package, "page_token": "and on"}]]
    told = capsys.readouterr()
    assert "some-tool 1.0: GHSA-2, PYSEC-1" in told.err
    assert "NOT DONE" not in told.out


def for_ever(asked: Any) -> Any:
    return {"results": [{"next_page_token": "more"} for _ in asked["queries"]]}


NOT_UNDERSTOOD: list[Any] = [
    {"vulns": None}, {"vulns": False}, {"vulns": 0}, {"vulns": ""}, {"vulns": {}},
    {"vulns": [{"id": None}]}, {"vulns": [{"id": 1}]}, {"vulns": [{"id": ""}]},
    {"next_page_token": None}, {"next_page_token": 0}, {"next_page_token": []}, {"nextPageToken": "more"},
    {"Vulns": [{"id": "PYSEC-1"}]}, {"vulnerabilities": []}, {"error": "away"}, {"code": 13}, {"vulns": [], "error": "away"},
]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: {"results": [{}]},
        lambda asked: {"results": [{}, *({} for _ in asked["queries"])]},
        for_ever,
        about(1),
        about({"vulns": 1}),
        about({"vulns": [{"name": "an advisory"}]}),
        *map(about, NOT_UNDERSTOOD),
        lambda asked: {"results": [{} for _ in asked["queries"]], "error": "half of us are away"},
        lambda asked: b'{"results": [{"vulns": [{"id": "PYSEC-1"}], "vulns": []}%s]}' % (b", {}" * (BESIDE + 1)),
        lambda asked: b'{"results": %s' % (b"[" * 200_000),
        lambda asked: {"results": {}},
        lambda asked: {"said": "hello"},
        lambda asked: [],
    ],
)
def test_half_an_answer_is_none(
    answer: Callable[[Any], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(answer) as address:
        assert asked_at(address, project(tmp_path)) == NOT_DONE
    assert "advisories: NOT DONE: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "told_of"),
    [
        (about(KNOWN, 1), "pypi/some-part 2.0"),
        (about(1, KNOWN), "pypi/some-tool 1.0"),
        (about({"vulns": [*KNOWN["vulns"], {}]}), "pypi/some-part 2.0"),
        (lambda asked: {"results": [{**KNOWN, "next_page_token": "more"} for _ in asked["queries"]]}, "pypi/some-part 2.0"),
        (lambda asked: {"results": [KNOWN]}, "one of the packages"),
        (lambda asked: {"results": [*({} for _ in asked["queries"]), KNOWN]}, "one of the packages"),
        (lambda asked: [] if "page_token" in asked["queries"][0] else GOES_ON(asked), "pypi/some-part 2.0"),
    ],
)
def test_what_was_found_fails_also_where_not_all_could_be_asked(
    answer: Callable[[Any], Any], told_of: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(answer) as address:
        assert asked_at(address, project(tmp_path)) == 1
    told = capsys.readouterr()
    assert f"{told_of}: GHSA-2, PYSEC-1" in told.err
    assert "advisories: NOT DONE, but for what was found: " in told.out


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_question_that_is_not_taken_is_our_fault_and_not_that_nobody_answers(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(lambda asked: {"code": 3}, status) as address:
        assert asked_at(address, project(tmp_path)) == 1
    assert f"advisories: ASKED WRONGLY: {address} refuses: {status}" in capsys.readouterr().out


@pytest.mark.parametrize("status", [403, 407, 429, 500, 503])
def test_who_is_not_let_through_or_not_now_has_not_asked(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database(lambda asked: {}, status) as address:
        assert asked_at(address, project(tmp_path)) == NOT_DONE
    assert f"advisories: NOT DONE: {address} refuses: {status}" in capsys.readouterr().out


def test_where_nobody_answers_it_is_said_that_nothing_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked_at(f"http://127.0.0.1:{free_port()}/v1/querybatch", project(tmp_path)) == NOT_DONE
    assert "advisories: NOT DONE" in capsys.readouterr().out


def test_the_build_says_what_was_not_done_and_goes_on_and_stops_at_an_advisory() -> None:
    build = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert re.search(r"^make .*\blicences sbom$", build, re.MULTILINE)
    assert "deploy.packages advisories" in build
    assert f'[ "$asked" = {NOT_DONE} ]' in build
