"""Where a ledger is kept: its tables in PostgreSQL or in a SQLite file, behind one contract."""
