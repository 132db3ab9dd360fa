"""The verifiers of `docs/examples`, each run on a page of publications as a developer would run it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clients.tools import NODE, QUICK_JAVA

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
LANGUAGES: Mapping[str, Callable[[str], list[str]]] = {
    "python": lambda _: [sys.executable, str(EXAMPLES / "verify.py")],
    "javascript": lambda _: [str(NODE), str(EXAMPLES / "verify.mjs")],
    "java": lambda classes: ["java", *QUICK_JAVA.split(), "-cp", classes, "Verify"],
}


def verdict(language: str, classes: str, page: Any, *place: str) -> tuple[int, str]:
    """How the verifier ends, and what it says of a page behind a place: 0 where everything holds. `classes` is where Java
    finds its own."""
    command = [*LANGUAGES[language](classes), *place]
    done = subprocess.run(command, input=json.dumps(page), capture_output=True, text=True, timeout=120)
    return done.returncode, (done.stdout or done.stderr).strip()
