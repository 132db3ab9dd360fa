"""The operator's own port of a process: /livez, /readyz, /metrics. Never the API's, where agencies could count each other.

Loopback unless the settings say otherwise. Where it is stands in a file below the home folder, in the form that Prometheus
finds its targets by (`file_sd_configs`), so that processes beside each other need no numbers agreed upon.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from deploy.local.ports import PartFailed
from deploy.settings import LOOPBACK, Settings
from deploy.watching.looking import Fault

FOLDER = "watched"
AT_ONCE = 8
"""So many are answered beside each other; more are sent away, so that a process cannot be drowned by who watches it."""
SILENT_S = 5.0
"""Whoever connects and says nothing is let go after so many seconds."""
JSON = "application/json"
EVERY_ADDRESS = ("0.0.0.0", "::", "")
UP = "up"
"""What `kuty up` itself is called among the processes that are watched."""
MANY = 3
"""So many roles in one process, and it is called after none of them."""


class Seen(Protocol):
    """What a process shows: `faults` is all that is not as it should be, `metrics` Prometheus' text."""

    def faults(self) -> list[Fault]:
        """What is not as it should be."""
        ...

    def metrics(self) -> bytes:
        """The figures."""
        ...


class Target(NamedTuple):
    """Where a process is watched, what it does, and on which machine, or in which container, under which number it runs."""

    address: str
    roles: tuple[str, ...]
    machine: str = ""
    pid: int = 0

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine, or this container."""
        return self.machine == socket.gethostname()

    @property
    def runs(self) -> bool:
        """Whether the process is still there: by its number on this machine, on another one by its port."""
        if self.is_here:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return False
            except OSError:
                return True  # somebody else's
            return True
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
        except OSError:
            return False
        return True


@contextmanager
def watched_at(settings: Settings, roles: tuple[str, ...], seen: Seen) -> Iterator[str]:
    """Answer there for as long as the block lasts; host:port. Raises PartFailed where the port is taken."""
    server = _listening(settings, seen)
    # Listening on every address it is found by its name.
    host = socket.gethostname() if settings.watch_host in EVERY_ADDRESS else settings.watch_host
    address = f"{f'[{host}]' if ':' in host else host}:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="kuty-watch", daemon=True)
    serving.start()
    record = _record(settings, roles, address)
    try:
        yield address
    finally:
        record.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        serving.join()


def targets(settings: Settings) -> list[Target]:
    """Every process that was last known to be watched in this home folder, whether it still runs or not."""
    found = []
    for file in sorted((settings.home / settings.ledger / FOLDER).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, IndexError, TypeError):
            [one] = orjson.loads(file.read_bytes())
            labels = one["labels"]
            roles = tuple(labels["roles"].split(","))
            found.append(Target(one["targets"][0], roles, labels["machine"], int(labels["pid"])))
    return found


def _record(settings: Settings, roles: tuple[str, ...], address: str) -> Path:
    folder = settings.home / settings.ledger / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for target in targets(settings):
        if target.roles == roles and not target.runs:
            file_of(settings, target).unlink(missing_ok=True)  # what was killed has left it
    process = {"machine": socket.gethostname(), "pid": str(os.getpid())}
    labels = {"ledger": settings.ledger, "roles": ",".join(roles), **process}
    file = folder / _name(roles, address)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_bytes(orjson.dumps([{"targets": [address], "labels": labels}]))
    unfinished.replace(file)
    return file


def file_of(settings: Settings, target: Target) -> Path:
    """The file that says where this process is."""
    return settings.home / settings.ledger / FOLDER / _name(target.roles, target.address)


def _name(roles: tuple[str, ...], address: str) -> str:
    named = "-".join(roles) if len(roles) < MANY else "all"
    return f"{named}-{re.sub('[^A-Za-z0-9.]', '-', address)}.json"


def _listening(settings: Settings, seen: Seen) -> _Server:
    try:
        return _Server(settings, seen)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        place = f"{settings.watch_host}:{settings.watch_port} (KUTY_WATCH_HOST, KUTY_WATCH_PORT)"
        raise PartFailed(f"cannot be watched at {place}: {'it is taken' if taken else error.strerror}") from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, settings: Settings, seen: Seen) -> None:
        self.seen = seen
        self.loopback = settings.watch_host in LOOPBACK
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in settings.watch_host else socket.AF_INET
        super().__init__((settings.watch_host, settings.watch_port), _Asked)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may go away in the middle; of anything else the process itself says more."""


class _Asked(BaseHTTPRequestHandler):
    server: _Server
    server_version = "kuty"
    sys_version = ""
    timeout = SILENT_S

    def do_GET(self) -> None:
        """Answer one of the three."""
        if not self._is_meant():
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"ask for this by its own name\n")
            return
        answers: dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]] = {
            "/livez": lambda: (HTTPStatus.OK, JSON, orjson.dumps({"alive": True})),
            "/readyz": self._ready,
            "/metrics": lambda: (HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", self.server.seen.metrics()),
        }
        answer = answers.get(self.path.partition("?")[0])
        if answer is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", f"there are {', '.join(answers)}\n".encode())
            return
        self._answer(*answer())

    do_HEAD = do_GET

    def _ready(self) -> tuple[HTTPStatus, str, bytes]:
        faults = self.server.seen.faults()
        said = orjson.dumps({"ready": not faults, "not_ready": [fault.stated() for fault in faults]}) + b"\n"
        return (HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK), JSON, said

    def _is_meant(self) -> bool:
        """On loopback by a name of loopback alone: a page that somebody opens here must not read it by another name."""
        host = self.headers.get("Host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return not self.server.loopback or name.strip("[]") in LOOPBACK

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Who watches is not news."""
