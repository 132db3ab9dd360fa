"""How an operator sees one process and its ledger: whether it is ready, in numbers, and for a person on one screen."""
