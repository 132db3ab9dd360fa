"""Who gives a command: what is said there stands in clear in the record for ever, and is a reference, never a name."""

from __future__ import annotations

from domain.envelopes import PERSON


def wrong_persons(by: str, second: str) -> str | None:
    """Why these two cannot give a command that needs two people; none where they can."""
    for person in (by, second):
        if not PERSON.fullmatch(person):
            return f"{person} is no staff reference"
    return f"{by} cannot be the second person too: two people choose" if by.casefold() == second.casefold() else None


def wrong_organisation(org: str) -> str | None:
    """Why this is no organisation; none where it may be one."""
    # The directory writes the ids of organisations and of persons alike.
    return None if PERSON.fullmatch(org) else f"{org} is no directory id of an organisation, like 0000001-9"
