"""Kela as payer of an unemployment benefit: its own payees' days, periods, reports and statements, and nothing else."""

from __future__ import annotations

from domain.disclosure.payers import for_payer, named_as_payer, of_statement, paid_days, payer_moved
from projections.kinds import Kind
from projections.payers import FINDS_BY, questions_of_payer

KIND = Kind(
    name="kela_benefits",
    title="benefit payment (Kela)",
    document="benefit_payment",
    task="benefit_payment",
    column="KB",
    roles=("kela_clerk",),
    sends=frozenset({"change_benefit_status", "record_attendance", "correct_fact"}),
    may_begin=named_as_payer,
    window=paid_days,
    entitled=for_payer,
    legal_basis="LB-UI-ATT",
    purpose="benefit_payment",
    ground=of_statement,
    replaced=True,
    moved_by=payer_moved,
    finds_by=FINDS_BY,
    questions=questions_of_payer(frozenset({"kela_clerk"})),
)
