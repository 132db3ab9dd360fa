"""The KEHA Centre, which issues labour policy statements in the place of an employment authority: it is told nothing but its
own facts."""

from __future__ import annotations

from projections.kinds import Kind

KIND = Kind(
    name="statement_issuer",
    task="statement_issuer",
    column="KEHA",
    roles=("keha_expert",),
    sends=frozenset({"issue_labour_policy_statement", "correct_fact"}),
)
