"""Who is in a scenario, by the names that the file gives: people, clients, recipients, organisations."""

from __future__ import annotations

from difflib import get_close_matches

from deploy.scenario.story import Person
from deploy.scenario.words import Given
from domain.directory import Recipient


class Unknown(Exception):
    """A name that the file does not give; the message is the reason."""


def similar(word: str, words: list[str]) -> str:
    """A hint at the nearest word, or at all of them where they are few."""
    near = get_close_matches(word, words, 1, 0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there is {', '.join(words)}" if 0 < len(words) <= 12 else ""


class Cast:
    """The names of one scenario."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.organisations = {name: one.id for name, one in given.organisations.items()}
        self.organisations |= {name: one.id for name, one in given.providers.items()}
        self.recipients = {
            short_name: Recipient(short_name, one.id, task, one.joined_on, one.kind)
            for one in given.organisations.values()
            for task, short_name in one.tasks.items()
        }
        for provider in given.providers.values():
            self.recipients[provider.recipient] = Recipient(provider.recipient, provider.id, "provider", provider.joined_on)

    @property
    def organiser(self) -> str:
        """The organisation whose ledger it is. Raises Unknown."""
        for one in self.given.organisations.values():
            if "organiser" in one.tasks:
                return one.id
        raise Unknown("no organisation has the task organiser")

    def person(self, name: str) -> Person:
        """Who calls under the name: a member of staff, or a client. Raises Unknown."""
        if name in self.given.clients:
            return Person(name, self.organiser, "organiser", "client")
        found = self.given.staff.get(name)
        if found is None:
            known = [*self.given.staff, *self.given.clients]
            raise Unknown(f"nobody is called {name}{similar(name, known)}")
        org = self.organisations.get(found.works_for)
        if org is None:
            raise Unknown(f"{name} works for {found.works_for}, which is not given")
        tasks = [recipient.task for recipient in self.recipients.values() if recipient.org == org]
        task = found.task or (tasks[0] if len(tasks) == 1 else None)
        if task is None or task not in tasks:
            raise Unknown(f"{found.works_for} holds {', '.join(tasks) or 'no task'}: say for which task {name} works")
        return Person(name, org, task, found.role)

    def recipient(self, short_name: str) -> Recipient:
        """The recipient of the short name. Raises Unknown."""
        found = self.recipients.get(short_name)
        if found is None:
            raise Unknown(f"no recipient is called {short_name}{similar(short_name, list(self.recipients))}")
        return found

    def asker(self, recipient: Recipient, roles: frozenset[str]) -> Person:
        """The first person of the recipient's who has one of the roles. Raises Unknown."""
        for name in self.given.staff:
            person = self.person(name)
            if (person.org, person.task) == (recipient.org, recipient.task) and person.role in roles:
                return person
        raise Unknown(f"nobody of {recipient.short_name} may ask this: it is asked by {', '.join(sorted(roles))}")

    def client(self, name: str | None) -> str:
        """The client that is meant; none named: the only one. Raises Unknown."""
        clients = list(self.given.clients)
        if name is None:
            if len(clients) == 1:
                return clients[0]
            raise Unknown("the file has no single client: say which one")
        if name not in clients:
            raise Unknown(f"no client is called {name}{similar(name, clients)}")
        return name
