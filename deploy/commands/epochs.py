"""`kuty ledger adopt`, `kuty ledger new-epoch`, `kuty resubmit`: the way back for a store that went back."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from deploy.choosing import Chosen, OutcomeUnknown, Persons, adopt, new_epoch
from deploy.commands.printed import failed, said
from deploy.commands.references import wrong_persons
from deploy.given_up import NotGivenUp, read
from deploy.histories import NothingToChoose
from deploy.resubmitting import Came, resubmitted
from deploy.settings import Settings
from deploy.wiring import Wired, open_ledger_parts
from domain.store import Lost


def adopt_topic(arguments: argparse.Namespace, settings: Settings) -> int:
    """The topic is right."""
    return _choose(adopt, arguments, settings)


def open_epoch(arguments: argparse.Namespace, settings: Settings) -> int:
    """The store is right."""
    return _choose(new_epoch, arguments, settings)


def _choose(
    choose: Callable[[Wired, Persons, Path | None], Chosen], arguments: argparse.Namespace, settings: Settings
) -> int:
    if wrong := wrong_persons(arguments.by, arguments.second):
        return failed(wrong)
    wired = open_ledger_parts(settings)
    try:
        done = choose(wired, Persons(arguments.by, arguments.second), arguments.given_up)
    except (NothingToChoose, NotGivenUp, OutcomeUnknown) as why:
        return failed(str(why))
    except Lost as silent:
        return failed(f"nothing is done, somebody else holds the ledger or the database does not answer: {silent}")
    finally:
        wired.close()
    print(f"The ledger {settings.ledger} is in epoch {done.epoch} ({done.ground}).")
    print(f"{done.taken_over} events were taken over from the topic, {done.given_up} were given up.")
    print(f"{done.withdrawn} answers are withdrawn, and their senders told by their receipts.")
    print(f"{len(done.lines)} recipients are told anew, each in a fresh epoch of its own: {', '.join(done.lines) or 'none'}")
    if done.unreadable:
        said(f"{done.unreadable} events that were taken over cannot be read: their keys are not there. Restore the keys.")
    if done.unknown:
        said(f"{done.unknown} clients that were taken over are not in the vault: restore it from its newest backup.")
    for matter in done.destroyed:
        said(f"The key of the matter {matter} was destroyed in what was given up: `kuty resubmit` records that again.")
    if done.file:
        print(f"{done.file} keeps what was given up, sealed as it stood: `kuty resubmit` decides its commands again.")
    print("Every process that ran on the ledger ends by itself: start again what nobody watches over.")
    return 0


def resubmit(arguments: argparse.Namespace, settings: Settings) -> int:
    """Decide again what was given up."""
    try:
        given_up = read(arguments.file)
    except NotGivenUp as wrong:
        return failed(str(wrong))
    if given_up.origin.ledger != settings.ledger:
        return failed(f"{arguments.file} is of the ledger {given_up.origin.ledger}, and KUTY_LEDGER is {settings.ledger}")
    try:
        given_up.check()
    except NotGivenUp as wrong:
        return failed(str(wrong))
    wired = open_ledger_parts(settings)
    came: Counter[Came] = Counter()
    try:
        if wired.store.epochs.newest <= given_up.origin.epoch:
            return failed(f"what {arguments.file} holds was not given up yet: give `kuty ledger adopt` or `new-epoch` again")
        for line in resubmitted(wired, given_up):
            came[line.came] += 1
            print(line)
    except NotGivenUp as wrong:
        return failed(str(wrong))
    finally:
        wired.close()
    print(", ".join(f"{came[one]} {one}" for one in sorted(came)) or "nothing to decide")
    return 0
