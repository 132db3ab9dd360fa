"""Every fact there is, in the order of a client's path. Each chapter's own page says what can happen in it.

A fact that has been recorded is never changed: it is corrected by another one. Each field carries the data class that
decides who may see it, and under which key it is sealed. Field by field: domain/events.md 11.
"""

from domain.chapters.clients.events import *
from domain.chapters.referrals.events import *
from domain.chapters.cases.events import *
from domain.chapters.assessments.events import *
from domain.chapters.own_workers.events import *
from domain.chapters.benefits.events import *
from domain.chapters.plans.events import *
from domain.chapters.agreements.events import *
from domain.chapters.decisions.events import *
from domain.chapters.placements.events import *
from domain.chapters.periods.events import *
from domain.chapters.attendance.events import *
from domain.chapters.parallel_services.events import *
from domain.chapters.follow_ups.events import *
from domain.chapters.exits.events import *
from domain.chapters.notices.events import *
from domain.chapters.corrections.events import *
from domain.chapters.retention.events import *
from domain.chapters.organisations.events import *
from domain.chapters.ledgers.events import *
from domain.chapters.disclosures.events import *
from domain.chapters.answers.events import *
from domain.event import *
