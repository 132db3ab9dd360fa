"""`kuty rebuild RECIPIENT` and `kuty rebuild store`: one side again from the other."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from consumers import relay as relaying
from consumers import wire
from consumers.disclosed import LINES, is_told
from consumers.disclosure import Disclosure
from consumers.late import ONCE_MORE
from consumers.log import Broker
from consumers.redelivery import Redelivery
from deploy.choosing import reopening
from deploy.commands.printed import failed, many, progress
from deploy.feed import Feed, broker_alone, feed_of_store, feed_of_topic, follower_of
from deploy.migration import keys_database, ledger_file, master_key, migrate
from deploy.roles import Role
from deploy.settings import DSNS, Settings
from deploy.wiring import Wired, open_ledger_parts, opened
from domain.disclosure.once_more import NotAllToldYet
from domain.record import Record
from domain.store import Keys, check_own_keys
from projections.comparison import differences
from projections.read_models import ReadModel

DEADLINE_S = 3600.0
LOOK_AGAIN_S = 0.05
SHOWN = 20


def rebuild(arguments: argparse.Namespace, settings: Settings) -> int:
    """The store, or the recipient that is named."""
    if arguments.what == "store":
        return rebuild_store(arguments, settings)
    if arguments.into is not None or arguments.from_topic:
        return failed("--into and --from-topic are for `kuty rebuild store`: a read model is rebuilt where it stands")
    return rebuild_recipient(arguments, settings)


def rebuild_recipient(arguments: argparse.Namespace, settings: Settings) -> int:
    """A redelivery into a fresh epoch beside the live model, if one is; compared, and switched where history ends."""
    with opened(settings, wait_s=0.0 if settings.embedded else LOOK_AGAIN_S) as wired:
        if arguments.what not in wired.store.directory.recipients:
            return failed(f"nobody has joined as {arguments.what}")
        model = wired.models.of(arguments.what)
        old = model.feed().live_epoch
        wired.broker.topics()  # one that does not answer is better known before an epoch begins that waits for it
        roles = wired.roles(("relay", "projector")) if settings.embedded else []
        try:
            # Where none answers, what an earlier one repeated may be older than the topic keeps.
            begun = _begun(wired, arguments.what, old) if old else None
            redelivery = begun or _begin(wired, arguments.what, alone=settings.embedded)
            if old >= redelivery.epoch:
                redelivery = _once_more(wired, redelivery, alone=settings.embedded)
        except LookupError as nothing:
            return failed(str(nothing))
        except NotAllToldYet as behind:
            return failed(
                f"disclosure has come to position {behind.told_up_to} of {behind.head}: what stands behind it may take back "
                "what would be sent again. `kuty status` says whether it runs; once it is there, give this again"
            )
        if not _built(wired.disclosure, roles, model, redelivery):
            return failed(f"epoch {redelivery.epoch} did not come to its end within {DEADLINE_S:.0f} s")
        if old >= redelivery.epoch:
            old = max((epoch for epoch in model.positions() if epoch < redelivery.epoch), default=0)
        again = many(redelivery.publications, "publication", "publications")
        print(f"{arguments.what}: {again} again in epoch {redelivery.epoch}")
        if not old:
            print(f"no model answered before; epoch {model.feed().live_epoch} answers now")
            return 0
        found = differences(model, old, redelivery.epoch)
        for difference in found[:SHOWN]:
            print(f"  only in epoch {difference.only_in}: {difference.name} {difference.occurred_on} {difference.content}")
        same = "the same as" if not found else f"{many(len(found), 'difference', 'differences')} to"
        print(f"{same} epoch {old}; epoch {model.feed().live_epoch} answers now")
        return 1 if found else 0


def _begun(wired: Wired, recipient: str, live_epoch: int) -> Redelivery | None:
    """A redelivery that the live model has not come to: one that was broken off, or asked for elsewhere, goes on."""
    newest = wired.disclosure.progress_of(recipient)
    return newest if newest.epoch > live_epoch and newest.publications else None


def _begin(wired: Wired, recipient: str, *, alone: bool) -> Redelivery:
    """A fresh one, once everything is told that is recorded by now; where nobody else follows, that is seen to here. Raises
    `LookupError`, `NotAllToldYet`."""
    asked_at = wired.store.head()
    while alone and not is_told(wired.store, asked_at):
        wired.disclosure.step()
    return wired.disclosure.begin_redelivery(recipient)


def _once_more(wired: Wired, redelivery: Redelivery, *, alone: bool) -> Redelivery:
    """Somebody else has begun the epoch that answers: the ledger has begun none as high. By the one that has begun now it is
    found out, where that was not known, and the next one is believed."""
    while not redelivery.ended:
        redelivery = wired.disclosure.repeat(redelivery.recipient)
    return _begin(wired, redelivery.recipient, alone=alone)


def _built(disclosure: Disclosure, roles: Sequence[Role], model: ReadModel, redelivery: Redelivery) -> bool:
    """Wait for the fresh generation. It is repeated from here, whoever else does so too; where nobody else moves the other
    roles, they are moved here."""
    give_up_at = time.monotonic() + DEADLINE_S
    with progress("publications", redelivery.publications) as bar:
        while model.feed().live_epoch != redelivery.epoch or not redelivery.ended:
            if time.monotonic() > give_up_at:
                return False
            going = not redelivery.ended
            if going:
                redelivery = disclosure.repeat(redelivery.recipient)
            if not sum(role.step() for role in roles) and not going:
                time.sleep(LOOK_AGAIN_S)
            position = model.positions().get(redelivery.epoch)
            bar.update(min(position.sequence if position else 0, redelivery.publications) - bar.n)
    return True


def rebuild_store(arguments: argparse.Namespace, settings: Settings) -> int:
    """An equal store from the events topic and the keys. What no topic holds (keys, vault) must be there. Raises
    `KeysLost`."""
    if not arguments.from_topic:
        return failed("say --from-topic: there is no other origin to rebuild a store from")
    target = target_of(settings, arguments.into)
    migrate(target)
    with feed_of_topic(settings) as origin, ExitStack() as stack:
        if next(origin.records(), None) is not None:
            with closing(keys_database(settings)) as database:
                check_own_keys(Keys(database, master_key(settings)))
        begin_in_epoch(target, origin.epoch(), if_empty=True)
        fresh = open_ledger_parts(target, apart=settings)
        try:
            if fresh.store.head() and not fresh.store.rebuild_broken_off:
                return failed(
                    "the store is not empty: `kuty ledger adopt` brings it in line with the topic where it stands, "
                    "--into names another place"
                )
            broker = fresh.broker if arguments.into is None else stack.enter_context(closing(broker_alone(settings)))
            # Which keys are lost is told by `kuty restore` and the audits, and they need a store for it.
            with fresh.keys.lost_count_as_erased():
                count = fresh.store.append_raw(_shown(origin), follower_of, positions_taken_over(fresh, broker))
            print(f"{many(count, 'event', 'events')} from {origin.origin}")
            return _compared(settings, fresh) if arguments.into else 0
        finally:
            fresh.close()


def target_of(settings: Settings, into: str | None) -> Settings:
    """Where a store is rebuilt: the ledger's own place, a folder, or what a PostgreSQL connection string names. Raises
    WrongSetting."""
    if into is None:
        return settings
    if "://" in into or "=" in into:  # both ways to write a connection string
        target = replace(settings, store_dsn=into, owner_dsn=into, models_dsn="")
        target.check()
        return target
    no_server: dict[str, Any] = {name: "" for name in DSNS}
    return replace(settings, home=Path(into), **no_server)


def _shown(origin: Feed) -> Iterator[Record]:
    with progress("events") as bar:
        for record in origin.records():
            yield record
            bar.update()


def begin_in_epoch(settings: Settings, epoch: int, *, if_empty: bool = False) -> bool:
    """Have the tables say, as their owner, that the ledger is in an epoch; whether they said something else. Parts that are
    open are opened again then. `if_empty`: only where nothing is recorded yet. Raises `Lost`, the database's own errors."""
    with reopening(settings) as at:
        if at.writing.epoch == epoch or (if_empty and at.writing.head()):
            return False
        at.begin_epoch(epoch)
        at.writing.commit(at.writing.head())
        return True


def positions_taken_over(wired: Wired, broker: Broker) -> Callable[[int], Mapping[str, int]]:
    """Where the followers go on: the relay compares its last two windows with the topics, intake begins where each topic
    does and finds what it has answered by its ids, and how far redeliveries have come is found out from the events."""

    def positions(head: int) -> Mapping[str, int]:
        topics = [wire.in_topic(wired.store.ledger, recipient.short_name) for recipient in wired.recipients()]
        there = broker.topics()
        begins = broker.begin_offsets([topic for topic in topics if topic in there])
        relayed = max(0, head - 2 * wired.settings.relay_window)
        return {**begins, **ONCE_MORE, LINES: 0, relaying.TRACKING: relayed}

    return positions


def take_over_positions(wired: Wired) -> None:
    """Have the followers go on there, and whoever has come further already where he is: an answered message is not taken up
    once more for nothing, nor sent again what was sent."""
    positions = positions_taken_over(wired, wired.broker)(wired.store.head())
    at = wired.store.trackings(list(positions))
    forward = {name: max(position, at.get(name, 0)) for name, position in positions.items()}
    wired.store.place({**forward, **ONCE_MORE, LINES: 0})


def _compared(settings: Settings, fresh: Wired) -> int:
    """The rebuilt store beside the present one, byte by byte."""
    if not settings.store_dsn and not ledger_file(settings).exists():
        return 0
    present = open_ledger_parts(settings)
    try:
        pairs = zip(feed_of_store(present).records(), feed_of_store(fresh).records(), strict=False)
        unequal = next((one.position for one, other in pairs if one.state != other.state), None)
        if unequal is not None:
            return failed(f"position {unequal} is not the same in both stores")
        behind = present.store.head() - fresh.store.head()
        ahead = f", which is {many(behind, 'event', 'events')} ahead of its topic" if behind else ""
        print(f"equal to the present store{ahead}")
        return 0
    finally:
        present.close()
