"""`kuty agency`: the reference client on the command line."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable, Iterator
from functools import wraps
from http.client import HTTPException
from json import JSONDecodeError
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from api.caller import Claims
from consumers.broker_settings import client_settings
from deploy.agency.client import Follower, Halt, NotReached, OverHttp, OverKafka
from deploy.agency.welcome import NotWelcome
from deploy.agency.welcome import welcome as welcomed
from deploy.commands.printed import failed, said
from deploy.serving import issuer_of
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts

Client = OverKafka | OverHttp


Command = Callable[[argparse.Namespace, Settings], int]


def over_a_line(command: Command) -> Command:
    """The command, with a plain sentence where the API or the broker does not answer or says no."""

    @wraps(command)
    def done(arguments: argparse.Namespace, settings: Settings) -> int:
        try:
            return command(arguments, settings)
        except HTTPError as problem:
            return failed(in_a_line(problem))
        except URLError as error:
            return failed(f"{_address(arguments, settings)} does not answer: {error.reason}")
        except (TimeoutError, ConnectionResetError) as error:
            return failed(f"{_address(arguments, settings)} does not answer: {error}")
        except Halt as halt:
            return failed(f"halted: {halt}")
        except NotReached as nothing:
            return failed(str(nothing))
        except (HTTPException, JSONDecodeError, LookupError, OverflowError, UnicodeError):
            return failed(f"what answers at {_address(arguments, settings)} is no ledger: name one with --http")

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
    if not messages:
        return failed(f"no message in {arguments.file}")
    client = _client(arguments, settings)
    refused = 0
    for message in messages:
        message_id = message.get("id") or uuid.uuid4().hex
        try:
            print(f"{message_id} {message['type']}: {client.send(message_id, message['type'], message['body'])}")
        except HTTPError as problem:
            said(f"{message_id} {message['type']}: {in_a_line(problem)}")
            refused += 1
    return 1 if refused else 0


@over_a_line
def follow(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what the recipient is told; check sequence and chain."""
    follower = Follower()
    for headers, value in _client(arguments, settings).records("out", arguments.wait):
        new = follower.take(headers, value)
        if new or arguments.all:
            place = f"{headers.get('ce_epoch', '-')}/{headers.get('ce_logsequence', '-')}"
            print(f"{place} {headers['ce_type']} {value.decode()}")
    if not follower.epoch:
        print(f"nothing came: {arguments.recipient} was told nothing yet")
        return 0
    but = f", but for joins not checked: {follower.unchecked}" if follower.unchecked else ""
    print(f"sequence {follower.sequence} of epoch {follower.epoch}: every record follows the one before{but}")
    return 0


@over_a_line
def receipts(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the answers to the recipient's messages."""
    nothing = True
    for _, value in _client(arguments, settings).records("receipts", arguments.wait):
        nothing = False
        print(value.decode())
    if nothing:
        said(f"nothing came: no message of {arguments.recipient} was answered yet")
    return 0


@over_a_line
def welcome(arguments: argparse.Namespace, settings: Settings) -> int:
    """Let an invented agency join, and do what others do until it has its first client."""
    try:
        short_name = welcomed(arguments.kind, _address(arguments, settings), settings.ledger, print)
    except NotWelcome as reason:
        return failed(str(reason))
    print(f"{short_name} has joined {settings.ledger}")
    return 0


def messages_of(file: Path) -> Iterator[dict[str, Any]]:
    """The messages in a file: one JSON object a line, each with `type`, `body` and, where it has one, its `id`.

    Raises WrongFile.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise WrongFile(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongFile(f"{file}: not text in UTF-8") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, JSONDecodeError) else "a value too large or too deep to be read"
            raise WrongFile(f"{file}:{number}: not JSON: {reason}") from None
        if not isinstance(message, dict) or not {"type", "body"} <= set(message) <= {"id", "type", "body"}:
            raise WrongFile(f"{file}:{number}: a message has type and body, and may have an id")
        if not isinstance(message["body"], dict) or not all(map(_is_word, (message["type"], message.get("id", "-")))):
            raise WrongFile(f"{file}:{number}: type and id are words of printable ASCII, the body is an object")
        yield message


def in_a_line(answer: HTTPError) -> str:
    """What the API said in the place of what was asked for: a problem, or the receipt of what was refused."""
    raw = answer.read().decode(errors="replace")
    try:
        content = json.loads(raw)
        codes = [(one, f"{one['code']} {one['pointer']}".strip()) for one in content.get("codes", ())]
        if "title" in content:
            what_to_do = " ".join(dict.fromkeys(one["what_to_do"] for one, _ in codes))
            named = ", ".join([*(code for _, code in codes), f"request {content['request_id']}"])
            return f"{content['title']} {what_to_do} ({named})"
        return f"{content['status']}: {', '.join(code for _, code in codes)}"
    except (ValueError, TypeError, KeyError, AttributeError):  # something else answers at this address
        return f"{answer.code} {raw.partition(chr(10))[0][:200]}"


def _is_word(value: object) -> bool:
    """What can stand in a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _client(arguments: argparse.Namespace, settings: Settings) -> Client:
    if settings.kafka and not arguments.http:
        return OverKafka(settings.kafka, settings.ledger, arguments.recipient, **_reached(settings))
    url = _address(arguments, settings)
    if not _is_address(url):
        raise SystemExit(failed(f"{url} is no address like http://127.0.0.1:8000"))
    if arguments.token and not _is_word(arguments.token):
        raise SystemExit(failed("what --token says is no token"))
    token = arguments.token or _token(arguments.recipient, settings)
    return OverHttp(url, settings.ledger, quote(arguments.recipient, ""), token)


def _reached(settings: Settings) -> dict[str, Any]:
    """How the settings have Kafka reached, and for how long it is looked for."""
    every = client_settings("looker", settings.connection)
    wanted = ("security_", "ssl_", "sasl_", "bootstrap_timeout")
    return {name: value for name, value in every.items() if name.startswith(wanted)}


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


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
