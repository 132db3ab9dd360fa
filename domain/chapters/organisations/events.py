"""Organisations, providers and contracts."""

from __future__ import annotations

from datetime import date
from typing import Literal

from domain.event import OPEN, Content, Found, Part, RegisterFact, days
from domain.vocabulary import (
    AgencyKind,
    BusinessId,
    ContractId,
    Mailbox,
    MunicipalityCode,
    OrganisationOid,
    OrganisationTask,
    OrgId,
    PlacementForm,
    ProviderKind,
    ProvisionRole,
    Routing,
    SetOf,
    ShortName,
    SiteId,
    Text30,
    Text40,
    Text80,
    Text120,
    Text2000,
)


class TaskFrom(Part):
    """A task that an organisation holds from a day on: each is a recipient, under its short name."""

    task: OrganisationTask
    from_on: date
    short_name: ShortName


class PublicKey(Part):
    """A key with which the organisation's messages can be checked."""

    key_id: Text80
    algorithm: Text40
    key: Text2000


class OrganisationEntry(Content):
    """What the register holds of an organisation."""

    org_id: Routing[OrgId]
    org_name: Routing[Text120]
    agency_kind: Routing[AgencyKind]
    business_id: Routing[BusinessId | None] = None
    organisation_oid: Routing[OrganisationOid | None] = None
    tasks: Routing[tuple[TaskFrom, ...]]
    municipalities: Routing[SetOf[MunicipalityCode] | None] = None
    transport: Routing[Literal["kafka", "http", "both", "hosted"]]
    public_keys: Routing[tuple[PublicKey, ...] | None] = None
    contact_mailbox: Routing[Mailbox]
    succeeds_org_id: Routing[OrgId | None] = None


class OrganisationJoined(OrganisationEntry, RegisterFact):
    """An organisation joined the ledger with its tasks."""

    NAME = "organisation.joined"
    STREAM = "organisation/{org_id}"


class Site(Part):
    """A place of activity of a provider."""

    site_id: SiteId
    site_name: Text80
    street: Text80
    municipality: MunicipalityCode
    placement_forms: SetOf[PlacementForm]


class ProviderEntry(Content):
    """What the register holds of a provider."""

    org_id: Routing[OrgId]
    org_name: Routing[Text120]
    provider_kind: Routing[ProviderKind]
    provider_kind_note: Routing[Text80 | None] = None
    company: Routing[bool]
    provision_roles: Routing[SetOf[ProvisionRole]]
    business_id: Routing[BusinessId | None] = None
    association_number: Routing[Text30 | None] = None
    register_number: Routing[Text30 | None] = None
    sites: Routing[tuple[Site, ...]]


class ProviderRegistered(ProviderEntry, RegisterFact):
    """A provider was entered in the register with its kind and its sites."""

    NAME = "provider.registered"
    STREAM = "organisation/{org_id}"
    FOUND = Found(None, OPEN, part="org_id")


class Capacity(Part):
    """How many clients a site takes at one time."""

    site_id: SiteId
    places: int


class ContractTerms(Content):
    """What was agreed with a provider."""

    contract_id: Routing[ContractId]
    org_id: Routing[OrgId]
    organiser_org_id: Routing[OrgId | None] = None
    provision_roles: Routing[SetOf[ProvisionRole]]
    from_on: Routing[date]
    until_on: Routing[date]
    capacity: Routing[tuple[Capacity, ...]]
    files_absence_reports: Routing[bool]


class ProviderContracted(ContractTerms, RegisterFact):
    """The organiser made a contract with a provider."""

    NAME = "provider.contracted"
    STREAM = "organisation/{org_id}"
    FOUND = days("from_on", "until_on", part="contract_id")
    organiser_org_id: Routing[OrgId]
