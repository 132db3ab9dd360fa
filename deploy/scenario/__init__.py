"""Client histories that a social worker could read, run against a ledger."""
