"""Audits of a whole ledger: by several processes, and taken up again where they were broken off."""
