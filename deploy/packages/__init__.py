"""Which packages this is built of: their licences, the bill of materials, and what advisories say of them.

Everything is read from the lock files, those of the contracts' tools among them, and from what is installed: nothing is
listed twice. `python -m deploy.packages` is for who builds and checks the product; a ledger that runs never asks.
"""
