"""`kuty backup`, `kuty backup verify`, `kuty backup key` and `kuty restore`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing

from consumers.log import BrokerError
from consumers.published import last_published
from deploy.backup import restoring
from deploy.backup.content import Described
from deploy.backup.places import PARTS
from deploy.backup.restoring import CannotRestore, Restored
from deploy.backup.sealed_file import backup_key, make_backup_key
from deploy.backup.taking import take
from deploy.commands.printed import failed, many, progress, said
from deploy.commands.rebuilding import begin_in_epoch, take_over_positions
from deploy.feed import broker_alone
from deploy.migration import development_master_key
from deploy.settings import Settings
from deploy.wiring import open_ledger_parts, owned_by_us

TIME = "%Y-%m-%d %H:%M:%S"
SHOWN = 20
"""What is lost is named one by one, up to so many."""


def backup(arguments: argparse.Namespace, settings: Settings) -> int:
    """One moment of the ledger, in files."""
    if arguments.to is None:
        return failed("say --to FOLDER: where the files go")
    parts = PARTS if arguments.what == "all" else (arguments.what,)
    folders = {part: arguments.keys_to if part == "keys" and arguments.keys_to else arguments.to for part in parts}
    with progress("rows") as bar:
        files = take(settings, parts, folders, backup_key(settings.backup_key), bar.update)
    for file in files:
        print(file)
    return 0


def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """Files alone; no ledger is asked."""
    with progress("rows") as bar:
        found = restoring.verified(arguments.file, backup_key(settings.backup_key), bar.update)
    for path, described in found.values():
        print(f"{path}: whole; {_said(described)}")
    [(_, any_of_them), *_] = found.values()
    missing = [part for part in any_of_them.beside if part not in found]
    if missing:
        print(f"taken at the same moment, and not among these files: {', '.join(missing)}")
    return 0


def make_key(arguments: argparse.Namespace, settings: Settings) -> int:
    """A key of its own: whoever has the backups must not be able to read them."""
    make_backup_key(arguments.file)
    print(f"{arguments.file} holds a new key: name it in KUTY_BACKUP_KEY, and keep a copy of it apart from the backups")
    return 0


def restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """A ledger from its files, and from its topic where that is asked for."""
    key = backup_key(settings.backup_key)
    if not settings.master_key and not development_master_key(settings).exists():
        raise CannotRestore(
            f"the ledger's master key is in no backup: put it back in {development_master_key(settings)}, or name it in "
            "KUTY_MASTER_KEY"
        )
    (settings.home / settings.ledger).mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(owned_by_us(settings.home / settings.ledger / "broker.lock"))
        broker = stack.enter_context(closing(broker_alone(settings))) if arguments.from_topic else None
        with progress("rows") as bar:
            restored = restoring.restore(settings, arguments.file, key, broker, bar.update)
    print(f"{', '.join(restored.parts)} of the backup {restored.backup}, taken at {restored.taken_at:{TIME}} UTC")
    behind = 0
    if "store" in restored.parts:
        behind = _say_where_it_goes_on(settings, restored, from_topic=arguments.from_topic)
    return _lost(restored) or behind


def _say_where_it_goes_on(settings: Settings, restored: Restored, *, from_topic: bool) -> int:
    """And where no role can go on: the exit code."""
    print(f"the store ends at position {restored.head}, {restored.from_topic} of its events from the topic; all verifies")
    wired = open_ledger_parts(settings)
    try:
        if from_topic:
            if begin_in_epoch(settings, wired.store.epochs.newest):
                wired.close()
                wired = open_ledger_parts(settings)
            take_over_positions(wired)
        published = last_published(wired.broker, settings.ledger, wired.store.epochs)
    except BrokerError as error:
        said(f"kuty: what was published after the backup is not known yet: {error}")
        return 0
    finally:
        wired.close()
    if published and published[0] > restored.head and not from_topic:
        return failed(
            f"the topic goes on to position {published[0]}, and no role serves a store behind it: `kuty ledger adopt` takes "
            "the rest from the topic (docs/runbooks/a-store-that-went-back.md); or take away what was restored, and restore "
            "again with --from-topic"
        )
    return 0


def _lost(restored: Restored) -> int:
    """Say what cannot be read any more, and who cannot be named; the exit code."""
    if restored.lost:
        keys = many(len(restored.lost), "key is", "keys are")
        said(f"kuty: {keys} in no backup: what was sealed under them cannot be read by anybody again")
        for key_id, position in list(restored.lost.items())[:SHOWN]:
            said(f"  key {key_id}, first used at position {position}")
    if restored.unnamed:
        clients = many(len(restored.unnamed), "client is", "clients are")
        said(f"kuty: {clients} not in the vault: who they are is in no backup")
        for position in restored.unnamed[:SHOWN]:
            said(f"  registered at position {position}")
    if restored.unheld:
        messages = many(len(restored.unheld), "message that waits is", "messages that wait are")
        said(f"kuty: {messages} not in the vault: their senders have to send them again")
        for position in restored.unheld[:SHOWN]:
            said(f"  told to wait at position {position}")
    if restored.differing:
        things = many(len(restored.differing), "thing", "things")
        said(f"kuty: not as the events say, {things} in keys, vault and answers:")
        for line in restored.differing[:SHOWN]:
            said(f"  {line}")
    return 0 if restored.is_whole else 1


def _said(described: Described) -> str:
    return (
        f"{described.part} of the ledger {described.ledger}, taken at {described.taken_at:{TIME}} UTC "
        f"in the backup {described.backup}, its tables of version {described.version}"
    )
