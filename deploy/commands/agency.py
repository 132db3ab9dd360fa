"""`kuty agency`: the reference client on the command line."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from api.caller import Claims
from deploy.agency.client import Follower, Halt, OverHttp, OverKafka
from deploy.commands.printed import failed
from deploy.serving import issuer_of
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts

Client = OverKafka | OverHttp


Command = Callable[[argparse.Namespace, Settings], int]


def over_a_line(command: Command) -> Command:
    """The command, with a plain sentence where the API does not answer or says no."""

    @wraps(command)
    def done(arguments: argparse.Namespace, settings: Settings) -> int:
        try:
            return command(arguments, settings)
        except HTTPError as problem:
            return failed(f"{problem.code} {problem.read().decode(errors='replace')}")
        except URLError as error:
            return failed(f"{_address(arguments, settings)} does not answer: {error.reason}")

    return done


class WrongFile(Exception):
    """A file of messages that cannot be read; the message says where and why."""


@over_a_line
def publish(arguments: argparse.Namespace, settings: Settings) -> int:
    """Send the messages of a file."""
    try:
        messages = list(messages_of(arguments.file))
    except WrongFile as wrong:
        return failed(str(wrong))
    client = _client(arguments, settings)
    for message in messages:
        message_id = message.get("id") or uuid.uuid4().hex
        try:
            print(f"{message_id} {message['type']}: {client.send(message_id, message['type'], message['body'])}")
        except HTTPError as problem:
            print(f"{message_id} {message['type']}: {problem.code} {problem.read().decode()}")
    return 0


@over_a_line
def follow(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what the recipient is told; check sequence and chain."""
    follower = Follower()
    try:
        for headers, value in _client(arguments, settings).records("out", arguments.wait):
            new = follower.take(headers, value)
            if new or arguments.all:
                place = f"{headers.get('ce_epoch', '-')}/{headers.get('ce_logsequence', '-')}"
                print(f"{place} {headers['ce_type']} {value.decode()}")
    except Halt as halt:
        return failed(f"halted: {halt}")
    print(f"sequence {follower.sequence} of epoch {follower.epoch}: every record follows the one before")
    return 0


@over_a_line
def receipts(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the answers to the recipient's messages."""
    for _, value in _client(arguments, settings).records("receipts", arguments.wait):
        print(value.decode())
    return 0


def messages_of(file: Path) -> Iterator[dict[str, Any]]:
    """The messages in a file: one JSON object a line, each with `type`, `body` and, where it has one, its `id`.

    Raises WrongFile.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongFile(f"{file}: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
        except json.JSONDecodeError as error:
            raise WrongFile(f"{file}:{number}: not JSON: {error.msg}") from None
        if not isinstance(message, dict) or not {"type", "body"} <= set(message) <= {"id", "type", "body"}:
            raise WrongFile(f"{file}:{number}: a message has type and body, and may have an id")
        yield message


def _client(arguments: argparse.Namespace, settings: Settings) -> Client:
    if settings.kafka and not arguments.http:
        return OverKafka(settings.kafka, settings.ledger, arguments.recipient)
    url = _address(arguments, settings)
    if not url.startswith(("http://", "https://")):
        raise SystemExit(failed(f"{url} is no address like http://127.0.0.1:8000"))
    return OverHttp(url, settings.ledger, arguments.recipient, arguments.token or _token(arguments.recipient, settings))


def _address(arguments: argparse.Namespace, settings: Settings) -> str:
    return str(arguments.http or f"http://{settings.host}:{settings.port}").rstrip("/")


def _token(recipient: str, settings: Settings) -> str:
    """A development token for the recipient's system."""
    wired = open_ledger_parts(settings)
    try:
        found = wired.store.directory.recipients.get(recipient)
    finally:
        wired.close()
    if found is None:
        raise SystemExit(failed(f"nobody has joined {settings.ledger} as {recipient}"))
    claims = Claims(ledger=settings.ledger, org=found.org, task=found.task, role="system", person="system")
    return issuer_of(settings).token(claims)
