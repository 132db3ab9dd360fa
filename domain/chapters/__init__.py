"""The chapters of the rulebook: what may be asked for, and what is decided."""

from __future__ import annotations

from domain.chapters import (
    assessments,
    attendance,
    benefits,
    clients,
    corrections,
    decisions,
    exits,
    follow_ups,
    ledgers,
    notices,
    organisations,
    own_workers,
    parallel_services,
    periods,
    placements,
    plans,
    referrals,
)

CHAPTERS = (
    ledgers,
    organisations,
    clients,
    referrals,
    assessments,
    own_workers,
    benefits,
    plans,
    decisions,
    placements,
    periods,
    attendance,
    parallel_services,
    follow_ups,
    notices,
    exits,
    corrections,
)
"""In the order of a client's path."""
