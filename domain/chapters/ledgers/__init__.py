"""The ledger itself, its clock and its rules."""
