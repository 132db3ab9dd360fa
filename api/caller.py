"""Who calls: the one dependency of every route. Never in a body (design D19).

A token is signed by an issuer and names organisation, task, role, person, purpose and ledger. Until real issuers are
there a development issuer signs them; its routes exist only where the settings say development, on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool

from api.ledgers import LedgerDoor, Ledgers
from api.problems import problem
from domain.context import Caller
from domain.directory import Directory, Recipient
from domain.disclosure.pseudonyms import UnknownPseudonym
from domain.log_ids import also_concerning
from domain.store import SenderNames, known_at_hand
from domain.vocabulary import ActorRole, OrganisationTask, OrgId, Purpose
from projections.kinds import Kind, kinds

ALGORITHM = "EdDSA"
AUDIENCE = "kuty"
DEVELOPMENT_ISSUER = "kuty-development"
LONGEST_TOKEN = 8192
LIFETIME = timedelta(hours=12)
"""Of a development token; a real issuer's lives minutes."""
REMEMBERED_S = 5.0
"""A verified token is not verified again for so many seconds."""

BESIDE_THE_LINE = frozenset({"client", "contract_manager", "rule_keeper", "auditor"})
"""Roles of the organiser that do not read what it is told of its clients: the client is told of himself alone, contracts
and rules are kept without clients, an auditor sees what is sealed by break-glass alone.

source: domain/privacy.md 3.9, 3.10
"""

LedgerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
PersonName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,80}$")]


class Claims(BaseModel):
    """What a token says. `person` is a staff reference; for a client the organiser's pseudonym of the client."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ledger: LedgerName
    org: OrgId
    task: OrganisationTask
    role: ActorRole
    person: PersonName
    purpose: Purpose = "service"


class DevelopmentIssuer:
    """Signs tokens for anybody who asks: for development and demonstrations alone. `now` answers the time in UTC."""

    def __init__(self, key: Ed25519PrivateKey, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What its tokens are checked with."""
        return self._key.public_key()

    def token(self, claims: Claims) -> str:
        """A signed token that lives for `LIFETIME`."""
        at = self._now()
        named = {"iss": DEVELOPMENT_ISSUER, "aud": AUDIENCE, "iat": at, "exp": at + LIFETIME, **claims.model_dump()}
        return jwt.encode(named, self._key, ALGORITHM, headers={"typ": "at+jwt"})


class Verifier:
    """Checks tokens of one issuer with one algorithm; what a token says about keys is ignored."""

    def __init__(self, key: Ed25519PublicKey, issuer: str = DEVELOPMENT_ISSUER) -> None:
        self.of_development = issuer == DEVELOPMENT_ISSUER
        """Whether anybody may have been given these tokens: then they open no live ledger."""
        self._key = key
        self._issuer = issuer
        self._known: dict[str, tuple[float, Claims]] = {}

    def claims(self, token: str) -> Claims:
        """What a valid token says. Raises Problem (`E_UNAUTHENTICATED`)."""
        now = time.monotonic()
        known = self._known.get(token)
        if known is not None and known[0] > now:
            return known[1]
        claims = self._verified(token)
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[token] = (now + REMEMBERED_S, claims)
        return claims

    def _verified(self, token: str) -> Claims:
        if len(token) > LONGEST_TOKEN:
            raise problem("E_UNAUTHENTICATED")
        try:
            named: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=60,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
            if jwt.get_unverified_header(token).get("typ") != "at+jwt":
                raise problem("E_UNAUTHENTICATED")
            return Claims.model_validate(named)
        except (jwt.InvalidTokenError, ValidationError) as error:
            raise problem("E_UNAUTHENTICATED") from error


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who calls, at which ledger's door, and as which recipient; none where the organisation has not joined for the task."""

    door: LedgerDoor
    caller: Caller
    recipient: Recipient | None

    @property
    def own(self) -> Recipient:
        """The caller's recipient. Raises Problem (`E_NOT_FOUND`) where there is none."""
        if self.recipient is None:
            raise problem("E_NOT_FOUND")
        return self.recipient

    def may_send(self, command: str) -> bool:
        """Whether the systems of the caller's kind may send the command."""
        return any(command in kind.sends for kind in _kinds_of(self.recipient, self.caller.task))

    def as_recipient(self, short_name: str) -> Recipient:
        """The caller's recipient, when it is the one named. Anyone else may not even know of it (`E_NOT_FOUND`)."""
        if self.own.short_name != short_name:
            raise problem("E_NOT_FOUND")
        return self.own

    def on_the_line(self, short_name: str = "") -> Recipient:
        """The caller's recipient, the one named where one is, for a caller who reads and sends all that passes between it
        and the ledger. Raises Problem (`E_NOT_FOUND`) for everybody else, though he acts through the same door."""
        own = self.as_recipient(short_name or self.own.short_name)
        if self.caller.role in BESIDE_THE_LINE:
            raise problem("E_NOT_FOUND")
        return own

    def client(self, pseudonym: str) -> str:
        """The raw reference of a client that the caller names. Raises Problem (`E_NOT_FOUND`): nobody is there, or nobody
        whom the caller may know (design D22)."""
        client = self.names(pseudonym).part(pseudonym)
        if client is None or (self.caller.role == "client" and client != self.caller.person):
            raise problem("E_NOT_FOUND")
        return client

    def client_at_hand(self, pseudonym: str) -> str | None:
        """The same where it is certain without asking the database; none where that has to be asked."""
        names = self.door.pseudonyms_at_hand(self.own.short_name)
        if self.caller.role == "client" or names is None:
            return None
        try:
            client = names.reference(pseudonym)
        except UnknownPseudonym:
            return None
        return client if known_at_hand(self.own, client, self.door.store, kinds()) else None

    @property
    def has_names_at_hand(self) -> bool:
        """Whether the caller's names can be read and written without asking the database."""
        return self.recipient is None or self.door.pseudonyms_at_hand(self.recipient.short_name) is not None

    def names(self, client_name: str = "") -> SenderNames:
        """What the caller's names stand for. Raises Problem (`E_NOT_FOUND`) where there is no recipient."""
        return self.door.receiving.names_of(self.own, self.caller, client_name)


async def signed_in(request: Request, ledger: Annotated[str, Path(description="The ledger's name.")]) -> SignedIn:
    """The caller of this request at the ledger of its path.

    Raises Problem: `E_UNAUTHENTICATED` without a valid token, with a development token in a live ledger, or with a role that
    its organisation and task do not have,
    `E_NOT_FOUND` for another ledger than the token's or one that is not open yet, `E_LIVE_LEDGER` for a live one where the
    settings do not allow it.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise problem("E_UNAUTHENTICATED")
    verifier: Verifier = request.app.state.verifier
    claims = verifier.claims(token.strip())
    ledgers: Ledgers = request.app.state.ledgers
    if claims.ledger != ledger:
        raise problem("E_NOT_FOUND")
    register = ledgers.register_at_hand(ledger) if claims.role != "client" else None
    if register is not None and register.recipient(claims.org, claims.task) is not None:
        signed = _signed_in(claims, verifier, ledgers, register)
    else:
        # What has to be asked of the database may take its time: nobody else waits for it.
        signed = await run_in_threadpool(_signed_in, claims, verifier, ledgers)
    if signed.recipient is not None:
        also_concerning({"recipient": signed.recipient.short_name})
    return signed


def _signed_in(claims: Claims, verifier: Verifier, ledgers: Ledgers, register: Directory | None = None) -> SignedIn:
    door = ledgers.door(claims.ledger)
    if door.store.mode == "live" and verifier.of_development:
        raise problem("E_UNAUTHENTICATED")
    if not door.store.mode:
        raise problem("E_NOT_FOUND")  # the first thing recorded is the opening: not even a refusal comes before it
    directory = register or door.store.recent_directory
    if directory.recipient(claims.org, claims.task) is None:
        directory = door.store.directory  # who joined a moment ago, at the door of another process, is there
    # The county's roles are the organiser's alone: whoever signed another token did not know this ledger.
    foreign = claims.task == "organiser" and claims.org != directory.organiser
    recipient = directory.recipient(claims.org, claims.task)
    there = {"system", *(role for kind in _kinds_of(recipient, claims.task) for role in kind.roles)}
    if foreign or claims.role not in there:
        raise problem("E_UNAUTHENTICATED")
    person = claims.person
    if claims.role == "client":
        try:
            if recipient is None:
                raise problem("E_NOT_FOUND")
            person = door.pseudonyms(recipient.short_name).reference(person)
        except UnknownPseudonym as error:
            raise problem("E_UNAUTHENTICATED") from error
    return SignedIn(door, Caller(claims.org, claims.task, claims.role, person, claims.purpose), recipient)


def _kinds_of(recipient: Recipient | None, task: str) -> tuple[Kind, ...]:
    """The kind of the caller's recipient; of an organisation that has not joined only the task is known."""
    return (kinds().of(recipient),) if recipient else kinds().of_task(task)


SignedInCaller = Annotated[SignedIn, Depends(signed_in)]
