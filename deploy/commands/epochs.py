"""`kuty ledger adopt`, `kuty ledger new-epoch`, `kuty resubmit`: the way back for a store that went back."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from deploy.choosing import Chosen, OutcomeUnknown, Persons, adopt, new_epoch
from deploy.commands.printed import failed, many, said
from deploy.commands.references import wrong_persons
from deploy.given_up import NotGivenUp, read
from deploy.histories import NothingToChoose
from deploy.resubmitting import Came, note_lost, resubmitted
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
    choose: Callable[[Wired, Persons, Path | None, bool], Chosen], arguments: argparse.Namespace, settings: Settings
) -> int:
    if wrong := wrong_persons(arguments.by, arguments.second):
        return failed(wrong)
    file = arguments.given_up
    if file is not None and not file.absolute().parent.is_dir():
        return failed(f"there is no folder {file.parent}: make it, or name another file with --given-up")
    wired = open_ledger_parts(settings)
    try:
        with wired.keys.lost_count_as_erased():  # both people are told how many events they are
            done = choose(wired, Persons(arguments.by, arguments.second), file, arguments.lost_for_good)
    except (NothingToChoose, NotGivenUp, OutcomeUnknown) as why:
        return failed(str(why))
    except Lost as silent:
        return failed(f"nothing is done, somebody else holds the ledger or the database does not answer: {silent}")
    finally:
        wired.close()
    chose = f"as {arguments.by} and {arguments.second} chose"
    print(f"The ledger {settings.ledger} is in epoch {done.epoch} ({done.ground}), {chose}.")
    taken_over = many(done.taken_over, "event was taken over from the topic", "events were taken over from the topic")
    print(f"{taken_over}, {many(done.given_up, 'was given up', 'were given up')}.")
    withdrawn = many(done.withdrawn, "answer is withdrawn, and its sender", "answers are withdrawn, and their senders")
    print(f"{withdrawn} told by receipt.")
    anew = many(len(done.lines), "recipient is told anew", "recipients are told anew, each")
    print(f"{anew} in a fresh epoch of its own: {', '.join(done.lines) or 'none'}")
    if done.unreadable:
        one = "event that was taken over cannot be read: its key is"
        more = "events that were taken over cannot be read: their keys are"
        said(f"{many(done.unreadable, one, more)} not there. Restore the keys.")
    if done.unknown:
        unknown = many(done.unknown, "client that was taken over is", "clients that were taken over are")
        said(f"{unknown} not in the vault: restore it from its newest backup.")
    if done.nobody:
        of = many(done.nobody, "client", "clients")
        print(f"Of {of} of what was given up nothing is kept that says who that is.")
    for matter in done.destroyed:
        said(f"The key of the matter {matter} was destroyed in what was given up: `kuty resubmit` records that again.")
    if done.file:
        print(f"{done.file} keeps what was given up, sealed as it stood: `kuty resubmit` decides its commands again.")
    else:
        print("Nothing was given up: there is no file, and nothing to resubmit.")
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
        note_lost(wired, given_up, arguments.lost_for_good)
        for line in resubmitted(wired, given_up):
            came[line.came] += 1
            print(line)
    except NotGivenUp as wrong:
        return failed(str(wrong))
    finally:
        wired.close()
    print(", ".join(f"{came[one]} {one}" for one in sorted(came)) or "nothing to decide")
    if left := came["not decided"] + came["not carried out"]:
        print(f"{many(left, 'is', 'are')} left for a person: docs/runbooks/a-store-that-went-back.md says what to do")
    return 1 if came["not carried out"] else 0
