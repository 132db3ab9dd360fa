"""A minimal agency system: sends messages, follows its own topic and checks every record, reads its receipts.

Over Kafka or over HTTP, with the standard library and a Kafka client alone. The contract stands in the AsyncAPI document of
the kind of recipient; what a follower owes is in `Follower`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

DEADLINE_S = 60.0
NO_CONTENT = b'{"kind":"withdrawn"}'
"""All that a publication says whose key was destroyed before it was sent."""


class Halt(Exception):
    """The log is not as it must be: stop, keep the position, and call the ledger's operator."""


class NotReached(Exception):
    """The broker does not answer, or has not the topic."""


class Follower:
    """What a consumer has to check. Keep `epoch`, `sequence`, `last_hash` and `left` in the transaction of your own model.
    `left` says of each epoch that is over up to which sequence it had come when the next one began."""

    def __init__(
        self, epoch: int = 0, sequence: int = 0, last_hash: str = "", left: Mapping[int, int] | None = None
    ) -> None:
        self.epoch, self.sequence, self.last_hash, self.left = epoch, sequence, last_hash, dict(left or {})
        self.unchecked = 0
        """How many records were taken that nothing joins to the one before: one of the two says that a key was destroyed."""

    def take(self, headers: Mapping[str, str], value: bytes) -> bool:
        """Whether the record is new; a heartbeat and an exact repetition are not. Raises Halt."""
        if any(not isinstance(text, str) or set("\0\n") & {*name, *text} for name, text in headers.items()):
            raise Halt("a record has a header that is no text of one line: its hash would be that of others, too")
        if "ce_logsequence" not in headers:
            return False
        epoch, sequence = number_of(headers.get("ce_epoch", "")), number_of(headers["ce_logsequence"])
        if not epoch or not sequence:
            raise Halt("a record has no epoch or sequence")
        if epoch < self.epoch and sequence > self._left_at(epoch, sequence):
            raise Halt(f"epoch {epoch} goes on behind the beginning of epoch {self.epoch}: one of the two is not ours")
        if epoch < self.epoch or (epoch == self.epoch and sequence <= self.sequence):
            return False
        begins = epoch > self.epoch  # a fresh epoch repeats everything: build a new model beside the old one
        if begins and sequence != 1:
            raise Halt(f"epoch {epoch} begins at {sequence}, its beginning is gone: ask for a redelivery")
        if not begins and sequence != self.sequence + 1:
            raise Halt(f"sequence {self.sequence + 1} of epoch {epoch} is missing, {sequence} came")
        follows = headers.get("ce_prevhash", "")
        if not begins and "erased" not in (follows, self.last_hash) and follows != self.last_hash:
            raise Halt(f"sequence {sequence} of epoch {epoch} does not follow the one before")
        self.unchecked += follows == "erased" or (not begins and self.last_hash == "erased")
        if begins and self.epoch:
            self.left[self.epoch] = self.sequence
        self.epoch, self.sequence = epoch, sequence
        self.last_hash = "erased" if (follows, value) == ("erased", NO_CONTENT) else hash_of(headers, value)
        return True

    def _left_at(self, epoch: int, otherwise: int) -> int:
        # One between two that are known never began; of one before all that are known nobody knows any more.
        between = any(older < epoch for older in self.left)
        return self.left.get(epoch, 0 if between else otherwise)


def number_of(text: str) -> int:
    """An epoch or a sequence, 0 for what is none: no number of the ledger has more than 19 digits."""
    return int(text) if len(text) <= 19 and text.isascii() and text.isdigit() else 0


def hash_of(headers: Mapping[str, str], value: bytes) -> str:
    """What the next record names as `ce_prevhash`: SHA-256 over `name NUL value LF` of each header, LF, and the value."""
    lines = b"".join(f"{name}\0{headers[name]}\n".encode() for name in sorted(headers))
    return hashlib.sha256(lines + b"\n" + value).hexdigest()


def each_once(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """By their names, of which none may come twice: nobody could say which one was meant. Raises Halt."""
    pairs = list(named)
    if len(by_name := dict(pairs)) < len(pairs):
        raise Halt(f"one of these comes twice: {', '.join(name for name, _ in pairs)}")
    return by_name


def envelope(message_id: str, type_name: str) -> dict[str, str]:
    """CloudEvents attributes of a message, binary mode."""
    return {"ce_id": message_id, "ce_type": type_name, "ce_specversion": "1.0", "content-type": "application/json"}


class OverKafka:
    """The three topics of one recipient. `settings` go to the Kafka client as they are (TLS, SASL)."""

    def __init__(self, bootstrap: str, ledger: str, recipient: str, **settings: Any) -> None:
        self._settings = {"bootstrap_servers": bootstrap.split(","), "bootstrap_timeout_ms": 10_000, **settings}
        self._topics = {part: f"kuty.{ledger}.{part}.{recipient}.v1" for part in ("in", "out", "receipts")}

    def send(self, message_id: str, type_name: str, body: Mapping[str, Any]) -> str:
        """Where the message stands; its receipt comes on the receipts topic. Raises NotReached."""
        from kafka import KafkaProducer

        topic = self._there("in")
        with self._asked(KafkaProducer, acks="all") as producer:
            headers = [(name, value.encode()) for name, value in envelope(message_id, type_name).items()]
            key = str(body.get("client", message_id)).encode()
            sent = producer.send(topic, json.dumps(body).encode(), key, headers).get(DEADLINE_S)
        return f"{sent.topic} offset {sent.offset}"

    def records(self, part: str, wait_s: float) -> Iterator[tuple[dict[str, str], bytes]]:
        """Headers and value of every record of `out` or `receipts` that is there, and of what comes until none has come for
        `wait_s` seconds. Raises NotReached, and Halt where a header comes twice."""
        from kafka import KafkaConsumer, TopicPartition

        partition = TopicPartition(self._there(part), 0)
        with self._asked(KafkaConsumer, auto_offset_reset="none") as consumer:
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
            end = consumer.end_offsets([partition])[partition]
            silent_since = time.monotonic()
            while True:
                came = consumer.poll(timeout_ms=100).get(partition, ())
                for record in came:
                    yield each_once((name, value.decode()) for name, value in record.headers), record.value
                all_there = consumer.position(partition) >= end
                silent_for = time.monotonic() - silent_since
                if came:
                    silent_since = time.monotonic()
                elif all_there and silent_for >= wait_s:
                    return
                elif silent_for >= max(wait_s, DEADLINE_S):
                    raise NotReached(f"{partition.topic} goes on to offset {end}, and no more of it comes")

    def _there(self, part: str) -> str:
        """The topic of a part. Asked for anything else, a client waits for one that is not there, or reads nothing."""
        from kafka import KafkaConsumer

        topic = self._topics[part]
        with self._asked(KafkaConsumer) as consumer:
            if topic not in consumer.topics():
                raise NotReached(f"there is no topic {topic}: nobody has joined under this name, or its topics are not made")
        return topic

    @contextmanager
    def _asked(self, client: Callable[..., Any], **settings: Any) -> Iterator[Any]:
        """A Kafka client, closed at the end."""
        from kafka.errors import KafkaError

        try:
            asked = client(**self._settings, **settings)
            try:
                yield asked
            finally:
                asked.close()
        except KafkaError as error:
            why = next(iter(error.args), None) or getattr(error, "description", None) or error
            servers = ",".join(self._settings["bootstrap_servers"])
            raise NotReached(f"{servers} does not answer as it should: {why}") from error


class OverHttp:
    """The same over HTTPS, with a token that says who calls."""

    def __init__(self, url: str, ledger: str, recipient: str, token: str) -> None:
        self._path, self._recipient, self._token = f"{url}/ledgers/{ledger}", recipient, token

    def send(self, message_id: str, type_name: str, body: Mapping[str, Any]) -> str:
        """The receipt itself, as JSON."""
        named = {name.replace("_", "-"): value for name, value in envelope(message_id, type_name).items()}
        return self._ask(f"/in/{self._recipient}", named, json.dumps(body).encode()).decode()

    def records(self, part: str, wait_s: float) -> Iterator[tuple[dict[str, str], bytes]]:
        """As over Kafka; receipts have no headers here."""
        path = f"/out/{self._recipient}?wait={min(wait_s, 25.0)}&after=" if part == "out" else "/receipts?since="
        after, epoch = 0, ""
        while True:
            page = json.loads(self._ask(f"{path}{after}{epoch}"), object_pairs_hook=each_once)
            for one in page.get("publications", ()):
                yield one["headers"], one["text"].encode()  # written again, a number or a letter may come out otherwise
            for one in page.get("receipts", ()):
                yield {}, json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            before, known, after = after, epoch, page["next"]
            if part == "out":  # a redelivery begins a new epoch: it comes whole to who says which one is known
                epoch = f"&epoch={page['epoch']}"
            # An empty page may lead on: whatever it held was destroyed.
            if not (page.get("publications") or page.get("receipts")) and after == before and known in ("", epoch):
                return

    def _ask(self, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
        request = Request(self._path + path, body, {"authorization": f"Bearer {self._token}", **(headers or {})})
        with urlopen(request, timeout=DEADLINE_S) as answer:
            content: bytes = answer.read()
            return content
