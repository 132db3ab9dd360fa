"""The types that event fields are written with: codes, data classes, references and texts.

A field reads like a line of domain/events.md: `starts_on: Service[date]`, `day_status: Schedule[RecordedDayStatus]`.
The lists themselves stand in `codes/*.toml` and are read by `domain/code_lists.py`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from domain.code_lists import LANGUAGES as LANGUAGES
from domain.code_lists import Code as Code
from domain.code_lists import CodeList as CodeList
from domain.code_lists import UnknownCode as UnknownCode
from domain.code_lists import code_list as code_list
from domain.code_lists import code_list_names as code_list_names
from domain.dates import FROM_OUTSIDE
from domain.identifiers import normal_code


@dataclass(frozen=True, slots=True)
class Listed:
    """Marks a text as one code of a list, its date not judged: `Annotated[str, Listed("day_status")]`.

    `only` and `without` narrow the list by a mark of its codes; `also` adds words that this field alone uses.
    """

    name: str
    only: str | None = None
    without: str | None = None
    also: tuple[str, ...] = ()

    def codes(self) -> tuple[str, ...]:
        """The words that the field takes."""
        listed = code_list(self.name)
        kept = [
            entry.code
            for entry in listed
            if (self.only is None or entry.marks.get(self.only) is True)
            and (self.without is None or entry.marks.get(self.without) is not True)
        ]
        return (*kept, *self.also)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.codes()), metadata={"code_list": self.name})

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.codes()), "x-code-list": self.name}


Account = Annotated[str, Listed("account")]
ActorRole = Annotated[str, Listed("actor_role")]
AgencyKind = Annotated[str, Listed("agency_kind")]
BenefitStatus = Annotated[str, Listed("benefit_status")]
ClosingCode = Annotated[str, Listed("closing_code")]
RecordedDayStatus = Annotated[str, Listed("day_status", only="recordable")]
"""What an account may say of a day: never `not_scheduled` or `unknown` (domain/events.md 11.12)."""
PlanKind = Annotated[str, Listed("document_kind", only="plan")]
EligibilityKey = Annotated[str, Listed("eligibility_key")]
ExitKind = Annotated[str, Listed("exit_kind")]
OpenExitKind = Annotated[str, Listed("exit_kind", without="health_related", also=("health_related",))]
"""The exit as class D keeps it: a kind that reveals health stands as `health_related`."""
HealthExitKind = Annotated[str, Listed("exit_kind", only="health_related")]
FollowupKind = Annotated[str, Listed("followup_kind")]
LegalBasis = Annotated[str, Listed("legal_basis")]
NeedCriterion = Annotated[str, Listed("need_criterion", only="need")]
"""N1 to N4; the two flags of the list are no needs of a client."""
NotificationKind = Annotated[str, Listed("notification_kind")]
OrganisationTask = Annotated[str, Listed("organisation_task")]
ParallelService = Annotated[str, Listed("parallel_service")]
PartyKind = Annotated[str, Listed("party_kind")]
PlacementForm = Annotated[str, Listed("placement_form")]
PlanOwner = Annotated[str, Listed("plan_owner")]
Profession = Annotated[str, Listed("profession")]
ProviderKind = Annotated[str, Listed("provider_kind")]
ProviderWorkerRole = Annotated[str, Listed("provider_worker_role")]
ProvisionRole = Annotated[str, Listed("provision_role")]
Purpose = Annotated[str, Listed("purpose")]
ReferralSource = Annotated[str, Listed("referral_source")]
ServiceProgramme = Annotated[str, Listed("service_programme")]
ValidReason = Annotated[str, Listed("valid_reason")]


# --- data classes ---


class DataClass(StrEnum):
    """Who may see a field depends on its class alone. source: domain/disclosure.md 5.1, design D14"""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the class letters are given
    J = "J"
    K = "K"
    L = "L"

    @property
    def word(self) -> str:
        """The class as a word, e.g. `schedule`."""
        return _CLASS_WORDS[self.value]


_CLASS_WORDS = {
    "A": "routing",
    "B": "identity",
    "C": "contact",
    "D": "service",
    "E": "schedule",
    "F": "social",
    "G": "health",
    "H": "professional",
    "I": "benefit",
    "J": "goals",
    "K": "parallel-service",
    "L": "actor",
}

T = TypeVar("T")
Routing = Annotated[T, DataClass.A]
Identity = Annotated[T, DataClass.B]
Contact = Annotated[T, DataClass.C]
Service = Annotated[T, DataClass.D]
Schedule = Annotated[T, DataClass.E]
Social = Annotated[T, DataClass.F]
Health = Annotated[T, DataClass.G]
Professional = Annotated[T, DataClass.H]
Benefit = Annotated[T, DataClass.I]
Goals = Annotated[T, DataClass.J]
Parallel = Annotated[T, DataClass.K]
Actor = Annotated[T, DataClass.L]


class Unclassified(TypeError):
    """A field without exactly one data class."""


def data_class_of(found: FieldInfo) -> DataClass:
    """The class of a model's field. An optional field is written `Service[date | None] = None`.

    Raises Unclassified when the field carries none, or more than one.
    """
    classes = [mark for mark in found.metadata if isinstance(mark, DataClass)]
    if len(classes) != 1:
        raise Unclassified(f"field needs exactly one data class, has {len(classes)}")
    return classes[0]


# --- references and texts ---

ONE_LINE = 120
"""Characters: a text that may be longer is written in lines, a shorter one is a name or a note of one line."""


@dataclass(frozen=True, slots=True)
class Form:
    """Marks a text whose form a standard gives. Who sends one keeps to it; what is recorded already is read as it stands, so
    that a schema says the form beside what it demands: `x-form` in words, `x-pattern` as a regular expression."""

    words: str
    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._look, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-form": self.words, "x-pattern": f"^({self.pattern})$"}

    def _look(self, value: str, info: ValidationInfo) -> str:
        if info.context is FROM_OUTSIDE and re.fullmatch(self.pattern, value) is None:
            raise ValueError("not of its form")
        return value


Ref = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A part of the client's stream, an event, or a client: 32 hexadecimal digits."""
EventRef = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_DIRECTORY_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,39}$"
OrgId = Annotated[str, StringConstraints(pattern=_DIRECTORY_ID)]
"""Directory id of an organisation: its business id where it has one. Never a name."""
PersonId = Annotated[str, StringConstraints(pattern=_DIRECTORY_ID)]
"""Directory id of a staff member. Never a name."""
SiteId = Annotated[str, StringConstraints(pattern=_DIRECTORY_ID)]
ContractId = Annotated[str, StringConstraints(pattern=_DIRECTORY_ID)]
DocumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,79}$")]
"""Id of a legal document in the county's client system; its text is never here."""
RegisterNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./-]{0,29}$")]
ShortName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""A recipient's name in topics and routes, e.g. `employment-authority-referrer`."""
MunicipalityCode = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{3}$"),
    Form("municipality code, 005 to 992", "00[5-9]|0[1-9][0-9]|[1-8][0-9]{2}|9[0-8][0-9]|99[0-2]"),
]
"""Statistics Finland's code of a municipality: three digits, from 005 to 992. Which of them are in use changes every year;
no list of them is kept here."""


def shows_as_written(text: str, *, lines: bool = False) -> bool:
    """Whether everybody sees the text as it was written: without signs that control a screen, cannot be seen, or turn the
    direction of the line (Unicode categories Cc, Cf, Cs, Co, Zl, Zp). `lines` lets line breaks and tabs pass."""
    return all(unicodedata.category(sign) not in _UNSEEN or (lines and sign in "\n\r\t") for sign in text)


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class FreeText:
    """Marks a field as free text of at most `most` characters; a decision looks there for health content. Somebody who sends
    one keeps to one line, but where it is long, and to signs that everybody sees."""

    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(min_length=1, max_length=self.most, pattern=r"\S")
        return core_schema.with_info_after_validator_function(self._look, text)

    def _look(self, value: str, info: ValidationInfo) -> str:
        if info.context is FROM_OUTSIDE and not shows_as_written(value, lines=self.most > ONE_LINE):
            raise ValueError("signs that are not seen")
        return value


Text20 = Annotated[str, FreeText(20)]
Text30 = Annotated[str, FreeText(30)]
Text40 = Annotated[str, FreeText(40)]
Text60 = Annotated[str, FreeText(60)]
Text64 = Annotated[str, FreeText(64)]
Text80 = Annotated[str, FreeText(80)]
Text120 = Annotated[str, FreeText(120)]
Text200 = Annotated[str, FreeText(200)]
Text300 = Annotated[str, FreeText(300)]
Text1000 = Annotated[str, FreeText(1000)]
Text2000 = Annotated[str, FreeText(2000)]

BusinessId = Annotated[str, FreeText(9), BeforeValidator(normal_code)]
"""A business id as it is written; a blank around it is no part of it. Whether it is one, a decision says."""
IdentityCode = Annotated[str, FreeText(20), BeforeValidator(normal_code)]
"""A personal identity code in its one spelling: capital letters, no blank around it (domain/privacy.md 3.6)."""
_EMAIL = r"[^@\s,;:<>()\[\]\"\\]+@[^@\s,;:<>()\[\]\"\\.]+(\.[^@\s,;:<>()\[\]\"\\.]+)+"
PhoneNumber = Annotated[str, FreeText(20), Form("telephone number", r"[+(]?[0-9]([ ()/.-]*[0-9]){2,18}")]
EmailAddress = Annotated[str, FreeText(80), Form("e-mail address", _EMAIL)]
Mailbox = Annotated[str, FreeText(120), Form("e-mail address", _EMAIL)]
"""An e-mail address of a function, never of a person."""
LanguageTag = Annotated[
    str,
    FreeText(20),
    Form(
        "language tag of BCP 47 that begins with the two or three letters of ISO 639",
        "[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*",
    ),
]
"""A language by BCP 47, its first part the two or three letters of ISO 639: `fi`, `sv`, `smn`, `zh-Hant`."""
Postcode = Annotated[str, FreeText(5), Form("postcode, five digits", "[0-9]{5}")]
LocalTime = Annotated[str, FreeText(5), Form("local time, HH:MM", "([01][0-9]|2[0-3]):[0-5][0-9]")]
"""An hour of the day in Europe/Helsinki, `HH:MM` (domain/events.md 11.1)."""
OrganisationOid = Annotated[str, FreeText(60), Form("organisation OID, 1.2.246.10.…", r"1\.2\.246\.10(\.(0|[1-9][0-9]*))+")]
"""The OID of an organisation (domain/privacy.md 3.7)."""

Hours = Annotated[float, Field(gt=0, le=24, multiple_of=0.5)]
"""Decimal hours in steps of a half, travel excluded."""


def _in_order(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(sorted(set(values), key=str)) if len(values) > 1 else values


SetOf = Annotated[tuple[T, ...], AfterValidator(_in_order)]
"""A set without order: kept sorted and without repeats, so that equal sets have equal bytes."""
