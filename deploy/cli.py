"""The command `kuty`: its words, and where each of them leads. Every command says all that one needs with `--help`."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import shtab

from deploy.helping import HelpFormatter
from deploy.logs import write_logs
from deploy.memory import look_seldom_for_garbage
from deploy.settings import Settings, WrongSetting
from domain.dates import EARLIEST, LATEST, day_of_text, within

ROOT = """The shared, provable record of a client's path through rehabilitative work activity.

Settings come from the environment (`kuty settings` lists them). Without any, everything runs embedded in this folder: SQLite
in `var/`, no server needed. With KUTY_STORE_DSN and KUTY_KAFKA it runs on PostgreSQL and Apache Kafka."""

if TYPE_CHECKING:
    Sub = argparse._SubParsersAction["Words"]

T = TypeVar("T", date, datetime, date | datetime)
ROLES = ("api", "provisioner", "intake", "clerk", "disclosure", "relay", "projector")
REFERENCES = (
    "events", "commands", "errors", "questions", "codes", "settings", "cli", "scenarios", "schemas", "asyncapi", "openapi",
    "all",
)  # fmt: skip
"""What `kuty describe` writes."""
WELCOMED = ("fund", "provider", "referrer")
"""Agencies that `kuty agency welcome` lets join."""
SEED = 2025
MOST_CLIENTS = 100_000
"""Of a demonstration: there are not many more identity codes that belong to nobody."""
MOST_TEST_IDS = 500
LONGEST_WAIT_S = 86_400
DISTRIBUTION = "kuty"
_OWN_NAME = re.compile(r"-[A-Za-z0-9_-]{42}")
log = logging.getLogger("kuty.cli")
PARTS = ("store", "keys", "vault")
"""What a backup holds, each in a file of its own."""
NOT_CHECKED = "who the two are is recorded as it is said here, and checked by nobody"
FROM_TOPIC = "read the events topic and the keys alone, and nothing of the store"


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. 0: done, and everything as it should be. 1: not. 2: the words were not understood."""
    arguments = parser().parse_args(words)
    try:
        settings = Settings.from_environment()
        module, function = arguments.does
        write_logs(settings.log_level, settings.log, ",".join(getattr(arguments, "role", None) or [function]))
        look_seldom_for_garbage()
        return int(getattr(import_module(f"deploy.commands.{module}"), function)(arguments, settings))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read what we print has had enough; there is nowhere left to say so, not even when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as missing:
        print(f"kuty: {missing.name} is not installed: it comes with the extras local and dev", file=sys.stderr)
        return 1
    except Exception as error:
        reason = _told_plainly(error)
        if reason is None:
            # A traceback would quote what was being worked on.
            log.critical("a mistake of ours", exc_info=error)
            reason = f"a mistake of ours ended this ({type(error).__qualname__}): the log line before says where"
        print(f"kuty: {reason}", file=sys.stderr)
        return 1


class Words(argparse.ArgumentParser):
    """Takes an agency's own name for somebody (integration.md 2) for a word, also where it begins with a hyphen, as one of
    64 does: no option looks like that."""

    def _parse_optional(self, arg_string: str) -> Any:
        return None if _OWN_NAME.fullmatch(arg_string) else super()._parse_optional(arg_string)


def parser() -> argparse.ArgumentParser:
    """Every word that is understood."""
    root = Words(prog="kuty", description=ROOT, formatter_class=argparse.RawDescriptionHelpFormatter)
    root.add_argument("--version", action="version", version=f"%(prog)s {_version()}", help="say which version this is")
    shtab.add_argument_to(root, help="print the script with which this shell completes these words; source it")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _serving(commands)
    _ledgers(commands)
    _histories(commands)
    _rebuilding(commands)
    _backups(commands)
    _replaying(commands)
    _agencies(commands)
    _describing(commands)
    return root


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "that is not installed, but run where it lies"


def _command(commands: Sub, name: str, does: tuple[str, str], help: str, more: str = "") -> Words:
    added: Words = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.{' ' if more else ''}{more}",
        formatter_class=HelpFormatter,
    )
    added.set_defaults(does=does)
    return added


def _group(commands: Sub, name: str, help: str) -> Sub:
    added = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    return added.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _path(command: argparse.ArgumentParser, name: str, completed: dict[str, Any] = shtab.FILE, **words: Any) -> None:
    """A word that names a file, or a folder: the shell completes it as one."""
    added = command.add_argument(name, type=Path, **words)
    setattr(added, "complete", completed)  # noqa: B010 - this is how shtab is told


def _demo_words(command: argparse.ArgumentParser) -> None:
    filled = "first fill an empty ledger with N synthetic clients, or go on where that was broken off"
    command.add_argument("--demo", type=_count, default=0, metavar="N", help=filled)
    command.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same clients")


def _serving(commands: Sub) -> None:
    serve = _command(
        commands, "serve", ("serving", "serve"), "serve a ledger until Ctrl-C",
        "Without --role everything runs in this one process, tables are made where they are missing, and the API answers on "
        "127.0.0.1 (KUTY_PORT). With --role only the roles named run: that is how each gets a process of its own on "
        "PostgreSQL and Kafka; run `kuty migrate` first. None but the provisioner takes KUTY_OWNER_DSN.",
    )  # fmt: skip
    serve.add_argument("--role", action="append", choices=ROLES, help="run this role alone; may be repeated")
    _demo_words(serve)
    up = _command(
        commands, "up", ("distributed", "up"), "start PostgreSQL, Kafka and every role as a process of its own",
        "Servers that the settings name are used; others are started here, in Docker where an engine answers, else from "
        "packages of pip. A role or a server that ends unasked is started again, and what one that was killed has left is "
        "stopped first. Ctrl-C stops everything; what was recorded stays. "
        "While it runs, `up.env` in the home folder gives another terminal the same settings.",
    )  # fmt: skip
    _demo_words(up)
    status = _command(
        commands, "status", ("status", "status"), "show how the ledger is: roles, lag, recipients, disk, what is amiss",
        "Asks the store, the broker, and every process that runs in this home folder or at an address of KUTY_WATCHED. What "
        "does not answer is said, and the rest shown. The exit code is 0 when all is well. More: docs/how-to/operate.md.",
    )  # fmt: skip
    status.add_argument("--json", action="store_true", help="one JSON object")


def _ledgers(commands: Sub) -> None:
    _command(
        commands, "migrate", ("ledgers", "make_tables"), "make the ledger's tables, or bring them to the newest version",
        "On PostgreSQL as the owner (KUTY_OWNER_DSN), who also makes the logins that the settings name. Safe to repeat.",
    )  # fmt: skip
    ledger = _group(commands, "ledger", "the ledger as a whole")
    opening = _command(
        ledger, "open", ("ledgers", "open_ledger"), "open the ledger of one organiser",
        "Live or simulated for life. A live one is opened only where KUTY_ALLOW_LIVE says so.",
    )  # fmt: skip
    opening.add_argument("organiser", help="directory id of the organiser, its business id: 0000001-9")
    opening.add_argument("--mode", choices=("simulated", "live"), default="simulated", help="for life")
    opening.add_argument("--on", type=_day, metavar="DATE", help="the first day of a simulated ledger; today unless given")
    adopt = _command(
        ledger, "adopt", ("epochs", "adopt_topic"), "the topic is right: bring a store that went back in line with it",
        "What the store has lost is taken from the events topic, what only the store has is taken out of it and kept in a "
        "file; who was answered there is told, and a new epoch begins. As the owner (KUTY_OWNER_DSN). It does all of it or "
        "nothing, and may be given again. docs/runbooks/a-store-that-went-back.md goes through it.",
    )  # fmt: skip
    fresh = _command(
        ledger, "new-epoch", ("epochs", "open_epoch"), "the store is right: go on with it in a new epoch",
        "For a topic that is lost, or has another history than the store: what the topic has beyond is void, kept in a "
        "file, and who was answered or told something there is told anew. As the owner (KUTY_OWNER_DSN).",
    )  # fmt: skip
    for each in (adopt, fresh):
        each.add_argument("--by", required=True, metavar="PERSON", help="staff reference of who gives the command")
        second = f"staff reference of who chose with them; {NOT_CHECKED}"
        each.add_argument("--second", required=True, metavar="PERSON", help=second)
        _path(each, "--given-up", metavar="FILE", help="where what is given up is kept; in the home folder unless given")
        lost = "both know that key or vault entry of a client who is given up is gone: nothing of who that is can be kept"
        each.add_argument("--lost-for-good", action="store_true", help=lost)
    again = _command(
        commands, "resubmit", ("epochs", "resubmit"), "decide the commands of a history that was given up again",
        "In their order, each once under its own id, as things stand now: whoever sent it gets its receipt. Says for each "
        "what came, and what cannot be decided again. May be given again after it was broken off.",
    )  # fmt: skip
    _path(again, "file", help="what `kuty ledger adopt` or `kuty ledger new-epoch` kept")
    gone = "keys that are not there are noted as lost: what was given up under them is not decided"
    again.add_argument("--lost-for-good", action="store_true", help=gone)
    clock = _group(commands, "clock", "the time of a simulated ledger")
    advance = _command(
        clock, "advance", ("ledgers", "advance_clock"), "move the clock of a simulated ledger forward",
        "Only when intake, clerk, disclosure and relay have done all that there was to do. Embedded, they are run for it "
        "here; while a server has the ledger, use its POST /ledgers/<ledger>/clock.",
    )  # fmt: skip
    advance.add_argument("to", type=_day_or_moment, help="2025-03-03 (at nine) or 2025-03-03T12:00, Europe/Helsinki")
    key = _group(commands, "key", "keys of matters")
    destroy = _command(
        key, "destroy", ("keys", "destroy"), "destroy the key of a matter, for good",
        "Nobody reads the matter's events any more then. Only when its time is over (E_NOT_DUE), and with the approval of "
        "another person. It is recorded first and carried out after it, by the clerk too. A key that was destroyed before "
        "the record said so is recorded by this afterwards.",
    )  # fmt: skip
    destroy.add_argument("matter", help="as kuty audit chains names it, 32 hexadecimal digits")
    destroy.add_argument("--by", required=True, metavar="PERSON", help="directory id of the data-protection officer")
    approved = f"directory id of another person, who approved it; {NOT_CHECKED}"
    destroy.add_argument("--second", required=True, metavar="PERSON", help=approved)
    topic = _group(commands, "topic", "topics that the broker refused a record of")
    resume = _command(
        topic, "resume", ("ledgers", "resume_topic"), "have the relay take up a parked topic again",
        "What it missed is sent from the store.",
    )  # fmt: skip
    resume.add_argument("topic", help="the topic's whole name")


def _histories(commands: Sub) -> None:
    demo = _command(commands, "demo", ("measuring", "demo"), "fill an empty ledger with synthetic clients",
                    "Along a path like history AS-1, each with own dates, schedule, absences, corrections and closed days, "
                    "through the commands that workers and agencies use.")  # fmt: skip
    demo.add_argument("--clients", type=_count, default=100, metavar="N", help="how many")
    demo.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same clients")
    test_ids = _command(
        commands, "test-ids", ("inventing", "test_ids"), "give personal identity codes and business ids that are nobody's",
        "Codes with the numbers 900 to 999, business ids with four zeros in front; none that `kuty demo` uses. "
        "docs/explanation/test-identities.md says why they are safe, and how their check characters are made.",
    )  # fmt: skip
    test_ids.add_argument("--count", type=_small_count, default=3, metavar="N", help="how many of each")
    test_ids.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same")
    scenario = _command(
        commands, "scenario", ("measuring", "scenario"), "run client histories written in YAML",
        "Each file in a fresh simulated ledger of its own. For each step the request, or topic and offset, is printed, and "
        "for each expectation what came. Mistakes in a file are printed with line and reason, and nothing is run then. The "
        "exit code is 0 when everything came as expected. docs/reference/scenarios.md says what a file may hold.",
    )  # fmt: skip
    _path(scenario, "file", nargs="+", help="a scenario: deploy/scenarios/as-1.yaml")
    scenario.add_argument("--kafka", action="store_true", help="on real PostgreSQL and Kafka instead of embedded")
    scenario.add_argument("--brief", action="store_true", help="print only what came otherwise than expected")


def _rebuilding(commands: Sub) -> None:
    rebuild = _command(
        commands, "rebuild", ("rebuilding", "rebuild"), "rebuild a recipient's read model, or the event store",
        "A read model by a redelivery: every publication that is still lawful is sent again in a fresh epoch; the model is "
        "built beside the live one, compared with it, and answers where history ends. The store from the events topic: "
        "the same bytes at the same positions; answers and positions of followers are rebuilt from them; keys, vault and "
        "the broker's acknowledgements come from their own backup. The exit code is 0 when all is equal.",
    )  # fmt: skip
    rebuild.add_argument("what", help="a recipient's short name: kela-benefit-payment; or the word store")
    rebuild.add_argument("--from-topic", action="store_true", help=f"for store: {FROM_TOPIC}")
    rebuild.add_argument(
        "--into",
        metavar="PLACE",
        help="for store: a folder or a PostgreSQL connection string, then compared with the present store; the ledger's own "
        "empty store unless given",
    )


def _backups(commands: Sub) -> None:
    backup = _command(
        commands, "backup", ("backing_up", "backup"), "take a backup of what no topic holds, while everything runs",
        "Store (events, answers, positions, the broker's acknowledgements), keys and vault (who the clients are, staff "
        "cards, messages that wait, the use log), all as they were at one moment, each in a file of its own, sealed with "
        "the key that KUTY_BACKUP_KEY names. The master key is in none of them. Read models are not backed up: they are "
        "built again from the topics. docs/runbooks/backup-and-restore.md says how to keep the files.",
    )  # fmt: skip
    _path(backup, "--to", shtab.DIRECTORY, metavar="FOLDER", help="where to")
    apart = "where the keys go, which may have another custodian; with the rest unless given"
    _path(backup, "--keys-to", shtab.DIRECTORY, metavar="FOLDER", help=apart)
    backup.add_argument("--what", choices=("all", *PARTS), default="all", help="which of them")
    more = backup.add_subparsers(title="commands", metavar="[COMMAND]")
    verify = _command(
        more, "verify", ("backing_up", "verify"), "read backup files to their end, with the backup key alone",
        "That each is whole and as it was made, and what is in it. The exit code is 0 when all are.",
    )  # fmt: skip
    _path(verify, "file", nargs="+", help="a backup file")
    key = _command(
        more, "key", ("backing_up", "make_key"), "make a key for backups, and keep it in a file",
        "Name the file in KUTY_BACKUP_KEY, and keep a copy where neither the ledger nor its backups are.",
    )  # fmt: skip
    _path(key, "file", help="a file that is not there yet")
    restore = _command(
        commands, "restore", ("backing_up", "restore"), "restore backup files into an empty place, and audit them",
        "Where the settings say, as the owner; from SQLite to PostgreSQL and back, too. Files of different backups are "
        "refused. Everything is verified before it takes its place: the files as a whole, then chains, columns and answers, "
        "keys and vault. What was broken off goes on when it is given again. The exit code is 0 when nothing is lost.",
    )  # fmt: skip
    _path(restore, "file", nargs="+", help="files of one backup")
    after = "then take what was published after the backup from the events topic"
    restore.add_argument("--from-topic", action="store_true", help=after)


def _replaying(commands: Sub) -> None:
    replay = _group(commands, "replay", "what happened, and who knew it")
    client = _command(replay, "client", ("replaying", "client"), "every fact about one client")
    client.add_argument("client", help="the organiser's name for the client, as pages and answers show it")
    client.add_argument("--order", choices=("recorded", "occurrence"), default="recorded", help="of which time")
    told = _command(
        replay, "told", ("replaying", "told"), "what a recipient had been told by a time",
        "In a live ledger by the broker's time of acknowledgement as it is recorded, to the minute, and by that of "
        "disclosure where none is recorded yet; in a simulated one by the time of disclosure.",
    )  # fmt: skip
    told.add_argument("recipient", help="its short name")
    told.add_argument("--by", type=_day_or_moment, metavar="TIME", help="a moment, or a date: its end; now unless given")
    told.add_argument("--client", metavar="CLIENT", help="of one client alone")
    as_of = _command(replay, "asof", ("replaying", "as_of"), "a client's case on a day, as it was known at a time")
    as_of.add_argument("client", help="the organiser's name for the client")
    as_of.add_argument("--on", type=_day, metavar="DATE", help="as it was on this day; the last day unless given")
    as_of.add_argument("--known-at", type=_day_or_moment, metavar="TIME", help="as it was known then; now unless given")
    audit = _group(commands, "audit", "whether it adds up")
    decisions = _command(
        audit, "decisions", ("auditing", "decisions"), "run every stored decision again",
        "On the state, the register and the rules of its time; and what was told is compared with what the policy gives. "
        "Refused and erased ones cannot be run, and are counted. The exit code is 0 when all give the same again.",
    )  # fmt: skip
    chains = _command(
        audit, "chains", ("auditing", "chains"), "verify every hash, digest, version and position",
        "And of a store its columns and answers, the keys and the vault, against the events. The exit code is 0 when every "
        "chain verifies.",
    )  # fmt: skip
    for each in (decisions, chains):
        each.add_argument("--resume", action="store_true", help="go on where it was broken off; of a topic it begins anew")
        each.add_argument("--json", action="store_true", help="one JSON object a line: each finding, then the sums")
    for each in (client, told, as_of, decisions, chains):
        each.add_argument("--from-topic", action="store_true", help=FROM_TOPIC)
    for each in (client, told, as_of):
        each.add_argument("--json", action="store_true", help="one JSON object a line")


def _agencies(commands: Sub) -> None:
    agency = _group(commands, "agency", "the reference client of an agency's system")
    publish = _command(agency, "publish", ("agency", "publish"), "send the messages of a file",
                       "One JSON object a line: type, body and, where it has one, its own id.")  # fmt: skip
    follow = _command(agency, "follow", ("agency", "follow"), "print what the recipient is told, and check it",
                      "Sequence and chain of every record; it halts at a gap, and then the exit code is 1.")  # fmt: skip
    receipts = _command(agency, "receipts", ("agency", "receipts"), "print the answers to the recipient's messages")
    welcome = _command(
        agency, "welcome", ("agency", "welcome"), "let an invented agency join, and do what others do until it has a client",
        "In a simulated ledger with development tokens. Each request is shown; given again, it changes nothing. "
        "docs/how-to/first-client.md goes on from there.",
    )  # fmt: skip
    welcome.add_argument("kind", choices=WELCOMED, help="what the agency is")
    for each in (publish, follow, receipts):
        each.add_argument("recipient", help="its short name: provider-s01")
    for each in (publish, follow, receipts, welcome):
        each.add_argument("--http", metavar="URL", help="over HTTP at this address, even where the settings name a Kafka")
    for each in (publish, follow, receipts):
        each.add_argument("--token", help="who calls over HTTP; a development token unless given")
    _path(publish, "file", help="messages")
    follow.add_argument("--all", action="store_true", help="print heartbeats and repetitions too")
    for each in (follow, receipts):
        each.add_argument("--wait", type=_seconds, default=2.0, metavar="SECONDS", help="end when none has come for so long")


def _describing(commands: Sub) -> None:
    describe = _command(
        commands, "describe", ("measuring", "references"), "write the generated references",
        "Pages and schemas go to docs/reference, where they are kept. The AsyncAPI and OpenAPI documents, which the API "
        "serves at /asyncapi and /openapi.json, go to build.",
    )  # fmt: skip
    describe.add_argument("kind", choices=REFERENCES, help="which of them")
    _path(describe, "--folder", shtab.DIRECTORY, help="where to, all of it; where each belongs unless given")
    _command(commands, "settings", ("measuring", "settings_listed"), "list every setting with its default and its meaning")
    bench = _command(
        commands, "bench", ("measuring", "bench"), "measure, side by side with the libraries that one could use instead",
        "On real PostgreSQL and Kafka, sealed, with fsync. Prints a table with ratios and writes build/bench.json.",
    )  # fmt: skip
    bench.add_argument("--only", action="append", metavar="KEY", help="only this figure; may be repeated")
    bench.add_argument("--quick", action="store_true", help="fewer and shorter rounds: rough figures in a few minutes")
    _path(bench, "--against", shtab.DIRECTORY, help="another checkout of the project, measured too by its own `kuty bench`")
    _path(bench, "--out", default=Path("build/bench.json"), help="where the figures go")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
    if not 0 <= number <= MOST_CLIENTS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MOST_CLIENTS}")
    return number


def _small_count(text: str) -> int:
    if not 1 <= (number := _count(text)) <= MOST_TEST_IDS:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {MOST_TEST_IDS}")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {LONGEST_WAIT_S}")
    return seconds


def _day(text: str) -> date:
    try:
        day = day_of_text(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date like 2025-03-03") from None
    return _within(day, text)


def _day_or_moment(text: str) -> date | datetime:
    try:
        given = day_of_text(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date like 2025-03-03 and no time like 2025-03-03T12:00") from None
    return _within(given, text)


def _within(given: T, text: str) -> T:
    if not within(given):
        raise argparse.ArgumentTypeError(f"{text} is not between the years {EARLIEST.year} and {LATEST.year}")
    return given


def _told_plainly(error: Exception) -> str | None:
    """What is wrong, and what to do, where that is all that a user needs; none where the code is wrong."""
    from sqlite3 import Error as SqliteError

    from psycopg import InterfaceError, OperationalError
    from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, UndefinedTable

    from consumers.log import BrokerError
    from deploy.auditing.put_aside import NotTheSame
    from deploy.backup.restoring import CannotRestore
    from deploy.backup.sealed_file import BackupDamaged
    from deploy.demo import DemoFailed
    from deploy.halts import HALTS
    from deploy.local.ports import PartFailed
    from deploy.roles import Stuck
    from deploy.scenario.given import NotGiven
    from deploy.scenario.lines import MistakesInFile
    from deploy.wiring import InUse
    from domain.record import Damaged
    from domain.store import (
        KeysLost,
        NewerTables,
        NotEmpty,
        NotMigrated,
        StoreUnavailable,
        StoreWentBack,
        TablesGone,
        VaultWentBack,
        WrongMasterKey,
    )

    said = str(error).partition("\n")[0]
    match error:
        case OSError(filename=str() as file) if file:
            return f"{file}: {error.strerror}"
        case OSError():
            return error.strerror or said
        case SqliteError():
            return f"the files in KUTY_HOME cannot be used: {said}"
        case TablesGone() | InsufficientPrivilege() | UndefinedTable() | InvalidSchemaName():
            return f"the database says: {said}; `kuty migrate` makes tables and rights as the owner, KUTY_OWNER_DSN"
        case StoreWentBack() | KeysLost() | VaultWentBack():
            return said
        case OperationalError() | InterfaceError():
            return f"the database does not answer where KUTY_STORE_DSN or another KUTY_…_DSN says: {said}"
        case StoreUnavailable():
            return f"the database does not answer: {said}"
        case NotMigrated():
            return f"{said}: `kuty migrate` makes its tables or brings them to the newest version"
        case NewerTables():
            return f"{said}: run the program that made it, or a newer one"
        case BrokerError() | DemoFailed() | PartFailed() | Stuck() | NotGiven() | MistakesInFile() | InUse() | Damaged():
            return str(error)
        case WrongSetting() | WrongMasterKey() | BackupDamaged() | CannotRestore() | NotTheSame():
            return str(error)
        case NotEmpty():
            return f"{said}: a ledger is restored into an empty place only, name another one or take that one away"
    return str(error) if isinstance(error, HALTS) else None


if __name__ == "__main__":
    sys.exit(main())
